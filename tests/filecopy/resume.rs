//! `--resume`: what an interrupted copy leaves is taken up again, and only what is proven to be there is not copied twice.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use harness::{
    Command, FsKind, LoopFs, NOBODY, Output, Running, SOON, Sandbox, Signal, bin, needs_root,
    wait_until,
};

use crate::held::{assert_holds, filecopy, leftovers, log, paused, slow, wait_written, written};

/// The unit in which a copy is taken up again: 1,024 chunks of 10,240 bytes.
const RANGE: usize = 1_024 * 10_240;

/// Three ranges and a piece.
const LEN: usize = 3 * RANGE + 12_345;

const OLD: &[u8] = b"the old content";

/// Bytes no two blocks of which are alike, another set for each `kind`.
fn content(kind: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![kind; len];
    for (number, block) in bytes.chunks_exact_mut(512).enumerate() {
        block[..8].copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// Starts a copy of LEN bytes and ends it by `signal` when two ranges are in place and noted.
#[track_caller]
fn stopped_at_two_ranges(sandbox: &Sandbox, signal: Signal) -> Output {
    sandbox.file("source", content(1, LEN));
    let mut running = slow(sandbox, "60MB")
        .args(["--resume", "source", "copy"])
        .start();
    wait_for_ranges(sandbox, &mut running, 2);
    running.signal(signal);
    running.wait(SOON)
}

/// Waits until the map of an unfinished copy lists so many ranges.
#[track_caller]
fn wait_for_ranges(sandbox: &Sandbox, running: &mut Running, ranges: usize) {
    wait_until("ranges in the map", SOON, || {
        assert!(running.is_running(), "ended before it was met\n{running}");
        let map = kept(sandbox, "map").map(|path| fs::read_to_string(path).unwrap_or_default());
        map.is_some_and(|map| map.lines().count() >= 2 + ranges)
    });
}

/// The file with this ending that an interrupted copy keeps.
fn kept(sandbox: &Sandbox, ending: &str) -> Option<PathBuf> {
    let names = leftovers(sandbox, ".").into_iter();
    names
        .map(|name| sandbox.join(name))
        .find(|path| path.extension().is_some_and(|found| found == ending))
}

/// Copies again, to the end, and says how many bytes were written for it: by the kernel's account of the children that a
/// shell has waited for.
#[track_caller]
fn resumed(sandbox: &Sandbox) -> (Output, u64) {
    let script = r#""$@"; code=$?; while read -r line; do echo "$line"; done <"/proc/$$/io" >account; exit $code"#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let options = [
        "--reflink",
        "never",
        "--no-log",
        "--resume",
        "source",
        "copy",
    ];
    let output = command.args(options).cwd(sandbox.path()).run();
    let account = sandbox.read_text("account");
    let written = account
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .and_then(|bytes| bytes.parse().ok());
    (output, written.expect("an account of bytes written"))
}

#[track_caller]
fn assert_whole_and_clean(sandbox: &Sandbox) {
    assert_holds(sandbox, "copy", Some(&sandbox.read("source")));
    assert_eq!(leftovers(sandbox, "."), [""; 0]);
}

/// What is written besides the bytes of the copy: the map, messages.
const OVERHEAD: u64 = 10_000;

#[test]
fn a_stopped_copy_is_taken_up_where_it_was() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        for old in [None, Some(OLD)] {
            let sandbox = Sandbox::new();
            if let Some(old) = old {
                sandbox.file("copy", old);
            }
            let output = stopped_at_two_ranges(&sandbox, signal);
            if signal != Signal::KILL {
                output
                    .exits_with(130)
                    .stderr_has("what was unfinished is kept for --resume");
            }
            assert_holds(&sandbox, "copy", old);
            assert_eq!(leftovers(&sandbox, ".").len(), 2, "partial copy and map");
            let (output, written) = resumed(&sandbox);
            output
                .succeeds()
                .stderr_has(" copied, ")
                .stderr_has(" MiB kept, in ");
            assert_whole_and_clean(&sandbox);
            let rest = (LEN - 2 * RANGE) as u64;
            assert!(
                written <= rest + OVERHEAD,
                "{written} bytes written, {rest} were missing"
            );
        }
    }
}

#[test]
fn what_is_kept_is_no_ones_business_but_the_owners() {
    let sandbox = Sandbox::new();
    sandbox.file("source", "").mode("source", 0o644);
    stopped_at_two_ranges(&sandbox, Signal::INT);
    for name in leftovers(&sandbox, ".") {
        let mode = fs::metadata(sandbox.join(&name))
            .expect("a kept file")
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    resumed(&sandbox).0.succeeds();
    assert_eq!(
        fs::metadata(sandbox.join("copy")).expect("the copy").mode() & 0o777,
        0o644
    );
}

#[test]
fn a_range_that_is_not_what_the_map_says_is_copied_again() {
    let sandbox = Sandbox::new();
    stopped_at_two_ranges(&sandbox, Signal::KILL);
    let partial = kept(&sandbox, "part").expect("a partial copy");
    let partial = File::options().write(true).open(partial).expect("open it");
    partial
        .write_all_at(&[0xff], RANGE as u64 + 4_711)
        .expect("spoil one byte of the second range");
    let (output, written) = resumed(&sandbox);
    output.succeeds();
    assert_whole_and_clean(&sandbox);
    let rest = (LEN - RANGE) as u64;
    assert!(
        written >= rest && written <= rest + OVERHEAD,
        "{written} bytes written, {rest} were wrong or missing"
    );
}

#[test]
fn spoilt_leftovers_cost_time_and_nothing_else() {
    type Spoil = fn(&Sandbox);
    let map = |sandbox: &Sandbox| kept(sandbox, "map").expect("a map");
    let rows: [(&str, Spoil); 7] = [
        ("no map", |sandbox| {
            fs::remove_file(kept(sandbox, "map").expect("a map")).expect("remove")
        }),
        ("an empty map", |sandbox| {
            fs::write(kept(sandbox, "map").expect("a map"), "").expect("write")
        }),
        ("a map of rubbish", |sandbox| {
            fs::write(kept(sandbox, "map").expect("a map"), [0xff; 999]).expect("write")
        }),
        ("a cut partial copy", |sandbox| {
            let partial = File::options()
                .write(true)
                .open(kept(sandbox, "part").expect("a partial copy"));
            partial
                .and_then(|partial| partial.set_len(100))
                .expect("cut");
        }),
        ("no partial copy", |sandbox| {
            fs::remove_file(kept(sandbox, "part").expect("a partial copy")).expect("remove")
        }),
        ("a link in place of the partial copy", |sandbox| {
            let partial = kept(sandbox, "part").expect("a partial copy");
            fs::remove_file(&partial).expect("remove");
            sandbox
                .file("innocent", "not to be touched")
                .symlink("innocent", partial);
        }),
        ("another file under the partial copy's name", |sandbox| {
            let partial = kept(sandbox, "part").expect("a partial copy");
            fs::remove_file(&partial).expect("remove");
            sandbox
                .file("innocent", "not to be touched")
                .hard_link("innocent", partial);
        }),
    ];
    for (name, spoil) in rows {
        println!("{name}");
        let sandbox = Sandbox::new();
        stopped_at_two_ranges(&sandbox, Signal::KILL);
        assert!(map(&sandbox).exists());
        spoil(&sandbox);
        resumed(&sandbox).0.succeeds();
        assert_whole_and_clean(&sandbox);
        if sandbox.has("innocent") {
            assert_holds(&sandbox, "innocent", Some(b"not to be touched"));
        }
    }
}

#[test]
fn a_source_that_is_another_one_now_is_copied_from_the_start() {
    type Change = fn(&Sandbox);
    let rows: [(&str, Change); 3] = [
        ("written to", |sandbox| {
            let source = File::options()
                .write(true)
                .open(sandbox.join("source"))
                .expect("open it");
            source.write_all_at(b"changed", 5).expect("write to it");
        }),
        ("written to, and given its old time back", |sandbox| {
            let modified = fs::metadata(sandbox.join("source"))
                .and_then(|meta| meta.modified())
                .expect("a time");
            let source = File::options()
                .write(true)
                .open(sandbox.join("source"))
                .expect("open it");
            source
                .write_all_at(b"changed", 5)
                .and_then(|()| source.set_modified(modified))
                .expect("write to it");
        }),
        ("another file of the same size and time", |sandbox| {
            let modified = fs::metadata(sandbox.join("source"))
                .and_then(|meta| meta.modified())
                .expect("a time");
            sandbox.file("other", content(2, LEN));
            File::options()
                .write(true)
                .open(sandbox.join("other"))
                .and_then(|other| other.set_modified(modified))
                .expect("set");
            fs::rename(sandbox.join("other"), sandbox.join("source")).expect("rename");
        }),
    ];
    for (name, change) in rows {
        let sandbox = Sandbox::new();
        stopped_at_two_ranges(&sandbox, Signal::INT);
        change(&sandbox);
        let (output, written) = resumed(&sandbox);
        output.succeeds();
        assert_whole_and_clean(&sandbox);
        assert!(written >= LEN as u64, "{name}: {written} bytes written");
    }
}

#[test]
fn a_destination_of_the_right_size_and_time_is_not_trusted() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source", content(1, LEN))
        .file("copy", content(2, LEN));
    sandbox.file("small", "right").file("small copy", "wrong");
    for name in ["source", "copy", "small", "small copy"] {
        sandbox.times(name, 1_700_000_000, 0);
    }
    resumed(&sandbox).0.succeeds();
    assert_whole_and_clean(&sandbox);
    filecopy(&sandbox)
        .args(["--resume", "small", "small copy"])
        .run()
        .succeeds();
    assert_holds(&sandbox, "small copy", Some(b"right"));
}

#[test]
fn a_destination_that_is_right_already_is_left_and_said_to_be_in_place() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source", content(1, LEN))
        .file("copy", content(1, LEN))
        .mode("source", 0o640);
    let before = fs::metadata(sandbox.join("copy")).expect("the copy").ino();
    let (output, written) = resumed(&sandbox);
    output
        .succeeds()
        .stderr_has("1 file, 30.0 MiB in place already, in ");
    let after = fs::metadata(sandbox.join("copy")).expect("the copy");
    assert_eq!(after.ino(), before);
    assert_eq!(after.mode() & 0o777, 0o640, "its mode follows the source");
    assert!(written < OVERHEAD, "{written} bytes written");
}

#[test]
fn a_tree_is_taken_up_again() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source/big", content(1, LEN))
        .file("source/small", content(2, 100_000));
    sandbox.file("source/other/big", content(3, RANGE + 5));
    let total = LEN + 100_000 + RANGE + 5;
    let mut running = slow(&sandbox, "60MB")
        .args(["--resume", "--jobs", "1", "-T", "source", "copy"])
        .start();
    wait_written(&mut running, 2 * RANGE as u64 + 200_000);
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    let script = r#""$@"; read -r line </proc/self/io; exec cat "/proc/$$/io""#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let output = command
        .args(["--reflink", "never", "--resume", "-T", "source", "copy"])
        .cwd(sandbox.path())
        .run();
    output.succeeds();
    for name in ["big", "small", "other/big"] {
        assert_holds(
            &sandbox,
            &format!("copy/{name}"),
            Some(&sandbox.read(format!("source/{name}"))),
        );
    }
    assert_eq!(leftovers(&sandbox, "copy"), [""; 0]);
    assert_eq!(leftovers(&sandbox, "copy/other"), [""; 0]);
    let account = output.stdout_text();
    let written = account
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .and_then(|bytes| bytes.parse().ok());
    let written: usize = written.expect("an account");
    assert!(
        written < total - RANGE,
        "{written} of {total} bytes written again"
    );
}

#[test]
fn what_fits_in_no_range_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("source", content(1, RANGE - 1));
    let mut running = slow(&sandbox, "4MB")
        .args(["--resume", "source", "copy"])
        .start();
    wait_written(&mut running, 200_000);
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    assert_eq!(sandbox.list(".").len(), 2, "{:?}", sandbox.list("."));
    // Nor does a copy that was stopped before its first range.
    sandbox.file("source", content(1, LEN));
    let mut running = slow(&sandbox, "4MB")
        .args(["--resume", "source", "copy"])
        .start();
    wait_written(&mut running, 200_000);
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    assert_eq!(leftovers(&sandbox, "."), [""; 0]);
}

#[test]
fn a_full_disk_keeps_what_it_had_and_goes_on_with_more_room() {
    // One that cannot reserve room before it is needed.
    let Some(fs) = LoopFs::new(FsKind::Ext2, 48 << 20) else {
        return;
    };
    let (disk, sandbox) = (Sandbox::within(fs.path()), Sandbox::new());
    disk.file("filler", vec![1; 20 << 20]);
    sandbox.file("source", content(1, LEN));
    let copy = || {
        filecopy(&sandbox)
            .args(["--resume", "source"])
            .arg(disk.join("copy"))
            .run()
    };
    copy().exits_with(1).stderr_has("no space left on device");
    assert!(!disk.has("copy"));
    assert_eq!(leftovers(&disk, ".").len(), 2);
    fs::remove_file(disk.join("filler")).expect("make room");
    copy().succeeds();
    assert_holds(&disk, "copy", Some(&sandbox.read("source")));
    assert_eq!(leftovers(&disk, "."), [""; 0]);
}

#[test]
fn a_source_that_changes_on_the_way_is_not_resumed_into_a_mixture() {
    let sandbox = Sandbox::new();
    sandbox
        .file("source", content(1, LEN))
        .times("source", 1_000_000_000, 0);
    let mut running = slow(&sandbox, "60MB")
        .args(["--resume", "source", "copy"])
        .start();
    wait_for_ranges(&sandbox, &mut running, 1);
    paused(&mut running, || sandbox.file("source", content(2, LEN)));
    running
        .wait(SOON)
        .exits_with(1)
        .stderr_has("was written to");
    assert!(!sandbox.has("copy"));
    resumed(&sandbox).0.succeeds();
    assert_holds(&sandbox, "copy", Some(&content(2, LEN)));
    assert_eq!(leftovers(&sandbox, "."), [""; 0]);
}

/// Both know the partial copy by the same name; they must not both write to it.
#[test]
fn two_resumable_copies_to_one_destination_do_not_mix() {
    let sandbox = Sandbox::new();
    sandbox
        .file("one", content(1, LEN))
        .file("two", content(2, LEN));
    let start = |source: &str, rate: &str| {
        slow(&sandbox, rate)
            .args(["--no-log", "--resume", source, "copy"])
            .start()
    };
    let mut first = start("one", "60MB");
    wait_for_ranges(&sandbox, &mut first, 1);
    let mut second = start("two", "40MB");
    wait_written(&mut second, 300_000);
    first.wait(SOON).succeeds();
    paused(&mut second, || {
        let copy = sandbox.read("copy");
        assert!(
            copy == content(1, LEN),
            "the first one said that its copy is complete"
        );
    });
    assert!(written(second.pid()).is_some());
    second.wait(SOON).succeeds();
    assert_holds(&sandbox, "copy", Some(&content(2, LEN)));
    assert_eq!(leftovers(&sandbox, "."), [""; 0]);
}

#[test]
fn a_partial_copy_that_is_somebody_elses_is_not_written_to() {
    let Some(()) = needs_root("files of another user") else {
        return;
    };
    let sandbox = Sandbox::new();
    stopped_at_two_ranges(&sandbox, Signal::INT);
    let partial = kept(&sandbox, "part").expect("a partial copy");
    sandbox.owner(&partial, NOBODY, NOBODY);
    let theirs = File::options()
        .write(true)
        .open(partial)
        .expect("their way to write to it");
    resumed(&sandbox).0.succeeds();
    theirs
        .write_all_at(b"planted", 100)
        .expect("write to what was theirs");
    assert_whole_and_clean(&sandbox);
}

#[test]
fn resumed_copies_can_be_verified_and_synced() {
    let sandbox = Sandbox::new();
    stopped_at_two_ranges(&sandbox, Signal::INT);
    filecopy(&sandbox)
        .args(["--resume", "--verify", "--fsync", "source", "copy"])
        .run()
        .succeeds();
    assert_whole_and_clean(&sandbox);
    let expected = [
        "Start copying source to copy",
        "copy failed: interrupted",
        "Start copying source to copy",
        "copy is copied completely",
    ];
    assert_eq!(log(&sandbox), expected);
}
