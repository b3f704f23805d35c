//! A destination inside its source ends, and is refused before anything is made; the other way round is allowed.

use std::path::PathBuf;

use harness::{Mount, Sandbox, needs_root};

use crate::copying::{copies, filecopy, refuses, unprivileged};

#[test]
fn a_destination_inside_the_source_is_refused_and_nothing_is_made() {
    type Setup = fn(&Sandbox) -> &Sandbox;
    let rows: [(&str, Setup, &[&str]); 11] = [
        ("a new name", |s| s, &["src", "src/new"]),
        (
            "a new name far down",
            |s| s.dir("src/a/b/c"),
            &["src", "src/a/b/c/new"],
        ),
        ("a folder in it", |s| s.dir("src/old"), &["src", "src/old"]),
        ("itself", |s| s, &["src", "src"]),
        ("itself with a slash", |s| s, &["src/", "src/"]),
        ("its content", |s| s.dir("src/old"), &["src/.", "src/old"]),
        ("this folder", |s| s.dir("new"), &[".", "new"]),
        (
            "the folder around",
            |s| s.dir("src/old"),
            &["src/old/..", "src/old"],
        ),
        (
            "by a link to the source",
            |s| s.symlink("src", "link"),
            &["src", "link/new"],
        ),
        (
            "by a link into the source",
            |s| s.dir("src/old").symlink("src/old", "link"),
            &["src", "link"],
        ),
        (
            "by a link of the source",
            |s| s.symlink("src", "link"),
            &["link/", "src/new"],
        ),
    ];
    for (name, setup, args) in rows {
        let sandbox = Sandbox::new();
        setup(sandbox.file("src/file", "x"));
        let before = harness::tree::snapshot(sandbox.path());
        refuses(&sandbox, args, "into itself");
        let after = harness::tree::snapshot(sandbox.path());
        let differences = harness::tree::diff(&before, &after, harness::tree::Aspects::ALL);
        assert!(differences.is_empty(), "{name}: {differences:?}");
    }
}

#[test]
fn a_name_that_begins_like_the_source_is_not_inside_it() {
    let sandbox = Sandbox::new();
    sandbox.file("src/file", "x").dir("src2");
    copies(&sandbox, &["src", "src-new"]);
    copies(&sandbox, &["src", "src2"]);
    assert_eq!(sandbox.read("src-new/file"), b"x");
    assert_eq!(sandbox.read("src2/src/file"), b"x");
}

#[test]
fn a_destination_inside_the_source_by_a_bind_mount_is_refused_and_nothing_made() {
    let Some(()) = needs_root("bind mounts") else {
        return;
    };
    let rows: [(&str, &[&str]); 3] = [
        ("the mount itself", &["-T", "src", "view"]),
        ("a new folder in it", &["src", "view/new"]),
        ("a folder in it", &["src", "view"]),
    ];
    for (name, args) in rows {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/file", "x")
            .file("src/in/deep", "y")
            .dir("view");
        let _mount = Mount::bind(&sandbox.join("src/in"), &sandbox.join("view"));
        let output = filecopy(&sandbox, &[&["--quiet"], args].concat()).run();
        output.exits_with(1).stderr_has("into itself");
        assert_eq!(
            sandbox.list("src"),
            ["file", "in"].map(PathBuf::from),
            "{name}"
        );
        assert_eq!(
            sandbox.list("src/in"),
            ["deep"].map(PathBuf::from),
            "{name}"
        );
    }
}

#[test]
fn a_source_inside_the_destination_is_copied() {
    let sandbox = Sandbox::new();
    sandbox
        .file("dst/a/src/file", "x")
        .file("dst/a/src/sub/file", "y");
    copies(&sandbox, &["dst/a/src", "dst"]);
    assert_eq!(sandbox.read("dst/src/sub/file"), b"y");
    copies(&sandbox, &["dst/a/src/sub", "dst/a/src/copy"]);
    assert_eq!(sandbox.read("dst/a/src/copy/file"), b"y");
    copies(&sandbox, &["-T", "dst/a/src/sub", "dst/a/src"]);
    assert_eq!(sandbox.read("dst/a/src/file"), b"y");
    assert_eq!(sandbox.read("dst/a/src/sub/file"), b"y");
}

#[test]
fn a_folder_moved_up_over_the_one_around_it_does_not_remove_its_source() {
    let sandbox = Sandbox::new();
    sandbox.file("dst/src/file", "x").file("dst/other", "y");
    filecopy(
        &sandbox,
        &["--quiet", "--delete", "--yes", "-T", "dst/src", "dst"],
    )
    .run();
    assert_eq!(
        sandbox.read("dst/src/file"),
        b"x",
        "the source of a copy is never removed"
    );
}

#[test]
fn it_works_below_folders_that_may_be_passed_but_not_listed() {
    let Some(()) = needs_root("folders of others") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("closed/home/src/a/file", "x")
        .file("closed/home/file", "y")
        .file("closed/secret", "z")
        .dir("closed/drop");
    let output = unprivileged(&sandbox, &["closed/home/src", "closed/home/first"]);
    output.succeeds();
    sandbox
        .owner("closed", 0, 0)
        .mode("closed", 0o711)
        .owner("closed/drop", 0, 0)
        .mode("closed/drop", 0o733);
    let run = |args: &[&str]| {
        filecopy(&sandbox, args).unprivileged().run().succeeds();
    };
    run(&["closed/home/src", "closed/home/new"]);
    run(&["closed/home/file", "closed/home/copy"]);
    run(&["closed/secret", "closed/home/secret"]);
    run(&["closed/home/file", "closed/drop"]);
    run(&["--fsync", "closed/home/src", "closed/drop/src"]);
    run(&["--fsync", "closed/home/file", "closed/drop/file2"]);
    run(&["closed/home/src", "closed/home/file", "closed/drop/src/a"]);
    for (name, content) in [
        ("home/new/a/file", "x"),
        ("home/copy", "y"),
        ("home/secret", "z"),
        ("drop/file", "y"),
        ("drop/file2", "y"),
        ("drop/src/a/file", "y"),
        ("drop/src/a/src/a/file", "x"),
    ] {
        assert_eq!(
            sandbox.read_text(format!("closed/{name}")),
            content,
            "{name}"
        );
    }
}
