//! A lab leaves nothing behind, however it ends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs, panic, thread};

use harness::lab::{Lab, Nat, home};
use harness::{Command, SOON, Signal, wait_until};

/// Set for the copy of this test binary that is to be killed while it has a lab.
const VICTIM: &str = "WIREWORK_LAB_VICTIM";

fn describe() -> Option<Lab> {
    Lab::build(
        "lifetime",
        [home("left", Nat::PortRestricted).host("alice")],
    )
}

/// The namespaces made by a process, and by which of its labs.
fn namespaces_of(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| path.to_string_lossy().contains(&format!("-{pid}-")))
        .collect()
}

/// The namespaces of this lab alone: other tests have theirs at the same time.
fn namespaces(lab: &Lab) -> Vec<PathBuf> {
    lab.namespaces()
        .map(|name| Path::new("/run/netns").join(name))
        .collect()
}

/// Whether this process still runs; one that nobody has asked about yet may be dead already.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

fn all_gone(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| !path.exists())
}

#[test]
fn dropped_it_is_gone_and_so_is_what_ran_inside() {
    let Some(lab) = describe() else { return };
    let made = namespaces(&lab);
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|path| path.exists()));
    // Two who would stay: the one started, and one that it left behind.
    let script = "sleep 600 & echo $!; exec sleep 600";
    let running = lab.host("alice").tool("sh").args(["-c", script]).start();
    let pids = [
        running.wait_stdout("\n", SOON).trim().to_owned(),
        running.pid().to_string(),
    ];
    drop(lab);
    assert!(all_gone(&made));
    wait_until("the programs are gone", SOON, || {
        !pids.iter().any(|pid| is_alive(pid))
    });
    drop(running);
}

#[test]
fn it_goes_with_a_panic() {
    let Some(lab) = describe() else { return };
    let made = namespaces(&lab);
    let ended = thread::spawn(move || {
        let _lab = lab;
        panic::resume_unwind(Box::new("as a failed assertion does"));
    });
    assert!(ended.join().is_err());
    assert!(all_gone(&made));
}

#[test]
fn labs_live_side_by_side() {
    let (Some(one), Some(two)) = (describe(), describe()) else {
        return;
    };
    let (of_one, of_two) = (namespaces(&one), namespaces(&two));
    drop(one);
    assert!(all_gone(&of_one));
    assert!(of_two.iter().all(|path| path.exists()));
}

#[test]
fn what_a_killed_process_left_goes_with_the_next_lab() {
    const ITSELF: &str = "lifetime::what_a_killed_process_left_goes_with_the_next_lab";
    if env::var_os(VICTIM).is_some() {
        be_killed();
    }
    let Some(before) = describe() else { return };
    let itself = env::current_exe().expect("this binary");
    let mut victim = Command::new(itself)
        .args(["--exact", ITSELF, "--nocapture"])
        .env(VICTIM, "1")
        .start();
    let said = victim.wait_stdout(".\n", SOON);
    let orphan = said
        .split_once("ready ")
        .and_then(|(_, said)| said.split_once('.'));
    let orphan = orphan.expect("the id of its program").0.to_owned();
    let left = namespaces_of(victim.pid());
    assert_eq!(left.len(), namespaces(&before).len());
    victim.signal(Signal::KILL);
    drop(victim);
    assert!(is_alive(&orphan));
    let _next = describe();
    assert!(all_gone(&left));
    wait_until("its program is gone", SOON, || !is_alive(&orphan));
}

/// What the copy of this binary does: it has a lab, with a program in it, until it is killed.
fn be_killed() {
    let lab = describe().expect("the test that started this one has a lab too");
    let script = ["-c", "echo inside; exec sleep 600"];
    let running = lab.host("alice").tool("sh").args(script).start();
    running.wait_stdout("inside", SOON);
    let ready = format!("ready {}.\n", running.pid());
    // Past the test runner, which would keep it for the end.
    io::stdout().write_all(ready.as_bytes()).expect("say so");
    wait_until("the end of this process", SOON, || false);
}
