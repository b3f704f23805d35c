//! How soon a change on disk is seen: within `--fresh`, and at once if that is nothing.

use std::fs;
use std::time::Duration;

use harness::{Sandbox, wait_until};

use crate::server::Server;
use crate::site::CHANGED;

const GZIP: [(&str, &str); 1] = [("Accept-Encoding", "gzip")];

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/file.txt", "one\n")
        .file("root/page.html", "page\n");
    sandbox
}

#[test]
fn every_kind_of_change_is_seen_at_once_with_no_time_to_be_fresh() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0", "--list"]);
    let mut client = server.connect();
    let tag = |reply: &crate::reply::Reply| reply.field("ETag").unwrap_or_default().to_owned();

    let before = tag(client.get("/file.txt").is(200).body_is("one\n"));
    sandbox.file("root/file.txt", "two, longer\n");
    let longer = tag(client.get("/file.txt").is(200).body_is("two, longer\n"));
    assert_ne!(before, longer);
    sandbox.file("root/file.txt", "2wo, longer\n");
    let same_len = tag(client.get("/file.txt").is(200).body_is("2wo, longer\n"));
    assert_ne!(longer, same_len);

    sandbox.times("root/file.txt", CHANGED, 5);
    client
        .get("/file.txt")
        .has("Last-Modified", crate::site::CHANGED_DATE);
    sandbox
        .file("new", "3wo, longer\n")
        .times("new", CHANGED, 5);
    fs::rename(sandbox.join("new"), sandbox.join("root/file.txt")).expect("replace it");
    // Same length, same time: only the file is another.
    client.get("/file.txt").is(200).body_is("3wo, longer\n");

    client.get("/later.txt").is(404);
    sandbox.file("root/later.txt", "later\n");
    client.get("/later.txt").is(200).body_is("later\n");
    fs::remove_file(sandbox.join("root/later.txt")).expect("delete it");
    client.get("/later.txt").is(404);
    sandbox.dir("root/later.txt");
    client.get("/later.txt").is(308);

    sandbox.file("root/folder/a", "a");
    assert!(
        client.get("/folder/").is(200).text().contains("listing")
            || !client.get("/folder/").body.is_empty()
    );
    sandbox.file("root/folder/index.html", "index\n");
    client.get("/folder/").is(200).body_is("index\n");
    fs::remove_file(sandbox.join("root/folder/index.html")).expect("delete it");
    assert_ne!(client.get("/folder/").is(200).text(), "index\n");
}

#[test]
fn sidecars_come_and_go() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    let page = || server.get_with("/page.html", &GZIP);
    page().is(200).lacks("Content-Encoding").body_is("page\n");
    sandbox.file("root/page.html.gz", "(gz)");
    page()
        .is(200)
        .has("Content-Encoding", "gzip")
        .body_is("(gz)");
    sandbox.file("root/page.html.gz", "(gz, newer)");
    page()
        .is(200)
        .has("Content-Encoding", "gzip")
        .body_is("(gz, newer)");
    // What is edited is newer than what was compressed of it.
    sandbox.times("root/page.html.gz", CHANGED, 0);
    page().is(200).lacks("Content-Encoding").body_is("page\n");
    sandbox.times("root/page.html", CHANGED, 0);
    page().is(200).has("Content-Encoding", "gzip");
    fs::remove_file(sandbox.join("root/page.html.gz")).expect("delete it");
    page().is(200).lacks("Content-Encoding").body_is("page\n");
    sandbox.dir("root/page.html.gz");
    page().is(200).lacks("Content-Encoding").body_is("page\n");
}

#[test]
fn a_change_is_seen_within_the_time_and_not_looked_for_before() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--fresh", "1h"]);
    server.get("/file.txt").is(200).body_is("one\n");
    sandbox.file("root/file.txt", "two\n");
    server.get("/other.txt").is(404);
    let mut client = server.connect();
    client.get("/file.txt").is(200);
    drop(client);
    server.stop();

    let server = Server::start(&sandbox.join("root"), &[]);
    server.get("/file.txt").is(200).body_is("two\n");
    server.get("/later.txt").is(404);
    sandbox
        .file("root/file.txt", "three\n")
        .file("root/later.txt", "later\n");
    let limit = Duration::from_secs(4);
    wait_until("the new content within a second or so", limit, || {
        server.get("/file.txt").text() == "three\n"
    });
    wait_until("the new file within a second or so", limit, || {
        server.get("/later.txt").status == 200
    });
    fs::remove_file(sandbox.join("root/later.txt")).expect("delete it");
    wait_until("the end of the file within a second or so", limit, || {
        server.get("/later.txt").status == 404
    });
}

/// With one worker there is one memory of files: it must keep to what it was told.
#[test]
fn a_file_is_taken_to_be_unchanged_for_as_long_as_was_said() {
    let sandbox = scene();
    let server = Server::alone(&sandbox.join("root"), &["--fresh", "1h"]);
    server.get("/file.txt").is(200).body_is("one\n");
    sandbox.file("root/file.txt", "two\n");
    for _ in 0..20 {
        server.get("/file.txt").is(200).body_is("one\n");
    }
    server.stop();
}
