//! `--delete`: what the destination has and the source has not goes, and nothing else.

use std::path::PathBuf;

use harness::tree::{self, Aspects};
use harness::{SOON, Sandbox, keys};

use crate::copying::{assert_alike, copies, filecopy, refuses};

/// A mirror with too much in it.
fn start() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/same", "s")
        .file("src/folder/new", "n")
        .dir("src/empty")
        .file("dst/same", "old");
    sandbox
        .file("dst/extra", "e")
        .file("dst/folder/extra", "e")
        .file("dst/tree/a/b/c", "e")
        .dir("dst/tree/d")
        .dir("dst/empty2");
    sandbox
        .symlink("../src", "dst/link to source")
        .symlink("nowhere", "dst/dangling")
        .fifo("dst/fifo")
        .file("outside", "o");
    sandbox
        .symlink("../../outside", "dst/tree/link")
        .file("dst/\u{e9}\n-rf *", "e")
        .file("dst/folder/.hidden", "e");
    sandbox
}

#[test]
fn the_destination_becomes_like_the_source() {
    for jobs in ["1", "4"] {
        let sandbox = start();
        copies(
            &sandbox,
            &["--jobs", jobs, "--delete", "--yes", "-T", "src", "dst"],
        );
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
        assert_eq!(
            sandbox.read("outside"),
            b"o",
            "links are removed, not what they lead to"
        );
        assert_eq!(sandbox.read("src/same"), b"s");
    }
}

#[test]
fn without_it_nothing_is_removed() {
    let sandbox = start();
    copies(&sandbox, &["-T", "src", "dst"]);
    for name in ["extra", "folder/extra", "tree/a/b/c", "dangling", "fifo"] {
        assert!(sandbox.has(format!("dst/{name}")), "{name}");
    }
}

#[test]
fn only_the_copy_itself_is_cleaned_not_the_folder_it_goes_into() {
    let sandbox = start();
    sandbox.file("dst/src/extra", "e");
    copies(&sandbox, &["--delete", "--yes", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst/src", Aspects::ALL);
    assert!(sandbox.has("dst/extra") && sandbox.has("dst/tree/a/b/c"));
    sandbox.file("alone", "x");
    copies(&sandbox, &["--delete", "--yes", "alone", "dst"]);
    assert!(sandbox.has("dst/extra"), "a file has nothing to mirror");
}

#[test]
fn each_removed_entry_is_told() {
    let sandbox = start();
    let output = copies(
        &sandbox,
        &["--delete", "--yes", "--verbose", "-T", "src", "dst"],
    );
    for name in ["extra", "folder/extra", "tree", "empty2", "dangling"] {
        output.stdout_has(&format!("removed 'dst/{name}'"));
    }
    output.lacks("tree/a").stderr_has("9 removed");
}

#[test]
fn nobody_to_ask_is_a_wrong_command_line_and_nothing_happens() {
    let sandbox = start();
    let before = tree::snapshot(&sandbox.join("dst"));
    filecopy(&sandbox, &["--delete", "-T", "src", "dst"])
        .run()
        .exits_with(2)
        .stderr_has("--yes");
    assert_eq!(
        tree::diff(&before, &tree::snapshot(&sandbox.join("dst")), Aspects::ALL),
        [""; 0]
    );
}

#[test]
fn it_asks_on_a_terminal_and_does_nothing_without_a_yes() {
    for (answer, is_yes) in [
        ("y", true),
        ("yes", true),
        ("n", false),
        ("", false),
        ("yess", false),
    ] {
        let sandbox = start();
        let before = tree::snapshot(&sandbox.join("dst"));
        let mut terminal =
            filecopy(&sandbox, &["--delete", "-T", "src", "dst"]).in_terminal(100, 30);
        terminal.wait_text("[y/N]", SOON);
        assert_eq!(
            tree::diff(&before, &tree::snapshot(&sandbox.join("dst")), Aspects::ALL),
            [""; 0],
            "it waits"
        );
        terminal.send_line(answer);
        let status = terminal.wait(SOON);
        assert_eq!(
            status.code(),
            Some(if is_yes { 0 } else { 1 }),
            "{answer:?}"
        );
        assert_eq!(sandbox.has("dst/extra"), !is_yes, "{answer:?}");
        assert_eq!(sandbox.has("dst/folder/new"), is_yes, "{answer:?}");
    }
    let sandbox = start();
    let mut terminal = filecopy(&sandbox, &["--delete", "-T", "src", "dst"]).in_terminal(100, 30);
    terminal.wait_text("[y/N]", SOON);
    terminal.send(keys::CTRL_C);
    assert_eq!(terminal.wait(SOON).code(), Some(130));
    assert!(sandbox.has("dst/extra"));
}

#[test]
fn it_does_not_ask_when_there_is_nothing_to_remove() {
    let sandbox = Sandbox::new();
    sandbox.file("src/file", "x").file("dst/file", "old");
    let mut terminal = filecopy(&sandbox, &["--delete", "-T", "src", "dst"]).in_terminal(100, 30);
    assert_eq!(terminal.wait(SOON).code(), Some(0));
    assert_eq!(sandbox.read("dst/file"), b"x");
}

#[test]
fn excluded_entries_survive_with_the_folders_that_hold_them() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("src/a.keep", "new")
        .file("src/folder/file", "x");
    sandbox
        .file("dst/a.keep", "old")
        .file("dst/b.keep", "k")
        .file("dst/extra", "e")
        .file("dst/folder/c.keep", "k");
    sandbox
        .file("dst/tree/a/b/d.keep", "k")
        .file("dst/tree/a/b/extra", "e")
        .file("dst/tree/extra/extra", "e");
    sandbox
        .file("dst/cache/deep/file", "k")
        .file("dst/tree/cache/file", "k")
        .file("dst/tree/b/c/e.keep", "k");
    let args = [
        "--delete",
        "--yes",
        "--exclude",
        "*.keep",
        "--exclude",
        "cache/",
        "-T",
        "src",
        "dst",
    ];
    copies(&sandbox, &args);
    let kept = [
        "a.keep",
        "b.keep",
        "folder/c.keep",
        "tree/a/b/d.keep",
        "tree/b/c/e.keep",
        "cache/deep/file",
        "tree/cache/file",
    ];
    for name in kept {
        assert!(sandbox.has(format!("dst/{name}")), "{name}");
    }
    assert_eq!(sandbox.read("dst/a.keep"), b"old");
    for name in ["extra", "tree/a/b/extra", "tree/extra"] {
        assert!(!sandbox.has(format!("dst/{name}")), "{name}");
    }
}

#[test]
fn what_a_gitignore_file_names_survives() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/.gitignore", "*.o\nbuild/\n")
        .file("src/main.c", "x")
        .file("src/main.o", "x");
    sandbox
        .file("dst/main.o", "old")
        .file("dst/build/file", "k")
        .file("dst/gone/x.o", "k")
        .file("dst/gone/x.c", "e");
    copies(
        &sandbox,
        &["--gitignore", "--delete", "--yes", "-T", "src", "dst"],
    );
    assert_eq!(sandbox.read("dst/main.o"), b"old");
    assert!(sandbox.has("dst/build/file") && sandbox.has("dst/gone/x.o"));
    assert!(!sandbox.has("dst/gone/x.c"));
}

#[test]
fn a_deep_and_a_wide_tree_are_removed() {
    let sandbox = crate::copying::in_memory();
    sandbox.dir("src").deep("dst/deep", 3_700, "d", "leaf");
    for number in 0..300 {
        sandbox
            .file(format!("dst/wide/{number}/file"), "x")
            .file(format!("dst/wide/file {number}"), "x");
    }
    copies(&sandbox, &["--delete", "--yes", "-T", "src", "dst"]);
    assert_eq!(sandbox.list("dst"), [""; 0].map(PathBuf::from));
}

#[test]
fn partial_copies_kept_for_resuming_are_not_taken_for_extraneous() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("dst/.filecopy-0123456789abcdef.part", "p")
        .file("dst/extra", "e");
    copies(&sandbox, &["--delete", "--yes", "-T", "src", "dst"]);
    assert!(sandbox.has("dst/.filecopy-0123456789abcdef.part"));
    assert!(!sandbox.has("dst/extra"));
}

#[test]
fn two_sources_cannot_have_one_mirror() {
    for args in [["a/d", "b/d", "dst"], ["a/d/.", "b/d/.", "dst"]] {
        let sandbox = Sandbox::new();
        sandbox.file("a/d/one", "1").file("b/d/two", "2").dir("dst");
        refuses(
            &sandbox,
            &[&["--delete", "--yes"], &args[..]].concat(),
            "will not overwrite just-created",
        );
        let copy = if args[0] == "a/d" { "dst/d" } else { "dst" };
        assert_alike(&sandbox, "a/d", copy, Aspects::ALL);
    }
}

#[test]
fn backups_are_not_taken_for_extraneous_where_backups_are_made() {
    for (flag, suffix) in [
        ("--backup", "~"),
        ("--backup=.old", ".old"),
        ("--backup=numbered", ".~1~"),
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/a/file", "new")
            .file("dst/a/file", "old")
            .file("dst/a/extra", "e");
        sandbox.file(format!("dst/a/earlier{suffix}"), "earlier");
        copies(&sandbox, &[flag, "--delete", "--yes", "-T", "src", "dst"]);
        assert_eq!(
            sandbox.read(format!("dst/a/file{suffix}")),
            b"old",
            "{flag}"
        );
        assert_eq!(
            sandbox.read(format!("dst/a/earlier{suffix}")),
            b"earlier",
            "{flag}"
        );
        assert!(!sandbox.has("dst/a/extra"), "{flag}");
        copies(&sandbox, &["--delete", "--yes", "-T", "src", "dst"]);
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    }
}
