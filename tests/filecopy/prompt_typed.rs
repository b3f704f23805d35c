//! The prompt on a terminal, as a person sees it: what is typed stays whole while copies report below it. What becomes of
//! the terminal itself is in `terminal.rs`.

use harness::{Command, Pty, SOON, Sandbox, Screen, keys};

use crate::held::{BIG, ENDLESS, assert_holds, filecopy, leftovers, log, slow};

pub(crate) const COLUMNS: u16 = 100;
pub(crate) const ROWS: u16 = 24;

/// A session at the prompt, which is up.
#[track_caller]
pub(crate) fn session(command: Command) -> Pty {
    let pty = command.in_terminal(COLUMNS, ROWS);
    pty.wait_for("the first question", SOON, |screen| {
        typed(screen) == "source file:"
    });
    pty
}

/// The row in which the cursor is: what is being typed.
pub(crate) fn typed(screen: &Screen) -> String {
    row(screen, screen.cursor_position().0)
}

fn row(screen: &Screen, number: u16) -> String {
    screen
        .rows(0, COLUMNS)
        .nth(number.into())
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// The rows under the one in which the cursor is.
pub(crate) fn below(screen: &Screen) -> Vec<String> {
    (screen.cursor_position().0 + 1..ROWS)
        .map(|number| row(screen, number))
        .filter(|row| !row.is_empty())
        .collect()
}

#[track_caller]
pub(crate) fn wait_typed(pty: &Pty, text: &str) {
    pty.wait_for(&format!("{text:?} where the cursor is"), SOON, |screen| {
        typed(screen) == text
    });
}

/// The code with which it ends.
#[track_caller]
pub(crate) fn code(mut pty: Pty) -> Option<i32> {
    pty.wait(SOON).code()
}

#[test]
fn it_asks_for_a_source_file_and_a_new_name() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let mut pty = session(filecopy(&sandbox));
    pty.send_line("a");
    wait_typed(&pty, "new name:");
    pty.send_line("b");
    pty.wait_text("[1] b: 1 file, 1 B copied", SOON);
    wait_typed(&pty, "source file:");
    assert!(
        pty.screen().contains("source file: a\nnew name: b\n"),
        "the conversation stays readable\n{pty}"
    );
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
    assert_eq!(
        log(&sandbox),
        ["Start copying a to b", "b is copied completely"]
    );
}

#[test]
fn what_is_typed_stays_whole_while_copies_report() {
    let sandbox = Sandbox::new();
    sandbox
        .file("big", vec![1; BIG])
        .file("quick", vec![1; 90_000]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    for name in ["one", "two"] {
        pty.send_line("big").send_line(name);
    }
    pty.wait_for("a row for each copy", SOON, |screen| {
        below(screen).len() == 2
    });
    pty.send("half a na");
    wait_typed(&pty, "source file: half a na");
    // The rows change several times under what is typed. A screen in the middle of its painting says nothing.
    let mut seen = Vec::new();
    pty.wait_for("five more reports", SOON, |screen| {
        let rows = below(screen);
        let is_painted = typed(screen) == "source file: half a na" && rows.len() == 2;
        if is_painted && seen.last() != Some(&rows) {
            assert!(
                rows[0].starts_with("[1] one") && rows[1].starts_with("[2] two"),
                "{rows:?}"
            );
            assert_eq!(
                screen.contents().matches("half").count(),
                1,
                "{}",
                screen.contents()
            );
            seen.push(rows);
        }
        seen.len() > 5
    });
    // A message goes above it, and typing goes on behind it.
    for _ in 0..9 {
        pty.send(keys::BACKSPACE);
    }
    pty.send_line("quick").send("thr");
    wait_typed(&pty, "new name: thr");
    pty.send("ee").send(keys::ENTER).send("next, half-ty");
    pty.wait_text("[3] three: 1 file", SOON);
    wait_typed(&pty, "source file: next, half-ty");
    pty.send("ped");
    wait_typed(&pty, "source file: next, half-typed");
    pty.send(keys::CTRL_C);
    assert_eq!(code(pty), Some(130));
    assert!(!sandbox.has("one") && !sandbox.has("two") && sandbox.has("three"));
}

#[test]
fn a_report_comes_after_half_a_second_and_not_for_what_is_quicker() {
    let sandbox = Sandbox::new();
    sandbox.file("a", vec![1; 100_000]);
    let mut pty = session(slow(&sandbox, "500KB"));
    pty.send_line("a").send_line("b");
    let mut rows = 0;
    pty.wait_for("the end of the copy", SOON, |screen| {
        rows = rows.max(below(screen).len());
        screen.contents().contains("[1] b: 1 file")
    });
    assert_eq!(rows, 0, "a fifth of a second");
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
}

#[test]
fn jobs_cancel_and_help_answer() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("jobs");
    pty.wait_text("no copy runs", SOON);
    pty.send_line("help");
    pty.wait_text("cancel N", SOON);
    pty.send_line("big").send_line("copy").send_line("jobs");
    pty.wait_text("[1] big to copy", SOON);
    pty.send_line("cancel 2");
    pty.wait_text("there is no copy 2", SOON);
    pty.send_line("cancel 1");
    pty.wait_text("[1] copy: cancelled", SOON);
    wait_typed(&pty, "source file:");
    assert_eq!(sandbox.list(".").len(), 2, "log.txt and the source");
    pty.send_line("exit");
    assert_eq!(code(pty), Some(1));
    assert_eq!(
        log(&sandbox),
        ["Start copying big to copy", "copy failed: cancelled"]
    );
}

#[test]
fn exit_says_what_runs_and_waits_and_a_second_one_cancels() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("big").send_line("one");
    pty.send_line("exit");
    pty.wait_text(
        "1 copy still runs: one; waiting (type exit again to cancel it)",
        SOON,
    );
    pty.send_line("what?");
    pty.wait_for("the same answer again", SOON, |screen| {
        screen.contents().matches("1 copy still runs: one").count() == 2
    });
    pty.send_line("exit");
    pty.wait_text("cancelling 1 copy", SOON);
    assert_eq!(code(pty), Some(1));
    assert!(!sandbox.has("one"));
    assert_eq!(
        log(&sandbox),
        ["Start copying big to one", "one failed: cancelled"]
    );
}

#[test]
fn exit_waits_to_the_end() {
    for leave in ["exit\r", keys::CTRL_D] {
        let sandbox = Sandbox::new();
        sandbox.file("a", vec![1; 600_000]);
        let mut pty = session(slow(&sandbox, "900KB"));
        pty.send_line("a")
            .send_line("one")
            .send_line("a")
            .send_line("two");
        wait_typed(&pty, "source file:");
        pty.send(leave);
        pty.wait_text(
            "2 copies still run: one, two; waiting (type exit again to cancel them)",
            SOON,
        );
        assert_eq!(code(pty), Some(0));
        assert_holds(&sandbox, "one", Some(&[1; 600_000]));
        assert_holds(&sandbox, "two", Some(&[1; 600_000]));
    }
}

#[test]
fn ctrl_c_cancels_all_and_leaves_with_130() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("big")
        .send_line("one")
        .send_line("big")
        .send_line("two");
    pty.wait_for("a row for each copy", SOON, |screen| {
        below(screen).len() == 2
    });
    pty.send(keys::CTRL_C);
    pty.wait_text("interrupted: cancelling 2 copies", SOON);
    assert_eq!(code(pty), Some(130));
    assert_eq!(sandbox.list(".").len(), 2, "{:?}", sandbox.list("."));
    let ends = log(&sandbox)
        .into_iter()
        .filter(|line| line.ends_with(" failed: interrupted"))
        .count();
    assert_eq!(ends, 2);
}

#[test]
fn ctrl_c_with_nothing_running_leaves_with_130() {
    let sandbox = Sandbox::new();
    let mut pty = session(filecopy(&sandbox));
    pty.send("half a name").send(keys::CTRL_C);
    assert_eq!(code(pty), Some(130));
    assert_eq!(sandbox.read_text("log.txt"), "");
}

#[test]
fn ctrl_d_leaves_as_exit_does() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    for lines in [&[][..], &["a", "b"], &["a"]] {
        let mut pty = session(filecopy(&sandbox));
        for line in lines {
            pty.send_line(line);
        }
        wait_typed(
            &pty,
            if lines.len() == 1 {
                "new name:"
            } else {
                "source file:"
            },
        );
        pty.send(keys::CTRL_D);
        assert_eq!(code(pty), Some(0), "{lines:?}");
    }
}

#[test]
fn tab_completes_names() {
    let sandbox = Sandbox::new();
    sandbox
        .file("report-2026.txt", "x")
        .file("folder/inside one", "x")
        .file("folder/outside", "x");
    sandbox
        .file(".hidden", "x")
        .file("한글 파일.txt", "x")
        .file("other-1", "")
        .file("other-2", "");
    let mut pty = session(filecopy(&sandbox));
    for (keys, typed) in [
        ("rep\t", "source file: report-2026.txt"),
        ("fo\t", "source file: folder/"),
        ("fo\tin\t", "source file: folder/inside one"),
        (".h\t", "source file: .hidden"),
        ("한\t", "source file: 한글 파일.txt"),
        ("./rep\t", "source file: ./report-2026.txt"),
        ("oth\t", "source file: other-"),
        ("none-such\t", "source file: none-such"),
    ] {
        pty.send(keys);
        wait_typed(&pty, typed);
        // Ctrl-U takes the line away.
        pty.send("\x15");
        wait_typed(&pty, "source file:");
    }
    pty.send("oth\t\t");
    pty.wait_text("other-1  other-2", SOON);
    wait_typed(&pty, "source file: other-");
    pty.send("\x15").send("fo\tout\t\r");
    wait_typed(&pty, "new name:");
    pty.send("fo\tcopy\r");
    pty.wait_text("[1] folder/copy: 1 file", SOON);
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
    assert!(sandbox.has("folder/copy"));
}

#[test]
fn korean_names_are_typed_and_corrected() {
    let sandbox = Sandbox::new();
    sandbox.file("보고서.txt", "x");
    let mut pty = session(filecopy(&sandbox));
    pty.send("보고서서")
        .send(keys::BACKSPACE)
        .send(".txt")
        .send(keys::ENTER);
    wait_typed(&pty, "new name:");
    pty.send("새 보고")
        .send(keys::LEFT)
        .send(keys::LEFT)
        .send("로운 ")
        .send(keys::ENTER);
    pty.wait_text("1 file, 1 B copied", SOON);
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
    assert_eq!(sandbox.list(".").len(), 3, "{:?}", sandbox.list("."));
    assert!(sandbox.has("새 로운 보고"), "{:?}", sandbox.list("."));
}

#[test]
fn errors_are_told_and_the_prompt_goes_on() {
    let sandbox = Sandbox::new();
    sandbox
        .file("a", "x")
        .file("big", vec![1; BIG])
        .dir("folder");
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("missing").send_line("b");
    pty.wait_text(
        "filecopy: cannot stat 'missing': no such file or directory",
        SOON,
    );
    pty.send_line("a").send_line("a");
    pty.wait_text("filecopy: 'a' and 'a' are the same file", SOON);
    pty.send_line("big").send_line("folder");
    pty.wait_for("a row for it", SOON, |screen| below(screen).len() == 1);
    pty.send_line("a").send_line("folder/big");
    pty.wait_text("filecopy: 'folder/big' is being written by job", SOON);
    wait_typed(&pty, "source file:");
    pty.send_line("")
        .send_line("")
        .send_line("a")
        .send_line("")
        .send_line("b");
    pty.wait_text("b: 1 file, 1 B copied", SOON);
    pty.send_line("exit").send_line("exit");
    assert_eq!(code(pty), Some(1));
    assert_eq!(leftovers(&sandbox, "folder"), [""; 0]);
    assert_eq!(sandbox.list("folder").len(), 0);
}

#[test]
fn words_are_answered_and_the_same_question_asked_again() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let mut pty = session(filecopy(&sandbox));
    pty.send_line("a");
    wait_typed(&pty, "new name:");
    pty.send_line("jobs");
    pty.wait_text("no copy runs", SOON);
    wait_typed(&pty, "new name:");
    pty.send_line("help");
    pty.wait_text("no quotes", SOON);
    wait_typed(&pty, "new name:");
    pty.send_line("b");
    pty.wait_text("[1] b: 1 file, 1 B copied", SOON);
    wait_typed(&pty, "source file:");
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
    assert_holds(&sandbox, "b", Some(b"x"));
}

#[test]
fn more_copies_than_rows_are_counted() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    for number in 0..14 {
        pty.send_line("big").send_line(&format!("copy-{number}"));
    }
    pty.wait_for("a third of the screen", SOON, |screen| {
        let rows = below(screen);
        rows.len() == usize::from(ROWS) / 3 && rows[7].contains("and 7 more")
    });
    pty.send(keys::CTRL_C);
    assert_eq!(code(pty), Some(130));
    assert_eq!(sandbox.list(".").len(), 2);
}
