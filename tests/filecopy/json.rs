//! `--json`: events on stdout, one object a line, for programs that copy with this one.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use harness::{Output, SOON, Sandbox, Signal};
use serde_json::{Value, json};

use crate::held::{BIG, ENDLESS, SOME, filecopy, paused, slow, wait_written};

/// The numbers that every report of a tally has.
const NUMBERS: [&str; 8] = [
    "bytes", "files", "folders", "cloned", "kept", "skipped", "removed", "failed",
];

/// All lines, each of which must be an object with a name and a time that does not go back.
#[track_caller]
fn events(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("JSON is text");
    assert!(text.ends_with('\n'), "{output}");
    let parse =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let events: Vec<Value> = text.lines().map(parse).collect();
    let times: Vec<f64> = events
        .iter()
        .map(|event| event["time"].as_f64().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(
        events.iter().all(|event| event["event"].is_string()),
        "{output}"
    );
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect()
}

fn numbers(event: &Value) -> [u64; 8] {
    NUMBERS.map(|name| {
        event[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {event}"))
    })
}

/// The members besides time.
fn members(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().expect("an object").remove("time");
    event
}

#[test]
fn a_copy_is_started_finished_and_summed_up() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "123");
    let output = filecopy(&sandbox)
        .args(["--reflink", "never", "--json", "a", "b"])
        .run();
    output.succeeds().stderr_is("");
    let events = events(&output);
    let tally = |event, outcome| {
        let mut event = json!({"event": event, "outcome": outcome});
        for (name, number) in NUMBERS.into_iter().zip([3, 1, 0, 0, 0, 0, 0, 0]) {
            event[name] = json!(number);
        }
        event
    };
    let mut finished = tally("finished", "complete");
    for (name, value) in [
        ("job", json!(1)),
        ("source", json!("a")),
        ("destination", json!("b")),
    ] {
        finished[name] = value;
    }
    let started = json!({"event": "started", "job": 1, "source": "a", "destination": "b"});
    let expected = [started, finished, tally("summary", "complete")];
    assert_eq!(events.iter().map(members).collect::<Vec<_>>(), expected);
}

#[test]
fn several_sources_are_jobs_of_their_own() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "123").file("b/c", "4567").dir("to");
    let output = filecopy(&sandbox)
        .args(["--reflink", "never", "--json", "a", "missing", "b", "to"])
        .run();
    output.exits_with(1);
    let events = events(&output);
    assert_eq!(
        names(&events),
        [
            "started", "finished", "started", "failed", "finished", "started", "finished",
            "summary"
        ]
    );
    let failed = json!({"event": "failed", "job": 2, "message": "cannot stat 'missing': no such file or directory"});
    assert_eq!(members(&events[3]), failed);
    assert_eq!(events[4]["outcome"], "failed");
    assert_eq!(
        (
            events[6]["source"].as_str(),
            events[6]["destination"].as_str()
        ),
        (Some("b"), Some("to/b"))
    );
    assert_eq!(events[7]["outcome"], "failed");
    assert_eq!(numbers(&events[7]), [7, 2, 1, 0, 0, 0, 0, 1]);
}

#[test]
fn verbose_tells_each_entry() {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/a", "123")
        .symlink("a", "tree/link")
        .hard_link("tree/a", "tree/b");
    let output = filecopy(&sandbox)
        .args(["--reflink", "never", "--json", "--verbose", "tree", "copy"])
        .run();
    output.succeeds();
    let events = events(&output);
    let entries = events.iter().filter(|event| event["event"] == "entry");
    let mut told: Vec<String> = entries
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            assert_eq!(entry["job"], 1);
            format!(
                "{} {} to {}, {}",
                word("action"),
                word("source"),
                word("destination"),
                entry["size"]
            )
        })
        .collect();
    told.sort();
    // Either name of the one file may be met first.
    let (first, other) = if told[0].contains("tree/a") {
        ("a", "b")
    } else {
        ("b", "a")
    };
    let expected = [
        format!("copied tree/{first} to copy/{first}, 3"),
        "folder tree to copy, 0".into(),
        format!("linked tree/{other} to copy/{other}, 0"),
        "made tree/link to copy/link, 0".into(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_dry_run_tells_entries_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("tree/a", "123").file("copy/old", "x");
    let output = filecopy(&sandbox)
        .args(["--json", "--dry-run", "--delete", "-T", "tree", "copy"])
        .run();
    output.succeeds();
    let events = events(&output);
    let mut actions: Vec<&str> = events
        .iter()
        .filter_map(|event| event["action"].as_str())
        .collect();
    actions.sort_unstable();
    assert_eq!(actions, ["copied", "entered", "removed"]);
    assert!(
        events.iter().all(|event| event["dry_run"] == true),
        "nothing sounds as if it were done: {output}"
    );
    assert_eq!(sandbox.list("copy").len(), 1);
}

#[test]
fn a_verified_copy_says_so() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "123");
    let output = filecopy(&sandbox)
        .args(["--json", "--verify", "a", "b"])
        .run();
    output.succeeds();
    let events = events(&output);
    assert_eq!(names(&events), ["started", "finished", "summary"]);
    assert_eq!(events[1]["verified"], true, "{output}");
    assert_eq!(events[2]["verified"], true, "{output}");
}

#[test]
fn names_that_are_no_text_are_given_exactly_as_well() {
    let sandbox = Sandbox::new();
    let odd = OsStr::from_bytes(b"a\xff\"\n");
    sandbox.file(odd, "x");
    let output = filecopy(&sandbox)
        .arg("--json")
        .arg(odd)
        .arg("한글 \"이름\"")
        .run();
    output.succeeds();
    let started = &events(&output)[0];
    assert_eq!(started["source"], "a\u{fffd}\"\n");
    assert_eq!(started["source_bytes"], "61ff220a");
    assert_eq!(started["destination"], "한글 \"이름\"");
    assert_eq!(started.get("destination_bytes"), None);
}

#[test]
fn progress_comes_after_half_a_second_and_only_grows() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", vec![1; 900_000])
        .file("b", vec![1; 600_000])
        .dir("to");
    let output = slow(&sandbox, "1MB").args(["--json", "a", "b", "to"]).run();
    output.succeeds().stderr_is("");
    let events = events(&output);
    let progress: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "progress")
        .collect();
    assert!(
        (2..=8).contains(&progress.len()),
        "five a second at most, for a second: {}",
        progress.len()
    );
    assert!(
        progress[0]["time"].as_f64() >= Some(0.45),
        "{}",
        progress[0]
    );
    for pair in progress.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        assert!(
            before["bytes"].as_u64() <= after["bytes"].as_u64(),
            "{before} {after}"
        );
        assert!(
            before["percent"].as_u64() <= after["percent"].as_u64(),
            "{before} {after}"
        );
    }
    let last = progress.last().expect("some");
    assert_eq!(
        (last["total_bytes"].as_u64(), last["total_files"].as_u64()),
        (Some(1_500_000), Some(2))
    );
    assert!(last["percent"].as_u64() < Some(100), "{last}");
    assert!(
        last["bytes_per_sec"].as_u64() > Some(500_000)
            && last["bytes_per_sec"].as_u64() < Some(1_500_000),
        "{last}"
    );
    assert!(last["remaining_secs"].is_number(), "{last}");
    numbers(last);
}

#[test]
fn an_interrupted_run_has_its_summary() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("b", vec![1; BIG])
        .file("c", "x")
        .dir("to");
    let mut running = slow(&sandbox, ENDLESS)
        .args(["--json", "a", "b", "c", "to"])
        .start();
    wait_written(&mut running, SOME);
    running.signal(Signal::INT);
    let output = running.wait(SOON);
    output.exits_with(130);
    let events = events(&output);
    let ends: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "finished")
        .collect();
    let outcomes: Vec<_> = ends
        .iter()
        .map(|end| (end["job"].as_u64(), end["outcome"].as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [(Some(1), Some("complete")), (Some(2), Some("cancelled"))]
    );
    let summary = events.last().expect("a summary");
    assert_eq!(
        (summary["event"].as_str(), summary["outcome"].as_str()),
        (Some("summary"), Some("cancelled"))
    );
    assert_eq!(numbers(summary)[1], 1, "one file is whole");
}

#[test]
fn what_cannot_begin_is_told_as_well() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").file("b", "x");
    let output = filecopy(&sandbox)
        .args(["--json", "a", "b", "no-folder"])
        .run();
    output.exits_with(1);
    let events = events(&output);
    assert_eq!(names(&events), ["failed", "summary"]);
    assert_eq!(
        members(&events[0]),
        json!({"event": "failed", "job": null, "message": "target 'no-folder' is not a directory"})
    );
    assert_eq!(events[1]["outcome"], "failed");
}

#[test]
fn notices_are_events() {
    let sandbox = Sandbox::new();
    sandbox.file("source", vec![1; 400_000]);
    let mut running = slow(&sandbox, "1MB")
        .args(["--json", "source", "copy"])
        .start();
    wait_written(&mut running, SOME);
    paused(&mut running, || {
        let source = OpenOptions::new().append(true).open(sandbox.join("source"));
        source
            .and_then(|mut source| source.write_all(&[2; 5_000]))
            .expect("append");
    });
    let output = running.wait(SOON);
    output.succeeds();
    let events = events(&output);
    let notice = events
        .iter()
        .find(|event| event["event"] == "notice")
        .expect("a notice");
    assert_eq!(notice["job"], 1);
    assert!(
        notice["message"]
            .as_str()
            .is_some_and(|text| text.contains("grew from 400000 to 405000 bytes")),
        "{notice}"
    );
}
