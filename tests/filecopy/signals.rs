//! A signal in the middle of a copy: the program ends with 130, and every destination is what it was, or whole, or not
//! there. Never a piece, never a temporary file. Killed outright, a copy of a big file leaves nothing either.

use std::fs;
use std::io::Read;
use std::path::Path;

use harness::{Command, Random, Running, SOON, Sandbox, Signal, bin, wait_until};

use crate::held::{
    BIG, ENDLESS, SOME, assert_holds, filecopy, leftovers, log, side_by_side, slow, start_and_meet,
    wait_written, written,
};

const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// What is being copied when the signal comes: the name, the files of the source, what stands at the destination.
struct Scene {
    name: &'static str,
    fill: fn(&Sandbox),
    check: fn(&Sandbox),
}

const OLD: &[u8] = b"the old content";

const SCENES: [Scene; 6] = [
    Scene {
        name: "a big new file",
        fill: |sandbox| {
            sandbox.file("source", vec![1; BIG]);
        },
        check: |sandbox| assert!(!sandbox.has("copy")),
    },
    Scene {
        name: "a small new file",
        fill: |sandbox| {
            sandbox.file("source", vec![1; 900_000]);
        },
        check: |sandbox| assert!(!sandbox.has("copy")),
    },
    Scene {
        name: "a big file over another",
        fill: |sandbox| {
            sandbox.file("source", vec![1; BIG]).file("copy", OLD);
        },
        check: |sandbox| assert_holds(sandbox, "copy", Some(OLD)),
    },
    Scene {
        name: "a small file over another",
        fill: |sandbox| {
            sandbox.file("source", vec![1; 900_000]).file("copy", OLD);
        },
        check: |sandbox| assert_holds(sandbox, "copy", Some(OLD)),
    },
    Scene {
        name: "a tree of big and small files, some of them there before",
        fill: |sandbox| {
            for number in 0..4 {
                sandbox.file(format!("source/{number}/big"), vec![1; BIG / 4]);
                sandbox.file(format!("source/{number}/small"), vec![1; 200_000]);
            }
            sandbox.file("copy/0/big", OLD).file("copy/1/small", OLD);
        },
        check: assert_old_or_whole,
    },
    Scene {
        name: "many small files",
        fill: |sandbox| {
            for number in 0..300 {
                sandbox.file(format!("source/{}/{number}", number % 7), vec![1; 20_000]);
            }
            sandbox.file("copy/3/3", OLD);
        },
        check: assert_old_or_whole,
    },
];

#[test]
fn a_signal_leaves_old_or_whole_files_and_an_end_line() {
    for signal in SIGNALS {
        side_by_side(&SCENES, |scene| {
            let sandbox = Sandbox::new();
            (scene.fill)(&sandbox);
            let mut running =
                start_and_meet(slow(&sandbox, ENDLESS).args(["-T", "source", "copy"]));
            running.signal(signal);
            let output = running.wait(SOON);
            println!("{}, {signal:?}: {output}", scene.name);
            output
                .exits_with(130)
                .stderr_is_one_line()
                .stderr_has("interrupted after ");
            (scene.check)(&sandbox);
            assert_clean(&sandbox);
            assert_eq!(
                log(&sandbox),
                ["Start copying source to copy", "copy failed: interrupted"]
            );
        });
    }
}

#[test]
fn what_was_finished_before_the_signal_stays() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("b", vec![1; BIG])
        .file("c", "x")
        .dir("to");
    let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["a", "b", "c", "to"]));
    running.signal(Signal::TERM);
    running.wait(SOON).exits_with(130);
    assert_eq!(sandbox.list("to"), [Path::new("a")]);
    assert_eq!(log(&sandbox).len(), 4, "the third copy never began");
}

#[test]
fn a_killed_copy_of_a_big_file_leaves_nothing_and_the_old_file() {
    for old in [None, Some(OLD)] {
        let sandbox = Sandbox::new();
        sandbox.file("source", vec![1; BIG]);
        if let Some(old) = old {
            sandbox.file("to/copy", old);
        }
        sandbox.dir("to");
        let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["source", "to/copy"]));
        running.signal(Signal::KILL);
        assert_eq!(running.wait(SOON).signal(), Some(9));
        assert_eq!(
            sandbox.list("to").len(),
            usize::from(old.is_some()),
            "{:?}",
            sandbox.list("to")
        );
        if let Some(old) = old {
            assert_holds(&sandbox, "to/copy", Some(old));
        }
    }
}

#[test]
fn a_killed_copy_of_a_tree_leaves_no_piece_of_a_big_file_and_no_temporary_name() {
    let sandbox = Sandbox::new();
    for number in 0..6 {
        sandbox.file(format!("source/{number}"), vec![1; 1_200_000]);
    }
    let mut running = start_and_meet(slow(&sandbox, "3MB").args(["source", "copy"]));
    wait_written(&mut running, 1_800_000);
    running.signal(Signal::KILL);
    assert_eq!(running.wait(SOON).signal(), Some(9));
    for name in sandbox.list("copy") {
        assert_eq!(
            sandbox.read(sandbox.join("copy").join(name)).len(),
            1_200_000
        );
    }
    assert!(sandbox.list("copy").len() < 6);
    assert_clean(&sandbox);
}

/// Twenty-four moments drawn by seed, over trees and single files, new and replaced.
#[test]
fn whatever_the_moment_nothing_is_left_half_done() {
    let seeds: Vec<u64> = (0..24).collect();
    side_by_side(&seeds, |&seed| {
        let mut random = Random::new(seed);
        let scene = random.pick(&SCENES);
        let moment = random.below(2_000_000) as u64;
        let signal = *random.pick(&SIGNALS);
        let jobs = *random.pick(&["1", "2", "4"]);
        let what = format!(
            "seed {seed}: {}, {signal:?} after {moment} bytes, {jobs} workers",
            scene.name
        );
        let sandbox = Sandbox::new();
        (scene.fill)(&sandbox);
        let mut running = slow(&sandbox, "8MB")
            .args(["-j", jobs, "-T", "source", "copy"])
            .start();
        reach(&mut running, moment);
        if running.is_running() {
            running.signal(signal);
        }
        let output = running.wait(SOON);
        println!("{what}: {output}");
        assert_clean(&sandbox);
        let end = match output.code() {
            // The copy was quicker than the signal.
            Some(0) => "copy is copied completely",
            _ => "copy failed: interrupted",
        };
        assert_eq!(log(&sandbox), ["Start copying source to copy", end]);
        if output.code() != Some(0) {
            output.exits_with(130);
        }
        let source = sandbox.join("source");
        if source.is_dir() {
            (scene.check)(&sandbox);
        } else if !(sandbox.has("copy") && sandbox.read("copy") == sandbox.read(source)) {
            // Not the whole new file, which a signal at the last moment leaves.
            (scene.check)(&sandbox);
        }
    });
}

#[test]
fn an_interrupted_tree_can_be_copied_again_and_is_whole() {
    let sandbox = Sandbox::new();
    (SCENES[4].fill)(&sandbox);
    let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["-T", "source", "copy"]));
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    filecopy(&sandbox)
        .args(["-T", "source", "copy"])
        .run()
        .succeeds();
    for number in 0..4 {
        for name in ["big", "small"] {
            let path = format!("{number}/{name}");
            assert_eq!(
                sandbox.read(format!("copy/{path}")),
                sandbox.read(format!("source/{path}")),
                "{path}"
            );
        }
    }
}

/// The first signal is stuck behind a stderr that nobody reads; the second one is not.
#[test]
fn a_second_signal_ends_at_once_whatever_the_first_is_waiting_for() {
    let sandbox = Sandbox::new();
    sandbox.fifo("stderr").dir("to");
    let missing = (0..3_000).map(|number| format!("there-is-no-such-file-as-number-{number}"));
    let script = r#"exec "$@" 2>stderr"#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let mut running = command.args(missing).arg("to").cwd(sandbox.path()).start();
    let mut stderr = fs::File::open(sandbox.join("stderr")).expect("the far end of stderr");
    wait_full(&stderr);
    running.signal(Signal::INT);
    wait_until("the first signal taken", SOON, || is_taken(&running));
    assert!(running.is_running(), "still stuck");
    end_by_further_signals(&mut running);
    running.wait(SOON).exits_with(130);
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("what was said");
    assert!(said.starts_with("filecopy: cannot stat"), "{said:.200}");
    let lines = log(&sandbox);
    let starts = lines
        .iter()
        .filter(|line| line.starts_with("Start"))
        .count();
    assert!(
        starts > 0 && lines.len() == 2 * starts,
        "every start has its end: {:?}",
        lines.last()
    );
}

/// As above at the prompt, with a small file in work under its own name: whoever ends at once still takes it away.
#[test]
fn a_second_signal_leaves_no_piece_of_what_is_in_work() {
    let sandbox = Sandbox::new();
    sandbox.file("source", vec![1; 900_000]).fifo("stderr");
    let script = r#"exec "$@" 2>stderr"#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let options = ["--reflink", "never", "--bwlimit", "100KB"];
    let mut running = command.args(options).cwd(sandbox.path()).start();
    let unread = fs::File::open(sandbox.join("stderr")).expect("the far end of stderr");
    running.send("source\ncopy\n");
    wait_written(&mut running, SOME);
    assert!(sandbox.has("copy"), "it is in work under its own name");
    let missing = (0..1_500).map(|number| format!("there-is-no-such-file-as-number-{number}\nx\n"));
    running.send(missing.collect::<String>());
    wait_full(&unread);
    running.signal(Signal::INT);
    end_by_further_signals(&mut running);
    running.wait(SOON).exits_with(130);
    assert!(!sandbox.has("copy"));
    let ends = log(&sandbox)
        .into_iter()
        .filter(|line| line == "copy failed: interrupted")
        .count();
    assert_eq!(ends, 1);
}

/// A reader of stdout that has stopped reading must not keep the first signal from working.
#[test]
fn a_first_signal_works_while_nobody_reads_stdout() {
    let sandbox = Sandbox::new();
    sandbox.file("source/file", "");
    let length = "long".repeat(50);
    for number in 0..2_500 {
        // Other names of one file: quicker to make, and an entry each all the same.
        sandbox.hard_link(
            "source/file",
            format!("source/{}/{length}-{number}", number % 5),
        );
    }
    sandbox.fifo("stdout");
    let script = r#"exec "$@" >stdout"#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let mut running = command
        .args(["--verbose", "source", "copy"])
        .cwd(sandbox.path())
        .start();
    let _unread = fs::File::open(sandbox.join("stdout")).expect("the far end of stdout");
    wait_still("a program that writes no more", || written(running.pid()));
    assert!(running.is_running());
    running.signal(Signal::INT);
    running.wait(SOON).exits_with(130);
    assert_eq!(
        log(&sandbox).last().map(String::as_str),
        Some("copy failed: interrupted")
    );
}

#[test]
fn a_hangup_that_was_ignored_stays_ignored() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 400_000]);
    let script = r#"trap "" HUP; exec "$@""#;
    let command = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"));
    let command = command
        .args(["--reflink", "never", "--bwlimit", "800KB", "a", "b"])
        .cwd(sandbox.path());
    let mut running = command.start();
    wait_written(&mut running, SOME);
    running.signal(Signal::HUP);
    running.wait(SOON).succeeds();
    assert_eq!(sandbox.read("b").len(), 400_000);
}

/// Waits until a pipe that nobody reads is full: half of it, and no more coming.
#[track_caller]
fn wait_full(pipe: &fs::File) {
    let level = || rustix::io::ioctl_fionread(pipe).expect("what waits in the pipe");
    wait_still("a pipe that is full", || {
        Some(level()).filter(|level| *level > 32 << 10)
    });
}

/// Waits until a number has come that stays the same for a while: in a hundred looks, two milliseconds apart.
#[track_caller]
fn wait_still(what: &str, mut look: impl FnMut() -> Option<u64>) {
    let mut last = (None, 0);
    wait_until(what, SOON, || {
        let now = look();
        last = if now == last.0 {
            (now, last.1 + 1)
        } else {
            (now, 0)
        };
        last.1 > 100 && now.is_some()
    });
}

/// Sends further signals until the program has ended: two that come before the first was looked at count as one.
#[track_caller]
fn end_by_further_signals(running: &mut Running) {
    wait_until("the end at a second signal", SOON, || {
        let is_running = running.is_running();
        if is_running {
            running.signal(Signal::INT);
        }
        !is_running
    });
}

/// Waits until so much is written, or the program has ended.
#[track_caller]
fn reach(running: &mut Running, bytes: u64) {
    wait_until("a moment in the copy", SOON, || {
        let catches = !signals(running.pid(), "SigCgt:").is_empty();
        !running.is_running()
            || (catches && written(running.pid()).is_none_or(|written| written >= bytes))
    });
}

/// The numbers of the signals that a process has in this state of its; none of the three means none of ours.
fn signals(pid: u32, state: &str) -> Vec<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(state));
    let mask = mask
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    SIGNALS
        .map(Signal::as_raw)
        .into_iter()
        .filter(|number| mask & (1 << (number - 1)) != 0)
        .collect()
}

fn is_taken(running: &Running) -> bool {
    signals(running.pid(), "ShdPnd:").is_empty() && signals(running.pid(), "SigPnd:").is_empty()
}

#[track_caller]
fn assert_clean(sandbox: &Sandbox) {
    let mut folders = vec![String::from(".")];
    if sandbox.join("copy").is_dir() {
        folders.push("copy".into());
        folders.extend(
            sandbox
                .list("copy")
                .iter()
                .map(|name| format!("copy/{}", name.display())),
        );
    }
    for folder in folders
        .iter()
        .filter(|folder| sandbox.join(folder).is_dir())
    {
        assert_eq!(leftovers(sandbox, folder), [""; 0], "in {folder}");
    }
}

/// Every file of the copy is the source's, or what it was before.
#[track_caller]
fn assert_old_or_whole(sandbox: &Sandbox) {
    for folder in sandbox.list("copy") {
        for name in sandbox.list(sandbox.join("copy").join(&folder)) {
            let path = folder.join(name);
            let copy = sandbox.read(sandbox.join("copy").join(&path));
            let source = sandbox.read(sandbox.join("source").join(&path));
            assert!(
                copy == source || copy == OLD,
                "{}: {} bytes",
                path.display(),
                copy.len()
            );
        }
    }
}
