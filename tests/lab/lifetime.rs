//! A lab leaves nothing behind, however it ends.

use std::path::{Path, PathBuf};
use std::{env, fs, panic, process};

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
    let is_alive = |pid: &String| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        !status.is_empty() && !status.contains("State:\tZ")
    };
    wait_until("the programs are gone", SOON, || !pids.iter().any(is_alive));
    drop(running);
}

#[test]
fn it_goes_with_a_panic() {
    let mut made = Vec::new();
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let lab = describe()?;
        made = namespaces(&lab);
        assert!(made.is_empty(), "the panic that this test is about");
        Some(())
    }));
    assert!(made.is_empty() || result.is_err());
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

/// Not a test by itself: see [`what_a_killed_process_left_goes_with_the_next_lab`].
#[test]
fn victim() {
    if env::var_os(VICTIM).is_none() {
        return;
    }
    let lab = describe().expect("the test that starts this one has a lab too");
    let _running = lab.host("alice").tool("sleep").arg("600").start();
    println!("ready");
    wait_until("the end of this process", SOON, || false);
}

#[test]
fn what_a_killed_process_left_goes_with_the_next_lab() {
    if describe().is_none() {
        return;
    }
    let itself = env::current_exe().expect("this binary");
    let mut victim = Command::new(itself)
        .args(["--exact", "lifetime::victim", "--nocapture"])
        .env(VICTIM, "1")
        .start();
    victim.wait_stdout("ready", SOON);
    let left = namespaces_of(victim.pid());
    assert_eq!(left.len(), 4);
    assert_ne!(victim.pid(), process::id());
    victim.signal(Signal::KILL);
    drop(victim);
    assert!(left.iter().all(|path| path.exists()) || all_gone(&left));
    let _next = describe();
    assert!(all_gone(&left));
}
