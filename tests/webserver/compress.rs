//! `--compress`: text that has no compressed file beside it is compressed once and remembered.

use std::path::PathBuf;

use harness::{Command, Sandbox, needs_tool};

use crate::client::request;
use crate::reply::Reply;
use crate::server::Server;
use crate::site::pattern;

/// Text that any compression makes much smaller.
fn text() -> String {
    (0..4000)
        .map(|number| format!("line {number} of a text that says little\n"))
        .collect()
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/page.html", text())
        .file("root/code.js", text())
        .file("root/data.json", text())
        .file("root/image.svg", text())
        .file("root/photo.jpg", text())
        .file("root/noise.bin", pattern(100_000))
        .file("root/tiny.txt", "tiny")
        .file("root/empty.txt", "")
        .file("root/beside.txt", text())
        .file("root/beside.txt.gz", "(beside)");
    sandbox
}

/// Undoes a coding by the system's own tool.
#[track_caller]
fn plain(tool: &PathBuf, reply: &Reply) -> Vec<u8> {
    let output = Command::new(tool)
        .args(["-d", "-c"])
        .stdin(&reply.body)
        .run();
    output.succeeds().stdout.clone()
}

#[test]
fn what_is_compressed_is_what_was_there() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--compress"]);
    for (coding, tool) in [("gzip", "gzip"), ("br", "brotli")] {
        let Some(tool) = needs_tool("compressed replies", tool, tool) else {
            continue;
        };
        for path in ["/page.html", "/code.js", "/data.json", "/image.svg"] {
            for _ in 0..2 {
                let reply = server.get_with(path, &[("Accept-Encoding", coding)]);
                reply.is(200).has("Content-Encoding", coding);
                assert!(reply.lists("Vary", "Accept-Encoding"), "{reply}");
                assert!(
                    reply.body.len() < text().len() / 3,
                    "{} bytes",
                    reply.body.len()
                );
                assert!(
                    plain(&tool, &reply) == text().as_bytes(),
                    "{coding} of {path}"
                );
            }
        }
    }
}

#[test]
fn what_gains_nothing_is_sent_as_it_is() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--compress"]);
    for path in ["/photo.jpg", "/noise.bin", "/tiny.txt", "/empty.txt"] {
        for _ in 0..3 {
            server
                .get_with(path, &[("Accept-Encoding", "gzip, br, zstd")])
                .is(200)
                .lacks("Content-Encoding");
        }
    }
    server
        .get_with("/beside.txt", &[("Accept-Encoding", "gzip")])
        .is(200)
        .has("Content-Encoding", "gzip")
        .body_is("(beside)");
    for value in ["identity", "gzip;q=0", "", "deflate"] {
        let reply = server.get_with("/page.html", &[("Accept-Encoding", value)]);
        reply.is(200).lacks("Content-Encoding").body_is(text());
        assert!(reply.lists("Vary", "Accept-Encoding"), "{reply}");
    }
    let plain = Server::start(&sandbox.join("root"), &[]);
    plain
        .get_with("/page.html", &[("Accept-Encoding", "gzip")])
        .is(200)
        .lacks("Content-Encoding");
}

#[test]
fn tags_lengths_and_parts_are_those_of_what_is_sent() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--compress", "--fresh", "0"]);
    let gzip = ("Accept-Encoding", "gzip");
    let reply = server.get_with("/page.html", &[gzip]);
    let tag = reply.is(200).field("ETag").expect("a tag").to_owned();
    assert_ne!(Some(tag.as_str()), server.get("/page.html").field("ETag"));
    server
        .get_with("/page.html", &[gzip, ("If-None-Match", &tag)])
        .is(304)
        .has("ETag", &tag);
    server
        .get_with("/page.html", &[("If-None-Match", &tag)])
        .is(200);
    let head = server.ask(&request("HEAD", "/page.html", &[gzip]));
    head.is(200)
        .has("Content-Length", &reply.body.len().to_string())
        .has("Content-Encoding", "gzip")
        .has("ETag", &tag);
    let part = server.get_with(
        "/page.html",
        &[gzip, ("Range", "bytes=10-19"), ("If-Range", &tag)],
    );
    match part.status {
        206 => {
            part.has(
                "Content-Range",
                &format!("bytes 10-19/{}", reply.body.len()),
            );
            part.body_is(&reply.body[10..20]);
        }
        _ => assert!(part.is(200).body == reply.body),
    }
    // An edit is compressed anew.
    sandbox.file("root/page.html", text().replace("little", "nothing"));
    let edited = server.get_with("/page.html", &[gzip]);
    edited.is(200);
    assert_ne!(edited.field("ETag"), Some(tag.as_str()));
    assert!(edited.body != reply.body);
}

/// Compressing takes a while; others are served meanwhile.
#[test]
fn compressing_holds_up_nobody() {
    let sandbox = scene();
    for number in 0..8 {
        sandbox.file(format!("root/{number}.txt"), text().repeat(6));
    }
    let server = Server::alone(&sandbox.join("root"), &["--compress"]);
    let mut waiting: Vec<_> = (0..8)
        .map(|number| {
            let mut client = server.connect();
            let path = format!("/{number}.txt");
            client
                .send(&crate::client::get(&path, &[("Accept-Encoding", "br")]))
                .expect("a request");
            client
        })
        .collect();
    let mut other = server.connect();
    let since = harness::Stopwatch::start();
    for _ in 0..100 {
        other.get("/tiny.txt").is(200);
    }
    let elapsed = since.elapsed();
    assert!(elapsed < std::time::Duration::from_secs(2), "{elapsed:?}");
    for client in &mut waiting {
        client
            .reply_within(crate::reply::Asked::Body, harness::SOON)
            .expect("a reply")
            .is(200);
    }
}
