//! What a person sees while one command copies: a progress line on a terminal, and only there; a summary at the end.

use std::time::Duration;

use harness::{Command, Pty, SOON, Sandbox, Stopwatch, bin, keys};

use crate::held::{BIG, ENDLESS, assert_holds, filecopy, side_by_side, slow};

const COLUMNS: u16 = 80;
const ROWS: u16 = 10;

/// The progress lines that were drawn one over the other.
fn drawn(pty: &Pty) -> Vec<String> {
    let raw = pty.raw();
    let text = String::from_utf8_lossy(&raw);
    let frames = text
        .split('\r')
        .filter_map(|frame| frame.strip_suffix("\x1b[K"));
    frames
        .filter(|line| !line.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// The share in a progress line.
fn percent(line: &str) -> Option<u64> {
    line.split_whitespace()
        .find_map(|word| word.strip_suffix('%')?.parse().ok())
}

#[test]
fn it_comes_after_half_a_second_never_goes_back_and_goes_away() {
    let sandbox = Sandbox::new();
    for number in 0..9 {
        sandbox.file(format!("tree/{number}"), vec![1; 200_000]);
    }
    let since = Stopwatch::start();
    let mut pty = slow(&sandbox, "1MB")
        .args(["tree", "copy"])
        .in_terminal(COLUMNS, ROWS);
    pty.wait_text("iB/s", SOON);
    assert!(
        since.elapsed() >= Duration::from_millis(500),
        "a quick copy is not worth it: {:?}",
        since.elapsed()
    );
    assert!(pty.wait(SOON).success());
    let lines = drawn(&pty);
    let shares: Vec<u64> = lines.iter().filter_map(|line| percent(line)).collect();
    assert!(shares.len() >= 3 && shares.is_sorted(), "{lines:#?}");
    assert!(shares.iter().all(|&share| share < 100), "{shares:?}");
    assert!(
        (20..=60).contains(&shares[0]),
        "a third is done by then: {lines:#?}"
    );
    assert!(shares.last() > Some(&70), "{lines:#?}");
    assert!(lines.len() <= 10, "five a second at most: {}", lines.len());
    let screen = pty.screen();
    assert_eq!(
        screen.lines().count(),
        1,
        "only the summary stays\n{screen}"
    );
    assert!(
        screen.starts_with("9 files in 1 folder, 1.7 MiB copied in 1."),
        "{screen}"
    );
}

/// A size as it is shown, in bytes.
fn bytes(number: &str, unit: &str) -> f64 {
    let scale = match unit {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        other => panic!("unit {other}"),
    };
    number.parse::<f64>().expect("a number") * scale
}

#[test]
fn share_and_remaining_time_agree_with_the_bytes_and_the_limit() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; 3 << 20]);
    let mut pty = slow(&sandbox, "1MB")
        .args(["big", "copy"])
        .in_terminal(COLUMNS, ROWS);
    assert!(pty.wait(SOON).success());
    let lines = drawn(&pty);
    assert!(lines.len() >= 5, "{lines:#?}");
    for line in &lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [
            share,
            done,
            done_unit,
            "of",
            whole,
            whole_unit,
            _,
            _,
            left,
            "left",
            "big",
        ] = words[..]
        else {
            panic!("the first line as the last: {line}")
        };
        let (done, whole) = (bytes(done, done_unit), bytes(whole, whole_unit));
        let share: f64 = share.trim_end_matches('%').parse().expect("a share");
        assert!(
            (share - done * 100.0 / whole).abs() <= 2.5,
            "of what is shown: {line}"
        );
        let left: f64 = left.trim_start_matches("0:").parse().expect("seconds");
        let expected = (whole - done) / f64::from(1 << 20);
        assert!((left - expected).abs() <= 1.3, "{expected} s left: {line}");
    }
    assert!(
        pty.screen().contains("1 file, 3.0 MiB copied in "),
        "{}",
        pty.screen()
    );
}

#[test]
fn the_summary_tells_of_a_rate_and_of_verification_only_what_is_so() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 100_000]);
    filecopy(&sandbox)
        .args(["a", "b"])
        .run()
        .succeeds()
        .lacks("/s)")
        .lacks("verified");
    filecopy(&sandbox)
        .args(["--verify", "a", "c"])
        .run()
        .succeeds()
        .stderr_has(", verified");
}

#[test]
fn a_quick_copy_shows_none() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let mut pty = filecopy(&sandbox)
        .args(["a", "b"])
        .in_terminal(COLUMNS, ROWS);
    assert!(pty.wait(SOON).success());
    assert_eq!(drawn(&pty), [""; 0]);
    assert!(!pty.raw().contains(&b'\x1b'), "{pty}");
    assert!(pty.screen().starts_with("1 file, 1 B copied in "), "{pty}");
}

#[test]
fn it_is_as_wide_as_the_window_and_no_wider() {
    side_by_side(&[12, 25, 40, 60, 200], |&columns| {
        let sandbox = Sandbox::new();
        sandbox.file(
            "a-source-with-a-name-of-some-length-한글-이름",
            vec![1; BIG],
        );
        let mut pty = slow(&sandbox, ENDLESS)
            .args(["a-source-with-a-name-of-some-length-한글-이름", "copy"])
            .in_terminal(columns, ROWS);
        pty.wait_for("a progress line in the first row", SOON, |screen| {
            !screen.contents().trim().is_empty()
        });
        pty.wait_for("nothing in the second", SOON, |screen| {
            let rows: Vec<String> = screen.rows(0, columns).collect();
            !rows[0].trim().is_empty() && rows[1..].iter().all(|row| row.trim().is_empty())
        });
        pty.send(keys::CTRL_C);
        assert_eq!(pty.wait(SOON).code(), Some(130), "{columns} columns");
    });
}

#[test]
fn ctrl_c_takes_it_away_and_says_what_was_done() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = slow(&sandbox, ENDLESS)
        .args(["big", "copy"])
        .in_terminal(COLUMNS, ROWS);
    pty.wait_text("big", SOON);
    pty.send(keys::CTRL_C);
    assert_eq!(pty.wait(SOON).code(), Some(130));
    let screen = pty.screen();
    assert!(screen.contains("interrupted after "), "{screen}");
    assert!(
        !screen.contains("KB/s") && !screen.contains("KiB/s"),
        "no progress line is left\n{screen}"
    );
    assert!(!sandbox.has("copy"));
}

#[test]
fn messages_stand_above_it() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]).dir("to");
    let mut pty = slow(&sandbox, ENDLESS)
        .args(["missing", "big", "to"])
        .in_terminal(COLUMNS, ROWS);
    pty.wait_for("a message, and progress below", SOON, |screen| {
        let rows: Vec<String> = screen.rows(0, COLUMNS).collect();
        rows[0].starts_with("filecopy: cannot stat 'missing'") && rows[1].contains("big")
    });
    pty.send(keys::CTRL_C);
    assert_eq!(pty.wait(SOON).code(), Some(130));
}

#[test]
fn there_is_none_without_a_terminal_or_when_it_is_not_wanted() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 800_000]);
    let output = slow(&sandbox, "1MB").args(["a", "b"]).run();
    output
        .succeeds()
        .stdout_is("")
        .stderr_is_one_line()
        .stderr_has("1 file, 781.3 KiB copied in ");
    assert!(
        !output.stderr.contains(&b'\r') && !output.stderr.contains(&b'\x1b'),
        "{output}"
    );
    slow(&sandbox, "1MB")
        .args(["--quiet", "a", "b"])
        .run()
        .succeeds()
        .is_silent();
    let rows = [
        ("--quiet", "xterm"),
        ("--json", "xterm"),
        ("--no-log", "dumb"),
    ];
    side_by_side(&rows, |(option, term)| {
        let script = format!(r#"TERM={term} exec "$@""#);
        let command = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(bin("filecopy"))
            .cwd(sandbox.path());
        let args = [
            option,
            "--reflink",
            "never",
            "--bwlimit",
            "1MB",
            "a",
            &*format!("copy {option}"),
        ];
        let mut pty = command.args(args).in_terminal(COLUMNS, ROWS);
        assert!(pty.wait(SOON).success());
        assert!(!pty.raw().contains(&b'\x1b'), "{option}, {term}: {pty}");
    });
}

#[test]
fn verbose_lines_and_progress_share_the_screen() {
    let sandbox = Sandbox::new();
    for number in 0..4 {
        sandbox.file(format!("tree/{number}"), vec![1; 300_000]);
    }
    let mut pty = slow(&sandbox, "1MB")
        .args(["--verbose", "--jobs", "1", "tree", "copy"])
        .in_terminal(COLUMNS, ROWS);
    assert!(pty.wait(SOON).success());
    assert!(drawn(&pty).len() > 1);
    let screen = pty.screen();
    for number in 0..4 {
        let line = format!("'tree/{number}' -> 'copy/{number}'");
        assert!(
            screen.lines().any(|row| row == line),
            "{line} on a row of its own\n{screen}"
        );
    }
    assert_eq!(
        screen.lines().count(),
        6,
        "four files, their folder, the summary\n{screen}"
    );
    let last = screen.lines().last().unwrap_or_default();
    assert!(last.starts_with("4 files in 1 folder"), "{screen}");
}

#[test]
fn the_summary_is_the_last_line_however_quick_the_copy() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        for number in 0..7 {
            sandbox.file(format!("tree/{number}"), "x");
        }
        let mut pty = filecopy(&sandbox)
            .args(["--verbose", "tree", "copy"])
            .in_terminal(COLUMNS, ROWS);
        assert!(pty.wait(SOON).success());
        let screen = pty.screen();
        let last = screen.lines().last().unwrap_or_default();
        assert!(last.starts_with("7 files in 1 folder"), "{screen}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let sandbox = Sandbox::new();
    let red = b"\x1b[";
    let has_red = |bytes: &[u8]| bytes.windows(2).any(|pair| pair == red);
    // NO_COLOR, options, whether there are colours on a terminal.
    let rows = [
        (None, None, true),
        (Some("1"), None, false),
        (Some(""), None, true),
        (None, Some("never"), false),
        (Some("1"), Some("always"), true),
    ];
    for (variable, option, expected) in rows {
        let mut command = filecopy(&sandbox).args(["missing", "b"]);
        if let Some(value) = variable {
            command = command.env("NO_COLOR", value);
        }
        if let Some(when) = option {
            command = command.args(["--color", when]);
        }
        let mut pty = command.in_terminal(COLUMNS, ROWS);
        assert_eq!(pty.wait(SOON).code(), Some(1));
        assert_eq!(
            has_red(&pty.raw()),
            expected,
            "NO_COLOR {variable:?}, --color {option:?}: {pty}"
        );
        assert!(
            pty.screen().starts_with("filecopy: cannot stat 'missing'"),
            "{pty}"
        );
    }
    let output = filecopy(&sandbox).args(["missing", "b"]).run();
    assert!(!has_red(&output.stderr), "{output}");
    let output = filecopy(&sandbox)
        .args(["--color", "always", "missing", "b"])
        .run();
    assert!(has_red(&output.stderr), "{output}");
}

#[test]
fn a_question_about_removal_is_asked_on_a_terminal() {
    for (answer, is_done) in [("y", true), ("n", false), ("", false), ("yes", true)] {
        let sandbox = Sandbox::new();
        sandbox
            .file("tree/a", "x")
            .file("copy/extra", "x")
            .file("copy/more/inside", "x");
        let mut pty = filecopy(&sandbox)
            .args(["--delete", "-T", "tree", "copy"])
            .in_terminal(COLUMNS, ROWS);
        pty.wait_text(
            "remove 2 entries from 'copy' that 'tree' does not have? [y/N]",
            SOON,
        );
        pty.send_line(answer);
        assert_eq!(
            pty.wait(SOON).code(),
            Some(i32::from(!is_done)),
            "{answer:?}"
        );
        assert_eq!(
            (sandbox.has("copy/extra"), sandbox.has("copy/a")),
            (!is_done, is_done),
            "{answer:?}"
        );
    }
    let sandbox = Sandbox::new();
    sandbox.file("tree/a", "x").file("copy/extra", "x");
    let mut pty = filecopy(&sandbox)
        .args(["--delete", "-T", "tree", "copy"])
        .in_terminal(COLUMNS, ROWS);
    pty.wait_text("[y/N]", SOON);
    pty.send(keys::CTRL_C);
    assert_eq!(pty.wait(SOON).code(), Some(130));
    assert_holds(&sandbox, "copy/extra", Some(b"x"));
    assert!(!sandbox.has("copy/a"));
    // Nobody to ask.
    filecopy(&sandbox)
        .args(["--delete", "-T", "tree", "copy"])
        .run()
        .exits_with(2);
    assert!(sandbox.has("copy/extra") && !sandbox.has("copy/a"));
}
