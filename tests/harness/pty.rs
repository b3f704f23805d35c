//! A program in a terminal, seen as its user sees it.
//!
//! The program gets a real pseudo-terminal as its controlling terminal: line editing, Ctrl-C and window sizes work.
//! What it writes goes into a model of the screen, so that a test asserts on what stands where, not on escape codes.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::{Parser, Screen};

use crate::fail::Must;
use crate::running::{end, ends_within, spawn};
use crate::sandbox::Sandbox;
use crate::time::Deadline;
use crate::watched::Watched;

/// What keys send.
pub mod keys {
    /// Enter.
    pub const ENTER: &str = "\r";
    /// Tab.
    pub const TAB: &str = "\t";
    /// Backspace.
    pub const BACKSPACE: &str = "\x7f";
    /// Arrow up.
    pub const UP: &str = "\x1b[A";
    /// Arrow down.
    pub const DOWN: &str = "\x1b[B";
    /// Arrow right.
    pub const RIGHT: &str = "\x1b[C";
    /// Arrow left.
    pub const LEFT: &str = "\x1b[D";
    /// Ctrl-C.
    pub const CTRL_C: &str = "\x03";
    /// Ctrl-D.
    pub const CTRL_D: &str = "\x04";
    /// Ctrl-Z.
    pub const CTRL_Z: &str = "\x1a";
}

/// Lines kept after they leave the screen at the top.
const SCROLLBACK: usize = 1_000;

/// "Where is the cursor?", which a terminal has to answer.
const CURSOR_QUERY: &[u8] = b"\x1b[6n";

/// A program in a terminal of its own. Dropping it kills the program.
pub struct Pty {
    child: Child,
    command: String,
    keyboard: File,
    terminal: Arc<Watched<Terminal>>,
    _kept: Option<Sandbox>,
}

struct Terminal {
    parser: Parser,
    raw: Vec<u8>,
    is_closed: bool,
}

impl Pty {
    /// Starts a command that takes its standard input as its controlling terminal.
    #[track_caller]
    pub(crate) fn start(
        mut command: process::Command,
        shown: String,
        kept: Option<Sandbox>,
        columns: u16,
        rows: u16,
    ) -> Self {
        let (near, far) = open_pair().must("open a pseudo-terminal");
        tcsetwinsize(&near, window(columns, rows)).must("set the window size");
        let share = |end: &OwnedFd| end.try_clone().must("share the terminal");
        command
            .stdin(share(&far))
            .stdout(share(&far))
            .stderr(Stdio::from(far));
        let child = spawn(&mut command).must(format_args!("start {shown}"));
        // Ours to drop: the end of the terminal is seen only when no copy of its far side is left.
        drop(command);

        let terminal = Arc::new(Watched::new(Terminal {
            parser: Parser::new(size(rows), size(columns), SCROLLBACK),
            raw: Vec::new(),
            is_closed: false,
        }));
        show(File::from(share(&near)), Arc::clone(&terminal));
        Self {
            child,
            command: shown,
            keyboard: File::from(near),
            terminal,
            _kept: kept,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    #[track_caller]
    pub fn send(&mut self, keys: impl AsRef<[u8]>) -> &mut Self {
        self.keyboard
            .write_all(keys.as_ref())
            .must(format_args!("type to {}", self.command));
        self
    }

    /// Types a line and presses Enter.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) -> &mut Self {
        self.send(line).send(keys::ENTER)
    }

    /// Sends the program a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        kill_process(Pid::from_child(&self.child), signal)
            .must(format_args!("send {signal:?} to {}", self.command));
        self
    }

    /// Changes the window size, of which the program is told by a signal.
    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.terminal
            .change(|terminal| terminal.parser.set_size(size(rows), size(columns)));
        tcsetwinsize(&self.keyboard, window(columns, rows)).must("set the window size");
        self
    }

    /// What stands on the screen: its rows, without spaces at their ends and without empty rows at the bottom.
    pub fn screen(&self) -> String {
        self.terminal
            .look(|terminal| terminal.parser.screen().contents())
    }

    /// Everything that was written, escape codes included.
    pub fn raw(&self) -> Vec<u8> {
        self.terminal.look(|terminal| terminal.raw.clone())
    }

    /// Waits until the screen satisfies `is_shown`.
    ///
    /// # Panics
    /// When it does not within `limit`, or the program closes the terminal first; the message shows the screen.
    #[track_caller]
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        mut is_shown: impl FnMut(&Screen) -> bool,
    ) -> &Self {
        let mut was_shown = false;
        self.terminal.wait(Deadline::after(limit), |terminal| {
            was_shown = is_shown(terminal.parser.screen());
            was_shown || terminal.is_closed
        });
        assert!(
            was_shown,
            "no {what} on the screen within {limit:?}\n{self}"
        );
        self
    }

    /// Waits until `text` stands somewhere on the screen.
    #[track_caller]
    pub fn wait_text(&self, text: &str, limit: Duration) -> &Self {
        self.wait_for(&format!("{text:?}"), limit, |screen| {
            screen.contents().contains(text)
        })
    }

    /// Waits for the program's end, and for the last of its output.
    ///
    /// # Panics
    /// When it has not ended after `limit`; the message shows the screen.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        assert!(
            ends_within(&self.child, limit),
            "not ended after {limit:?}\n{self}"
        );
        let status = self
            .child
            .wait()
            .must(format_args!("wait for {}", self.command));
        self.terminal
            .wait(Deadline::after(limit), |terminal| terminal.is_closed);
        status
    }
}

impl Display for Pty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  command: {} (pid {})", self.command, self.pid())?;
        writeln!(f, "  screen:")?;
        for row in self.screen().lines() {
            writeln!(f, "    |{row}")?;
        }
        write!(f, "  raw: {}", self.raw().escape_ascii())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn open_pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = openpt(flags)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let far = ioctl_tiocgptpeer(&near, flags)?;
    Ok((near, far))
}

/// Draws what the program writes, on a thread that ends when the program has closed its side.
fn show(mut near: File, terminal: Arc<Watched<Terminal>>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        // With no program left on the far side, reading fails with EIO: that is the end.
        while let Ok(len @ 1..) = near.read(&mut buffer) {
            let answer = terminal.change(|terminal| terminal.take(&buffer[..len]));
            near.write_all(answer.as_bytes()).ok();
        }
        terminal.change(|terminal| terminal.is_closed = true);
    });
}

impl Terminal {
    /// Draws `bytes` and returns what a terminal answers to them.
    fn take(&mut self, bytes: &[u8]) -> String {
        // A query may arrive in two pieces, so its first bytes may be among those of the last time.
        let start = self.raw.len().saturating_sub(CURSOR_QUERY.len() - 1);
        self.raw.extend_from_slice(bytes);
        self.parser.process(bytes);
        let queries = self.raw[start..]
            .windows(CURSOR_QUERY.len())
            .filter(|window| *window == CURSOR_QUERY);
        let (row, column) = self.parser.screen().cursor_position();
        format!("\x1b[{};{}R", row + 1, column + 1).repeat(queries.count())
    }
}

fn window(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

#[track_caller]
fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal has at least one cell")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::time::SOON;

    fn shell(script: &str) -> Pty {
        Command::new("sh").args(["-c", script]).in_terminal(40, 5)
    }

    #[test]
    fn the_program_has_a_terminal_of_the_given_size() {
        let mut pty = shell(
            "test -t 0 && test -t 1 && test -t 2 && stty size && stty size < /dev/tty; exit 7",
        );
        assert_eq!(pty.wait(SOON).code(), Some(7));
        assert_eq!(pty.screen(), "5 40\n5 40");
    }

    #[test]
    fn keys_arrive_and_ctrl_c_interrupts() {
        let mut pty =
            shell("trap 'echo interrupted; exit 130' INT; read line; echo \"<$line>\"; read line");
        pty.send_line("typed").wait_text("<typed>", SOON);
        pty.send(keys::CTRL_C);
        assert_eq!(pty.wait(SOON).code(), Some(130));
        assert!(pty.screen().contains("interrupted"), "{pty}");
    }

    #[test]
    fn the_screen_shows_what_a_user_sees() {
        let mut pty = shell(
            "printf 'first\\rFIRST\\n\\033[1;31mred\\033[0m\\n한글 12%%\\r한글 34%%'; read x",
        );
        pty.wait_text("34%", SOON);
        assert_eq!(pty.screen(), "FIRST\nred\n한글 34%");
        pty.wait_for("a cursor behind the number", SOON, |screen| {
            screen.cursor_position() == (2, 8)
        });
        pty.send_line("");
        assert!(pty.wait(SOON).success());
    }

    #[test]
    fn a_new_size_is_announced() {
        let mut pty = shell("trap 'stty size' WINCH; echo ready; while :; do read x; done");
        pty.wait_text("ready", SOON);
        pty.resize(100, 30).send_line("").wait_text("30 100", SOON);
    }

    #[test]
    fn the_cursor_can_be_asked_for() {
        let mut pty = shell("stty -echo -icanon; printf 'ab\\033[6n'; head -c 6 | od -An -c");
        pty.wait_text("[   1   ;   3   R", SOON);
        assert!(pty.wait(SOON).success());
    }

    #[test]
    #[should_panic(expected = "|other")]
    fn a_failure_shows_the_screen() {
        shell("echo other").wait_text("text", SOON);
    }
}
