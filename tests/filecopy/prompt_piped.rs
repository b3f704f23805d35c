//! The prompt without a terminal: pairs of lines from a pipe, as scripts give them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use harness::{Command, Output, SOON, Sandbox, Signal, bin, wait_until};

use crate::held::{BIG, ENDLESS, SOME, assert_holds, filecopy, leftovers, log, slow, wait_written};

/// What `filecopy` does with these lines.
#[track_caller]
fn told(sandbox: &Sandbox, lines: impl AsRef<[u8]>) -> Output {
    filecopy(sandbox).stdin(lines).run()
}

#[test]
fn pairs_of_lines_are_copied_and_the_prompt_is_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").file("b", "y");
    let output = told(&sandbox, "a\nc\nb\nd\nexit\n");
    output
        .succeeds()
        .stdout_is("")
        .stderr_has("[1] c: 1 file, 1 B copied")
        .stderr_has("[2] d: ");
    assert_holds(&sandbox, "c", Some(b"x"));
    assert_holds(&sandbox, "d", Some(b"y"));
    let mut lines = log(&sandbox);
    lines.sort();
    let expected = [
        "Start copying a to c",
        "Start copying b to d",
        "c is copied completely",
        "d is copied completely",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_session_ends_at_exit_and_at_the_end_of_the_input() {
    // What is fed, the exit code, whether `b` is there after.
    let rows = [
        ("exit\n", 0, false),
        ("exit", 0, false),
        ("\n\n\nexit\n", 0, false),
        ("a\nexit\n", 0, false),
        ("a\nb\n", 0, true),
        ("a\nb", 0, true),
        ("a\n\n\nb\n", 0, true),
        ("a\nb\nexit\na\nc\n", 0, true),
        ("a\n", 1, false),
        ("a", 1, false),
    ];
    for (lines, code, is_copied) in rows {
        let sandbox = Sandbox::new();
        sandbox.file("a", "x");
        let output = told(&sandbox, lines);
        output.exits_with(code);
        assert_eq!(sandbox.has("b"), is_copied, "{lines:?}");
        assert!(!sandbox.has("c"), "{lines:?}");
        if code == 1 {
            output.stderr_is("filecopy: the input ended before a new name for 'a'\n");
        }
    }
}

#[test]
fn a_missing_source_is_told_and_the_session_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").dir("folder");
    let output = told(
        &sandbox,
        "missing\nb\na\nno/such/folder\na\na\na\nfolder/missing/\na\nc\n",
    );
    output.exits_with(1);
    for line in [
        "filecopy: cannot stat 'missing': no such file or directory\n",
        "filecopy: cannot create regular file 'no/such/folder': no such file or directory\n",
        "filecopy: 'a' and 'a' are the same file\n",
        "filecopy: target 'folder/missing/' is not a directory\n",
    ] {
        output.stderr_has(line);
    }
    assert_eq!(
        output.stderr_text().matches("filecopy: ").count(),
        4,
        "{output}"
    );
    assert_holds(&sandbox, "c", Some(b"x"));
    for start in log(&sandbox)
        .iter()
        .filter_map(|line| line.strip_prefix("Start copying "))
    {
        let copy = start.split_once(" to ").expect("a copy").1;
        let ends = log(&sandbox)
            .iter()
            .filter(|line| line.starts_with(&format!("{copy} ")))
            .count();
        assert_eq!(ends, 1, "{copy} in {:?}", log(&sandbox));
    }
}

#[test]
fn names_are_taken_as_they_are_typed() {
    let names: [&[u8]; 8] = [
        b"two words",
        b" leading and trailing ",
        b"'quoted'",
        b"-n",
        b"$HOME *?",
        "한글 파일.txt".as_bytes(),
        b"no\xfftext\xc3",
        b"tab\there",
    ];
    for name in names {
        let sandbox = Sandbox::new();
        let shown = name.escape_ascii();
        sandbox.file(OsStr::from_bytes(name), "x").dir("into");
        let copy = [name, b".copy"].concat();
        let inside = [b"into/", &copy[..]].concat();
        let lines = [name, &copy, name, b"into", name, &inside].join(&b'\n');
        told(&sandbox, [&lines[..], b"\n"].concat()).succeeds();
        assert!(sandbox.has(OsStr::from_bytes(&copy)), "{shown}");
        assert_eq!(
            sandbox.list("into").len(),
            2,
            "{shown}: {:?}",
            sandbox.list("into")
        );
    }
}

#[test]
fn an_input_that_ends_before_a_line_is_a_wrong_command_line() {
    let sandbox = Sandbox::new();
    told(&sandbox, "")
        .exits_with(2)
        .stdout_is("")
        .stderr_is("filecopy: no names given; see filecopy --help\n");
}

#[test]
fn words_of_the_prompt_are_names_behind_a_dot() {
    let sandbox = Sandbox::new();
    for word in ["jobs", "help", "exit", "cancel 1"] {
        sandbox.file(word, word);
    }
    told(
        &sandbox,
        "./jobs\na\n./help\n./help too\n./exit\nb\n./cancel 1\njobs too\n",
    )
    .succeeds();
    // Apart, since copies run side by side: `help` is read above.
    told(&sandbox, "a\n./help\n").succeeds();
    for (copy, word) in [
        ("a", "jobs"),
        ("help too", "help"),
        ("b", "exit"),
        ("jobs too", "cancel 1"),
        ("help", "jobs"),
    ] {
        assert_holds(&sandbox, copy, Some(word.as_bytes()));
    }
}

#[test]
fn words_of_the_prompt_are_answered_before_a_new_name_too() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let output = told(&sandbox, "a\njobs\nhelp\ncancel 9\nb\n");
    output
        .succeeds()
        .stdout_has("no copy runs\n")
        .stdout_has("Names are taken literally")
        .stderr_has("there is no copy 9");
    assert_holds(&sandbox, "b", Some(b"x"));
    assert_eq!(sandbox.list(".").len(), 3, "a, b and the log");
}

#[test]
fn folders_are_copied_and_copied_into() {
    let sandbox = Sandbox::new();
    sandbox.file("tree/deep/a", "x").file("b", "y").dir("into");
    told(&sandbox, "tree\ncopy\ntree\ninto\nb\ninto/\n").succeeds();
    assert_holds(&sandbox, "copy/deep/a", Some(b"x"));
    assert_holds(&sandbox, "into/tree/deep/a", Some(b"x"));
    assert_holds(&sandbox, "into/b", Some(b"y"));
}

#[test]
fn copies_run_side_by_side_while_lines_go_on() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]).file("small", "x");
    let mut running = slow(&sandbox, ENDLESS).start();
    running.send("big\none\nbig\ntwo\n");
    wait_written(&mut running, SOME);
    running.send("jobs\n");
    let rows = running.wait_stdout("[2] big to two", SOON);
    assert!(rows.contains("[1] big to one"), "{rows}");
    running.send("small\nthree\n");
    running.wait_stderr("[3] three: 1 file", SOON);
    assert_holds(&sandbox, "three", Some(b"x"));
    let expected = [
        "Start copying big to one",
        "Start copying big to two",
        "Start copying small to three",
        "three is copied completely",
    ];
    wait_until("the lines of the copies so far", SOON, || {
        let mut lines = log(&sandbox);
        lines.sort();
        lines == expected
    });
    running.send("cancel 1\n");
    running.wait_stderr("[1] one: cancelled", SOON);
    running.send("cancel 1\ncancel 77\n");
    running.wait_stderr("there is no copy 77", SOON);
    running.send("exit\nexit\n");
    running
        .wait(SOON)
        .exits_with(1)
        .stderr_has("there is no copy 1\n")
        .stderr_has("[2] two: cancelled");
    assert!(!sandbox.has("one") && !sandbox.has("two"));
    assert_eq!(leftovers(&sandbox, "."), [""; 0]);
    let ends: Vec<_> = log(&sandbox)
        .into_iter()
        .filter(|line| line.ends_with("failed: cancelled"))
        .collect();
    assert_eq!(ends, ["one failed: cancelled", "two failed: cancelled"]);
}

#[test]
fn one_destination_has_one_copy_at_a_time() {
    let sandbox = Sandbox::new();
    sandbox
        .file("big", vec![1; BIG])
        .file("a", "x")
        .dir("folder")
        .symlink("folder", "link");
    let mut running = slow(&sandbox, ENDLESS).start();
    running.send("big\nfolder/copy\n");
    wait_written(&mut running, SOME);
    for name in ["folder/copy", "./folder/../folder/copy", "link/copy"] {
        running.send(format!("a\n{name}\n"));
        running.wait_stderr(
            &format!("filecopy: '{name}' is being written by job 1\n"),
            SOON,
        );
    }
    running.send("cancel 1\n");
    running.wait_stderr("[1] folder/copy: cancelled", SOON);
    running.send("a\nfolder/copy\n").close_stdin();
    running.wait(SOON).exits_with(1);
    assert_holds(&sandbox, "folder/copy", Some(b"x"));
}

#[test]
fn exit_waits_for_what_runs() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 500_000]);
    let output = slow(&sandbox, "1MB").stdin("a\nb\na\nc\nexit\n").run();
    output.succeeds();
    assert!(
        output.elapsed.as_millis() > 700,
        "a megabyte at a megabyte a second: {output}"
    );
    assert_holds(&sandbox, "b", Some(&[1; 500_000]));
    assert_holds(&sandbox, "c", Some(&[1; 500_000]));
}

#[test]
fn a_line_too_long_for_a_name_is_told_and_passed_over() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let long = vec![b'n'; 1 << 20];
    let lines = [&long[..], b"\na\n", &long, b"\nb\n"].concat();
    let output = told(&sandbox, lines);
    output.exits_with(1);
    assert_eq!(
        output
            .stderr_text()
            .matches("filecopy: that line is too long for a name\n")
            .count(),
        2,
        "{output}"
    );
    assert_holds(&sandbox, "b", Some(b"x"));
    // Long, but a name: the system says what it thinks of it.
    let output = told(&sandbox, format!("{}\nc\n", "n".repeat(5_000)));
    output.exits_with(1).stderr_has("file name too long");
    // A zero byte is in no name.
    told(&sandbox, "a\0b\nc\n")
        .exits_with(1)
        .stderr_has(r"cannot stat $'a\000b'");
}

#[test]
fn help_and_jobs_answer_on_stdout() {
    let sandbox = Sandbox::new();
    let output = told(&sandbox, "help\njobs\nexit\n");
    output
        .succeeds()
        .stderr_is("")
        .stdout_has("cancel N")
        .stdout_has("no copy runs\n");
}

#[test]
fn many_copies_at_once_all_arrive() {
    let sandbox = Sandbox::new();
    let mut lines = String::new();
    for number in 0..200 {
        sandbox.file(format!("from/{number}"), format!("{number}"));
        lines.push_str(&format!("from/{number}\nto/{number}\n"));
    }
    sandbox.dir("to");
    told(&sandbox, lines).succeeds();
    for number in 0..200 {
        assert_holds(
            &sandbox,
            &format!("to/{number}"),
            Some(number.to_string().as_bytes()),
        );
    }
    assert_eq!(log(&sandbox).len(), 400);
}

#[test]
fn a_signal_cancels_all_copies_of_a_session() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        sandbox.file("big", vec![1; BIG]);
        let mut running = slow(&sandbox, ENDLESS).start();
        running.send("big\none\nbig\ntwo\n");
        wait_written(&mut running, 2 * SOME);
        running.signal(signal);
        running
            .wait(SOON)
            .exits_with(130)
            .stderr_has("interrupted: cancelling 2 copies");
        assert_eq!(sandbox.list(".").len(), 2, "{:?}", sandbox.list("."));
        let ends: Vec<_> = log(&sandbox)
            .into_iter()
            .filter(|line| line.contains(" failed: "))
            .collect();
        assert_eq!(ends.len(), 2);
        assert!(
            ends.iter().all(|end| end.ends_with(" failed: interrupted")),
            "{ends:?}"
        );
    }
}

#[test]
fn a_signal_while_a_name_is_awaited_ends_the_session() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        sandbox.file("a", "x");
        let mut running = filecopy(&sandbox).start();
        running.send("a\nb\na\n");
        running.wait_stderr("[1] b: 1 file", SOON);
        running.signal(signal);
        running.wait(SOON).exits_with(130);
        assert_eq!(
            log(&sandbox),
            ["Start copying a to b", "b is copied completely"]
        );
    }
}

#[test]
fn a_closed_stdin_is_the_end_of_the_input() {
    let sandbox = Sandbox::new();
    let command = Command::new("sh")
        .args(["-c", r#"exec "$1" <&-"#, "sh"])
        .arg(bin("filecopy"));
    let output = command.cwd(sandbox.path()).run();
    output.exits_with(2).stderr_has("no names given");
}

#[test]
fn options_hold_for_every_copy_of_a_session() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "new").file("b", "old").file("c", "old");
    filecopy(&sandbox)
        .args(["--backup", "--quiet", "--log", "mine"])
        .stdin("a\nb\na\nc\n")
        .run()
        .succeeds()
        .is_silent();
    assert_holds(&sandbox, "b~", Some(b"old"));
    assert_holds(&sandbox, "c~", Some(b"old"));
    assert_eq!(sandbox.read_text("mine").lines().count(), 4);
    filecopy(&sandbox)
        .arg("--dry-run")
        .stdin("a\nd\n")
        .run()
        .succeeds()
        .stdout_is("'a' -> 'd'\n");
    assert!(!sandbox.has("d"));
    filecopy(&sandbox).arg("--json").run().exits_with(2);
}
