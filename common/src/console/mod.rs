//! Typed lines onto a channel, and output that never tears a half-typed line.
//!
//! ```text
//!   Console::ask ──► prompt ──► keys ──► line ──► ConsoleEvent on the channel ──► the program ──► ask …
//!   Console::print, set_status ──► above and below the line being typed
//! ```
//!
//! One question, one answer: each [`Console::ask`] is answered by one `Line`, `TooLong` or `EndOfInput`, so the next
//! prompt can depend on what was just read. What is typed before it is asked for waits. `Interrupt` may come at any
//! time.
//!
//! While a console is open on a terminal everything is shown through it: [`crate::streams::notice`], [`crate::log`] and
//! [`crate::exit::report`] do so by themselves, [`crate::streams::answer`] does not.
//!
//! On a terminal a small line editor works (arrows, history, Tab, Korean and other wide text, paste); the terminal is
//! put back as it was on every way out: drop, panic, signal, Ctrl-Z, [`crate::exit::now`]. From a pipe or file, lines
//! come as the bytes they are and no prompt is shown; a terminal that cannot move its cursor (`TERM=dumb`), or whose
//! stdout goes elsewhere, keeps its own line editing.
//!
//! Why not rustyline: its printer checks outside any lock whether a line is being read, so output tears at the moment
//! that changes, and it blocks while the reader is busy; a pending read cannot be ended, so the terminal could not be
//! put back on SIGTERM; and nothing can be kept under the line. Here one lock covers line, rows and output.

#[cfg(unix)]
mod reader;
#[cfg(unix)]
mod shared;
#[cfg(unix)]
mod terminal;

#[cfg(unix)]
mod edit;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod screen;

mod cells;
mod config;
mod piped;

use std::io;

use crossbeam_channel::Receiver;

pub use config::{Complete, ConsoleConfig, ConsoleEvent};

/// The place where a person or a pipe answers; one per program.
#[derive(Debug)]
pub struct Console {
    way: Way,
}

#[derive(Debug)]
enum Way {
    #[cfg(unix)]
    Terminal(terminal::Terminal),
    Piped(piped::Piped),
}

/// Events that wait to be taken. With one answer per question it is enough for many a Ctrl-C.
const EVENT_QUEUE_LEN: usize = 64;

impl Console {
    /// Takes over stdin and stdout.
    ///
    /// # Errors
    /// If the terminal's mode cannot be changed, or no thread or signal handler can be had.
    pub fn open(config: ConsoleConfig) -> io::Result<(Self, Receiver<ConsoleEvent>)> {
        let (sender, events) = crossbeam_channel::bounded(EVENT_QUEUE_LEN);
        #[cfg(unix)]
        if terminal::is_usable() {
            let way = Way::Terminal(terminal::Terminal::open(config, sender)?);
            return Ok((Self { way }, events));
        }
        let way = Way::Piped(piped::Piped::open(config.max_line, sender)?);
        Ok((Self { way }, events))
    }

    /// Asks for the next line. Asking again before the answer only changes the prompt.
    pub fn ask(&self, prompt: &str) {
        match &self.way {
            #[cfg(unix)]
            Way::Terminal(terminal) => terminal.ask(prompt),
            Way::Piped(piped) => piped.ask(prompt),
        }
    }

    /// Prints lines above the one being typed; to stdout when that is no terminal. Control characters other than `\n`
    /// and tab come out visible, except the colours of [`crate::style`].
    pub fn print(&self, text: &str) {
        match &self.way {
            #[cfg(unix)]
            Way::Terminal(terminal) => terminal.print(text),
            Way::Piped(piped) => piped.print(text),
        }
    }

    /// Shows these rows under the line being typed, in place of those before; each is cut to the window. Nothing when
    /// there is no terminal.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "no terminal shows them"))]
    pub fn set_status(&self, rows: &[String]) {
        match &self.way {
            #[cfg(unix)]
            Way::Terminal(terminal) => terminal.set_status(rows),
            Way::Piped(_) => {}
        }
    }

    /// Whether lines are edited on a terminal, with status rows and Ctrl-C as an event.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        match &self.way {
            #[cfg(unix)]
            Way::Terminal(_) => true,
            Way::Piped(_) => false,
        }
    }
}

/// Puts the terminal back without waiting for anyone, for a program about to end at once.
pub(crate) fn restore_terminal() {
    #[cfg(unix)]
    terminal::restore_open();
}

/// Prints above the line being typed if one is, and stderr would show on the same screen.
pub(crate) fn print_if_open(text: &str) -> bool {
    #[cfg(unix)]
    return terminal::print_if_open(text);
    #[cfg(not(unix))]
    return {
        let _ = text;
        false
    };
}
