//! The two output streams, each written in one call per message.
//!
//! [`answer`] is the program's product on stdout, where a reader that has gone away (`| head`) is no error. [`notice`]
//! is everything else: a line on stderr, or above the line being typed when a [`crate::console`] is open. Neither
//! panics on a closed stream, unlike `println!`, which the lints keep out.

use std::io::{self, Write};

use crate::console;

/// Writes text to stdout and flushes it.
///
/// # Errors
/// Whatever stdout answers, except that a broken pipe counts as success: the reader has had enough.
pub fn answer(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints one line on stderr, above the editing line if someone is typing. A closed stderr is ignored: there is
/// nowhere left to say so.
pub fn notice(line: &str) {
    if console::print_if_open(line) {
        return;
    }
    let whole = format!("{line}\n");
    // Unbuffered, so one write and no tearing among threads.
    let _ = io::stderr().lock().write_all(whole.as_bytes());
}
