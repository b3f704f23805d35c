//! Hard links, symbolic links, and following them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use harness::tree::{self, Aspects, Kind};
use harness::{Sandbox, needs_root};

use crate::copying::{assert_alike, copies, filecopy, meta, refuses, unprivileged};

fn inode(sandbox: &Sandbox, name: &str) -> u64 {
    meta(sandbox, name).ino()
}

#[track_caller]
fn assert_one_file(sandbox: &Sandbox, names: &[&str]) {
    for name in names {
        assert_eq!(
            inode(sandbox, name),
            inode(sandbox, names[0]),
            "{name} and {} are one file",
            names[0]
        );
    }
}

/// Files with several names near and far, some of them outside.
fn with_hard_links() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("small", vec![1; 10]),
        ("empty", vec![]),
        ("big", vec![2; 3 << 20]),
        ("huge", vec![3; 33 << 20]),
    ] {
        sandbox
            .file(format!("src/{name}"), content)
            .hard_link(format!("src/{name}"), format!("src/{name} again"));
        sandbox
            .hard_link(format!("src/{name}"), format!("src/a/b/c/{name}"))
            .hard_link(format!("src/{name}"), format!("src/z/{name}"));
        sandbox.hard_link(format!("src/{name}"), format!("outside {name}"));
    }
    sandbox
        .symlink("nowhere", "src/link")
        .hard_link("src/link", "src/a/link");
    sandbox
        .fifo("src/fifo")
        .hard_link("src/fifo", "src/a/fifo")
        .file("src/single", "x")
        .hard_link("src/single", "outside");
    sandbox
}

#[test]
fn hard_links_are_kept_in_and_across_folders() {
    let sandbox = with_hard_links();
    for jobs in ["1", "2", "8"] {
        copies(&sandbox, &["--jobs", jobs, "src", jobs]);
        assert_alike(&sandbox, "src", jobs, Aspects::ALL);
        assert_ne!(
            inode(&sandbox, "src/small"),
            inode(&sandbox, &format!("{jobs}/small")),
            "never a link to the source"
        );
    }
}

#[test]
fn hard_links_are_kept_when_the_copy_is_brought_up_to_date() {
    let ways: [&[&str]; 6] = [
        &[],
        &["--update"],
        &["--resume"],
        &["--backup"],
        &["--jobs", "1"],
        &["--no-clobber"],
    ];
    for way in ways {
        let sandbox = with_hard_links();
        copies(&sandbox, &["src", "dst"]);
        copies(&sandbox, &[way, &["-T", "src", "dst"]].concat());
        let aspects = Aspects::ALL.without(&[tree::Aspect::FolderTimes]);
        let (before, mut after) = (
            tree::snapshot(&sandbox.join("src")),
            tree::snapshot(&sandbox.join("dst")),
        );
        after
            .entries
            .retain(|path, _| !path.to_string_lossy().ends_with('~'));
        if !way.contains(&"--backup") {
            assert_eq!(tree::diff(&before, &after, aspects), [""; 0], "{way:?}");
        }
        assert_one_file(
            &sandbox,
            &["dst/big", "dst/big again", "dst/a/b/c/big", "dst/z/big"],
        );
    }
}

#[test]
fn a_name_that_was_missing_becomes_a_link_to_the_others() {
    for way in [&[][..], &["--update"]] {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/a", "x")
            .hard_link("src/a", "src/b")
            .hard_link("src/a", "src/c/d");
        copies(&sandbox, &["src", "dst"]);
        fs::remove_file(sandbox.join("dst/b")).unwrap();
        copies(&sandbox, &[way, &["-T", "src", "dst"]].concat());
        assert_one_file(&sandbox, &["dst/a", "dst/b", "dst/c/d"]);
    }
}

#[test]
fn hard_links_are_kept_across_several_sources() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .hard_link("a", "b")
        .hard_link("a", "one/c")
        .hard_link("a", "two/d/e")
        .dir("dst");
    copies(&sandbox, &["a", "b", "one", "two", "dst"]);
    assert_one_file(&sandbox, &["dst/a", "dst/b", "dst/one/c", "dst/two/d/e"]);
    assert_eq!(sandbox.read("dst/two/d/e"), b"x");
}

#[test]
fn links_of_a_file_that_cannot_be_read_are_all_told_and_the_rest_is_copied() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "x")
        .hard_link("src/a", "src/b/c")
        .file("src/d", "x")
        .mode("src/a", 0o000);
    let output = unprivileged(&sandbox, &["--quiet", "src", "dst"]);
    output
        .exits_with(1)
        .stderr_has("'src/a'")
        .stderr_has("'src/b/c'");
    assert_eq!(output.stderr_text().lines().count(), 2, "{output}");
    assert_eq!(sandbox.read("dst/d"), b"x");
}

#[test]
fn symbolic_links_are_kept_whatever_they_lead_to() {
    let sandbox = Sandbox::new();
    let targets = [
        "file",
        "folder",
        "nowhere",
        "../outside",
        "..",
        ".",
        "/",
        "/etc/passwd",
        "loop",
        "a//b/./../c/",
        "\u{e9}\n\u{1b}",
        " ",
    ];
    sandbox
        .file("src/file", "x")
        .file("src/folder/file", "x")
        .file("outside", "precious");
    for (index, target) in targets.iter().enumerate() {
        sandbox
            .symlink(target, format!("src/link {index}"))
            .symlink(target, format!("src/folder/link {index}"));
    }
    sandbox
        .symlink("loop", "src/loop")
        .symlink("t".repeat(4_000), "src/long")
        .times("src/loop", -5, 5);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    assert_eq!(sandbox.read("outside"), b"precious");
}

#[test]
fn a_link_named_as_source_is_copied_as_a_link() {
    let sandbox = Sandbox::new();
    sandbox
        .file("file", "x")
        .file("folder/file", "x")
        .symlink("file", "one")
        .symlink("folder", "two")
        .symlink("nowhere", "three");
    sandbox.dir("dst").file("existing", "old");
    copies(&sandbox, &["one", "two", "three", "dst"]);
    for name in ["one", "two", "three"] {
        assert_alike(&sandbox, name, format!("dst/{name}"), Aspects::ALL);
    }
    copies(&sandbox, &["one", "existing"]);
    assert_alike(&sandbox, "one", "existing", Aspects::ALL);
}

#[test]
fn a_link_to_a_folder_with_a_slash_is_the_folder() {
    for source in ["link/", "link/."] {
        let sandbox = Sandbox::new();
        sandbox.file("folder/file", "x").symlink("folder", "link");
        copies(&sandbox, &[source, "dst"]);
        assert_alike(&sandbox, "folder", "dst", Aspects::ALL);
    }
}

#[test]
fn follow_copies_what_links_lead_to() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("elsewhere/in", "y")
        .symlink("file", "src/to file")
        .symlink("../elsewhere", "src/to folder");
    sandbox
        .symlink("to file", "src/two steps")
        .symlink("../src/file", "elsewhere/back to file")
        .file("src/big", vec![1; 2 << 20]);
    sandbox.symlink("big", "src/to big").symlink("src", "link");
    for flag in ["--follow", "-L", "--dereference"] {
        for source in ["src", "link"] {
            let dst = format!("dst {flag} {source}");
            copies(&sandbox, &[flag, source, &dst]);
            let copy = tree::snapshot(&sandbox.join(&dst));
            assert_eq!(copy.count(Kind::Symlink), 0);
            for (name, content) in [
                ("to file", "x"),
                ("two steps", "x"),
                ("to folder/in", "y"),
                ("to folder/back to file", "x"),
            ] {
                assert_eq!(
                    sandbox.read_text(format!("{dst}/{name}")),
                    content,
                    "{name}"
                );
            }
            assert_eq!(copy.get("to big").content, copy.get("big").content);
        }
    }
    sandbox.symlink("file", "src/kept");
    copies(&sandbox, &["--follow", "src/kept", "alone"]);
    assert_eq!(sandbox.read("alone"), b"x");
    assert_eq!(
        tree::snapshot(&sandbox.join("alone")).get("").kind,
        Kind::File
    );
}

#[test]
fn followed_links_that_lead_nowhere_or_in_a_circle_are_told_and_the_rest_is_copied() {
    let sandbox = Sandbox::new();
    sandbox
        .symlink("nowhere", "src/dangling")
        .symlink("self", "src/self")
        .symlink(".", "src/circle");
    sandbox
        .symlink("../..", "src/a/b/up")
        .file("src/a/b/file", "x")
        .file("src/z", "x");
    let output = filecopy(&sandbox, &["--follow", "--quiet", "src", "dst"]).run();
    output.exits_with(1);
    for name in ["src/dangling", "src/self", "src/circle", "src/a/b/up"] {
        output.stderr_has(&format!("'{name}'"));
    }
    assert_eq!(output.stderr_text().lines().count(), 4, "{output}");
    assert_eq!(sandbox.read("dst/a/b/file"), b"x");
    assert_eq!(sandbox.read("dst/z"), b"x");
}

#[test]
fn a_followed_link_to_the_destination_does_not_make_it_copy_itself() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .symlink("../dst", "src/link")
        .dir("dst");
    let output = filecopy(&sandbox, &["--follow", "--quiet", "src", "dst"]).run();
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("into itself");
    assert_eq!(sandbox.read("dst/src/file"), b"x");
    assert!(!sandbox.has("dst/src/link/src/link"));
}

#[test]
fn links_owners_and_times_are_their_own() {
    let Some(()) = needs_root("owners") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("file", "x")
        .owner("file", 5, 5)
        .times("file", 77, 7);
    sandbox
        .symlink("../file", "src/link")
        .owner("src/link", 1_000, 1_001)
        .times("src/link", 5, 5);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    let file = fs::metadata(sandbox.join("file")).unwrap();
    assert_eq!(
        (file.uid(), file.mtime()),
        (5, 77),
        "what it leads to is left alone"
    );
}

#[test]
fn a_folder_is_not_copied_through_a_link_that_stands_in_its_place() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/folder/file", "x")
        .file("src/other", "x")
        .dir("outside")
        .symlink("../outside", "dst/folder");
    refuses(
        &sandbox,
        &["-T", "src", "dst"],
        "cannot overwrite non-directory 'dst/folder' with directory 'src/folder'",
    );
    assert_eq!(sandbox.list("outside").len(), 0);
    assert_eq!(sandbox.read("dst/other"), b"x");
}
