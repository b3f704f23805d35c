//! Log lines that survive signals, panics and full disks.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::{Running, probe};

#[test]
fn a_signal_loses_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.txt");
    let mut child = Running::start(probe().arg("log").arg(&path));
    child.expect_line("ready");
    child.signal(Signal::TERM);
    assert_eq!(child.finish(), Some(0));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("\nended\n"));
    for thread in ["0 ", "1 "] {
        let told: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix(thread))
            .collect();
        let (end, numbers) = told.split_last().unwrap();
        assert_eq!(*end, format!("end {}", numbers.len()));
        assert!(
            numbers
                .iter()
                .copied()
                .eq((0..numbers.len()).map(|n| n.to_string()))
        );
    }
}

#[test]
fn a_panic_loses_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.txt");
    let output = probe().arg("log-panic").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(101));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), numbered(1000, ""));
}

#[test]
fn two_programs_may_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.txt");
    let start = || Running::start(probe().arg("log-many").arg(&path).arg("20000"));
    for mut child in [start(), start()] {
        assert_eq!(child.finish(), Some(0));
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let both = numbered(20_000, "").repeat(2);
    let mut expected: Vec<&str> = both.lines().collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn a_full_disk_is_told_once_and_whole_lines_follow_when_there_is_room() {
    let Some(run) = on_a_small_disk(3000) else {
        return;
    };
    assert_eq!(run.lost, "lost 0");
    assert_eq!(
        run.log,
        format!(
            "before\n{}after\n",
            numbered(3000, &format!(" {}", "x".repeat(100)))
        )
    );
    assert_eq!(run.reports.len(), 1, "{:?}", run.reports);
    assert!(
        run.reports[0].starts_with("probe: cannot write "),
        "{:?}",
        run.reports
    );
    assert!(
        run.reports[0]
            .ends_with("log.txt: no space left on device; its lines are kept and tried again")
    );
}

#[test]
fn lines_beyond_what_is_kept_are_counted_and_the_log_goes_on() {
    let Some(run) = on_a_small_disk(30_000) else {
        return;
    };
    let lines: Vec<&str> = run.log.lines().collect();
    let (last, kept) = lines.split_last().unwrap();
    assert_eq!(*last, "after");
    // Where lines were lost is open: there may have been room before the last ones came.
    let all = format!(
        "before\n{}",
        numbered(30_000, &format!(" {}", "x".repeat(100)))
    );
    let mut expected = all.lines();
    for line in kept {
        assert!(
            expected.any(|expected| expected == *line),
            "whole lines in order, but {line:?}"
        );
    }
    let lost = 30_000 + 1 - kept.len();
    assert_eq!(run.lost, format!("lost {lost}"));
    assert!(
        run.reports[1].ends_with(&format!("log.txt: {lost} lines lost")),
        "{:?}",
        run.reports
    );
}

#[test]
fn a_closed_stderr_is_no_reason_to_panic() {
    let mut child = probe()
        .arg("notices")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

struct SmallDisk {
    log: String,
    lost: String,
    reports: Vec<String>,
}

/// Logs that many lines to a file system of 4 MiB that is full meanwhile. The file system exists only for the child,
/// so it goes away with it. `None`, with a word why, where file systems cannot be mounted.
fn on_a_small_disk(count: u32) -> Option<SmallDisk> {
    if !can_mount() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "in CI, full disks must be tested"
        );
        println!("left out: full disks, since this user can mount no file system");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let script =
        r#"mount -t tmpfs -o size=4m tmpfs "$1" && "$0" log-full "$1" "$2" && cat "$1/log.txt""#;
    let mut child = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .arg(probe().get_program())
        .arg(folder.path())
        .arg(count.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"make room\n")
        .unwrap();
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    let reports = std::iter::once(Ok(first.trim_end().to_owned())).chain(stderr.lines());
    let reports: Vec<String> = reports.collect::<Result<_, _>>().unwrap();
    assert!(child.wait().unwrap().success(), "{reports:?}");
    let (said, log) = stdout.split_once("before\n").unwrap();
    let lost = said
        .strip_prefix("filled true\n")
        .unwrap()
        .trim_end()
        .to_owned();
    Some(SmallDisk {
        log: format!("before\n{log}"),
        lost,
        reports,
    })
}

fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

fn numbered(count: u32, tail: &str) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "line {number}{tail}").unwrap();
        text
    })
}
