//! Programs made for large files and whole trees: wget, aria2.

use std::fs;

use harness::{Command, Random, SOON, Sandbox, Signal, needs_tool, tree, wait_until};

use super::{answers, url};
use crate::server::Server;

const LEN: usize = 20_000_000;

/// A folder with a large file of which no two parts are alike.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/large.bin", Random::new(3).bytes(LEN))
        .dir("got");
    sandbox
}

/// Whether the download is the file.
#[track_caller]
fn is_whole(sandbox: &Sandbox) {
    let hash = |name: &str| blake3::hash(&sandbox.read(name));
    assert_eq!(hash("got/large.bin"), hash("root/large.bin"));
}

/// Bytes of the download so far.
fn so_far(sandbox: &Sandbox) -> u64 {
    fs::metadata(sandbox.join("got/large.bin")).map_or(0, |meta| meta.len())
}

fn wget(group: &str, sandbox: &Sandbox) -> Option<Command> {
    let wget = needs_tool(group, "wget", "wget")?;
    Some(
        Command::new(wget)
            .args(["--no-config", "--no-verbose", "--tries=1"])
            .cwd(sandbox.join("got")),
    )
}

#[test]
fn wget_goes_on_where_it_was_stopped() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    let address = url(&server, "/large.bin");
    let Some(slow) = wget("wget", &sandbox) else {
        return;
    };
    let mut running = slow.args(["--limit-rate=4m", &address]).start();
    wait_until("some of the file", SOON, || so_far(&sandbox) > 1_000_000);
    running.signal(Signal::INT);
    running.wait(SOON);
    let had = so_far(&sandbox);
    assert!((1..LEN as u64).contains(&had), "{had} bytes");

    // The second time all of it is there, which is no failure.
    for _ in 0..2 {
        let Some(wget) = wget("wget", &sandbox) else {
            return;
        };
        wget.args(["--continue", &address]).run().succeeds();
        is_whole(&sandbox);
    }
    let answers = answers(server);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 206, 416], "{answers:#?}");
    assert_eq!(answers[1].sent as u64, LEN as u64 - had);
}

#[test]
fn wget_asks_again_only_for_what_changed() {
    let sandbox = Sandbox::new();
    sandbox.file("root/file.txt", "first\n").dir("got");
    sandbox.times("root/file.txt", 1_600_000_000, 0);
    let server = Server::start(&sandbox.join("root"), &["--log", "common", "--fresh", "0"]);
    let address = url(&server, "/file.txt");
    let fetch = || -> Option<()> {
        let wget = wget("wget", &sandbox)?;
        wget.args(["--timestamping", &address]).run().succeeds();
        Some(())
    };
    for content in ["first\n", "first\n", "second\n"] {
        if content == "second\n" {
            sandbox.file("root/file.txt", content);
            sandbox.times("root/file.txt", 1_700_000_000, 0);
        }
        let Some(()) = fetch() else { return };
        assert_eq!(sandbox.read_text("got/file.txt"), content);
    }
    let statuses: Vec<_> = answers(server).iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 304, 200]);
}

#[test]
fn wget_mirrors_a_listing() {
    let sandbox = Sandbox::new();
    for name in [
        "plain.txt",
        "두 단어.txt",
        "100%.txt",
        "a&b.txt",
        "deep/er/still/leaf.bin",
        "deep/hash#1.txt",
        "깊은/폴더/파일.txt",
    ] {
        sandbox.file(format!("root/{name}"), format!("content of {name}\n"));
    }
    sandbox.dir("got");
    let server = Server::start(&sandbox.join("root"), &["--list"]);
    let Some(wget) = wget("wget", &sandbox) else {
        return;
    };
    wget.args([
        "--recursive",
        "--level=9",
        "--no-parent",
        "--no-host-directories",
    ])
    .args(["--reject=index.html*", "--restrict-file-names=nocontrol"])
    .arg(url(&server, "/"))
    .run()
    .succeeds();
    let tree = |name: &str| tree::snapshot(&sandbox.join(name));
    let aspects = tree::Aspects::only(&[tree::Aspect::Content]);
    assert_eq!(tree::diff(&tree("root"), &tree("got"), aspects), [""; 0]);
}

#[test]
fn aria2_fetches_in_eight_parts() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    let Some(aria2) = needs_tool("aria2", "aria2c", "aria2") else {
        return;
    };
    Command::new(aria2)
        .args(["--no-conf", "--quiet", "-x8", "-s8", "-k1M", "--dir"])
        .arg(sandbox.join("got"))
        .arg(url(&server, "/large.bin"))
        .run()
        .succeeds();
    is_whole(&sandbox);
    let answers = answers(server);
    let parts = answers.iter().filter(|answer| answer.status == 206);
    assert!(parts.count() >= 7, "{answers:#?}");
}

#[test]
fn aria2_goes_on_where_it_was_stopped() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    let Some(aria2) = needs_tool("aria2", "aria2c", "aria2") else {
        return;
    };
    let fetch = |limit: &str| {
        Command::new(&aria2)
            .args(["--no-conf", "--quiet", "-c", "-x4", "-s4", "-k1M"])
            .args(["--auto-save-interval=1", "--file-allocation=none", limit])
            .args(["--dir".as_ref(), sandbox.join("got").as_os_str()])
            .arg(url(&server, "/large.bin"))
    };
    let mut running = fetch("--max-overall-download-limit=4M").start();
    wait_until("some of the file", SOON, || so_far(&sandbox) > 1_000_000);
    running.signal(Signal::INT);
    running.wait(SOON);
    assert!(
        sandbox.has("got/large.bin.aria2"),
        "its notes of what is missing"
    );
    fetch("--max-overall-download-limit=0").run().succeeds();
    is_whole(&sandbox);
    assert!(!sandbox.has("got/large.bin.aria2"));
    // What was there is not fetched again, but for the pieces that were under way.
    let sent: usize = answers(server).iter().map(|answer| answer.sent).sum();
    assert!(sent < 3 * LEN, "{sent} bytes");
}
