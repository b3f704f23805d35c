//! What is on the terminal, under one lock, and the terminal's mode.
//!
//! Every change to the line, the status rows or the output goes through [`Shared::paint`] while the lock is held, as
//! one write. The mode found at the start is kept and put back by [`Shared::release_terminal`]. While the program is
//! stopped or in the background the terminal belongs to the shell: output then goes out as plain lines.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    InputModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcgetwinsize, tcsetattr,
};

use super::cells::safe_lines;
use super::edit::Edit;
use super::keys::Key;
use super::screen::{Line, Screen, Size, View};

/// How often, and how long apart, a program about to end tries to show a last time what was typed.
const LOCK_ATTEMPTS: usize = 50;
const LOCK_PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 2_000_000,
};

/// What the reading thread and the callers share.
pub(super) struct Shared {
    original: Termios,
    raw: Termios,
    wake: UnixStream,
    pub(super) closing: AtomicBool,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) screen: Screen,
    pub(super) edit: Edit,
    pub(super) prompt: String,
    /// A line was asked for and not yet given.
    pub(super) asking: bool,
    /// Keys that came before a line was asked for.
    pub(super) ahead: VecDeque<Key>,
    pub(super) status: Vec<String>,
    /// The terminal is ours: in raw mode and painted.
    pub(super) owned: bool,
}

impl Shared {
    /// The terminal as it is now, not taken yet. `wake` is read by whoever reads keys.
    pub(super) fn new(wake: UnixStream, max_line: usize) -> io::Result<Self> {
        let original = tcgetattr(stdin())?;
        let state = State {
            screen: Screen::default(),
            edit: Edit::new(max_line),
            prompt: String::new(),
            asking: false,
            ahead: VecDeque::new(),
            status: Vec::new(),
            owned: false,
        };
        Ok(Self {
            raw: raw_mode(&original),
            original,
            wake,
            closing: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each update replaces what is shown, so a half-made one does no lasting harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) {
        // A full socket wakes the reader too.
        let _ = (&self.wake).write(&[0]);
    }

    pub(super) fn print(&self, text: &str) {
        self.paint(&mut self.lock(), &safe_lines(text));
    }

    /// Shows the state, with new output above it. In the background only the output is shown.
    pub(super) fn paint(&self, state: &mut State, output: &str) {
        if !state.owned {
            return write_terminal(output.as_bytes());
        }
        let line = Line {
            prompt: &state.prompt,
            text: state.edit.text(),
            cursor: state.edit.cursor(),
        };
        let view = View {
            line: state.asking.then_some(line),
            status: &state.status,
        };
        write_terminal(&state.screen.paint(output, view, window()));
    }

    /// Sets raw mode and paints, unless the shell has us in the background, where touching the mode would stop us.
    pub(super) fn take_terminal(&self, state: &mut State) {
        if !is_in_foreground() {
            // Stopped, and then sent there: whoever did that has the terminal now.
            state.owned = false;
            return;
        }
        if self.closing.load(Ordering::Relaxed) {
            return;
        }
        if !state.owned {
            state.screen.forget();
            state.owned = true;
        }
        // A terminal that has gone away fails here and is noticed by the next read.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.raw);
        write_terminal(BRACKETED_PASTE_ON);
        self.paint(state, "");
    }

    /// Leaves what was typed as a line of its own, takes the status rows away and restores the mode.
    pub(super) fn release_terminal(&self, state: &mut State) {
        if !std::mem::take(&mut state.owned) || !is_in_foreground() {
            return;
        }
        let unfinished = match state.asking {
            true => safe_lines(&format!("{}{}", state.prompt, state.edit.text())),
            false => String::new(),
        };
        write_terminal(&state.screen.paint(
            &unfinished,
            View {
                line: None,
                status: &[],
            },
            window(),
        ));
        self.restore_mode();
    }

    /// Puts the terminal back though other threads go on, and keeps it so.
    pub(super) fn leave_at_once(&self) {
        self.closing.store(true, Ordering::Relaxed);
        for _ in 0..LOCK_ATTEMPTS {
            match self.state.try_lock() {
                Ok(mut state) => return self.release_terminal(&mut state),
                Err(TryLockError::Poisoned(poisoned)) => {
                    return self.release_terminal(&mut poisoned.into_inner());
                }
                Err(TryLockError::WouldBlock) => {
                    let _ = poll(&mut [], Some(&LOCK_PAUSE));
                }
            }
        }
        // Whoever holds the lock is blocked on a terminal that takes no output.
        self.restore_mode();
    }

    fn restore_mode(&self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.original);
        // A terminal that takes no output must not keep the program from ending.
        let stdout = stdout();
        let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
        if poll(
            &mut fds,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        ) == Ok(1)
        {
            write_terminal(BRACKETED_PASTE_OFF);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

const BRACKETED_PASTE_ON: &[u8] = b"\x1b[?2004h";
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Keys at once and unechoed, Ctrl-C as a key, reads that never wait; output as before.
fn raw_mode(original: &Termios) -> Termios {
    let mut raw = original.clone();
    raw.make_raw();
    raw.output_modes = original.output_modes | OutputModes::OPOST | OutputModes::ONLCR;
    raw.input_modes |= original.input_modes & InputModes::IUTF8;
    raw.special_codes[SpecialCodeIndex::VMIN] = 0;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    raw
}

/// Whether the shell lets us change the terminal; from the background, trying to would stop us. One that has gone away
/// belongs to nobody else.
fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
}

fn window() -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
        // What terminals that do not know are taken to have.
        _ => Size {
            columns: 80,
            rows: 24,
        },
    }
}

/// Writes everything, or gives up on a terminal that has gone away.
pub(super) fn write_terminal(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let stdout = stdout();
                let _ = poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None);
            }
            Err(_) => return,
        }
    }
}
