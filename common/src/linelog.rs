//! A log of whole lines with one writer thread.
//!
//! ```text
//!   line() from any thread ──► bounded channel ──► writer: everything queued ──► one write ──► file
//! ```
//!
//! A caller waits only when `QUEUE_LINES` lines are already queued. [`LineLog`] owns the writer: closing or dropping
//! it (also while a panic unwinds) writes what is queued and joins the thread. What happens when the disk is full is
//! said in [`crate::linesink`]; lines that were lost are counted and told at the close.
//!
//! It gives lines no time stamp and makes them no safer to show: callers do (see [`crate::quote`]). It does not rotate
//! files.

use std::io;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::linesink::{LineSink, Sharing};
use crate::quote;

/// Lines that wait in memory for the writer before a caller has to wait too.
const QUEUE_LINES: usize = 1024;

/// Bytes after which a batch is written even if more is queued.
const BATCH_LEN: usize = 64 << 10;

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// The file could not be opened or created for append.
    #[error("cannot open log {}", quote::always(path))]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no thread to spare.
    #[error("cannot start the log writer")]
    Thread(#[source] io::Error),
}

/// An open log, which any number of threads may share; it owns the writer thread.
#[derive(Debug)]
pub struct LineLog {
    /// `None` once closed: the end of the queue is what tells the writer to end.
    queue: Option<Sender<Vec<u8>>>,
    writer: Option<JoinHandle<u64>>,
    identity: Option<(u64, u64)>,
}

impl LineLog {
    /// Opens the file for append, creating it if missing, and starts the writer. Its own complaints begin with the name of
    /// the `program`.
    ///
    /// # Errors
    /// [`OpenLogError`] if the file cannot be opened for append or no thread can be started.
    pub fn open(program: &'static str, path: impl Into<PathBuf>) -> Result<Self, OpenLogError> {
        let path = path.into();
        let sink = LineSink::open(program, &path, Sharing::Umask)
            .map_err(|source| OpenLogError::File { path, source })?;
        let identity = sink.identity();
        let (queue, lines) = bounded(QUEUE_LINES);
        let writer = std::thread::Builder::new()
            .name("log writer".into())
            .spawn(move || write(sink, &lines))
            .map_err(OpenLogError::Thread)?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
            identity,
        })
    }

    /// Adds a line, without its `\n`. A `\n` inside it would make two lines: the caller's business.
    pub fn line(&self, line: impl Into<Vec<u8>>) {
        let mut line = line.into();
        line.push(b'\n');
        if let Some(queue) = &self.queue {
            // Fails only when the writer has panicked, which has been printed.
            let _ = queue.send(line);
        }
    }

    /// Device and inode of the open file, by which a program recognises its own log under any name; `None` where the
    /// system has no such numbers.
    #[must_use]
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.identity
    }

    /// Writes everything queued and ends the writer; tells how many lines were lost.
    #[must_use = "lost lines make a log incomplete"]
    pub fn close(mut self) -> u64 {
        self.finish()
    }

    fn finish(&mut self) -> u64 {
        self.queue = None;
        // If it panicked, that has been printed.
        let lost = self.writer.take().map(JoinHandle::join);
        lost.and_then(Result::ok).unwrap_or(0)
    }
}

impl Drop for LineLog {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Runs until the log is closed and the queue empty; returns the lines lost.
fn write(mut sink: LineSink, queue: &Receiver<Vec<u8>>) -> u64 {
    for line in queue {
        if sink.is_failing() {
            // Before more lines are turned away for want of room.
            sink.write_out();
        }
        sink.accept(&line);
        while sink.pending_len() < BATCH_LEN
            && let Ok(line) = queue.try_recv()
        {
            sink.accept(&line);
        }
        sink.write_out();
    }
    let lost = sink.finish();
    if lost > 0 {
        let lines = if lost == 1 { "line" } else { "lines" };
        sink.complain(&format!("{}: {lost} {lines} lost", sink.name()));
    }
    lost
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::exit;
    use crate::linesink::{KEPT_LEN, identity_of};

    #[test]
    fn lines_are_appended_in_order_and_the_file_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        std::fs::write(&path, "before\n").unwrap();
        let log = LineLog::open("test", &path).unwrap();
        assert_eq!(log.identity(), identity_of(&File::open(&path).unwrap()));
        log.line("one");
        log.line(b"two \xff".to_vec());
        assert_eq!(log.close(), 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"before\none\ntwo \xff\n");
    }

    #[test]
    fn many_threads_lose_nothing_and_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let log = LineLog::open("test", &path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let log = &log;
                scope.spawn(move || {
                    (0..5000).for_each(|number| log.line(format!("{thread} {number}")))
                });
            }
        });
        drop(log);
        let text = std::fs::read_to_string(&path).unwrap();
        for thread in 0..4 {
            let prefix = format!("{thread} ");
            let numbers = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            assert!(
                numbers.eq((0..5000).map(|number| number.to_string())),
                "thread {thread}"
            );
        }
    }

    #[test]
    fn a_half_line_left_by_a_crash_is_not_continued() {
        let rows = [
            ("half", "half\nnew\n"),
            ("whole\n", "whole\nnew\n"),
            ("", "new\n"),
            ("\n", "\nnew\n"),
        ];
        for (before, after) in rows {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, before).unwrap();
            let log = LineLog::open("test", file.path()).unwrap();
            log.line("new");
            drop(log);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let error = LineLog::open("test", "/nonexistent/log.txt").unwrap_err();
        assert_eq!(
            exit::describe(&error),
            "cannot open log '/nonexistent/log.txt': no such file or directory"
        );
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let OpenLogError::File { source, .. } = LineLog::open("test", &path).unwrap_err() else {
            panic!("it is the file that cannot be opened");
        };
        assert_eq!(
            source.raw_os_error(),
            Some(rustix::io::Errno::NXIO.raw_os_error())
        );
    }

    #[test]
    fn lines_beyond_the_bound_are_counted() {
        let log = LineLog::open("test", "/dev/full").unwrap();
        let line = [b'x'; 1023];
        let total = 3 * KEPT_LEN / 1024;
        for _ in 0..total {
            log.line(line);
        }
        assert_eq!(log.close(), total as u64, "everything is lost in the end");
    }
}
