//! `--resume` of folders, and what becomes of partial copies that nobody takes up.

use std::os::unix::fs::MetadataExt;

use harness::tree::{self, Aspects};
use harness::{SOON, Sandbox, Signal};

use crate::held::{filecopy, leftovers, slow, wait_written};

/// More than a range, so that it can be resumed (bytes).
const LEN: usize = 12 << 20;

/// Written by then, a range is in place (bytes).
const A_RANGE: u64 = 11 << 20;

#[track_caller]
fn interrupted(sandbox: &Sandbox, arguments: &[&str]) {
    let mut running = slow(sandbox, "30MB").args(arguments).start();
    wait_written(&mut running, A_RANGE);
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
}

#[test]
fn the_same_command_goes_on_with_the_folder_it_made() {
    for again in [
        &["--resume", "source", "copy"][..],
        &["--resume", "source/", "copy/"],
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .file("source/a", vec![1; LEN])
            .file("source/b", vec![2; LEN])
            .times("source", 1_000_000_000, 5);
        interrupted(&sandbox, &["--resume", "source", "copy"]);
        filecopy(&sandbox).args(again).run().succeeds();
        assert!(!sandbox.has("copy/source"), "not into the unfinished copy");
        let (source, copy) = (sandbox.join("source"), sandbox.join("copy"));
        let differences = tree::diff(
            &tree::snapshot(&source),
            &tree::snapshot(&copy),
            Aspects::ALL,
        );
        assert_eq!(differences, [""; 0], "nothing left over, times included");

        filecopy(&sandbox).args(again).run().succeeds();
        assert!(
            sandbox.has("copy/source"),
            "the whole copy is a folder to copy into"
        );
    }
}

#[test]
fn another_source_does_not_go_on_with_it() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source/a", vec![1; LEN])
        .file("source/b", vec![2; LEN])
        .file("other/c", "c");
    interrupted(&sandbox, &["--resume", "source", "copy"]);
    filecopy(&sandbox)
        .args(["--resume", "other", "copy"])
        .run()
        .succeeds();
    assert_eq!(sandbox.read("copy/other/c"), b"c");
}

#[test]
fn a_partial_copy_goes_when_the_destination_is_made_without_it() {
    let sandbox = Sandbox::new();
    sandbox.file("source", vec![1; LEN]);
    interrupted(&sandbox, &["--resume", "source", "copy"]);
    assert_eq!(
        leftovers(&sandbox, ".").len(),
        2,
        "the partial copy and its map"
    );
    filecopy(&sandbox).args(["source", "copy"]).run().succeeds();
    assert_eq!(leftovers(&sandbox, ".").len(), 0);
    assert_eq!(sandbox.join("copy").metadata().unwrap().size(), LEN as u64);
}
