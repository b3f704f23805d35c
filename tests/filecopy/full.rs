//! No room, or no right to it: full disks, disks without inodes, file-size limits, read-only destinations. The copy
//! fails with one line that says so, what stood there before stays, and nothing short is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness::{Command, FsKind, Limit, LoopFs, Mount, Output, SOON, Sandbox};

use crate::held::{SOME, assert_holds, filecopy, leftovers, log, slow, wait_written};

const MIB: usize = 1 << 20;

/// A file system that is soon full. The mount goes after what was made in it.
enum Disk {
    Memory(Mount),
    Loop(LoopFs),
}

impl Disk {
    fn path(&self) -> &Path {
        match self {
            Self::Memory(mount) => mount.path(),
            Self::Loop(fs) => fs.path(),
        }
    }
}

/// Calls `test` with a sandbox on each kind of disk of about `len` bytes: one that reserves room, one in memory, one
/// that cannot reserve and finds out while writing.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "captured, and shown when the test fails"
)]
fn on_small_disks(len: usize, test: impl Fn(&Sandbox)) {
    let len = len as u64;
    let disks = [
        LoopFs::new(FsKind::Ext4, len).map(Disk::Loop),
        LoopFs::new(FsKind::Ext2, len).map(Disk::Loop),
        Mount::tmpfs(len).map(Disk::Memory),
    ];
    for disk in disks.into_iter().flatten() {
        println!("on {}", disk.path().display());
        test(&Sandbox::within(disk.path()));
    }
}

#[test]
fn a_file_that_does_not_fit_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("source", vec![1; 12 * MIB]);
    on_small_disks(6 * MIB, |disk| {
        let output = filecopy(&sandbox)
            .arg("source")
            .arg(disk.join("copy"))
            .run();
        assert_no_room(&output, &disk.join("copy"));
        assert_eq!(disk.list("."), [""; 0].map(PathBuf::from));
    });
}

#[test]
fn a_file_that_does_not_fit_leaves_the_old_one() {
    let sandbox = Sandbox::new();
    let old = vec![7; 2 * MIB];
    sandbox
        .file("big", vec![1; 12 * MIB])
        .file("small", vec![1; MIB - 1]);
    on_small_disks(6 * MIB, |disk| {
        disk.file("copy", &old);
        let output = filecopy(&sandbox).arg("big").arg(disk.join("copy")).run();
        assert_no_room(&output, &disk.join("copy"));
        assert!(disk.read("copy") == old);
        fill(disk);
        let output = filecopy(&sandbox).arg("small").arg(disk.join("copy")).run();
        assert_no_room(&output, &disk.join("copy"));
        assert!(disk.read("copy") == old);
        assert_eq!(leftovers(disk, "."), [""; 0]);
    });
}

#[test]
fn a_tree_that_does_not_fit_is_copied_as_far_as_it_does() {
    for (name, len, disk_len) in [
        ("small files", 200_000, 2 * MIB),
        ("big files", MIB + 5, 9 * MIB),
    ] {
        println!("{name}");
        let sandbox = Sandbox::new();
        for number in 0..20 {
            sandbox.file(
                format!("tree/{}/{number:02}", number % 3),
                vec![number + 1; len],
            );
        }
        on_small_disks(disk_len, |disk| {
            let output = filecopy(&sandbox).arg("tree").arg(disk.join("copy")).run();
            output.exits_with(1);
            let named = named(&output);
            let mut whole = 0;
            for folder in disk.list("copy") {
                assert_eq!(
                    leftovers(disk, &format!("copy/{}", folder.display())),
                    [""; 0]
                );
                for file in disk.list(disk.join("copy").join(&folder)) {
                    let path = folder.join(file);
                    let is_whole = disk.read(disk.join("copy").join(&path))
                        == sandbox.read(sandbox.join("tree").join(&path));
                    assert!(is_whole, "{} is not whole", path.display());
                    whole += 1;
                }
            }
            assert!((1..20).contains(&whole), "{whole} fit");
            assert_eq!(named.len() + whole, 20, "each is there or named\n{output}");
            let failed = if named.len() == 1 {
                "1 failed".into()
            } else {
                format!("{} failed", named.len())
            };
            output.stderr_has(&failed);
            let reason = format!("failed: {} entries could not be copied", named.len());
            assert!(
                named.len() < 2
                    || log(&sandbox)
                        .last()
                        .is_some_and(|line| line.ends_with(&reason))
            );
        });
    }
}

#[test]
fn a_disk_without_inodes_is_told_file_by_file() {
    let Some(fs) = LoopFs::with_options(FsKind::Ext4, 8 << 20, &["-N", "32"]) else {
        return;
    };
    let (disk, sandbox) = (Sandbox::within(fs.path()), Sandbox::new());
    for number in 0..40 {
        sandbox.file(format!("tree/{number}"), "x");
    }
    let output = filecopy(&sandbox).arg("tree").arg(disk.join("copy")).run();
    output
        .exits_with(1)
        .stderr_has("cannot create regular file")
        .stderr_has("no space left on device");
    assert_eq!(
        named(&output).len() + disk.list("copy").len(),
        40,
        "{output}"
    );
}

#[test]
fn a_full_disk_that_holds_the_log_too() {
    let Some(disk) = Mount::tmpfs(2 << 20) else {
        return;
    };
    let sandbox = Sandbox::within(disk.path());
    // A log that has its block already has room for two lines.
    sandbox
        .file("log.txt", "0.00\tbefore\n")
        .file("source", vec![1; MIB + MIB / 2]);
    let output = filecopy(&sandbox).args(["source", "copy"]).run();
    assert_no_room(&output, Path::new("copy"));
    let expected = [
        "before",
        "Start copying source to copy",
        "copy failed: error writing 'copy': no space left on device",
    ];
    assert_eq!(log(&sandbox), expected);
    assert_eq!(sandbox.list(".").len(), 2);
}

#[test]
fn a_full_disk_under_the_log_does_not_stop_a_copy() {
    let Some(small) = Mount::tmpfs(64 << 10) else {
        return;
    };
    let (here, sandbox) = (Sandbox::within(small.path()), Sandbox::new());
    sandbox.file("a", "x");
    here.file("log.txt", "0.00\tbefore\n");
    let filler = vec![1; 64 << 10];
    fs::write(here.join("filler"), filler).expect_err("the disk is to be full");
    let pad = 4096 - "0.00\tbefore\n".len();
    here.file(
        "log.txt",
        format!("{}\n0.00\tbefore\n", "x".repeat(pad - 1)),
    );
    let copy = |name: &str| {
        filecopy(&here)
            .arg(sandbox.join("a"))
            .arg(sandbox.join(name))
            .run()
    };
    let output = copy("b");
    output
        .succeeds()
        .stderr_has("filecopy: cannot write log.txt: no space left on device")
        .stderr_has("lost");
    assert_eq!(sandbox.read("b"), b"x");
    let text = here.read_text("log.txt");
    assert!(
        text.ends_with("0.00\tbefore\n"),
        "no half line: {:?}",
        &text[pad..]
    );
    // Room again, and the log goes on.
    fs::remove_file(here.join("filler")).expect("make room");
    copy("c").succeeds();
    assert!(
        here.read_text("log.txt")
            .ends_with("/c is copied completely\n")
    );
}

#[test]
fn a_full_disk_under_the_copy_has_its_reason_in_the_log() {
    let Some(small) = Mount::tmpfs(1 << 20) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 2 << 20]);
    let to = small.path().join("b");
    filecopy(&sandbox).arg("a").arg(&to).run().exits_with(1);
    let lines = log(&sandbox);
    assert_eq!(lines.len(), 2);
    let end = format!(
        "{0} failed: error writing '{0}': no space left on device",
        to.display()
    );
    assert_eq!(lines[1], end);
}

#[test]
fn a_file_size_limit_is_an_error_and_no_end_by_signal() {
    let sandbox = Sandbox::new();
    let old = b"old";
    for (name, len, limit) in [
        ("small", 200_000, 100_000),
        ("big", 3 * MIB, 2 << 20),
        ("split", 40 * MIB, 2 << 20),
    ] {
        sandbox.file("source", vec![1; len]).file("there", old);
        for destination in ["copy", "there"] {
            let command = filecopy(&sandbox).args(["--reflink", "never", "source", destination]);
            let output = command.limit(Limit::FileSize(limit)).run();
            output.exits_with(1).stderr_is(format!(
                "filecopy: error writing '{destination}': file too large\n"
            ));
            let end =
                format!("{destination} failed: error writing '{destination}': file too large");
            assert_eq!(log(&sandbox).last(), Some(&end), "{name}");
        }
        assert!(!sandbox.has("copy"), "{name}");
        assert_holds(&sandbox, "there", Some(old));
        assert_eq!(leftovers(&sandbox, "."), [""; 0], "{name}");
    }
}

#[test]
fn a_file_size_limit_fails_the_long_files_of_a_tree_only() {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/long", vec![1; 300_000])
        .file("tree/short", "x")
        .file("tree/z/longer", vec![1; 2 * MIB]);
    let output = filecopy(&sandbox)
        .args(["tree", "copy"])
        .limit(Limit::FileSize(100_000))
        .run();
    output
        .exits_with(1)
        .stderr_has("1 file in 2 folders")
        .stderr_has("2 failed");
    let expected = [sandbox.join("copy/long"), sandbox.join("copy/z/longer")];
    let expected = expected.map(|path| {
        path.strip_prefix(sandbox.path())
            .expect("inside")
            .display()
            .to_string()
    });
    assert_eq!(named(&output), BTreeSet::from(expected));
    assert_eq!(sandbox.list("copy"), [Path::new("short"), Path::new("z")]);
}

#[test]
fn a_read_only_destination_is_refused_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox
        .file("real/there", "old")
        .file("source", "x")
        .file("tree/a", "x")
        .dir("view");
    let Some(mount) = Mount::bind(&sandbox.join("real"), &sandbox.join("view")) else {
        return;
    };
    mount.remount_read_only();
    let rows = [
        (
            "source",
            "view/new",
            "cannot create regular file 'view/new': read-only file system",
        ),
        (
            "source",
            "view/there",
            "cannot create regular file 'view/there': read-only file system",
        ),
        (
            "tree",
            "view/copy",
            "cannot create directory 'view/copy': read-only file system",
        ),
    ];
    for (source, destination, reason) in rows {
        let output = filecopy(&sandbox).args([source, destination]).run();
        output
            .exits_with(1)
            .stderr_is(format!("filecopy: {reason}\n"));
    }
    assert_eq!(sandbox.list("real").len(), 1);
    assert_eq!(sandbox.read("real/there"), b"old");
}

#[test]
fn a_source_that_becomes_read_only_on_the_way_is_copied_whole() {
    let Some(fs) = LoopFs::new(FsKind::Ext4, 16 << 20) else {
        return;
    };
    let (disk, sandbox) = (Sandbox::within(fs.path()), Sandbox::new());
    for number in 0..10 {
        disk.file(format!("tree/{number}"), vec![number; 60_000]);
    }
    let mut running = slow(&sandbox, "900KB")
        .arg(disk.join("tree"))
        .arg("copy")
        .start();
    wait_written(&mut running, SOME);
    fs.remount_read_only();
    running.wait(SOON).succeeds();
    fs.remount_writable();
    for number in 0..10 {
        assert_holds(&sandbox, &format!("copy/{number}"), Some(&[number; 60_000]));
    }
}

#[test]
fn a_folder_that_may_not_be_written_to_is_refused_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source", "x")
        .file("closed/there", "old")
        .file("open/readonly", "old");
    if harness::is_root() {
        sandbox.owner_of_all(".", harness::NOBODY, harness::NOBODY);
    }
    sandbox.mode("closed", 0o555).mode("open/readonly", 0o444);
    let copy = |to: &str| filecopy(&sandbox).args(["source", to]).unprivileged().run();
    for to in ["closed/new", "closed/there"] {
        let reason = format!("filecopy: cannot create regular file '{to}': permission denied\n");
        copy(to).exits_with(1).stderr_is(reason);
    }
    assert_eq!(sandbox.read("closed/there"), b"old");
    // The folder decides: a replacement is a new file under the old name.
    copy("open/readonly").succeeds();
    assert_eq!(sandbox.read("open/readonly"), b"x");
}

/// Takes all room that is left, down to the last block.
#[track_caller]
fn fill(disk: &Sandbox) {
    let script = "dd if=/dev/zero of=filler bs=64k; dd if=/dev/zero bs=512 >>filler; sync filler";
    Command::new("sh")
        .args(["-c", script])
        .cwd(disk.path())
        .run()
        .stderr_has("No space left");
}

/// The paths that the failures name, each of which may come once.
#[track_caller]
fn named(output: &Output) -> BTreeSet<String> {
    let text = output.stderr_text();
    let failures: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("filecopy: "))
        .collect();
    let path = |line: &str| {
        line.split('\'')
            .nth(1)
            .unwrap_or_else(|| panic!("no path in {line}"))
            .to_owned()
    };
    let named: BTreeSet<String> = failures.iter().map(|line| path(line)).collect();
    assert_eq!(named.len(), failures.len(), "named once each\n{output}");
    named
}

#[track_caller]
fn assert_no_room(output: &Output, copy: &Path) {
    let line = format!(
        "filecopy: error writing '{}': no space left on device\n",
        copy.display()
    );
    output.exits_with(1).stderr_is(line);
}
