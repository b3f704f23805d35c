//! Exit codes, and standard streams that are closed, full or broken. Whatever they are, the copies are made.

use harness::{Command, Output, Sandbox, bin};

use crate::held::{assert_holds, filecopy, log};

/// Runs a shell line in which `"$@"` is `filecopy` with these arguments.
#[track_caller]
fn shell(sandbox: &Sandbox, line: &str, args: &[&str]) -> Output {
    let command = Command::new("bash")
        .args(["-c", line, "bash"])
        .arg(bin("filecopy"));
    command.args(args).cwd(sandbox.path()).run()
}

#[test]
fn exit_codes() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").file("tree/b", "x").dir("to");
    let rows: [(&[&str], i32); 18] = [
        (&["a", "copy"], 0),
        (&["a", "tree", "to"], 0),
        (&["--dry-run", "a", "copy"], 0),
        (&["--no-clobber", "a", "copy"], 0),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["--completions", "bash"], 0),
        (&["--man-page"], 0),
        (&["missing", "copy"], 1),
        (&["a", "missing", "to"], 1),
        (&["a", "a"], 1),
        (&["a", "tree", "copy"], 1),
        (&["--log", "no/folder/log", "a", "copy"], 1),
        (&["a"], 2),
        (&["--no-such-option", "a", "copy"], 2),
        (&["--jobs", "0", "a", "copy"], 2),
        (&["--bwlimit", "fast", "a", "copy"], 2),
        (&["--quiet", "--verbose", "a", "copy"], 2),
    ];
    for (args, code) in rows {
        let output = filecopy(&sandbox).args(args).run();
        output.exits_with(code).lacks("panicked");
        assert_eq!(
            code == 0,
            output
                .stderr_text()
                .lines()
                .all(|line| line.contains(" copied in ") || line.starts_with("dry run")),
            "{output}"
        );
    }
    // 130 is tested with the signals.
}

#[test]
fn usage_errors_are_on_stderr_and_help_is_on_stdout() {
    let sandbox = Sandbox::new();
    filecopy(&sandbox)
        .arg("--help")
        .run()
        .succeeds()
        .stderr_is("")
        .stdout_has("Usage: filecopy");
    let output = filecopy(&sandbox).arg("lonely").run();
    output
        .exits_with(2)
        .stdout_is("")
        .stderr_has("missing destination after 'lonely'")
        .stderr_has("--help");
    assert!(!sandbox.has("log.txt"), "nothing was begun");
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_everything_is_copied() {
    let sandbox = Sandbox::new();
    // More lines than fit into a pipe.
    let length = "long".repeat(50);
    for number in 0..400 {
        sandbox.file(format!("tree/{length}-{number}"), "x");
    }
    for option in ["--verbose", "--json"] {
        let line = r#""$@" | head -n 1; exit "${PIPESTATUS[0]}""#;
        let output = shell(&sandbox, line, &[option, "-T", "tree", "copy"]);
        output.succeeds().lacks("roken pipe");
        assert_eq!(output.stdout_text().lines().count(), 1);
        assert_eq!(sandbox.list("copy").len(), 400);
        assert_eq!(
            log(&sandbox).last().map(String::as_str),
            Some("copy is copied completely")
        );
    }
    // Gone before the first line.
    shell(
        &sandbox,
        r#""$@" | true; exit "${PIPESTATUS[0]}""#,
        &["--verbose", "-T", "tree", "again"],
    )
    .succeeds();
    assert_eq!(sandbox.list("again").len(), 400);
}

#[test]
fn a_full_stdout_is_told_once_and_everything_is_copied() {
    let sandbox = Sandbox::new();
    for number in 0..100 {
        sandbox.file(format!("tree/{number}"), "x");
    }
    for option in ["--verbose", "--json"] {
        let output = shell(
            &sandbox,
            r#""$@" >/dev/full"#,
            &[option, "-T", "tree", "copy"],
        );
        output.exits_with(1);
        assert_eq!(
            output
                .stderr_text()
                .matches("filecopy: write error: no space left on device\n")
                .count(),
            1,
            "{output}"
        );
        assert_eq!(sandbox.list("copy").len(), 100);
    }
}

#[test]
fn closed_streams_do_not_matter() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let sandbox = Sandbox::new();
        sandbox
            .file("tree/a", "content")
            .file("tree/b", "content")
            .file("big", vec![5; 2 << 20])
            .dir("to");
        let line = format!(r#""$@" {closed}"#);
        let output = shell(
            &sandbox,
            &line,
            &["--verbose", "--reflink", "never", "tree", "big", "to"],
        );
        output.succeeds();
        // A file opened in the place of a closed stream would have messages written into it.
        assert_holds(&sandbox, "to/tree/a", Some(b"content"));
        assert_holds(&sandbox, "to/tree/b", Some(b"content"));
        assert_holds(&sandbox, "to/big", Some(&vec![5; 2 << 20]));
        assert_eq!(log(&sandbox).len(), 8, "{closed}: {:?}", log(&sandbox));
        shell(&sandbox, &line, &["missing", "to"]).exits_with(1);
        shell(&sandbox, &line, &["--no-such-option"]).exits_with(2);
        shell(&sandbox, &line, &["--help"]).succeeds();
    }
}

#[test]
fn a_full_stderr_does_not_stop_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").file("b", "x").dir("to");
    shell(
        &sandbox,
        r#""$@" 2>/dev/full"#,
        &["a", "missing", "b", "to"],
    )
    .exits_with(1);
    assert_eq!(sandbox.list("to").len(), 2);
    shell(&sandbox, r#""$@" 2>/dev/full"#, &["a", "c"]).succeeds();
    assert_holds(&sandbox, "c", Some(b"x"));
}

#[test]
fn quiet_says_failures_only() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").dir("to");
    filecopy(&sandbox)
        .args(["--quiet", "a", "b"])
        .run()
        .succeeds()
        .is_silent();
    let output = filecopy(&sandbox)
        .args(["--quiet", "a", "missing", "to"])
        .run();
    output
        .exits_with(1)
        .stdout_is("")
        .stderr_is("filecopy: cannot stat 'missing': no such file or directory\n");
}

#[test]
fn diagnostics_come_when_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let output = filecopy(&sandbox)
        .args(["--quiet", "--log-level", "info", "a", "b"])
        .run();
    output
        .succeeds()
        .stderr_has("started")
        .stderr_has("finished");
    let output = filecopy(&sandbox)
        .args([
            "--quiet",
            "--log-level",
            "info",
            "--log-format",
            "json",
            "a",
            "b",
        ])
        .run();
    output.succeeds();
    for line in output.stderr_text().lines() {
        let parsed: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        assert!(parsed.is_object(), "{line}");
    }
}
