//! The console on a real pseudo-terminal, and on a pipe.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use common::clock::Clock;
use crossbeam_channel::Receiver;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::{DEADLINE, probe};

#[test]
fn typed_lines_arrive_and_the_terminal_is_put_back() {
    let mut terminal = Session::start(&["console"]);
    terminal.wait_for("source file: ");
    terminal.type_keys("한글 이름X\x7f\r");
    terminal.wait_for("got '한글 이름'");
    terminal.wait_for("new name: ");
    terminal.type_keys("ab\x1b[D-\r");
    terminal.wait_for("got 'a-b'");
    terminal.type_keys("half\x03");
    terminal.wait_for("interrupt");
    terminal.type_keys("\x04");
    terminal.wait_for("bye");
    assert_eq!(terminal.finish(), Some(0));
}

#[test]
fn tab_completes_and_lists() {
    let mut terminal = Session::start(&["console"]);
    terminal.wait_for("source file: ");
    terminal.type_keys("not\t");
    terminal.wait_for("notes.txt  notary");
    terminal.type_keys("e\t\r");
    terminal.wait_for("got 'notes.txt'");
    terminal.type_keys("한글\t\r");
    terminal.wait_for("got '한글문서'");
}

#[test]
fn keys_typed_ahead_answer_later_questions() {
    let mut terminal = Session::start(&["console"]);
    terminal.type_keys("one\rtwo\r\x1b[200~three\tx\rexit\r\x1b[201~");
    for answer in ["got 'one'", "got 'two'", r"got $'three\tx'", "bye"] {
        terminal.wait_for(answer);
    }
    assert_eq!(terminal.finish(), Some(0));
}

#[test]
fn the_terminal_is_put_back_on_every_way_out() {
    let rows: [(&str, &[&str], &str, Option<i32>); 3] = [
        ("panic", &["console", "panic"], "x\r", Some(101)),
        ("at once", &["console", "now"], "x\r", Some(130)),
        (
            "end of input",
            &["console", "noise"],
            "half\x15\x04",
            Some(0),
        ),
    ];
    for (name, args, keys, code) in rows {
        let mut terminal = Session::start(args);
        // Before that, the terminal itself would act on Ctrl-D.
        terminal.wait_for("\x1b[?2004h");
        terminal.type_keys(keys);
        assert_eq!(terminal.finish(), code, "{name}");
    }
    let mut terminal = Session::start(&["console", "noise"]);
    terminal.wait_for("source file: ");
    terminal.type_keys("half a line");
    terminal.wait_for("half a line");
    terminal.signal(Signal::TERM);
    assert_eq!(
        terminal.finish(),
        Some(0),
        "a signal while a line is being typed"
    );
    assert!(
        terminal.seen.contains("Terminate") && terminal.seen.ends_with("\x1b[?2004l"),
        "{:?}",
        terminal.seen
    );
}

#[test]
fn a_notice_on_stderr_stands_above_the_line() {
    let mut terminal = Session::start(&["console", "panic"]);
    terminal.type_keys("x\r");
    for shown in ["again> ", "\x1b[Jnoticed\r", "again> "] {
        terminal.wait_for(shown);
    }
    assert_eq!(terminal.finish(), Some(101));
}

#[test]
fn one_that_was_sent_to_the_background_ends_there() {
    let script = r#"set -m; "$0" console & echo "pid $!."; fg; bg
        sh -c 'stty sane; echo taken.; read x'; wait $!; echo "code $?.""#;
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", "bash", "-c", script]);
    let mut terminal = Session::run(command.arg(probe().get_program()));
    terminal.wait_for("pid ");
    terminal.wait_for("source file: ");
    let (_, rest) = terminal.seen.split_once("pid ").unwrap();
    let (pid, _) = rest.split_once('.').unwrap();
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    terminal.wait_for("taken.");
    kill_process(pid, Signal::TERM).unwrap();
    terminal.wait_for("bye");
    terminal.type_keys("\n");
    terminal.wait_for("code 0.");
}

#[test]
fn a_vanished_terminal_is_the_end_of_input() {
    let mut terminal = Session::start(&["console"]);
    terminal.wait_for("source file: ");
    terminal.hang_up();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_pipe_is_read_byte_for_byte_and_sees_no_prompt() {
    let mut child = probe()
        .arg("console")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a\nb\xff\r\n\nlast")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = "got 'a' 1\ngot 'b\u{fffd}' 2\ngot '' 0\ngot 'last' 4\nbye\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// The probe on a pseudo-terminal of 60 × 10.
struct Session {
    child: Child,
    keyboard: Option<File>,
    screen: Receiver<Vec<u8>>,
    seen: String,
    unsearched: usize,
    /// Keeps the terminal alive after the child, to look at its mode.
    terminal: Option<File>,
    before: Termios,
}

impl Session {
    fn start(args: &[&str]) -> Self {
        Self::run(probe().args(args))
    }

    fn run(command: &mut Command) -> Self {
        let controller =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap()
        };
        let terminal = open();
        tcsetwinsize(
            &terminal,
            Winsize {
                ws_row: 10,
                ws_col: 60,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )
        .unwrap();
        let before = tcgetattr(&terminal).unwrap();
        command
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(open())
            .stdout(open())
            .stderr(open());
        let child = command.spawn().unwrap();
        // The command would keep its own descriptors of the terminal.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keyboard = File::from(controller);
        let mut output = keyboard.try_clone().unwrap();
        let (sender, screen) = crossbeam_channel::unbounded();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Fails when the last holder of the terminal has closed it.
            while let Ok(len) = output.read(&mut buffer)
                && sender.send(buffer[..len].to_vec()).is_ok()
            {}
        });
        Self {
            child,
            keyboard: Some(keyboard),
            screen,
            seen: String::new(),
            unsearched: 0,
            terminal: Some(terminal),
            before,
        }
    }

    fn type_keys(&self, keys: &str) {
        self.keyboard
            .as_ref()
            .unwrap()
            .write_all(keys.as_bytes())
            .unwrap();
    }

    /// Reads on until the text has been shown after what was waited for before.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let clock = Clock::start();
        loop {
            if let Some(at) = self.seen[self.unsearched..].find(text) {
                self.unsearched += at + text.len();
                return;
            }
            let left = DEADLINE.saturating_sub(clock.elapsed());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{error} before {text:?} in {:?}", self.seen),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end, checks that the terminal is as before, and gives the exit code.
    #[track_caller]
    fn finish(&mut self) -> Option<i32> {
        let status = self.child.wait().unwrap();
        let terminal = self.terminal.take().unwrap();
        let after = tcgetattr(&terminal).unwrap();
        assert_eq!(
            format!("{after:?}"),
            format!("{:?}", self.before),
            "the terminal's mode"
        );
        drop(terminal);
        while let Ok(bytes) = self.screen.recv_timeout(DEADLINE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert!(
            self.seen.contains("\x1b[?2004l"),
            "pasting is as before: {:?}",
            self.seen
        );
        status.code()
    }

    /// Closes the terminal's other end, as a closed window does. The reading thread holds it too and ends first.
    fn hang_up(&mut self) {
        self.terminal = None;
        self.keyboard = None;
        let (_, nothing) = crossbeam_channel::bounded(0);
        self.screen = nothing;
        // The next thing shown finds nobody reading: the thread ends, and with it the terminal.
        self.signal(Signal::WINCH);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
