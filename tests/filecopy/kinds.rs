//! Files of one kind where another kind stands, and what is neither file nor folder.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use harness::tree::{self, Aspects, Kind};
use harness::{Command, SOON, Sandbox, needs_root};

use crate::copying::{assert_alike, copies, copies_unprivileged, filecopy, refuses};

#[test]
fn a_folder_is_never_replaced_by_a_file_nor_a_file_by_a_folder() {
    type Make = fn(&Sandbox, &str);
    let kinds: [(&str, Make); 5] = [
        ("file", |s, name| _ = s.file(name, "new")),
        ("link", |s, name| _ = s.symlink("nowhere", name)),
        ("fifo", |s, name| _ = s.fifo(name)),
        ("socket", |s, name| _ = s.socket(name)),
        ("big", |s, name| _ = s.file(name, vec![1; 2 << 20])),
    ];
    for (kind, make) in kinds {
        let sandbox = Sandbox::new();
        make(&sandbox, "src/x");
        sandbox.file("dst/x/precious", "p").file("src/z", "z");
        refuses(
            &sandbox,
            &["-T", "src", "dst"],
            "cannot overwrite directory 'dst/x' with non-directory",
        );
        assert_eq!(sandbox.read("dst/x/precious"), b"p", "{kind}");
        assert_eq!(sandbox.read("dst/z"), b"z", "{kind}: the rest is copied");
        refuses(
            &sandbox,
            &["-T", "src/x", "dst/x"],
            "cannot overwrite directory 'dst/x' with non-directory",
        );

        let sandbox = Sandbox::new();
        make(&sandbox, "dst/x");
        sandbox.file("src/x/inside", "i").file("src/z", "z");
        let before = tree::snapshot(&sandbox.join("dst/x"));
        refuses(
            &sandbox,
            &["-T", "src", "dst"],
            "cannot overwrite non-directory 'dst/x' with directory 'src/x'",
        );
        assert_eq!(sandbox.read("dst/z"), b"z", "{kind}: the rest is copied");
        refuses(
            &sandbox,
            &["src/x", "dst/x"],
            "cannot overwrite non-directory 'dst/x' with directory 'src/x'",
        );
        let after = tree::snapshot(&sandbox.join("dst/x"));
        assert_eq!(tree::diff(&before, &after, Aspects::ALL), [""; 0], "{kind}");
    }
}

#[test]
fn anything_else_is_replaced_by_anything_else() {
    type Make = fn(&Sandbox, &str);
    let kinds: [(&str, Make); 5] = [
        ("file", |s, name| _ = s.file(name, "x")),
        ("big", |s, name| _ = s.file(name, vec![1; 2 << 20])),
        ("link", |s, name| _ = s.symlink("nowhere", name)),
        ("fifo", |s, name| _ = s.fifo(name)),
        ("socket", |s, name| _ = s.socket(name)),
    ];
    let sandbox = Sandbox::new();
    for (old, make_old) in kinds {
        for (new, make_new) in kinds {
            make_new(&sandbox, &format!("src/{new} over {old}"));
            make_old(&sandbox, &format!("dst/{new} over {old}"));
        }
    }
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
}

#[test]
fn fifos_and_sockets_are_made_and_never_opened() {
    let sandbox = Sandbox::new();
    sandbox
        .fifo("src/fifo")
        .socket("src/socket")
        .fifo("alone")
        .socket("lonely")
        .mode("src/fifo", 0o640);
    // A copier that opened the fifo would wait for a writer until the harness gives up.
    copies_unprivileged(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies_unprivileged(&sandbox, &["alone", "copy"]);
    copies_unprivileged(&sandbox, &["lonely", "other"]);
    assert!(
        fs::metadata(sandbox.join("copy"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert!(
        fs::metadata(sandbox.join("other"))
            .unwrap()
            .file_type()
            .is_socket()
    );
}

#[test]
fn devices_are_made_as_root() {
    let Some(()) = needs_root("device files") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .char_device("src/null", 1, 3)
        .char_device("src/odd", 511, 1_048_575)
        .mode("src/null", 0o622)
        .owner("src/odd", 5, 6);
    copies(&sandbox, &["src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies(&sandbox, &["-T", "src", "dst"]);
    assert_alike(&sandbox, "src", "dst", Aspects::ALL);
    copies(&sandbox, &["src/null", "alone"]);
    assert_alike(&sandbox, "src/null", "alone", Aspects::ALL);
}

#[test]
fn devices_that_may_not_be_made_are_told_and_the_rest_is_copied() {
    let Some(()) = needs_root("device files") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .mode(".", 0o777)
        .char_device("src/null", 1, 3)
        .file("src/z", "z");
    let output = filecopy(&sandbox, &["--quiet", "src", "dst"])
        .unprivileged()
        .run();
    output
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("'dst/null'");
    assert_eq!(sandbox.read("dst/z"), b"z");
}

#[test]
fn a_device_named_as_destination_is_written_to_and_stays() {
    let Some(()) = needs_root("device files") else {
        return;
    };
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("small", vec![1; 10]),
        ("big", vec![1; 3 << 20]),
        ("huge", vec![1; 33 << 20]),
    ] {
        sandbox
            .file("src", content)
            .char_device(name, 1, 3)
            .mode(name, 0o666);
        let before = tree::snapshot(&sandbox.join(name));
        copies(&sandbox, &["src", name]);
        assert_eq!(
            tree::diff(&before, &tree::snapshot(&sandbox.join(name)), Aspects::ALL),
            [""; 0],
            "{name}"
        );
    }
}

#[test]
fn a_fifo_named_as_destination_is_written_to_and_stays() {
    let sandbox = Sandbox::new();
    let content: Vec<u8> = b"0123456789".repeat(200_000);
    sandbox.file("src", &content).fifo("pipe");
    let path = sandbox.join("pipe");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    filecopy(&sandbox, &["src", "pipe"])
        .deadline(SOON)
        .run()
        .succeeds();
    assert!(reader.join().unwrap() == content);
    assert!(
        fs::metadata(sandbox.join("pipe"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
}

#[test]
fn a_tree_within_a_mount_point_is_copied_and_left_out_with_one_file_system() {
    let Some(inner) = harness::Mount::tmpfs(1 << 20) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .dir("src/mnt")
        .dir("src/mnt/hidden")
        .file("src/sub/file", "y");
    fs::write(inner.path().join("inner"), "z").unwrap();
    let _bound = harness::Mount::bind(inner.path(), &sandbox.join("src/mnt"));
    copies(&sandbox, &["src", "all"]);
    assert_eq!(sandbox.read("all/mnt/inner"), b"z");
    for flag in ["--one-file-system", "-x"] {
        let dst = format!("dst{flag}");
        copies(&sandbox, &[flag, "src", &dst]);
        assert_eq!(
            sandbox.list(&dst).len(),
            3,
            "the mount point itself is made"
        );
        assert_eq!(sandbox.list(format!("{dst}/mnt")).len(), 0, "{flag}");
        assert_eq!(sandbox.read(format!("{dst}/sub/file")), b"y");
    }
    // With --delete, what was copied from the other file system before is not taken for extraneous.
    copies(&sandbox, &["-x", "--delete", "--yes", "-T", "src", "all"]);
    assert_eq!(sandbox.read("all/mnt/inner"), b"z");
}

#[test]
fn copies_across_file_systems_are_complete() {
    let Some(memory) = harness::Mount::tmpfs(64 << 20) else {
        return;
    };
    let other = Sandbox::within(memory.path());
    let sandbox = Sandbox::new();
    sandbox
        .file("src/file", "x")
        .hard_link("src/file", "src/sub/again")
        .file("src/big", vec![1; 3 << 20])
        .symlink("x", "src/link")
        .fifo("src/fifo");
    sandbox.xattr("src/file", "user.colour", "red").sparse(
        "src/holes",
        8 << 20,
        &[(4 << 20, b"data")],
    );
    let there = other.join("dst");
    filecopy(&sandbox, &["src"]).arg(&there).run().succeeds();
    let (before, after) = (tree::snapshot(&sandbox.join("src")), tree::snapshot(&there));
    assert_eq!(
        tree::diff(
            &before,
            &after,
            Aspects::ALL.without(&[tree::Aspect::Holes])
        ),
        [""; 0]
    );
    assert_eq!(after.count(Kind::Fifo), 1);
    assert!(fs::metadata(there.join("holes")).unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn what_a_shell_hands_over_as_a_descriptor_is_read() {
    let sandbox = Sandbox::new();
    let script =
        r#""$0" --no-log <(printf substituted) one && printf piped | "$0" --no-log /dev/stdin two"#;
    Command::new("/bin/bash")
        .args(["-c", script])
        .arg(harness::bin("filecopy"))
        .cwd(sandbox.path())
        .run()
        .succeeds();
    assert_eq!(sandbox.read("one"), b"substituted");
    assert_eq!(sandbox.read("two"), b"piped");
}

#[test]
fn a_link_to_the_standard_output_is_written_through_and_stays() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "data")
        .symlink("/proc/self/fd/1", "output");
    // A pipe.
    filecopy(&sandbox, &["--quiet", "a", "output"])
        .run()
        .succeeds()
        .stdout_is("data");
    // A file, which whoever opened it is still writing to.
    Command::new("/bin/bash")
        .args([
            "-c",
            r#"{ echo start; "$0" --no-log a output; echo end; } > log"#,
        ])
        .arg(harness::bin("filecopy"))
        .cwd(sandbox.path())
        .run()
        .stderr_has("'output' leads to a file that is open already");
    assert_eq!(sandbox.read("log"), b"start\nend\n");
    let link = fs::read_link(sandbox.join("output")).unwrap();
    assert_eq!(link.as_os_str(), "/proc/self/fd/1");
}
