//! One file under two names: never emptied, whatever the names are. And what stands at the destination under a name of its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use harness::{Mount, Sandbox, needs_root};

use crate::copying::{copies, copies_unprivileged, filecopy, refuses};

/// A content that takes another way than a small one: staged without a name.
fn big() -> Vec<u8> {
    b"0123456789abcdef".repeat(100_000)
}

#[test]
fn a_file_is_never_copied_onto_itself() {
    type Setup = fn(&Sandbox) -> &Sandbox;
    let rows: [(&str, Setup, &[&str]); 13] = [
        ("its name", |s| s, &["a", "a"]),
        (
            "its name, spelt otherwise",
            |s| s.dir("d"),
            &["a", "./d/../a"],
        ),
        ("its folder", |s| s, &["a", "."]),
        (
            "its folder, spelt otherwise",
            |s| s.dir("d"),
            &["a", "d/.."],
        ),
        ("a hard link", |s| s.hard_link("a", "b"), &["a", "b"]),
        (
            "a hard link in another folder",
            |s| s.hard_link("a", "d/a"),
            &["a", "d"],
        ),
        (
            "a symbolic link to it",
            |s| s.symlink("a", "b"),
            &["a", "b"],
        ),
        (
            "an absolute link to it",
            |s| s.symlink(s.join("a"), "b"),
            &["a", "b"],
        ),
        (
            "a link to a link to it",
            |s| s.symlink("a", "b").symlink("b", "c"),
            &["a", "c"],
        ),
        (
            "a link in another folder",
            |s| s.symlink("../a", "d/a"),
            &["a", "d/a"],
        ),
        (
            "through a link to its folder",
            |s| s.symlink(".", "d"),
            &["a", "d/a"],
        ),
        (
            "what the source links to",
            |s| s.symlink("a", "b"),
            &["b", "a"],
        ),
        (
            "what the source links to, followed",
            |s| s.symlink("a", "b"),
            &["--follow", "b", "a"],
        ),
    ];
    for (name, setup, args) in rows {
        for content in [b"precious".to_vec(), big()] {
            let sandbox = Sandbox::new();
            setup(sandbox.file("a", &content));
            let names = sandbox.list(".");
            let inode = fs::metadata(sandbox.join("a")).unwrap().ino();
            refuses(&sandbox, args, "are the same file");
            assert!(sandbox.read("a") == content, "{name}: the source changed");
            assert_eq!(
                fs::metadata(sandbox.join("a")).unwrap().ino(),
                inode,
                "{name}: it was replaced"
            );
            assert_eq!(sandbox.list("."), names, "{name}: something was left");
        }
    }
}

#[test]
fn no_option_makes_a_file_be_copied_onto_itself() {
    let options: [&[&str]; 9] = [
        &["--sparse", "always"],
        &["--sparse", "never"],
        &["--reflink", "never"],
        &["--resume"],
        &["--verify"],
        &["--backup"],
        &["--fsync"],
        &["--no-preserve", "all"],
        &["--retries", "3"],
    ];
    for option in options {
        let sandbox = Sandbox::new();
        sandbox
            .file("a", big())
            .hard_link("a", "b")
            .symlink("a", "c");
        for dst in ["a", "b", "c"] {
            filecopy(&sandbox, &[option, &["a", dst]].concat())
                .run()
                .exits_with(1);
            assert!(sandbox.read("a") == big(), "{option:?} to {dst}");
        }
        assert_eq!(sandbox.list(".").len(), 3, "{option:?}");
    }
}

#[test]
fn a_file_is_not_copied_onto_itself_through_a_bind_mount() {
    let Some(()) = needs_root("bind mounts") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("a", big())
        .file("view", "")
        .file("d/x", "x")
        .dir("e");
    let _file = Mount::bind(&sandbox.join("a"), &sandbox.join("view"));
    refuses(&sandbox, &["a", "view"], "are the same file");
    refuses(&sandbox, &["view", "a"], "are the same file");
    assert!(sandbox.read("a") == big());
    let _folder = Mount::bind(&sandbox.join("d"), &sandbox.join("e"));
    refuses(&sandbox, &["d/x", "e"], "are the same file");
    refuses(&sandbox, &["-T", "d", "e"], "are the same file");
    assert_eq!(sandbox.read("d/x"), b"x");
}

#[test]
fn a_folder_is_never_copied_onto_itself() {
    let rows: [(&str, &[&str], &str); 5] = [
        ("its name", &["-T", "d", "d"], "are the same file"),
        (
            "its name with a slash",
            &["-T", "d/", "./d/"],
            "are the same file",
        ),
        ("a link to it", &["-T", "d", "link/"], "are the same file"),
        (
            "from within the folder around",
            &["d", "."],
            "are the same file",
        ),
        ("into itself", &["d", "d"], "into itself"),
    ];
    for (name, args, reason) in rows {
        let sandbox = Sandbox::new();
        sandbox.file("d/x", "x").symlink("d", "link");
        refuses(&sandbox, args, reason);
        assert_eq!(sandbox.list("d"), [Path::new("x")], "{name}");
        assert_eq!(sandbox.read("d/x"), b"x", "{name}");
    }
}

#[test]
fn one_file_in_two_trees_is_refused_and_the_rest_is_copied() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/both", "precious")
        .file("src/new", "new")
        .dir("dst")
        .hard_link("src/both", "dst/both");
    refuses(
        &sandbox,
        &["-T", "src", "dst"],
        "'src/both' and 'dst/both' are the same file",
    );
    assert_eq!(sandbox.read("src/both"), b"precious");
    assert_eq!(sandbox.read("dst/new"), b"new");
}

#[test]
fn a_destination_that_links_to_another_file_is_written_through() {
    type Setup = fn(&Sandbox) -> &Sandbox;
    let rows: [(&str, Setup); 4] = [
        ("relative", |s| s.symlink("target", "link")),
        ("absolute", |s| s.symlink(s.join("target"), "link")),
        ("two steps", |s| {
            s.symlink("d/step", "link").symlink("../target", "d/step")
        }),
        ("odd name", |s| {
            s.file("\u{e9}\nx", "old").symlink("\u{e9}\nx", "link")
        }),
    ];
    for (name, setup) in rows {
        for content in [b"new".to_vec(), big()] {
            let sandbox = Sandbox::new();
            setup(
                sandbox
                    .file("src", &content)
                    .file("target", "old and longer than the new one"),
            );
            copies(&sandbox, &["src", "link"]);
            let is_link = fs::symlink_metadata(sandbox.join("link"))
                .unwrap()
                .is_symlink();
            assert!(is_link, "{name}: the link itself should stay");
            assert!(sandbox.read("link") == content, "{name}");
        }
    }
}

#[test]
fn a_destination_that_links_to_nothing_is_refused() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src", "x")
        .symlink("nowhere", "link")
        .symlink("loop", "loop");
    refuses(
        &sandbox,
        &["src", "link"],
        "not writing through dangling symlink 'link'",
    );
    refuses(&sandbox, &["src", "loop"], "'loop'");
    assert_eq!(sandbox.list(".").len(), 3);
}

#[test]
fn links_inside_a_destination_tree_are_replaced_and_what_they_lead_to_stays() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "new")
        .file("src/b", big())
        .file("outside", "precious")
        .file("outside too", "precious");
    sandbox
        .symlink("../outside", "dst/a")
        .symlink("../outside too", "dst/b");
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_eq!(sandbox.read("outside"), b"precious");
    assert_eq!(sandbox.read("outside too"), b"precious");
    assert_eq!(sandbox.read("dst/a"), b"new");
    assert!(
        fs::symlink_metadata(sandbox.join("dst/b"))
            .unwrap()
            .is_file()
    );
}

#[test]
fn an_existing_file_gets_exactly_the_new_content() {
    let (short, long) = (b"short".to_vec(), big());
    for (name, old, new) in [
        ("shorter", &long, &short),
        ("longer", &short, &long),
        ("empty", &long, &Vec::new()),
    ] {
        let sandbox = Sandbox::new();
        sandbox
            .file("src", new)
            .file("dst", old)
            .file("tree/dst", new)
            .file("other/dst", old);
        copies(&sandbox, &["src", "dst"]);
        copies(&sandbox, &["-T", "tree", "other"]);
        assert!(&sandbox.read("dst") == new, "{name}");
        assert!(&sandbox.read("other/dst") == new, "{name}, in a tree");
    }
}

#[test]
fn replacing_a_file_leaves_its_other_names_alone() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src", "new")
        .file("dst", "old")
        .hard_link("dst", "other name");
    copies(&sandbox, &["src", "dst"]);
    assert_eq!(sandbox.read("dst"), b"new");
    assert_eq!(sandbox.read("other name"), b"old");
}

#[test]
fn a_file_that_may_not_be_written_is_replaced_where_its_folder_may() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src", "new")
        .file("dst", "old")
        .mode("dst", 0o444);
    copies_unprivileged(&sandbox, &["src", "dst"]);
    assert_eq!(sandbox.read("dst"), b"new");
}
