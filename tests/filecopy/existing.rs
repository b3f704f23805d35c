//! What is there already: `--update`, `--no-clobber`, `--backup`, and `--dry-run`, which leaves everything as it is.

use std::fs;
use std::os::unix::fs::MetadataExt;

use harness::tree::{self, Aspects};
use harness::{FsKind, LoopFs, Sandbox, is_root};

use crate::copying::{assert_alike, copies, filecopy};

#[test]
fn update_replaces_what_is_older_and_nothing_else() {
    let rows = [
        ("older", 1_000, 5, "new"),
        ("older by a nanosecond", 2_000, 4, "new"),
        ("as old", 2_000, 5, "old"),
        ("newer", 2_000, 6, "old"),
        ("much newer", 9_000, 0, "old"),
    ];
    for big in [false, true] {
        let sandbox = Sandbox::new();
        let content = |word: &str| {
            if big {
                word.repeat(1 << 20)
            } else {
                word.to_owned()
            }
        };
        for (name, secs, nanos, _) in rows {
            sandbox.file(format!("src/{name}"), content("new")).times(
                format!("src/{name}"),
                2_000,
                5,
            );
            sandbox.file(format!("dst/{name}"), content("old")).times(
                format!("dst/{name}"),
                secs,
                nanos,
            );
        }
        sandbox.file("src/missing", content("new"));
        let inode = fs::metadata(sandbox.join("dst/as old")).unwrap().ino();
        copies(&sandbox, &["--update", "-T", "src", "dst"]);
        for (name, _, _, expected) in rows {
            assert!(
                sandbox.read_text(format!("dst/{name}")) == content(expected),
                "{name}"
            );
        }
        assert!(sandbox.has("dst/missing"));
        assert_eq!(
            fs::metadata(sandbox.join("dst/as old")).unwrap().ino(),
            inode
        );
        for (name, _, _, expected) in rows {
            sandbox.file("alone", content("old")).times(
                "alone",
                2_000,
                if expected == "new" { 4 } else { 5 },
            );
            copies(&sandbox, &["-u", &format!("src/{name}"), "alone"]);
            assert!(
                sandbox.read_text("alone") == content(expected),
                "{name}, alone"
            );
        }
    }
}

#[test]
fn update_moves_nothing_when_the_copy_is_fresh() {
    let sandbox = Sandbox::new();
    tree::grow(11, &tree::Spec::default(), &sandbox.join("src"));
    copies(&sandbox, &["src", "dst"]);
    let output = copies(&sandbox, &["--update", "-T", "src", "dst"]);
    output.stderr_has("0 files");
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn update_moves_nothing_where_times_are_kept_in_whole_seconds() {
    let Some(fs) = LoopFs::new(FsKind::Ext2, 32 << 20) else {
        return;
    };
    let sandbox = Sandbox::new();
    for (secs, nanos) in [
        (1_700_000_000, 1),
        (1_700_000_001, 999_999_999),
        (-5, 500_000_000),
    ] {
        sandbox
            .file(format!("src/{secs}"), "x")
            .times(format!("src/{secs}"), secs, nanos);
    }
    let dst = fs.path().join("dst");
    let run = || {
        filecopy(&sandbox, &["--update", "-T", "src"])
            .arg(&dst)
            .run()
    };
    run().succeeds().stderr_has("3 files");
    run()
        .succeeds()
        .stderr_has("0 files")
        .stderr_has("3 skipped");
    sandbox
        .file("src/1700000001", "new")
        .times("src/1700000001", 1_700_000_003, 1);
    run().succeeds().stderr_has("1 file");
}

#[test]
fn no_clobber_leaves_everything_that_is_there() {
    let sandbox = Sandbox::new();
    for name in ["file", "link", "dangling", "fifo"] {
        sandbox
            .file(format!("src/{name}"), "new")
            .times(format!("src/{name}"), 9_000_000_000, 0);
    }
    sandbox
        .file("dst/file", "old")
        .symlink("file", "dst/link")
        .symlink("nowhere", "dst/dangling")
        .fifo("dst/fifo");
    sandbox
        .file("src/folder/in", "new")
        .file("src/missing", "new")
        .dir("dst/folder");
    let before = tree::snapshot(&sandbox.join("dst"));
    for flag in ["--no-clobber", "-n"] {
        copies(&sandbox, &[flag, "-T", "src", "dst"]).stderr_has("4 skipped");
        let after = tree::snapshot(&sandbox.join("dst"));
        for name in ["file", "link", "dangling", "fifo"] {
            assert_eq!(before.get(name), after.get(name), "{name}");
        }
        assert_eq!(sandbox.read("dst/folder/in"), b"new");
        assert_eq!(sandbox.read("dst/missing"), b"new");
        fs::remove_file(sandbox.join("dst/folder/in")).unwrap();
        fs::remove_file(sandbox.join("dst/missing")).unwrap();
    }
    copies(&sandbox, &["-n", "src/file", "dst/file"]);
    assert_eq!(sandbox.read("dst/file"), b"old");
}

#[test]
fn backup_keeps_what_is_replaced() {
    let rows: [(&[&str], &str); 6] = [
        (&["--backup"], "~"),
        (&["-b"], "~"),
        (&["--backup=.old"], ".old"),
        (&["--backup=\u{e9} \n"], "\u{e9} \n"),
        (&["--backup=numbered"], ".~1~"),
        (&["--backup=existing"], "~"),
    ];
    for (args, suffix) in rows {
        for big in [false, true] {
            let sandbox = Sandbox::new();
            let content = |word: &str| {
                if big {
                    word.repeat(1 << 20)
                } else {
                    word.to_owned()
                }
            };
            sandbox
                .file("src/file", content("new"))
                .file("src/folder/file", content("new"))
                .file("src/missing", "new");
            sandbox
                .file("dst/file", content("old"))
                .file("dst/folder/file", content("old"))
                .file("dst/other", "other");
            sandbox
                .symlink("other", "dst/link")
                .symlink("new", "src/link")
                .mode("dst/file", 0o640)
                .times("dst/file", 5, 5);
            let before = tree::snapshot(&sandbox.join("dst"));
            copies(&sandbox, &[args, &["-T", "src", "dst"]].concat());
            let after = tree::snapshot(&sandbox.join("dst"));
            for name in ["file", "folder/file", "link"] {
                assert_eq!(
                    after.get(format!("{name}{suffix}")),
                    before.get(name),
                    "{args:?}: {name} under its backup name"
                );
            }
            assert!(sandbox.read_text("dst/file") == content("new"), "{args:?}");
            assert_eq!(
                after.entries.len(),
                before.entries.len() + 4,
                "{args:?}: three backups, one new file"
            );
        }
    }
}

#[test]
fn older_backups_are_replaced_or_counted_on() {
    let sandbox = Sandbox::new();
    for round in ["1", "2", "3"] {
        for way in ["simple", "numbered", "existing"] {
            sandbox.file("src", round);
            copies(&sandbox, &[&format!("--backup={way}"), "src", way]);
        }
    }
    assert_eq!(sandbox.read("simple~"), b"2");
    assert_eq!(sandbox.read("numbered.~1~"), b"1");
    assert_eq!(sandbox.read("numbered.~2~"), b"2");
    assert_eq!(sandbox.read("existing~"), b"2");
    sandbox
        .file("existing.~7~", "7")
        .file("existing.~x~", "x")
        .file("existing.~99~y", "y");
    copies(&sandbox, &["--backup=existing", "src", "existing"]);
    assert_eq!(sandbox.read("existing.~8~"), b"3");
}

#[test]
fn a_backup_is_made_only_of_what_is_replaced() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "new")
        .times("src/file", 5, 5)
        .file("dst/file", "newer");
    copies(&sandbox, &["--backup", "--update", "-T", "src", "dst"]);
    assert_eq!(sandbox.list("dst").len(), 1);
    sandbox.file("precious", "p");
    filecopy(&sandbox, &["--backup", "--quiet", "precious", "precious"])
        .run()
        .exits_with(1);
    assert_eq!(sandbox.read("precious"), b"p");
    assert!(!sandbox.has("precious~"));
}

#[test]
fn a_backup_that_would_destroy_the_source_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.file("file~", "precious").file("file", "old");
    filecopy(&sandbox, &["--backup", "--quiet", "file~", "file"])
        .run()
        .exits_with(1)
        .stderr_is_one_line();
    assert_eq!(sandbox.read("file~"), b"precious");
    assert_eq!(sandbox.read("file"), b"old");
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_does_nothing() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "new")
        .file("src/folder/file", "x")
        .symlink("file", "src/link")
        .fifo("src/fifo")
        .hard_link("src/file", "src/again");
    sandbox
        .file("src/big", vec![1; 2 << 20])
        .file("dst/file", "old")
        .file("dst/extra", "e")
        .file("dst/tree/extra", "e")
        .times("dst", 5, 5);
    if is_root() {
        sandbox.char_device("src/device", 1, 3);
    }
    let before = tree::snapshot(sandbox.path());
    let rows: [&[&str]; 7] = [
        &["src", "new"],
        &["-T", "src", "dst"],
        &["src/file", "new"],
        &["src/file", "dst/file"],
        &["--delete", "-T", "src", "dst"],
        &[
            "--backup", "--resume", "--verify", "--fsync", "-T", "src", "dst",
        ],
        &["src", "src/big", "dst"],
    ];
    for args in rows {
        let output = harness::Command::built("filecopy")
            .arg("--dry-run")
            .args(args)
            .cwd(sandbox.path())
            .run();
        output
            .succeeds()
            .stderr_has("dry run: ")
            .stderr_has("nothing was written");
        assert!(!output.stdout.is_empty(), "{output}");
        let after = tree::snapshot(sandbox.path());
        assert_eq!(
            tree::diff(&before, &after, Aspects::ALL),
            [""; 0],
            "{args:?}"
        );
    }
    let output = copies(&sandbox, &["--dry-run", "--delete", "-T", "src", "dst"]);
    output
        .stdout_has("'src/file' -> 'dst/file'")
        .stdout_has("to remove 'dst/extra'")
        .stdout_has("to remove 'dst/tree'")
        .lacks("removed");
    copies(&sandbox, &["--dry-run", "--quiet", "src", "new"]).is_silent();
}

#[test]
fn a_dry_run_finds_the_failures_that_can_be_foreseen() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "x")
        .file("dst/a/in", "x")
        .file("src/b/in", "x")
        .file("dst/b", "x")
        .file("src/c", "x")
        .hard_link("src/c", "dst/c");
    let output = filecopy(&sandbox, &["--dry-run", "-T", "src", "dst"]).run();
    output
        .exits_with(1)
        .stderr_has("cannot overwrite directory 'dst/a'")
        .stderr_has("cannot overwrite non-directory 'dst/b'");
    output.stderr_has("are the same file");
    for (args, reason) in [
        (&["src", "src/new"][..], "into itself"),
        (&["missing", "new"], "cannot stat"),
        (&["src/a", "src/a"], "same file"),
    ] {
        filecopy(&sandbox, &[&["--dry-run"], args].concat())
            .run()
            .exits_with(1)
            .stderr_has(reason);
    }
}
