//! Destinations that others change or want as well: another process with the same destination, a folder that goes away.
//! What is there in the end is whole, and it is somebody's.

use std::fs;

use harness::{SOON, Sandbox, Signal};

use crate::changing::{LEN, OLD, met};
use crate::held::{
    BIG, ENDLESS, assert_holds, filecopy, leftovers, log, paused, side_by_side, slow,
    start_and_meet,
};

#[test]
fn two_processes_leave_one_of_two_wholes_in_either_order() {
    let rows = [
        (600_000, None),
        (600_000, Some(OLD)),
        (LEN, None),
        (LEN, Some(OLD)),
    ];
    side_by_side(&rows, |&(len, old)| {
        let (sandbox, running) = met(len, old, &[]);
        let other = vec![2; len + 5];
        sandbox.file("other", &other);
        filecopy(&sandbox)
            .args(["--no-log", "other", "copy"])
            .run()
            .succeeds();
        // The quick one is done while the slow one is at work.
        assert_holds(&sandbox, "copy", Some(&other));
        running.wait(SOON).succeeds();
        let copy = sandbox.read("copy");
        assert!(
            copy == other || copy == vec![1; len],
            "{} bytes",
            copy.len()
        );
        assert_eq!(leftovers(&sandbox, "."), [""; 0]);
    });
}

#[test]
fn an_interrupted_copy_does_not_take_the_other_processs_file_with_it() {
    for (len, name) in [(900_000, "small"), (BIG, "big")] {
        for old in [None, Some(OLD)] {
            let sandbox = Sandbox::new();
            sandbox.file("source", vec![1; len]).file("other", "whole");
            if let Some(old) = old {
                sandbox.file("copy", old);
            }
            let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["source", "copy"]));
            filecopy(&sandbox)
                .args(["--no-log", "other", "copy"])
                .run()
                .succeeds();
            running.signal(Signal::INT);
            running.wait(SOON).exits_with(130);
            assert!(
                sandbox.has("copy"),
                "{name}, {old:?}: the other one's file is gone"
            );
            assert_holds(&sandbox, "copy", Some(b"whole"));
        }
    }
}

#[test]
fn two_processes_on_one_tree_leave_whole_files() {
    let sandbox = Sandbox::new();
    for number in 0..200_u8 {
        sandbox.file(format!("one/{}/{number}", number % 5), vec![1; 3_000]);
        sandbox.file(format!("two/{}/{number}", number % 5), vec![2; 4_000]);
    }
    let start = |from: &str| {
        filecopy(&sandbox)
            .args(["--no-log", "-T", from, "copy"])
            .start()
    };
    let both = [start("one"), start("two")];
    for running in both {
        // Who finds a file that appeared in a folder of its own making says so, and leaves it.
        let output = running.wait(SOON);
        assert!(matches!(output.code(), Some(0 | 1)), "{output}");
    }
    for number in 0..200 {
        let copy = sandbox.read(format!("copy/{}/{number}", number % 5));
        assert!(
            copy == [1; 3_000] || copy == [2; 4_000],
            "{number}: {} bytes",
            copy.len()
        );
    }
    for folder in 0..5 {
        assert_eq!(leftovers(&sandbox, &format!("copy/{folder}")), [""; 0]);
    }
}

#[test]
fn a_destination_that_becomes_a_folder_is_left_alone() {
    let rows = [
        (LEN, None),
        (LEN, Some(OLD)),
        (600_000, None),
        (600_000, Some(OLD)),
    ];
    side_by_side(&rows, |&(len, old)| {
        let (sandbox, mut running) = met(len, old, &[]);
        paused(&mut running, || {
            if sandbox.has("copy") {
                fs::remove_file(sandbox.join("copy")).expect("remove");
            }
            sandbox.file("copy/inside", "x");
        });
        let output = running.wait(SOON);
        println!("{len}, {old:?}: {output}");
        // The file under work may have had the name: then it is complete, without it, and nothing needs to be said.
        assert!(
            output.code() == Some(1) || (len < 1 << 20 && old.is_none()),
            "{output}"
        );
        assert_holds(&sandbox, "copy/inside", Some(b"x"));
        assert_eq!(leftovers(&sandbox, "."), [""; 0]);
    });
}

#[test]
fn a_destination_folder_that_goes_away_is_told_in_one_line() {
    for len in [LEN, 600_000] {
        let sandbox = Sandbox::new();
        sandbox.file("source", vec![1; len]).dir("to");
        let mut running = start_and_meet(slow(&sandbox, "2MB").args(["source", "to/copy"]));
        paused(&mut running, || {
            fs::remove_dir_all(sandbox.join("to")).expect("remove the folder")
        });
        let output = running.wait(SOON);
        if len == LEN {
            output.exits_with(1).stderr_is(
                "filecopy: cannot rename into place 'to/copy': no such file or directory\n",
            );
            assert!(log(&sandbox)[1].starts_with("to/copy failed: "));
        }
        assert!(!sandbox.has("to"));
    }
}

#[test]
fn a_destination_tree_that_goes_away_ends_the_copy() {
    let sandbox = Sandbox::new();
    for number in 0..9 {
        sandbox.file(format!("tree/{}/{number}", number % 2), vec![1; 100_000]);
    }
    let mut running = start_and_meet(slow(&sandbox, "900KB").args(["tree", "copy"]));
    paused(&mut running, || {
        fs::remove_dir_all(sandbox.join("copy")).expect("remove the folder")
    });
    let output = running.wait(SOON);
    output
        .exits_with(1)
        .stderr_has("no such file or directory")
        .lacks("panicked");
    assert!(!sandbox.has("copy"));
}
