//! The terminal around the prompt: other widths, poor terminals, and its settings when the session has ended.

use std::fs;
use std::time::Duration;

use harness::{Command, Pty, SOON, Sandbox, Signal, bin, keys, needs_tool, wait_until};

use crate::held::{BIG, ENDLESS, assert_holds, log, slow};
use crate::prompt_typed::{COLUMNS, ROWS, below, code, session, wait_typed};

#[test]
fn a_narrow_window_and_a_changed_one_keep_the_line_whole() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("big")
        .send_line("a-copy-with-a-rather-long-name-that-does-not-fit-everywhere");
    pty.wait_for("a row", SOON, |screen| below(screen).len() == 1);
    pty.resize(30, 10);
    pty.wait_for("one row of thirty columns at most", SOON, |screen| {
        let (line, _) = screen.cursor_position();
        let rows: Vec<String> = screen.rows(0, 30).collect();
        let is_typed = rows[usize::from(line)].trim_end() == "source file:";
        is_typed
            && rows
                .iter()
                .skip(usize::from(line) + 1)
                .filter(|row| !row.trim().is_empty())
                .count()
                == 1
    });
    pty.send(keys::CTRL_C);
    assert_eq!(code(pty), Some(130));
}

#[test]
fn the_terminal_is_as_it_was_however_the_session_ends() {
    type Leave = fn(&mut Pty, u32);
    let ways: [(&str, Leave); 5] = [
        ("exit", |pty, _| {
            pty.send_line("exit");
        }),
        ("Ctrl-C", |pty, _| {
            pty.send(keys::CTRL_C);
        }),
        ("SIGTERM", |_, pid| signal(pid, "TERM")),
        ("SIGTERM while a name is half typed", |pty, pid| {
            pty.send("half");
            wait_typed(pty, "source file: half");
            signal(pid, "TERM");
        }),
        ("SIGHUP", |_, pid| signal(pid, "HUP")),
    ];
    for (way, leave) in ways {
        let sandbox = Sandbox::new();
        // Settings that are not the usual ones, so that they are not put back by chance.
        let script =
            r#"stty -ixon erase '^H'; stty -a >before; "$1"; echo "code $?" >code; stty -a >after"#;
        let mut pty = session(
            Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(bin("filecopy"))
                .cwd(sandbox.path()),
        );
        let child = child_of(pty.pid());
        leave(&mut pty, child);
        assert_eq!(code(pty), Some(0), "{way}: the shell goes on");
        assert_eq!(
            sandbox.read_text("after"),
            sandbox.read_text("before"),
            "{way}"
        );
        let expected = if way == "exit" {
            "code 0\n"
        } else {
            "code 130\n"
        };
        assert_eq!(sandbox.read_text("code"), expected, "{way}");
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_goes_on() {
    let Some(bash) = needs_tool("Ctrl-Z at the prompt", "bash", "bash") else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.file("a", "x").symlink(bin("filecopy"), "filecopy");
    let shell = Command::new(bash)
        .args(["--norc", "--noprofile", "--noediting", "-i"])
        .env("PS1", "shell: ")
        .cwd(sandbox.path());
    let mut pty = shell.in_terminal(COLUMNS, ROWS);
    wait_typed(&pty, "shell:");
    pty.send_line("stty -a >before; ./filecopy --quiet");
    wait_typed(&pty, "source file:");
    pty.send("half");
    wait_typed(&pty, "source file: half");
    pty.send(keys::CTRL_Z);
    wait_typed(&pty, "shell:");
    pty.send_line("stty -a >stopped; fg");
    wait_typed(&pty, "source file: half");
    // Ctrl-U takes the line away.
    pty.send("\x15")
        .send_line("a")
        .send_line("b")
        .send_line("exit");
    wait_typed(&pty, "shell:");
    pty.send_line("stty -a >after; exit");
    assert_eq!(code(pty), Some(0));
    assert_eq!(sandbox.read_text("stopped"), sandbox.read_text("before"));
    assert_eq!(sandbox.read_text("after"), sandbox.read_text("before"));
    assert_holds(&sandbox, "b", Some(b"x"));
}

#[test]
fn a_terminal_that_goes_away_ends_the_session_and_its_copies() {
    let sandbox = Sandbox::new();
    sandbox.file("big", vec![1; BIG]);
    let mut pty = session(slow(&sandbox, ENDLESS));
    pty.send_line("big").send_line("copy");
    pty.wait_for("a row", SOON, |screen| below(screen).len() == 1);
    pty.signal(Signal::HUP);
    assert_eq!(code(pty), Some(130));
    assert!(!sandbox.has("copy"));
    assert_eq!(
        log(&sandbox),
        ["Start copying big to copy", "copy failed: interrupted"]
    );
}

#[test]
fn a_terminal_without_cursor_movement_is_asked_plainly() {
    let sandbox = Sandbox::new();
    sandbox.file("a", "x");
    let script = r#"TERM=dumb exec "$1""#;
    let mut pty = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(bin("filecopy"))
        .cwd(sandbox.path())
        .in_terminal(COLUMNS, ROWS);
    pty.wait_text("source file: ", SOON);
    pty.send_line("a");
    pty.wait_text("new name: ", SOON);
    pty.send_line("b");
    pty.wait_text("[1] b: 1 file", SOON);
    pty.send_line("exit");
    assert_eq!(code(pty), Some(0));
    assert_holds(&sandbox, "b", Some(b"x"));
}

/// The process that a shell runs in its foreground.
#[track_caller]
fn child_of(shell: u32) -> u32 {
    let mut child = None;
    wait_until("a child of the shell", SOON, || {
        let children =
            fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap_or_default();
        child = children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        child.is_some()
    });
    child.expect("waited for")
}

#[track_caller]
fn signal(pid: u32, name: &str) {
    Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .deadline(Duration::from_secs(5))
        .run()
        .succeeds();
}
