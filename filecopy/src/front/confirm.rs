//! One question at the terminal, answered by one line. A driver.

use std::io::{self, BufRead, Write};

use common::shutdown::Signal;
use crossbeam_channel::{Receiver, bounded, select};

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `y` or `yes`.
    Yes,
    /// Anything else, nothing, or the end of the input.
    No,
    /// A signal came first.
    Interrupted,
}

/// Asks on stderr and waits for a line on stdin, or a signal.
pub(crate) fn ask(question: &str, interrupts: &Receiver<Signal>) -> Answer {
    let _ = io::stderr().lock().write_all(question.as_bytes());
    let (sender, line) = bounded(1);
    // The thread may stay in its read when a signal comes first; the process is about to end then.
    let read = move || {
        let mut line = Vec::new();
        let _ = io::stdin().lock().read_until(b'\n', &mut line);
        let _ = sender.send(line);
    };
    if std::thread::Builder::new()
        .name("answer".into())
        .spawn(read)
        .is_err()
    {
        return Answer::No;
    }
    select! {
        recv(line) -> line => answer(&line.unwrap_or_default()),
        recv(interrupts) -> _ => {
            // The question ends without the line ending that an answer would have brought.
            let _ = io::stderr().lock().write_all(b"\n");
            Answer::Interrupted
        }
    }
}

fn answer(line: &[u8]) -> Answer {
    match line.trim_ascii().to_ascii_lowercase().as_slice() {
        b"y" | b"yes" => Answer::Yes,
        _ => Answer::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "Y\n", "yes\n", " yes \r\n", "YES"] {
            assert_eq!(answer(yes.as_bytes()), Answer::Yes, "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no\n", "yess\n", "y y\n"] {
            assert_eq!(answer(no.as_bytes()), Answer::No, "{no:?}");
        }
    }
}
