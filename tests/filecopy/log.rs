//! log.txt: the older program's two lines per copy, to the letter, and what became of the copies that failed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use harness::{Command, NOBODY, SOON, Sandbox, Signal, bin, wait_until};

use crate::held::{BIG, ENDLESS, filecopy, log, log_lines, slow, start_and_meet, timed};

#[test]
fn a_copy_leaves_the_older_programs_two_lines() {
    let sandbox = Sandbox::new();
    sandbox.file("a.txt", "x");
    filecopy(&sandbox).args(["a.txt", "b.txt"]).run().succeeds();
    assert_eq!(
        log(&sandbox),
        ["Start copying a.txt to b.txt", "b.txt is copied completely"]
    );
}

#[test]
fn times_count_from_the_start_of_the_program() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 300_000]);
    let output = slow(&sandbox, "1MB").args(["a", "b"]).run();
    output.succeeds();
    let text = sandbox.read_text("log.txt");
    let times: Vec<u64> = text.lines().map(|line| timed(line).0).collect();
    let [start, end] = times[..] else {
        panic!("two lines\n{text}")
    };
    assert!(start < 20, "it starts at once: {text}");
    // 300,000 bytes at a million a second, less the tenth of a second that may come at once.
    assert!(end >= 15, "it takes its time: {text}");
    assert!(
        u128::from(end) <= output.elapsed.as_millis() / 10 + 1,
        "{end} of {output}"
    );
}

#[test]
fn runs_and_sources_are_appended_in_their_order() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("b", "y")
        .dir("into")
        .file("log.txt", "0.10\tkept from before\n");
    filecopy(&sandbox).args(["a", "b", "into"]).run().succeeds();
    filecopy(&sandbox).args(["a", "c"]).run().succeeds();
    let expected = [
        "kept from before",
        "Start copying a to into/a",
        "into/a is copied completely",
        "Start copying b to into/b",
        "into/b is copied completely",
        "Start copying a to c",
        "c is copied completely",
    ];
    assert_eq!(log(&sandbox), expected);
}

#[test]
fn half_a_line_from_a_crash_is_not_continued() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").file("log.txt", "0.10\tStart copy");
    filecopy(&sandbox).args(["a", "b"]).run().succeeds();
    let expected = [
        "Start copy",
        "Start copying a to b",
        "b is copied completely",
    ];
    assert_eq!(log(&sandbox), expected);
}

#[test]
fn a_tree_is_one_copy() {
    let sandbox = Sandbox::new();
    sandbox.file("tree/one", "1").file("tree/deeper/two", "2");
    filecopy(&sandbox).args(["tree", "copy"]).run().succeeds();
    assert_eq!(
        log(&sandbox),
        ["Start copying tree to copy", "copy is copied completely"]
    );
}

#[test]
fn verbose_gives_each_file_of_a_tree_its_lines() {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/one", "1")
        .file("tree/deeper/two", "2")
        .symlink("one", "tree/link");
    filecopy(&sandbox)
        .args(["--verbose", "tree", "copy"])
        .run()
        .succeeds();
    let lines = log(&sandbox);
    assert_eq!(
        lines.first().map(String::as_str),
        Some("Start copying tree to copy")
    );
    assert_eq!(
        lines.last().map(String::as_str),
        Some("copy is copied completely")
    );
    // Workers share the folders, so the order between files is open; a file's end follows its start.
    let pairs: BTreeSet<_> = lines[1..lines.len() - 1]
        .chunks(2)
        .map(<[_]>::to_vec)
        .collect();
    let pair = |name: &str| {
        vec![
            format!("Start copying tree/{name} to copy/{name}"),
            format!("copy/{name} is copied completely"),
        ]
    };
    assert_eq!(
        pairs,
        BTreeSet::from(["one", "link", "deeper/two"].map(pair))
    );
}

#[test]
fn verbose_does_not_tell_a_single_file_twice() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let output = filecopy(&sandbox).args(["--verbose", "a", "b"]).run();
    output.succeeds().stdout_is("'a' -> 'b'\n");
    assert_eq!(
        log(&sandbox),
        ["Start copying a to b", "b is copied completely"]
    );
}

#[test]
fn a_failure_ends_with_its_reason() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("folder/in", "x")
        .symlink("nowhere", "dangling");
    let rows = [
        (
            "missing",
            "b",
            "b failed: cannot stat 'missing': no such file or directory",
        ),
        ("a", "a", "a failed: 'a' and 'a' are the same file"),
        (
            "folder",
            "a",
            "a failed: cannot overwrite non-directory 'a' with directory 'folder'",
        ),
        (
            "folder",
            "folder/x",
            "folder/x failed: cannot copy a directory, 'folder', into itself, 'folder/x'",
        ),
        (
            "a",
            "no/b",
            "no/b failed: cannot create regular file 'no/b': no such file or directory",
        ),
        (
            "a",
            "dangling",
            "dangling failed: not writing through dangling symlink 'dangling'",
        ),
    ];
    for (source, destination, end) in rows {
        sandbox.file("log.txt", "");
        let output = filecopy(&sandbox).args([source, destination]).run();
        output.exits_with(1).stderr_is_one_line();
        let expected = [
            format!("Start copying {source} to {destination}"),
            end.to_owned(),
        ];
        assert_eq!(log(&sandbox), expected, "{output}");
        let reason = end.split_once(" failed: ").expect("a reason").1;
        output.stderr_is(format!("filecopy: {reason}\n"));
    }
}

#[test]
fn one_failure_in_a_tree_is_told_and_several_are_counted() {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        sandbox.file(format!("tree/{name}"), name);
    }
    sandbox.mode("tree/two", 0o000);
    if harness::is_root() {
        sandbox.owner_of_all(".", NOBODY, NOBODY);
    }
    let copy = |name: &str| filecopy(&sandbox).args(["tree", name]).unprivileged().run();
    copy("first").exits_with(1);
    sandbox.mode("tree/three", 0o000);
    copy("second").exits_with(1);
    let expected = [
        "Start copying tree to first",
        "first failed: cannot open 'tree/two' for reading: permission denied",
        "Start copying tree to second",
        "second failed: 2 entries could not be copied",
    ];
    assert_eq!(log(&sandbox), expected);
}

#[test]
fn names_cannot_forge_lines() {
    let sandbox = Sandbox::new();
    let forged = "a\n0.00\tb is copied completely";
    let rows: [(&OsStr, &str); 5] = [
        (OsStr::new(forged), r"$'a\n0.00\tb is copied completely'"),
        (OsStr::new("with space"), "with space"),
        (OsStr::new("한글 이름.txt"), "한글 이름.txt"),
        (OsStr::from_bytes(b"no\xfftext"), r"$'no\377text'"),
        (OsStr::new("esc\x1b[31m"), r"$'esc\033[31m'"),
    ];
    for (name, shown) in rows {
        sandbox.file("log.txt", "").file(name, "x").dir("to");
        filecopy(&sandbox).arg(name).arg("to").run().succeeds();
        let expected = [
            format!("Start copying {shown} to to/{shown}"),
            format!("to/{shown} is copied completely"),
        ]
        .map(|line| line.replace("to/$'", "$'to/"));
        assert_eq!(log(&sandbox), expected);
    }
}

#[test]
fn log_names_another_file_and_no_log_none() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").dir("logs");
    filecopy(&sandbox)
        .args(["--log", "logs/mine", "a", "b"])
        .run()
        .succeeds();
    assert_eq!(log_lines(&sandbox.read_text("logs/mine")).len(), 2);
    filecopy(&sandbox)
        .args(["--no-log", "a", "c"])
        .run()
        .succeeds();
    filecopy(&sandbox)
        .args(["--log", "/dev/null", "a", "d"])
        .run()
        .succeeds();
    filecopy(&sandbox)
        .args(["--dry-run", "a", "e"])
        .run()
        .succeeds();
    assert!(!sandbox.has("log.txt"));
    filecopy(&sandbox)
        .args(["--no-log", "--log", "x", "a", "f"])
        .run()
        .exits_with(2);
    assert!(!sandbox.has("f") && !sandbox.has("x"));
}

#[test]
fn a_log_asked_for_that_cannot_be_written_stops_the_run() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").dir("folder");
    for (log, reason) in [
        ("no/such/log", "no such file or directory"),
        ("folder", "is a directory"),
    ] {
        let output = filecopy(&sandbox).args(["--log", log, "a", "b"]).run();
        output
            .exits_with(1)
            .stderr_is(format!("filecopy: cannot open log '{log}': {reason}\n"));
        assert!(!sandbox.has("b"));
    }
}

#[test]
fn a_log_that_is_a_source_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::new();
    sandbox
        .file("s", "not a log")
        .file("other", "x")
        .hard_link("s", "twin")
        .symlink("s", "link")
        .dir("d");
    // The log, the sources, the one that it is.
    let rows: [(&str, &[&str], &str); 5] = [
        ("s", &["s"], "s"),
        ("./s", &["other", "s"], "s"),
        ("twin", &["s"], "s"),
        ("link", &["s"], "s"),
        ("new", &["new"], "new"),
    ];
    for (name, sources, source) in rows {
        let output = filecopy(&sandbox)
            .args(["--log", name])
            .args(sources)
            .arg("d")
            .run();
        output.exits_with(1).stderr_is_one_line().stderr_has(&format!(
            "filecopy: cannot copy '{source}': it is the log of this run; choose another with --log"
        ));
        assert_eq!(sandbox.read_text("s"), "not a log");
        assert!(sandbox.list("d").is_empty());
        assert!(!sandbox.has("new"));
    }
    // The link itself is copied, and is not the log.
    filecopy(&sandbox)
        .args(["--log", "s", "link", "d"])
        .run()
        .succeeds();
}

#[test]
fn a_log_that_is_a_pipe_nobody_reads_is_refused_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").fifo("pipe");
    filecopy(&sandbox)
        .args(["--log", "pipe", "a", "b"])
        .run()
        .exits_with(1)
        .stderr_is_one_line()
        .stderr_has("filecopy: cannot open log 'pipe': ");
    assert!(!sandbox.has("b"));
}

#[test]
fn an_unwritable_folder_costs_the_log_and_a_warning_only() {
    let sandbox = Sandbox::new();
    sandbox.file("here/a", "x").dir("there");
    if harness::is_root() {
        sandbox.owner_of_all(".", NOBODY, NOBODY);
    }
    sandbox.mode("here", 0o555);
    let here = sandbox.join("here");
    let copy = Command::built("filecopy").cwd(&here).unprivileged();
    let output = copy.args(["--quiet", "a", "../there/b"]).run();
    output.succeeds().stderr_is(
        "filecopy: cannot open log 'log.txt': permission denied; copying without a log\n",
    );
    assert_eq!(sandbox.read("there/b"), b"x");
    assert_eq!(sandbox.list("here").len(), 1);
}

#[test]
fn the_log_is_made_as_the_users_mask_says() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let command = Command::new("sh")
        .args(["-c", r#"umask 027; exec "$@""#, "sh"])
        .arg(bin("filecopy"));
    command
        .args(["a", "b"])
        .cwd(sandbox.path())
        .run()
        .succeeds();
    let mode = fs::metadata(sandbox.join("log.txt"))
        .expect("the log")
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn the_log_itself_is_never_overwritten() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("tree/log.txt", "not this one")
        .file("log.txt", "")
        .hard_link("log.txt", "other name");
    sandbox.symlink("log.txt", "link").dir("sub");
    let here = sandbox.path().join("log.txt");
    let names = [
        "log.txt",
        "./log.txt",
        "sub/../log.txt",
        "other name",
        "link",
    ]
    .map(|name| sandbox.join(name));
    for name in names
        .iter()
        .map(AsRef::as_ref)
        .chain([OsStr::new("log.txt")])
    {
        fs::write(&here, "").expect("empty the log");
        let output = filecopy(&sandbox).arg("a").arg(name).run();
        output
            .exits_with(1)
            .stderr_is_one_line()
            .stderr_has("is the log of this run; choose another with --log");
        let lines = log(&sandbox);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains(" failed: "), "{lines:?}");
    }
    // A tree that brings a log.txt of its own to where ours is.
    fs::write(&here, "").expect("empty the log");
    let output = filecopy(&sandbox).args(["-T", "tree", "."]).run();
    output.exits_with(1).stderr_has("is the log of this run");
    assert_eq!(log(&sandbox)[0], "Start copying tree to .");
    // Another log, and it is a file like any other.
    filecopy(&sandbox)
        .args(["--no-log", "a", "log.txt"])
        .run()
        .succeeds();
    assert_eq!(sandbox.read("log.txt"), b"x");
}

#[test]
fn the_log_inside_the_copied_tree_is_copied_as_far_as_it_goes() {
    let sandbox = Sandbox::new();
    sandbox
        .file("tree/a", "x")
        .file("tree/log.txt", "0.00\tbefore\n")
        .dir("to");
    let copy = Command::built("filecopy").cwd(sandbox.join("tree"));
    let output = copy.args(["--verbose", ".", "../to/copy"]).run();
    output.succeeds().lacks("grew").lacks("changed");
    let (ours, copy) = (
        sandbox.read("tree/log.txt"),
        sandbox.read("to/copy/log.txt"),
    );
    assert!(
        ours.starts_with(&copy),
        "{:?} begins {:?}",
        copy.escape_ascii().to_string(),
        ours.escape_ascii().to_string()
    );
    assert!(copy.starts_with(b"0.00\tbefore\n"));
    assert_eq!(
        log_lines(&sandbox.read_text("tree/log.txt"))
            .last()
            .map(String::as_str),
        Some("../to/copy is copied completely")
    );
}

#[test]
fn an_interrupted_copy_has_its_end_line() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        sandbox.file("a", vec![1; BIG]).file("b", "x").dir("to");
        let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["a", "b", "to"]));
        wait_until("the start line of a copy that runs", SOON, || {
            log(&sandbox) == ["Start copying a to to/a"]
        });
        running.signal(signal);
        running.wait(SOON).exits_with(130);
        let expected = ["Start copying a to to/a", "to/a failed: interrupted"];
        assert_eq!(
            log(&sandbox),
            expected,
            "{signal:?}; what had not begun leaves no line"
        );
    }
}

#[test]
fn a_killed_copy_leaves_a_start_and_the_next_run_goes_on_below() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; BIG]).file("c", "x");
    let mut running = start_and_meet(slow(&sandbox, ENDLESS).args(["a", "b"]));
    running.signal(Signal::KILL);
    running.wait(SOON);
    filecopy(&sandbox).args(["c", "d"]).run().succeeds();
    let expected = [
        "Start copying a to b",
        "Start copying c to d",
        "d is copied completely",
    ];
    assert_eq!(log(&sandbox), expected);
}

#[test]
fn two_runs_at_once_keep_their_lines_whole() {
    const FILES: usize = 300;
    let sandbox = Sandbox::new();
    for number in 0..FILES {
        sandbox.file(format!("tree/{number}"), "x");
    }
    let start = |to: &str| filecopy(&sandbox).args(["--verbose", "tree", to]).start();
    let both = [start("one"), start("two")];
    for running in both {
        running.wait(SOON).succeeds();
    }
    let lines = log(&sandbox);
    assert_eq!(lines.len(), 2 * 2 * (FILES + 1));
    for line in lines {
        let is_whole = (line.starts_with("Start copying tree") && line.contains(" to "))
            || line.ends_with(" is copied completely");
        assert!(is_whole, "{line:?}");
    }
}
