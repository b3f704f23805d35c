//! What a server prints, on a thread of its own: a terminal that is stopped, or a pipe that nobody reads, does not keep it
//! from serving. What such a one misses is counted.

use std::io;
use std::thread::JoinHandle;

use common::streams;
use crossbeam_channel::{Receiver, Sender, bounded};

/// Lines that wait to be printed.
const QUEUE_LEN: usize = 4096;

/// Bytes written at once.
const BATCH_LEN: usize = 64 << 10;

/// The way to stdout; dropping it prints what waits.
#[derive(Debug)]
pub(super) struct Printer {
    lines: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
    lost: u64,
}

impl Printer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has none left.
    pub(super) fn start() -> io::Result<Self> {
        let (lines, printed) = bounded(QUEUE_LEN);
        let thread = std::thread::Builder::new().name("printer".into());
        Ok(Self {
            lines: Some(lines),
            thread: Some(thread.spawn(move || print(&printed))?),
            lost: 0,
        })
    }

    /// Prints a line.
    pub(super) fn line(&mut self, line: String) {
        let Some(lines) = &self.lines else { return };
        if self.lost > 0
            && lines
                .try_send(format!("({} lines are missing here)", self.lost))
                .is_ok()
        {
            self.lost = 0;
        }
        if lines.try_send(line).is_err() {
            self.lost += 1;
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that has been printed.
            let _ = thread.join();
        }
    }
}

fn print(lines: &Receiver<String>) {
    for line in lines {
        let mut batch = line + "\n";
        while batch.len() < BATCH_LEN
            && let Ok(line) = lines.try_recv()
        {
            batch.push_str(&line);
            batch.push('\n');
        }
        // Nobody reads any more, or nothing can be told: serving goes on.
        let _ = streams::answer(&batch);
    }
}
