//! Lines from a pipe, a file or a terminal that does its own editing.
//!
//! A thread reads stdin only when a line has been asked for. It is never joined: a read from a pipe cannot be ended,
//! and holds nothing that would need putting back.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::cells::safe_lines;
use super::config::ConsoleEvent;
use crate::line::{LineBuffer, LineEvent};

#[derive(Debug)]
pub(super) struct Piped {
    questions: Sender<()>,
    /// A question waits for its answer; asking again is none.
    is_asked: Arc<AtomicBool>,
    /// A person answers, though without our editor.
    shows_prompt: bool,
}

/// Bytes taken from stdin at once.
const READ_LEN: usize = 16 << 10;

impl Piped {
    pub(super) fn open(max_line: usize, events: Sender<ConsoleEvent>) -> io::Result<Self> {
        let (questions, asked) = crossbeam_channel::bounded(1);
        let is_asked = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&is_asked);
        std::thread::Builder::new()
            .name("stdin".into())
            .spawn(move || answer(&asked, &is_open, &events, LineBuffer::new(max_line)))?;
        let shows_prompt = io::stdin().is_terminal() && io::stdout().is_terminal();
        Ok(Self {
            questions,
            is_asked,
            shows_prompt,
        })
    }

    pub(super) fn ask(&self, prompt: &str) {
        if self.shows_prompt {
            write_out(safe_lines(prompt).trim_end_matches('\n'));
        }
        if !self.is_asked.swap(true, Ordering::Relaxed) {
            // Fails only after the end of input, when there is no answer left to give.
            let _ = self.questions.send(());
        }
    }

    #[expect(clippy::unused_self, reason = "the same shape as the terminal's")]
    pub(super) fn print(&self, text: &str) {
        write_out(&safe_lines(text));
    }
}

/// One answer per question, until the input ends; the channel of events then closes after `EndOfInput`.
fn answer(
    questions: &Receiver<()>,
    is_asked: &AtomicBool,
    events: &Sender<ConsoleEvent>,
    mut lines: LineBuffer,
) {
    let mut buffer = vec![0; READ_LEN];
    let mut unread = 0..0;
    for () in questions {
        let event = loop {
            let mut input = &buffer[unread.clone()];
            let event = lines.next(&mut input);
            unread.start = unread.end - input.len();
            if let Some(event) = event {
                break Some(event);
            }
            match read_stdin(&mut buffer) {
                0 => break lines.finish(),
                len => unread = 0..len,
            }
        };
        let event = match event {
            Some(LineEvent::Line(line)) => ConsoleEvent::Line(line),
            Some(LineEvent::TooLong) => ConsoleEvent::TooLong,
            None => ConsoleEvent::EndOfInput,
        };
        let is_end = event == ConsoleEvent::EndOfInput;
        // Before the answer is out, so that whoever has it may ask at once.
        is_asked.store(false, Ordering::Relaxed);
        if events.send(event).is_err() || is_end {
            return;
        }
    }
}

/// Bytes read; 0 at the end of input, which any failure is taken for: nothing more can come.
fn read_stdin(buffer: &mut [u8]) -> usize {
    let mut stdin = io::stdin().lock();
    loop {
        match stdin.read(buffer) {
            Ok(len) => return len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && wait_for_stdin() => {}
            Err(_) => return 0,
        }
    }
}

/// Another program may have left stdin non-blocking.
#[cfg(unix)]
fn wait_for_stdin() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = rustix::stdio::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    matches!(poll(&mut fds, None), Ok(_) | Err(rustix::io::Errno::INTR))
}

#[cfg(not(unix))]
fn wait_for_stdin() -> bool {
    false
}

/// A reader that has gone away is no reason to stop working; others' failures have nowhere to be told.
fn write_out(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_again_before_the_answer_asks_for_no_second_line() {
        let (questions, asked) = crossbeam_channel::bounded(2);
        let piped = Piped {
            questions,
            is_asked: Arc::default(),
            shows_prompt: false,
        };
        piped.ask("one? ");
        piped.ask("two? ");
        assert_eq!(asked.try_iter().count(), 1);
    }
}
