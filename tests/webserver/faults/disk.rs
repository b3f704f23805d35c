//! Logs that cannot be written: a disk that is full, a folder that is gone, a reader that has gone away.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use harness::{Mount, SOON, Signal, wait_until};

use super::{Scene, assert_as_fast, latency};
use crate::client::{Client, get};
use crate::reply::Asked;

/// A log on a disk with little room, most of which something else takes.
struct Log {
    file: PathBuf,
    filler: PathBuf,
    _disk: Mount,
}

impl Log {
    fn new() -> Option<Self> {
        let disk = Mount::tmpfs(8 << 20)?;
        let [file, filler] = ["access.log", "filler"].map(|name| disk.path().join(name));
        fs::write(&filler, vec![0; (8 << 20) - (128 << 10)]).expect("something that takes room");
        Some(Self {
            file,
            filler,
            _disk: disk,
        })
    }

    fn scene(&self) -> Scene {
        Scene::start_as(|command, _| {
            let command = command.args(["--workers", "1", "--log", "common", "--log-file"]);
            command.arg(&self.file)
        })
    }
}

/// Asks so often, each time for something that can be found in the log: its number.
#[track_caller]
fn ask(client: &mut Client, numbers: Range<usize>) {
    let request = |number| get(&format!("/small?{number}.{}", "a".repeat(100)), &[]);
    for first in numbers.clone().step_by(100) {
        let batch = first..numbers.end.min(first + 100);
        let requests: Vec<u8> = batch.clone().flat_map(request).collect();
        client.send(&requests).expect("requests");
        for _ in batch {
            client.reply(Asked::Body).expect("a reply").is(200);
        }
    }
}

/// The numbers in the log, all of whose lines must be whole.
#[track_caller]
fn numbers(file: &Path) -> Vec<usize> {
    let text = fs::read_to_string(file).expect("the log");
    assert!(text.ends_with('\n'), "the last line is whole");
    let number = |line: &str| {
        let is_whole = line.starts_with("127.0.0.1 ") && line.ends_with(" 200 6");
        let rest = line.split_once("/small?").filter(|_| is_whole)?.1;
        rest.split_once('.')?.0.parse().ok()
    };
    text.lines()
        .filter(|line| !line.contains("\"GET /small HTTP"))
        .map(|line| number(line).unwrap_or_else(|| panic!("{line:?}")))
        .collect()
}

/// When the disk of the log is full, serving goes on as fast; that is told once. Lines are kept for a while, and go to
/// the disk as soon as it has room, in order and whole, without anyone's doing.
#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing() {
    let Some(log) = Log::new() else {
        return;
    };
    let mut scene = log.scene();
    let mut client = scene.server.connect();
    let before = latency(&mut client);
    ask(&mut client, 0..2500);
    let told = scene.server.running().wait_stderr("tried again\n", SOON);
    assert_as_fast(&mut client, before);
    ask(&mut client, 2500..3000);
    assert_eq!(told.matches("access.log").count(), 1, "{told}");
    fs::remove_file(&log.filler).expect("make room");
    wait_until("the lines that were kept", SOON, || {
        fs::read_to_string(&log.file).is_ok_and(|text| text.contains("/small?2499."))
    });
    drop(client);
    let output = scene.server.stop();
    let text = output.stderr_text();
    assert_eq!(text.matches("access.log").count(), 1, "{output}");
    assert_eq!(text.matches("lost").count(), 0, "{output}");
    assert!(numbers(&log.file).into_iter().eq(0..3000), "all, in order");
}

/// When it stays full for longer than lines can be kept, some are lost, and their number is told. The others are whole
/// and in order, and with room there is a log again.
#[test]
fn a_disk_that_stays_full_costs_lines_that_are_counted() {
    const COUNT: usize = 20_000;
    let Some(log) = Log::new() else {
        return;
    };
    let mut scene = log.scene();
    let mut client = scene.server.connect();
    ask(&mut client, 0..COUNT);
    scene.server.running().wait_stderr("lost", SOON);
    fs::remove_file(&log.filler).expect("make room");
    let mut asked = COUNT;
    wait_until("a line that came after", SOON, || {
        ask(&mut client, asked..asked + 1);
        asked += 1;
        let is_new =
            |text: String| (COUNT..asked).any(|number| text.contains(&format!("/small?{number}.")));
        fs::read_to_string(&log.file).is_ok_and(is_new)
    });
    drop(client);
    let output = scene.server.stop();
    let text = output.stderr_text();
    let lost = text
        .lines()
        .find_map(|line| line.split_once(" lines lost in all"))
        .and_then(|(rest, _)| rest.rsplit_once(' ')?.1.parse().ok());
    let lost: usize = lost.unwrap_or_else(|| panic!("no number\n{output}"));
    let there = numbers(&log.file);
    assert!(there.is_sorted(), "in order");
    assert!(lost > 0, "{output}");
    assert_eq!(there.len() + lost, asked, "{output}");
}

/// When the log cannot be opened anew, that is told, and the old file stays in use; the next signal is another attempt.
#[test]
fn a_log_that_cannot_be_opened_anew_goes_on_in_the_old_file() {
    let mut scene = Scene::start_as(|command, sandbox| {
        sandbox.dir("logs");
        let file = sandbox.join("logs/access.log");
        command.args(["--log", "common", "--log-file"]).arg(file)
    });
    let has = |file: &Path, text: &str| {
        wait_until(text, SOON, || {
            fs::read_to_string(file).is_ok_and(|all| all.contains(text))
        });
    };
    let [logs, moved] = ["logs", "moved"].map(|name| scene.sandbox.join(name));
    fs::rename(&logs, &moved).expect("move the folder away");
    scene.server.signal(Signal::HUP);
    let told = scene.server.running().wait_stderr("stays in use\n", SOON);
    assert!(told.contains("access.log"), "{told}");
    scene.server.get("/small?meanwhile").is(200);
    has(&moved.join("access.log"), "?meanwhile");
    fs::create_dir(&logs).expect("a folder");
    scene.server.signal(Signal::HUP);
    wait_until("a new file", SOON, || logs.join("access.log").exists());
    scene.server.get("/small?again").is(200);
    has(&logs.join("access.log"), "?again");
}
