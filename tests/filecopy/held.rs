//! Copies met in their middle: started with a rate limit, and watched by what they have written.
//!
//! No test here sleeps to be "somewhere in the copy". The limit holds the copy there for long, and the kernel's
//! account of the process says when it has arrived.

use std::fs;
use std::thread;

use harness::{Command, Running, SOON, Sandbox, Signal, wait_until};

/// `filecopy` in the sandbox, where log.txt will be.
pub(crate) fn filecopy(sandbox: &Sandbox) -> Command {
    Command::built("filecopy").cwd(sandbox.path())
}

/// As [`filecopy`], moving `rate` a second. Never by sharing blocks, which no limit slows down.
pub(crate) fn slow(sandbox: &Sandbox, rate: &str) -> Command {
    filecopy(sandbox).args(["--reflink", "never", "--bwlimit", rate])
}

/// A rate at which a file of [`BIG`] bytes takes longer than any test waits: the copy has to be stopped.
pub(crate) const ENDLESS: &str = "400KB";

/// A file that gets its name only when it is whole (1 MiB and more), bytes.
pub(crate) const BIG: usize = (12 << 20) + 17;

/// Written by a copy at [`ENDLESS`] within a quarter of a second, bytes.
pub(crate) const SOME: u64 = 64 << 10;

/// Starts it, and returns when it is in the middle of its copy.
#[track_caller]
pub(crate) fn start_and_meet(command: Command) -> Running {
    let mut running = command.start();
    wait_written(&mut running, SOME);
    running
}

/// Waits until the program has written so many bytes in all, to whatever files.
#[track_caller]
pub(crate) fn wait_written(running: &mut Running, bytes: u64) {
    wait_until(&format!("{bytes} bytes written"), SOON, || {
        assert!(running.is_running(), "ended before it was met\n{running}");
        written(running.pid()).is_some_and(|written| written >= bytes)
    });
}

/// Does something while the program stands still, wherever it is.
#[track_caller]
pub(crate) fn paused<T>(running: &mut Running, act: impl FnOnce() -> T) -> T {
    running.signal(Signal::STOP);
    let pid = running.pid();
    wait_until("a program that stands still", SOON, || {
        threads(pid).all(|state| state == Some('T'))
    });
    let result = act();
    running.signal(Signal::CONT);
    result
}

/// The state of each thread of a process, as ps(1) shows it.
fn threads(pid: u32) -> impl Iterator<Item = Option<char>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    tasks.map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        // The name before it is in brackets, and may hold anything.
        stat.rsplit_once(") ")?.1.chars().next()
    })
}

/// What a process has written in all; none once it has ended.
pub(crate) fn written(pid: u32) -> Option<u64> {
    let account = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let line = account
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "));
    line?.parse().ok()
}

/// Runs a test for each row, several at a time: rows that mostly wait need not wait for one another.
#[track_caller]
pub(crate) fn side_by_side<T: Sync>(rows: &[T], test: impl Fn(&T) + Sync) {
    const AT_ONCE: usize = 6;
    for rows in rows.chunks(AT_ONCE) {
        // A row that fails has told so by then; leaving the scope fails the test.
        thread::scope(|scope| {
            for row in rows {
                scope.spawn(|| test(row));
            }
        });
    }
}

/// The lines of log.txt without their times, which must be seconds with two decimals.
#[track_caller]
pub(crate) fn log(sandbox: &Sandbox) -> Vec<String> {
    log_lines(&sandbox.read_text("log.txt"))
}

/// As [`log`], of any text.
#[track_caller]
pub(crate) fn log_lines(text: &str) -> Vec<String> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "half a line at the end: {text:?}"
    );
    text.lines().map(|line| timed(line).1.to_owned()).collect()
}

/// The time of a log line in hundredths of a second, and the rest.
#[track_caller]
pub(crate) fn timed(line: &str) -> (u64, &str) {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let split = line.split_once('\t').and_then(|(time, rest)| {
        let (secs, hundredths) = time.split_once('.')?;
        let is_time = digits(secs) && digits(hundredths) && hundredths.len() == 2;
        let time = format!("{secs}{hundredths}").parse().ok()?;
        is_time.then_some((time, rest))
    });
    split.unwrap_or_else(|| panic!("no time with two decimals and a tab: {line:?}"))
}

/// Names that no copy may leave in a folder: those of unfinished files.
#[track_caller]
pub(crate) fn leftovers(sandbox: &Sandbox, folder: &str) -> Vec<String> {
    let names = sandbox.list(folder).into_iter();
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".filecopy-"))
        .collect()
}

/// Asserts that a file holds just this, or that it is not there. Says lengths, not megabytes.
#[track_caller]
pub(crate) fn assert_holds(sandbox: &Sandbox, name: &str, expected: Option<&[u8]>) {
    let found = sandbox.has(name).then(|| sandbox.read(name));
    let len = |bytes: Option<&[u8]>| bytes.map(<[u8]>::len);
    let lens = (len(found.as_deref()), len(expected));
    assert!(
        found.as_deref() == expected,
        "{name}: {:?} bytes, not the expected {:?}",
        lens.0,
        lens.1
    );
}
