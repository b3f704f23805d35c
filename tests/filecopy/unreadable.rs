//! What may not be read: each told once, and everything else copied.

use harness::tree::{self, Aspects};
use harness::{Sandbox, needs_root};

use crate::copying::{filecopy, hand_over, mode_of};

/// A tree with an unreadable file and an unreadable folder in its middle, belonging to a user without rights.
fn with_secrets() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["a/1", "a/2", "m/1", "m/3", "z/1", "m/below/1", "m/below/2"] {
        sandbox.file(format!("src/{name}"), name);
    }
    sandbox
        .file("src/m/2 secret", "x")
        .file("src/m/closed/file", "x")
        .file("src/m/blind/file", "x")
        .file("src/secret.big", vec![1; 2 << 20]);
    hand_over(&sandbox);
    sandbox
        .mode("src/m/2 secret", 0o000)
        .mode("src/m/closed", 0o000)
        .mode("src/m/blind", 0o444)
        .mode("src/secret.big", 0o200);
    sandbox
}

const SECRETS: [&str; 4] = [
    "src/m/2 secret",
    "src/m/closed",
    "src/m/blind/file",
    "src/secret.big",
];

#[test]
fn unreadable_files_and_folders_are_told_once_each_and_the_rest_is_copied() {
    for jobs in ["1", "4"] {
        let sandbox = with_secrets();
        let output = filecopy(&sandbox, &["--quiet", "--jobs", jobs, "src", "dst"])
            .unprivileged()
            .run();
        output.exits_with(1);
        for secret in SECRETS {
            output.stderr_has(&format!("'{secret}'"));
        }
        assert_eq!(
            output.stderr_text().lines().count(),
            SECRETS.len(),
            "{output}"
        );
        for name in ["a/1", "a/2", "m/1", "m/3", "z/1", "m/below/1", "m/below/2"] {
            assert_eq!(sandbox.read_text(format!("dst/{name}")), name);
        }
        assert!(!sandbox.has("dst/m/2 secret"), "no empty file in its place");
        assert!(!sandbox.has("dst/secret.big"), "no empty file in its place");
        for folder in ["m/closed", "m/blind"] {
            let (from, to) = (format!("src/{folder}"), format!("dst/{folder}"));
            assert_eq!(mode_of(&sandbox, &from), mode_of(&sandbox, &to), "{folder}");
            sandbox.mode(from, 0o755).mode(to, 0o755);
        }
        assert_eq!(sandbox.list("dst/m/closed").len(), 0);
        // Everything that is there is as it should be, folders with failures in them too.
        let (before, after) = (
            tree::snapshot(&sandbox.join("src")),
            tree::snapshot(&sandbox.join("dst")),
        );
        let wrong = tree::diff(&before, &after, Aspects::ALL);
        let unexpected: Vec<_> = wrong
            .iter()
            .filter(|line| !line.contains(": missing (File)"))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    }
}

#[test]
fn an_unreadable_source_folder_removes_nothing() {
    let sandbox = with_secrets();
    sandbox
        .file("dst/m/closed/kept", "k")
        .file("dst/m/blind/file", "k")
        .file("dst/m/extra", "e")
        .file("dst/m/2 secret", "k");
    sandbox
        .file("dst/extra/below", "e")
        .file("dst/m/closed/below/kept", "k");
    hand_over(&sandbox);
    for (name, mode) in [
        ("src/m/closed", 0o000),
        ("src/m/blind", 0o444),
        ("src/m/2 secret", 0o000),
    ] {
        sandbox.mode(name, mode);
    }
    let output = filecopy(
        &sandbox,
        &["--quiet", "--delete", "--yes", "-T", "src", "dst"],
    )
    .unprivileged()
    .run();
    output.exits_with(1);
    sandbox
        .mode("dst/m/closed", 0o755)
        .mode("dst/m/blind", 0o755);
    for kept in [
        "m/closed/kept",
        "m/closed/below/kept",
        "m/blind/file",
        "m/2 secret",
    ] {
        assert!(sandbox.has(format!("dst/{kept}")), "{kept}");
    }
    assert!(!sandbox.has("dst/m/extra") && !sandbox.has("dst/extra"));
}

#[test]
fn an_unreadable_source_alone_is_one_line_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox
        .file("secret", "x")
        .file("closed/file", "x")
        .file("old", "old");
    hand_over(&sandbox);
    sandbox.mode("secret", 0o000).mode("closed", 0o000);
    for (source, destination) in [
        ("secret", "new"),
        ("closed", "new"),
        ("closed/file", "new"),
        ("secret", "old"),
    ] {
        let output = filecopy(&sandbox, &["--quiet", source, destination])
            .unprivileged()
            .run();
        output
            .exits_with(1)
            .stderr_is_one_line()
            .stderr_has("permission denied");
        assert!(!sandbox.has("new"), "{source}");
    }
    assert_eq!(sandbox.read("old"), b"old");
}

#[test]
fn a_destination_that_may_not_be_written_is_one_line_for_each_entry() {
    let Some(()) = needs_root("folders of others") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "x")
        .file("src/b", vec![1; 2 << 20])
        .symlink("a", "src/c")
        .fifo("src/d")
        .dir("src/e")
        .mode(".", 0o755);
    sandbox.dir("dst").mode("dst", 0o755);
    let output = filecopy(&sandbox, &["--quiet", "-T", "src", "dst"])
        .unprivileged()
        .run();
    output.exits_with(1);
    for name in ["a", "b", "c", "d", "e"] {
        output.stderr_has(&format!("'dst/{name}'"));
    }
    let output = filecopy(&sandbox, &["--quiet", "src", "new"])
        .unprivileged()
        .run();
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("cannot create directory 'new'");
}

#[test]
fn a_destination_folder_that_is_not_ours_gets_its_files_and_the_failure_is_told() {
    let Some(()) = needs_root("folders of others") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .dir("dst")
        .mode("dst", 0o777)
        .mode(".", 0o777);
    let output = filecopy(&sandbox, &["-T", "--quiet", "src", "dst"])
        .unprivileged()
        .run();
    assert_eq!(sandbox.read("dst/file"), b"x");
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("'dst'");
}

#[test]
fn immutable_files_are_told_and_stay() {
    let Some(()) = needs_root("immutable files") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "new")
        .file("src/b", "new")
        .file("dst/a", "old")
        .file("dst/b", "old")
        .immutable("dst/a");
    let output = filecopy(&sandbox, &["-T", "--quiet", "src", "dst"]).run();
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("'dst/a'");
    assert_eq!(sandbox.read("dst/a"), b"old");
    assert_eq!(sandbox.read("dst/b"), b"new");
    assert_eq!(sandbox.list("dst").len(), 2, "nothing is left beside it");
}
