//! What a client shows: events as lines, on a thread of its own, so that a reader who does not read does not keep the
//! client from answering its server.
//!
//! Nothing that was said is thrown away: when much waits (`Screen::is_behind`), the client is to take no more from
//! others, and when very much does (`Screen::is_hopeless`), to leave. Lines are asked for here, too, after all that was
//! to be shown before: so who does not read what comes out is not asked for more.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use common::clock::Clock;
use common::console::Console;
use common::{stamp, streams};
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::client::event::{Event, FileEvent};
use crate::client::text;

/// Bytes that may wait to be shown before no more is taken from others: enough for a terminal to be busy with.
const MUCH: usize = 1 << 20;

/// Bytes that may wait in all: what the server tells, and what had arrived before, comes in addition to [`MUCH`].
const MOST: usize = 64 << 20;

/// What each thing to be shown takes besides its text, about.
const OVERHEAD: usize = 64;

/// Rows under the line being typed, at most.
const ROWS: usize = 4;

/// Whether lines begin with the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// They do.
    On,
    /// They do not.
    Off,
    /// On a terminal.
    Terminal,
}

/// The way to the screen; dropping it shows what waits.
#[derive(Debug)]
pub(super) struct Screen {
    shown: Option<Sender<Shown>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes that wait to be shown.
    waiting: Arc<AtomicUsize>,
    /// Transfers under way.
    transfers: BTreeMap<(String, String), String>,
    is_terminal: bool,
    has_stamps: bool,
    clock: Clock,
}

#[derive(Debug)]
enum Shown {
    Answer(String),
    Complaint(String),
    Rows(Vec<String>),
    Ask(&'static str),
}

impl Shown {
    fn len(&self) -> usize {
        let text = match self {
            Self::Answer(text) | Self::Complaint(text) => text.len(),
            Self::Rows(rows) => rows.iter().map(String::len).sum(),
            Self::Ask(prompt) => prompt.len(),
        };
        text + OVERHEAD
    }
}

impl Screen {
    /// Shows on this console.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn open(console: Arc<Console>, stamps: Stamps, clock: Clock) -> io::Result<Self> {
        // What waits in it is counted.
        let (shown, lines) = unbounded();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let is_terminal = console.is_terminal();
        let thread = std::thread::Builder::new().name("screen".into());
        Ok(Self {
            shown: Some(shown),
            thread: Some(thread.spawn(move || show(&console, &lines, &count))?),
            waiting,
            transfers: BTreeMap::new(),
            is_terminal,
            has_stamps: stamps == Stamps::On || (stamps == Stamps::Terminal && is_terminal),
            clock,
        })
    }

    /// Whether what is shown is not read as fast as it comes.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > MUCH
    }

    /// Whether it is not read at all.
    pub(super) fn is_hopeless(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > MOST
    }

    /// Asks for a line.
    pub(super) fn ask(&self, prompt: &'static str) {
        self.put(Shown::Ask(prompt));
    }

    /// Shows an event.
    pub(super) fn event(&mut self, event: &Event) {
        if let Event::File(about) = event {
            self.transfer(about);
            if matches!(about, FileEvent::Progress { .. }) {
                return;
            }
        }
        let mut lines = self.stamped(&text::line(event));
        if text::is_complaint(event) {
            self.put(Shown::Complaint(lines));
        } else {
            lines.push('\n');
            self.put(Shown::Answer(lines));
        }
    }

    /// Shows a complaint of the driver's own.
    pub(super) fn complain(&self, line: &str) {
        self.put(Shown::Complaint(self.stamped(line)));
    }

    /// Keeps the rows that tell how far files are.
    fn transfer(&mut self, about: &FileEvent) {
        if !self.is_terminal {
            return;
        }
        let (with, name) = match about {
            FileEvent::Progress { with, name, .. } | FileEvent::Stopped { with, name, .. } => {
                (with, name)
            }
            FileEvent::Sent { to, name, .. } | FileEvent::Waiting { to, name } => (to, name),
            FileEvent::Offered { from, name, .. } => (from, name),
            FileEvent::Received { from, path, .. } => (from, path),
        };
        let key = (with.to_string(), name.clone());
        let changed = match about {
            FileEvent::Progress { .. } => {
                let row = text::line(&Event::File(about.clone()));
                self.transfers.insert(key, row.clone()) != Some(row)
            }
            // Received tells the name it was given, which may be another.
            FileEvent::Received { from, .. } => {
                let before = self.transfers.len();
                self.transfers
                    .retain(|(with, _), _| *with != from.to_string());
                self.transfers.len() != before
            }
            FileEvent::Offered { .. }
            | FileEvent::Waiting { .. }
            | FileEvent::Sent { .. }
            | FileEvent::Stopped { .. } => self.transfers.remove(&key).is_some(),
        };
        if changed {
            self.put(Shown::Rows(
                self.transfers.values().take(ROWS).cloned().collect(),
            ));
        }
    }

    /// Each line with the time of day before it.
    fn stamped(&self, lines: &str) -> String {
        if !self.has_stamps {
            return lines.to_owned();
        }
        let stamp = stamp::log_stamp(self.clock.wall()).to_string();
        // The date is known to who sits before it. What has no date has no time, either.
        let time = stamp
            .split_once('T')
            .and_then(|(_, time)| time.get(..8))
            .unwrap_or_default();
        let stamped: Vec<String> = lines
            .split('\n')
            .map(|line| format!("{time} {line}"))
            .collect();
        stamped.join("\n")
    }

    fn put(&self, shown: Shown) {
        if let Some(sender) = &self.shown {
            self.waiting.fetch_add(shown.len(), Ordering::Relaxed);
            // Fails only if the thread has panicked, which has been printed.
            let _ = sender.send(shown);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.shown = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn show(console: &Console, lines: &Receiver<Shown>, waiting: &AtomicUsize) {
    for shown in lines {
        let len = shown.len();
        match shown {
            Shown::Answer(lines) => console.print(&lines),
            Shown::Complaint(line) => streams::notice(&line),
            Shown::Rows(rows) => console.set_status(&rows),
            Shown::Ask(prompt) => console.ask(prompt),
        }
        waiting.fetch_sub(len, Ordering::Relaxed);
    }
}
