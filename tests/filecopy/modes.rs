//! Permission bits: kept to the last one, whoever copies and whatever the umask.

use std::fs;
use std::os::unix::fs::MetadataExt;

use harness::tree::{self, Aspects};
use harness::{Command, NOBODY, Sandbox, bin, is_root, needs_root};

use crate::copying::{assert_alike, copies, filecopy, hand_over, mode_of};

const MODES: [u32; 12] = [
    0o644, 0o600, 0o755, 0o777, 0o666, 0o444, 0o400, 0o500, 0o4755, 0o2755, 0o6711, 0o1644,
];

/// Files of every mode, small and staged without a name, and folders with something in them.
fn with_modes() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("dst/existing", "old").dir("dst/folder");
    for mode in MODES {
        sandbox
            .file(format!("src/small {mode:o}"), "x")
            .file(format!("src/big {mode:o}"), vec![1; 1 << 20]);
        sandbox
            .fifo(format!("src/fifo {mode:o}"))
            .file(format!("src/folder {mode:o}/in/it"), "x");
    }
    hand_over(&sandbox);
    for mode in MODES {
        for kind in ["small", "big", "fifo"] {
            sandbox.mode(format!("src/{kind} {mode:o}"), mode);
        }
        // What the owner may not enter nobody but root could copy or compare.
        sandbox.mode(format!("src/folder {mode:o}"), mode | 0o500);
    }
    sandbox
}

#[test]
fn modes_are_kept_with_setuid_setgid_and_sticky() {
    let sandbox = with_modes();
    copies(&sandbox, &["src", "new"]);
    assert_alike(&sandbox, "src", "new", Aspects::ALL);
    // Existing entries get the modes too.
    copies(&sandbox, &["-T", "--no-preserve", "mode", "src", "other"]);
    copies(&sandbox, &["-T", "src", "other"]);
    assert_alike(&sandbox, "src", "other", Aspects::ALL);
}

#[test]
fn modes_are_kept_without_roots_rights() {
    let sandbox = with_modes();
    for round in ["new", "existing"] {
        filecopy(&sandbox, &["-T", "src", "copy"])
            .unprivileged()
            .run()
            .succeeds();
        let (before, after) = (
            tree::snapshot(&sandbox.join("src")),
            tree::snapshot(&sandbox.join("copy")),
        );
        let differences = tree::diff(&before, &after, Aspects::ALL);
        assert!(differences.is_empty(), "{round}: {differences:?}");
    }
}

#[test]
fn modes_are_exact_whatever_the_umask() {
    for umask in ["000", "027", "077"] {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/a", "x")
            .mode("src/a", 0o666)
            .dir("src/b")
            .mode("src/b", 0o777)
            .fifo("src/c");
        sandbox
            .file("src/big", vec![1; 2 << 20])
            .symlink("a", "src/l")
            .mode("src/c", 0o622);
        let script = format!("umask {umask}; exec \"$@\"");
        let run = |args: &[&str]| {
            let shell = Command::new("sh")
                .args(["-c", &script, "sh"])
                .arg(bin("filecopy"))
                .arg("--no-log");
            shell.args(args).cwd(sandbox.path()).run().succeeds();
        };
        run(&["src", "dst"]);
        assert_alike(&sandbox, "src", "dst", Aspects::ALL);
        run(&["--no-preserve", "mode", "src", "plain"]);
        let mask = u32::from_str_radix(umask, 8).unwrap();
        let rows = [
            ("plain/a", 0o666),
            ("plain/b", 0o777),
            ("plain/c", 0o622),
            ("plain/big", 0o644),
            ("plain", 0o755),
        ];
        for (name, mode) in rows {
            assert_eq!(
                mode_of(&sandbox, name),
                mode & !mask,
                "umask {umask}: {name}"
            );
        }
    }
}

#[test]
fn powers_of_a_foreign_file_do_not_pass_to_whoever_copies_it() {
    let Some(()) = needs_root("owners") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .mode(".", 0o777)
        .file("setuid", "x")
        .mode("setuid", 0o4755)
        .file("setgid", "x")
        .mode("setgid", 0o2755);
    sandbox.file("both", vec![1; 2 << 20]).mode("both", 0o6755);
    for name in ["setuid", "setgid", "both"] {
        let copy = format!("copy of {name}");
        filecopy(&sandbox, &[name, &copy])
            .unprivileged()
            .run()
            .succeeds()
            .lacks("filecopy: ");
        assert_eq!(mode_of(&sandbox, &copy), 0o755, "{name}");
        assert_eq!(
            fs::metadata(sandbox.join(&copy)).unwrap().uid(),
            NOBODY,
            "{name}"
        );
    }
}

#[test]
fn an_empty_folder_keeps_its_narrow_mode() {
    let sandbox = Sandbox::new();
    sandbox
        .dir("src/private")
        .mode("src/private", 0o700)
        .dir("alone")
        .mode("alone", 0o700);
    copies(&sandbox, &["src", "dst"]);
    copies(&sandbox, &["alone", "copy"]);
    assert_eq!(mode_of(&sandbox, "dst/private"), 0o700);
    assert_eq!(mode_of(&sandbox, "copy"), 0o700);
}

#[test]
fn folders_that_may_not_be_written_are_filled_and_closed_again_without_roots_rights() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a/b/c/file", "x")
        .file("src/a/file", "x")
        .dir("src/empty")
        .file("src/a/new", "x");
    hand_over(&sandbox);
    for name in ["src/a/b/c", "src/a/b", "src/a", "src/empty", "src"] {
        sandbox.mode(name, 0o555);
    }
    let copy = || {
        filecopy(&sandbox, &["-T", "src", "dst"])
            .unprivileged()
            .run()
    };
    copy().succeeds();
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    // And again, when the destination's folders are closed from the start.
    sandbox
        .mode("src/a", 0o755)
        .file("src/a/new", "newer")
        .mode("src/a", 0o555);
    copy().succeeds();
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn without_modes_new_files_are_as_any_program_would_make_them_and_old_ones_stay() {
    let sandbox = Sandbox::new();
    sandbox
        .file("src/a", "x")
        .file("src/b", "x")
        .file("src/tool", "x")
        .mode("src/tool", 0o4777)
        .mode("src/b", 0o600);
    sandbox
        .file("src/big", vec![1; 2 << 20])
        .file("dst/a", "old")
        .mode("dst/a", 0o640)
        .file("dst/big", "old")
        .mode("dst/big", 0o604);
    sandbox
        .mode("src", 0o700)
        .dir("src/folder")
        .mode("src/folder", 0o1777);
    if is_root() {
        sandbox.owner_of_all("src", 1_000, 1_001);
    }
    copies(&sandbox, &["--no-preserve", "mode", "-T", "src", "dst"]);
    let rows = [
        ("a", 0o640),
        ("big", 0o604),
        ("b", 0o600),
        ("tool", 0o755),
        ("folder", 0o1755),
    ];
    for (name, mode) in rows {
        let found = mode_of(&sandbox, &format!("dst/{name}"));
        assert_eq!(found, mode, "{name}: {found:o}");
    }
}
