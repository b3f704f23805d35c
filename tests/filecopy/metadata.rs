//! What belongs to a file besides its bytes: times, owner, and everything together.

use std::fs;
use std::os::unix::fs::MetadataExt;

use harness::tree::{self, Aspect, Aspects};
use harness::{Sandbox, is_root, needs_root};

use crate::copying::{assert_alike, copies, filecopy, meta};

fn mtime_of(sandbox: &Sandbox, name: &str) -> (i64, i64) {
    let meta = meta(sandbox, name);
    (meta.mtime(), meta.mtime_nsec())
}

#[test]
fn unknown_words_of_no_preserve_are_a_wrong_command_line() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let output = filecopy(&sandbox, &["--no-preserve", "colour", "a", "b"]).run();
    output
        .exits_with(2)
        .stderr_has("unknown attribute 'colour'");
    assert!(!sandbox.has("b"));
}

#[test]
fn times_are_kept_to_the_nanosecond_and_before_1970() {
    let times = [
        (0, 0),
        (1, 1),
        (-1, 999_999_999),
        (-1_000_000_000, 5),
        (1_700_000_000, 123_456_789),
        (4_400_000_000, 1),
    ];
    for (secs, nanos) in times {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/file", "x")
            .file("src/big", vec![1; 2 << 20])
            .fifo("src/fifo")
            .socket("src/socket");
        sandbox
            .symlink("file", "src/link")
            .file("src/folder/file", "x")
            .dir("src/empty")
            .sparse("src/holes", 1 << 20, &[]);
        for name in [
            "file",
            "big",
            "fifo",
            "socket",
            "link",
            "folder/file",
            "folder",
            "empty",
            "holes",
            ".",
        ] {
            sandbox.times(format!("src/{name}"), secs, nanos);
        }
        copies(&sandbox, &["src", "dst"]);
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
        // Onto what is there, after it was touched.
        for name in ["file", "big", "link", "folder", "."] {
            sandbox.times(format!("dst/{name}"), 77, 7);
        }
        copies(&sandbox, &["-T", "src", "dst"]);
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
        copies(&sandbox, &["src/file", "alone"]);
        assert_eq!(mtime_of(&sandbox, "alone"), (secs, i64::from(nanos)));
    }
}

#[test]
fn access_times_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.file("src", "x").times("src", 1_000, 7);
    copies(&sandbox, &["src", "dst"]);
    let meta = fs::metadata(sandbox.join("dst")).unwrap();
    assert_eq!((meta.atime(), meta.atime_nsec()), (1_000, 7));
}

#[test]
fn owners_are_kept_as_root() {
    let Some(()) = needs_root("owners") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("src/big", vec![1; 2 << 20])
        .dir("src/folder")
        .fifo("src/fifo")
        .socket("src/socket");
    sandbox
        .symlink("file", "src/link")
        .char_device("src/device", 1, 3)
        .file("src/setuid", "x")
        .file("src/roots", "x");
    for (index, name) in [
        "file", "big", "folder", "fifo", "socket", "link", "device", "setuid", ".",
    ]
    .iter()
    .enumerate()
    {
        let id = 1_000 + u32::try_from(index).unwrap();
        sandbox.owner(format!("src/{name}"), id, id + 50);
    }
    sandbox
        .mode("src/setuid", 0o6755)
        .mode("src/device", 0o620)
        .mode("src/fifo", 0o606);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    // A file that belonged to somebody else is replaced by one of the right owner.
    sandbox.owner_of_all("dst", 1, 1);
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies(&sandbox, &["src/setuid", "src/link", "src/fifo", "."]);
    for name in ["setuid", "link", "fifo"] {
        assert_alike(&sandbox, format!("src/{name}"), name, Aspects::ALL);
    }
}

#[test]
fn a_single_file_gets_all_that_belongs_to_it() {
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("small", vec![1; 10]),
        ("big", vec![1; 2 << 20]),
        ("huge", vec![1; 33 << 20]),
    ] {
        sandbox
            .file(name, content)
            .xattr(name, "user.colour", "red")
            .acl(name, 5, 4);
        if is_root() {
            sandbox.owner(name, 1_000, 1_001);
        }
        sandbox.mode(name, 0o4751).times(name, -5, 5);
        for existing in [false, true] {
            let copy = format!("copy of {name}");
            if existing {
                sandbox.mode(&copy, 0o600).times(&copy, 9, 9);
            }
            copies(&sandbox, &[name, &copy]);
            assert_alike(&sandbox, name, &copy, Aspects::ALL);
        }
    }
}

#[test]
fn an_existing_folder_gets_mode_time_and_attributes_of_the_source() {
    let sandbox = Sandbox::new();
    sandbox
        .dir("src/a")
        .xattr("src/a", "user.colour", "red")
        .mode("src/a", 0o750)
        .times("src/a", 5, 5);
    sandbox
        .mode("src", 0o711)
        .times("src", 6, 6)
        .dir("dst/a")
        .mode("dst/a", 0o777);
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

/// One of everything that can be kept or not.
fn with_everything() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .file("src/big", vec![1; 2 << 20])
        .file("src/folder/file", "x")
        .fifo("src/fifo");
    sandbox
        .hard_link("src/file", "src/folder/again")
        .symlink("file", "src/link")
        .file("src/second", "x");
    for name in ["src/file", "src/big", "src/folder", "src"] {
        sandbox.xattr(name, "user.colour", "red").acl(name, 5, 7);
    }
    if is_root() {
        sandbox.owner_of_all("src", 1_000, 1_001);
    }
    for name in ["src/file", "src/second", "src/big", "src/fifo"] {
        sandbox.mode(name, 0o4646);
    }
    sandbox.mode("src/folder", 0o1737);
    for name in [
        "src/file",
        "src/second",
        "src/big",
        "src/fifo",
        "src/link",
        "src/folder/file",
        "src/folder",
        "src",
    ] {
        sandbox.times(name, 1_000, 5);
    }
    sandbox
}

#[test]
fn each_word_of_no_preserve_leaves_out_that_and_nothing_else() {
    // An access list holds the group's bits of the mode, so that a mode without its list is another one.
    let rows: [(&str, &[Aspect]); 8] = [
        ("mode", &[Aspect::Mode, Aspect::Xattrs]),
        ("owner", &[Aspect::Owner, Aspect::Mode]),
        ("times", &[Aspect::FileTimes, Aspect::FolderTimes]),
        ("links", &[Aspect::HardLinks]),
        ("xattr", &[Aspect::Xattrs]),
        (
            "ownership,timestamps",
            &[
                Aspect::Owner,
                Aspect::Mode,
                Aspect::FileTimes,
                Aspect::FolderTimes,
            ],
        ),
        (
            "all",
            &[
                Aspect::Mode,
                Aspect::Owner,
                Aspect::FileTimes,
                Aspect::FolderTimes,
                Aspect::HardLinks,
                Aspect::Xattrs,
            ],
        ),
        ("context", &[]),
    ];
    for (words, left_out) in rows {
        let sandbox = with_everything();
        copies(&sandbox, &["--no-preserve", words, "src", "dst"]);
        let (before, after) = (
            tree::snapshot(&sandbox.join("src")),
            tree::snapshot(&sandbox.join("dst")),
        );
        let others = Aspects::ALL.without(left_out);
        assert_eq!(
            tree::diff(&before, &after, others),
            [""; 0],
            "{words}: the rest is kept"
        );
        for aspect in left_out {
            // Only root's copies can belong to somebody else, and lose the powers of their owner for it.
            let needs_root = *aspect == Aspect::Owner || words.starts_with("owner");
            let can_differ = is_root() || !needs_root;
            let only = Aspects::only(&[*aspect]);
            let differs = !tree::diff(&before, &after, only).is_empty();
            assert!(
                differs || !can_differ,
                "{words}: {aspect:?} is kept all the same"
            );
        }
    }
}
