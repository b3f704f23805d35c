//! What a program gives a console and gets from it.

use std::sync::Arc;

/// How a [`Console`](super::Console) behaves.
#[derive(Clone)]
pub struct ConsoleConfig {
    /// What Tab completes; `None`: nothing.
    pub completer: Option<Arc<dyn Complete>>,
    /// The longest line taken, in bytes; what is longer is answered by [`ConsoleEvent::TooLong`].
    pub max_line: usize,
}

/// Completes what is being typed.
pub trait Complete: Send + Sync {
    /// For a line and the cursor's place in it (a byte offset): where the word to complete begins, and what it may
    /// become.
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>);
}

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleEvent {
    /// A line without its ending.
    Line(Vec<u8>),
    /// A line longer than the limit was left out.
    TooLong,
    /// Ctrl-D on an empty line, or the end of the pipe. A terminal may be asked again.
    EndOfInput,
    /// Ctrl-C on a terminal in the editor; elsewhere Ctrl-C is a signal (see [`crate::shutdown`]).
    Interrupt,
}
