//! The thread that reads keys.
//!
//! It sleeps in `poll` on stdin and on a socket that `ask`, closing, SIGWINCH and SIGCONT write to. Its reads never
//! block (see the mode in [`super::shared`]), so it can always be ended and the terminal put back.

use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};
use rustix::stdio::stdin;

use super::cells::safe_lines;
use super::config::{Complete, ConsoleEvent};
use super::edit::Outcome;
use super::keys::{Key, Keys};
use super::shared::{Shared, State, write_terminal};

/// The reading thread.
pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) woken: UnixStream,
    pub(super) events: Sender<ConsoleEvent>,
    pub(super) completer: Option<Arc<dyn Complete>>,
    pub(super) keys: Keys,
}

/// Whether the thread goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    End,
}

impl Reader {
    pub(super) fn run(mut self) {
        while self.step() == Next::Continue {}
    }

    /// Waits for one occasion and deals with it.
    fn step(&mut self) -> Next {
        let (owned, has_room) = {
            let state = self.shared.lock();
            (state.owned, state.ahead.len() < MAX_AHEAD)
        };
        let stdin = stdin();
        let mut fds = [
            PollFd::new(&self.woken, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        // Where keys are not wanted now, not even a hang-up is: it would be reported over and over.
        let polled = if owned && has_room {
            &mut fds[..]
        } else {
            &mut fds[..1]
        };
        match poll(polled, (!owned).then_some(&FOREGROUND_CHECK)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Next::End,
        }
        let [woken, stdin_ready] = fds.map(|fd| !fd.revents().is_empty());
        if woken {
            while matches!((&self.woken).read(&mut [0; 64]), Ok(len) if len > 0) {}
            if self.shared.closing.load(Ordering::Relaxed) {
                return Next::End;
            }
        }
        if woken || !owned {
            self.shared.take_terminal(&mut self.shared.lock());
        }
        if stdin_ready && self.read_keys() == Next::End {
            self.send(ConsoleEvent::EndOfInput);
            return Next::End;
        }
        self.work_off_keys()
    }

    /// Takes what stdin has. Ctrl-C does not wait for its turn, and drops what was typed before it.
    fn read_keys(&mut self) -> Next {
        let mut buffer = [0; 4096];
        let bytes = match rustix::io::read(stdin(), &mut buffer) {
            Ok(0) => {
                return if has_hung_up() {
                    Next::End
                } else {
                    Next::Continue
                };
            }
            Ok(len) => &buffer[..len],
            Err(Errno::INTR | Errno::AGAIN) => return Next::Continue,
            Err(_) => return Next::End,
        };
        let mut keys = VecDeque::new();
        for &byte in bytes {
            self.keys.feed(byte, &mut keys);
        }
        let mut interrupts = 0;
        let mut state = self.shared.lock();
        for key in keys {
            if key == Key::Interrupt {
                interrupts += 1;
                state.ahead.clear();
                let abandoned = safe_lines(&format!("{}{}^C", state.prompt, state.edit.text()));
                state.edit.clear();
                let output = if state.asking {
                    abandoned
                } else {
                    "^C\n".to_owned()
                };
                self.shared.paint(&mut state, &output);
            } else {
                state.ahead.push_back(key);
            }
        }
        drop(state);
        for _ in 0..interrupts {
            // When that many wait unread, one more says nothing new.
            let _ = self.events.try_send(ConsoleEvent::Interrupt);
        }
        Next::Continue
    }

    /// Gives the waiting keys to the line being typed, as long as one is asked for.
    fn work_off_keys(&mut self) -> Next {
        loop {
            let mut state = self.shared.lock();
            let mut done = Outcome::Other;
            let mut changed = false;
            while state.asking
                && let Some(key) = state.ahead.pop_front()
            {
                done = state.edit.apply(key);
                changed = true;
                match done {
                    Outcome::Repaint => {}
                    Outcome::Other => self.control(key, &mut state),
                    Outcome::Submit { .. } | Outcome::Complete | Outcome::EndOfInput => break,
                }
            }
            let event = match done {
                Outcome::Submit { line, fits } => {
                    let shown = safe_lines(&format!("{}{line}", state.prompt));
                    self.finish_line(&mut state, &shown);
                    if fits {
                        ConsoleEvent::Line(line.into_bytes())
                    } else {
                        ConsoleEvent::TooLong
                    }
                }
                Outcome::EndOfInput => {
                    let shown = safe_lines(&state.prompt);
                    self.finish_line(&mut state, &shown);
                    ConsoleEvent::EndOfInput
                }
                Outcome::Complete => {
                    self.shared.paint(&mut state, "");
                    drop(state);
                    self.complete();
                    continue;
                }
                Outcome::Repaint | Outcome::Other => {
                    if changed {
                        self.shared.paint(&mut state, "");
                    }
                    return Next::Continue;
                }
            };
            drop(state);
            if self.send(event) == Next::End {
                return Next::End;
            }
        }
    }

    fn finish_line(&self, state: &mut State, shown: &str) {
        state.asking = false;
        self.shared.paint(state, shown);
    }

    fn control(&self, key: Key, state: &mut State) {
        if key == Key::ClearScreen {
            write_terminal(state.screen.clear());
        } else if key == Key::Suspend {
            self.stop(state, Signal::TSTP);
        } else if key == Key::Quit {
            self.stop(state, Signal::QUIT);
        }
    }

    /// Does what the terminal would do for Ctrl-Z and Ctrl-\ outside raw mode: a signal to the whole foreground job.
    fn stop(&self, state: &mut State, signal: Signal) {
        self.shared.release_terminal(state);
        let _ = kill_current_process_group(signal);
        // Stopped here. SIGCONT wakes the socket; its byte stays for the next step.
        let _ = poll(
            &mut [PollFd::new(&self.woken, PollFlags::IN)],
            Some(&STOP_WAIT),
        );
        self.shared.take_terminal(state);
    }

    /// Completes the word before the cursor as far as it is certain, and lists the choices when nothing is. The
    /// completer may read folders, so it runs without the lock; only this thread changes the line.
    fn complete(&self) {
        let Some(completer) = &self.completer else {
            return;
        };
        let (line, cursor) = {
            let state = self.shared.lock();
            (state.edit.text().to_owned(), state.edit.cursor())
        };
        let (start, candidates) = completer.complete(&line, cursor);
        let Some(word) = common_prefix(&candidates) else {
            return;
        };
        let mut state = self.shared.lock();
        let is_progress = line
            .get(start..cursor)
            .is_some_and(|typed| typed.len() < word.len() || candidates.len() == 1);
        if is_progress {
            state.edit.complete(start, word);
            self.shared.paint(&mut state, "");
        } else {
            let mut listed = candidates[..candidates.len().min(MAX_LISTED)].join("  ");
            if candidates.len() > MAX_LISTED {
                listed.push_str(&format!("  … and {} more", candidates.len() - MAX_LISTED));
            }
            let listed = safe_lines(&listed.replace('\n', "\\n"));
            self.shared.paint(&mut state, &listed);
        }
    }

    /// Waits while the program has many events unread, but not when it is closing the console.
    fn send(&self, event: ConsoleEvent) -> Next {
        let mut event = event;
        loop {
            match self.events.send_timeout(event, CLOSING_CHECK) {
                Ok(()) => return Next::Continue,
                Err(SendTimeoutError::Disconnected(_)) => return Next::End,
                Err(SendTimeoutError::Timeout(unsent))
                    if !self.shared.closing.load(Ordering::Relaxed) =>
                {
                    event = unsent
                }
                Err(SendTimeoutError::Timeout(_)) => return Next::End,
            }
        }
    }
}

/// Keys typed or pasted ahead before the terminal is left to hold the rest.
const MAX_AHEAD: usize = 64 << 10;

/// Completions listed at most.
const MAX_LISTED: usize = 100;

/// How often a send to a program that takes no events looks whether the console is being closed.
const CLOSING_CHECK: Duration = Duration::from_millis(50);

/// How long Ctrl-Z waits to be stopped before it takes the terminal back: nobody stops an orphan.
const STOP_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// How often a program in the background looks whether it is in the foreground again: not every shell says so.
const FOREGROUND_CHECK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// Whether a read of nothing meant the end, rather than that someone else took what was there.
fn has_hung_up() -> bool {
    let stdin = stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let polled = poll(
        &mut fds,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    );
    polled.is_err()
        || fds[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

fn common_prefix(words: &[String]) -> Option<&str> {
    let (first, others) = words.split_first()?;
    let mut prefix = &first[..];
    for word in others {
        let same = prefix
            .chars()
            .zip(word.chars())
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a.len_utf8())
            .sum();
        prefix = &prefix[..same];
    }
    Some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_part_of_words() {
        let rows: [(&str, &[&str], Option<&str>); 5] = [
            ("none", &[], None),
            ("one", &["notes"], Some("notes")),
            ("some", &["notes", "notary"], Some("not")),
            ("korean", &["한글", "한국"], Some("한")),
            ("nothing shared", &["a", "b"], Some("")),
        ];
        for (name, words, expected) in rows {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(common_prefix(&words), expected, "{name}");
        }
    }
}
