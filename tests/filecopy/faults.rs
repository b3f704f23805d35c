//! Devices that fail, answer short or lie. The faults are made between the program and the C library (`faults.c`), so that
//! they come at the same call every time.
//!
//! A device-mapper target would make them in the kernel; not every kernel has one, and every machine that built this has a
//! C compiler.

use harness::{Command, Sandbox, needs_tool};

use crate::held::{assert_holds, filecopy, leftovers, log};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

const BIG: usize = (3 << 20) + 3;
/// Split in ranges among workers.
const SPLIT: usize = (36 << 20) + 3;
const OLD: &[u8] = b"the old content";

/// A folder to work in, and the library that makes the faults.
struct Faulty {
    sandbox: Sandbox,
    library: Sandbox,
}

impl Faulty {
    fn new() -> Option<Self> {
        let compiler = needs_tool("copies from and to failing devices", "cc", "gcc")?;
        let (sandbox, library) = (Sandbox::new(), Sandbox::new());
        library.file("faults.c", include_str!("faults.c"));
        let args = ["-shared", "-fPIC", "-o", "faults.so", "faults.c", "-ldl"];
        Command::new(compiler)
            .args(args)
            .cwd(library.path())
            .run()
            .succeeds();
        Some(Self { sandbox, library })
    }

    /// `filecopy` with these faults.
    fn copy(&self, faults: &str) -> Command {
        let command = filecopy(&self.sandbox).args(["--reflink", "never"]);
        command
            .env("LD_PRELOAD", self.library.join("faults.so"))
            .env("FAULTS", faults)
    }
}

/// Bytes no two blocks of which are alike.
fn content(len: usize) -> Vec<u8> {
    let mut bytes = vec![7; len];
    for (number, block) in bytes.chunks_exact_mut(512).enumerate() {
        block[..8].copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

#[test]
fn interrupted_and_short_calls_change_nothing() {
    let Some(faulty) = Faulty::new() else { return };
    for (size, len) in [("small", 100_000), ("big", BIG), ("split", SPLIT)] {
        for faults in [
            format!("pread odd {EINTR}"),
            format!("pwrite odd {EINTR}"),
            "pread odd short".into(),
            "pwrite odd short".into(),
            format!("pread odd {EINTR},pwrite odd short"),
        ] {
            println!("{size}, {faults}");
            faulty.sandbox.file("source", content(len));
            faulty
                .copy(&faults)
                .args(["--jobs", "2", "source", "copy"])
                .run()
                .succeeds();
            assert!(faulty.sandbox.read("copy") == content(len));
        }
    }
}

#[test]
fn a_source_that_cannot_be_read_fails_in_one_line() {
    let Some(faulty) = Faulty::new() else { return };
    for (size, len, call) in [("small", 100_000, 1), ("big", BIG, 2), ("split", SPLIT, 9)] {
        for old in [None, Some(OLD)] {
            let sandbox = fresh(&faulty, len, old);
            let output = faulty
                .copy(&format!("pread {call} {EIO}"))
                .args(["--jobs", "2", "source", "copy"])
                .run();
            println!("{size}: {output}");
            output
                .exits_with(1)
                .stderr_is("filecopy: error reading 'source': input/output error\n");
            assert_unchanged(sandbox, old);
            let end = "copy failed: error reading 'source': input/output error";
            assert_eq!(log(sandbox).last().map(String::as_str), Some(end));
        }
    }
}

#[test]
fn a_destination_that_cannot_be_written_fails_in_one_line() {
    let Some(faulty) = Faulty::new() else { return };
    for (errno, reason) in [
        (EIO, "input/output error"),
        (ENOSPC, "no space left on device"),
        (EDQUOT, "disk quota exceeded"),
    ] {
        for (size, len, call) in [("small", 100_000, 1), ("big", BIG, 2), ("split", SPLIT, 9)] {
            for old in [None, Some(OLD)] {
                let sandbox = fresh(&faulty, len, old);
                let output = faulty
                    .copy(&format!("pwrite {call} {errno}"))
                    .args(["--jobs", "2", "source", "copy"])
                    .run();
                println!("{size}: {output}");
                output
                    .exits_with(1)
                    .stderr_is(format!("filecopy: error writing 'copy': {reason}\n"));
                assert_unchanged(sandbox, old);
            }
        }
    }
}

#[test]
fn one_bad_file_of_a_tree_is_named_and_the_rest_is_copied() {
    let Some(faulty) = Faulty::new() else { return };
    let sandbox = &faulty.sandbox;
    for number in 0..20 {
        sandbox.file(
            format!("tree/{}/{number}", number % 3),
            content(1_000 + number),
        );
    }
    // A file of this size takes two reads: its bytes, and the question for more.
    for (number, fault) in [format!("pread 7 {EIO}"), format!("pwrite 7 {EIO}")]
        .iter()
        .enumerate()
    {
        let to = format!("copy{number}");
        let output = faulty.copy(fault).args(["tree", &to]).run();
        output
            .exits_with(1)
            .stderr_has("19 files in 4 folders")
            .stderr_has("1 failed");
        assert_eq!(
            output.stderr_text().matches("filecopy: error ").count(),
            1,
            "{output}"
        );
        let copied: usize = (0..3)
            .map(|folder| sandbox.list(format!("{to}/{folder}")).len())
            .sum();
        assert_eq!(copied, 19);
    }
}

#[test]
fn a_retry_helps_where_the_device_recovers() {
    let Some(faulty) = Faulty::new() else { return };
    for fault in [format!("pread 2 {EIO}"), format!("pwrite 2 {EIO}")] {
        let sandbox = fresh(&faulty, BIG, Some(OLD));
        let output = faulty
            .copy(&fault)
            .args(["--retries", "1", "source", "copy"])
            .run();
        output.succeeds().stderr_has("input/output error");
        assert!(sandbox.read("copy") == content(BIG));
        assert_eq!(
            log(sandbox).last().map(String::as_str),
            Some("copy is copied completely")
        );
    }
}

#[test]
fn a_sync_that_fails_is_no_complete_copy() {
    let Some(faulty) = Faulty::new() else { return };
    for option in ["--fsync", "--verify"] {
        for (size, len) in [("small", 100_000), ("big", BIG)] {
            for old in [None, Some(OLD)] {
                let sandbox = fresh(&faulty, len, old);
                let output = faulty
                    .copy(&format!("fsync 1 {EIO}"))
                    .args([option, "source", "copy"])
                    .run();
                println!("{size}: {output}");
                output
                    .exits_with(1)
                    .stderr_is("filecopy: error syncing 'copy': input/output error\n");
                assert_unchanged(sandbox, old);
            }
        }
    }
}

#[test]
fn verification_finds_a_destination_that_lies() {
    let Some(faulty) = Faulty::new() else { return };
    for (size, len, call) in [("small", 100_000, 1), ("big", BIG, 2), ("split", SPLIT, 9)] {
        for old in [None, Some(OLD)] {
            let sandbox = fresh(&faulty, len, old);
            let output = faulty
                .copy(&format!("pwrite {call} lie"))
                .args(["--verify", "source", "copy"])
                .run();
            println!("{size}: {output}");
            output.exits_with(1).stderr_is_one_line();
            output
                .stderr_has("filecopy: verification of 'copy' failed: bytes ")
                .stderr_has(" read back differently");
            assert_unchanged(sandbox, old);
        }
    }
}

#[test]
fn verification_finds_the_lie_in_a_tree_and_a_retry_mends_it() {
    let Some(faulty) = Faulty::new() else { return };
    for number in 0..10 {
        faulty
            .sandbox
            .file(format!("tree/{number}"), content(5_000 + number));
    }
    let output = faulty
        .copy("pwrite 4 lie")
        .args(["--verify", "tree", "copy"])
        .run();
    output
        .exits_with(1)
        .stderr_has("verification of 'copy/")
        .stderr_has("9 files in 1 folder")
        .stderr_has("1 failed");
    assert_eq!(
        faulty.sandbox.list("copy").len(),
        9,
        "what was not verified is not there"
    );
    let output = faulty
        .copy("pwrite 4 lie")
        .args(["--verify", "--retries", "1", "tree", "again"])
        .run();
    output
        .succeeds()
        .stderr_has("verification of 'again/")
        .stderr_has("10 files in 1 folder");
    for number in 0..10 {
        assert!(faulty.sandbox.read(format!("again/{number}")) == content(5_000 + number));
    }
}

#[test]
fn verification_is_content_with_an_honest_disk() {
    let Some(faulty) = Faulty::new() else { return };
    for len in [0, 1, 100_000, BIG, SPLIT] {
        let sandbox = fresh(&faulty, len, None);
        faulty
            .copy("")
            .args(["--verify", "source", "copy"])
            .run()
            .succeeds();
        assert!(sandbox.read("copy") == content(len), "{len}");
    }
}

/// The sandbox with a source, and with `old` or nothing at the destination.
fn fresh<'a>(faulty: &'a Faulty, len: usize, old: Option<&[u8]>) -> &'a Sandbox {
    let sandbox = &faulty.sandbox;
    sandbox
        .file("source", content(len))
        .file("copy", old.unwrap_or_default());
    if old.is_none() {
        std::fs::remove_file(sandbox.join("copy")).expect("remove what was just made");
    }
    sandbox
}

#[track_caller]
fn assert_unchanged(sandbox: &Sandbox, old: Option<&[u8]>) {
    assert_holds(sandbox, "copy", old);
    assert_eq!(leftovers(sandbox, "."), [""; 0]);
}
