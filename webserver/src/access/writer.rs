//! The access log's way to its file: workers hand over whole buffers of lines, one thread writes them.
//!
//! ```text
//!   Lines (one for each worker) ──try_send──► bounded queue ──► writer ──► file or stdout
//!        ▲                                                        │
//!        └───────────────────── empty buffers ◄───────────────────┘
//! ```
//!
//! Rule: a worker never waits. Lines for which the queue has no room are lost, counted, and told on stderr, once a
//! second at most and at the end. What the queue took is written: at once, or when a full disk has room again (see
//! [`common::linesink`]), or at [`AccessLog::close`] at the latest.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::linesink::{LineSink, Sharing};
use common::{exit, streams};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use crate::access::lines::Lines;
use crate::access::queue::{BUFFER_LEN, Channels, Message, QUEUE_BUFFERS, SPARE_BUFFERS, Shared};
use crate::config::{AccessConfig, AccessFormat};
use crate::error::ConfigError;

/// How often lost lines are told, and a full disk is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the writer may take to hear that it is to end, and again to end: the pipe that stdout is may have a reader
/// that does not read.
const LAST_WORDS: Duration = Duration::from_secs(3);

const PROGRAM: &str = "webserver";

/// An open access log; it owns the writer.
#[derive(Debug)]
pub struct AccessLog {
    format: AccessFormat,
    is_live: bool,
    channels: Channels,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Never sent to: it ends when the writer does.
    ended: Receiver<()>,
}

impl AccessLog {
    /// Opens the log and starts its writer; there is none if the configuration has none.
    ///
    /// # Errors
    /// If the file cannot be opened for append, or the system has no thread to spare.
    pub fn open(config: &AccessConfig, clock: Clock) -> Result<Option<Self>, ConfigError> {
        let Some(format) = config.format else {
            return Ok(None);
        };
        let sink = match &config.file {
            Some(path) => open_file(path)?,
            None => LineSink::stdout(PROGRAM)?,
        };
        Ok(Some(Self::start(
            sink,
            format,
            config.file.is_none(),
            clock,
        )?))
    }

    fn start(
        sink: LineSink,
        format: AccessFormat,
        is_live: bool,
        clock: Clock,
    ) -> io::Result<Self> {
        let (queue, messages) = bounded(QUEUE_BUFFERS);
        let (spare, empties) = bounded(SPARE_BUFFERS);
        let (ends, ended) = bounded(0);
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            sink,
            messages,
            spare,
            shared: Arc::clone(&shared),
            clock,
            told: 0,
            tell_after: None,
            _ends: ends,
        };
        let thread = std::thread::Builder::new()
            .name("access log".into())
            .spawn(move || writer.run())?;
        Ok(Self {
            format,
            is_live,
            channels: Channels { queue, empties },
            shared,
            thread: Some(thread),
            ended,
        })
    }

    /// A worker's end of the log.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines::new(
            self.format,
            self.is_live,
            self.channels.clone(),
            Arc::clone(&self.shared),
        )
    }

    /// Opens the file anew under its name, as after it was moved away. Does not wait for that.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        // A full queue wakes the writer too.
        let _ = self.channels.queue.try_send(Message::Look);
    }

    /// Lines lost until now.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost()
    }

    /// Writes what the workers have handed over and ends the writer; tells how many lines were lost. Workers should
    /// have ended: what they hand over from now on is not written.
    #[must_use = "lost lines make a log incomplete"]
    pub fn close(mut self) -> u64 {
        self.finish(LAST_WORDS);
        self.lost()
    }

    fn finish(&mut self, patience: Duration) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // Fails when the writer has panicked, which has been printed, or takes nothing any more.
        let sent = self.channels.queue.send_timeout(Message::End, patience);
        let stuck = matches!(sent, Err(SendTimeoutError::Timeout(_)))
            || self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
        if stuck {
            streams::notice(
                "webserver: the access log takes nothing any more; its last lines are lost",
            );
            return;
        }
        let _ = thread.join();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.finish(LAST_WORDS);
    }
}

fn open_file(path: &Path) -> Result<LineSink, ConfigError> {
    LineSink::open(PROGRAM, path, Sharing::OwnerWrites).map_err(|source| ConfigError::Log {
        path: path.into(),
        source,
    })
}

/// The thread's state.
struct Writer {
    sink: LineSink,
    messages: Receiver<Message>,
    spare: Sender<Vec<u8>>,
    shared: Arc<Shared>,
    clock: Clock,
    /// Lost lines that have been told.
    told: u64,
    /// No more of them are told before.
    tell_after: Option<Instant>,
    _ends: Sender<()>,
}

impl Writer {
    fn run(mut self) {
        loop {
            match self.next() {
                Ok(Message::Lines(lines)) => self.write(lines),
                Ok(Message::Look) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.sink.write_out(),
            }
            if self.shared.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            self.tell_lost();
        }
        self.end();
    }

    /// Waits for what is to be done: for no longer than a pause if something is to be tried again or told.
    fn next(&self) -> Result<Message, RecvTimeoutError> {
        if self.sink.is_failing() || self.shared.lost() > self.told {
            self.messages.recv_timeout(PAUSE)
        } else {
            self.messages
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    fn write(&mut self, mut lines: Vec<u8>) {
        if self.sink.is_failing() {
            // Before more lines are turned away for want of room.
            self.sink.write_out();
        }
        self.sink.accept(&lines);
        self.sink.write_out();
        self.shared
            .unwritten
            .store(self.sink.lost(), Ordering::Relaxed);
        lines.clear();
        if lines.capacity() <= 2 * BUFFER_LEN {
            // If there are enough of them, it is freed.
            let _ = self.spare.try_send(lines);
        }
    }

    fn reopen(&mut self) {
        if let Err(error) = self.sink.reopen() {
            let (name, reason) = (self.sink.name(), exit::io_message(&error));
            self.sink.complain(&format!(
                "cannot open {name} anew: {reason}; the old file stays in use"
            ));
        }
        self.sink.write_out();
    }

    fn tell_lost(&mut self) {
        let lost = self.shared.lost();
        let now = self.clock.now();
        if lost == self.told || self.tell_after.is_some_and(|after| now < after) {
            return;
        }
        let name = self.sink.name();
        self.sink.complain(&format!(
            "{name}: {} lost; the log cannot keep up",
            lines(lost - self.told)
        ));
        self.told = lost;
        self.tell_after = Some(now + PAUSE);
    }

    fn end(mut self) {
        // What was handed over by a worker that ended late.
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Lines(lines) = message {
                self.write(lines);
            }
        }
        let unwritten = self.sink.finish();
        self.shared.unwritten.store(unwritten, Ordering::Relaxed);
        let lost = self.shared.lost();
        if lost > 0 {
            let name = self.sink.name();
            self.sink
                .complain(&format!("{name}: {} lost in all", lines(lost)));
        }
    }
}

fn lines(count: u64) -> String {
    let lines = if count == 1 { "line" } else { "lines" };
    format!("{count} {lines}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::*;
    use crate::access::record::{Asked, Record};
    use crate::access::stamp::Stamp;

    #[test]
    fn lines_of_several_workers_are_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = open(&path);
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let mut lines = log.lines();
                scope.spawn(move || {
                    (0..2_000).for_each(|number| append(&mut lines, worker, number))
                });
            }
        });
        assert_eq!(log.close(), 0);
        let text = fs::read_to_string(&path).unwrap();
        for worker in 0..3 {
            let begin = format!("\"{worker} ");
            let numbers = text.lines().filter_map(|line| line.split_once(&begin));
            let numbers =
                numbers.map(|(_, rest)| rest.split_once('"').unwrap().0.parse::<u64>().unwrap());
            assert!(numbers.eq(0..2_000), "worker {worker}");
        }
    }

    #[test]
    fn without_a_form_there_is_no_log() {
        let config = AccessConfig {
            format: None,
            file: Some("/nonexistent/log".into()),
            trusted_proxies: Vec::new(),
        };
        assert!(AccessLog::open(&config, Clock::start()).unwrap().is_none());
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let path = PathBuf::from("/nonexistent/access.log");
        let error = AccessLog::open(&config(&path), Clock::start()).unwrap_err();
        assert_eq!(
            exit::describe(&error),
            "cannot open log '/nonexistent/access.log': no such file or directory"
        );
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let log = open(&path);
        let mut lines = log.lines();
        append(&mut lines, 0, 1);
        lines.flush();
        wait_until(|| fs::metadata(&path).is_ok_and(|file| file.len() > 0));
        fs::rename(&path, &moved).unwrap();
        log.reopen();
        wait_until(|| path.exists());
        append(&mut lines, 0, 2);
        drop(lines);
        assert_eq!(log.close(), 0);
        assert!(fs::read_to_string(&moved).unwrap().contains("\"0 1\""));
        assert!(fs::read_to_string(&path).unwrap().contains("\"0 2\""));
    }

    #[test]
    fn a_worker_does_not_wait_and_what_is_lost_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = unread_pipe(&folder);
        let log = open(&path);
        let mut lines = log.lines();
        let total = 60_000;
        for number in 0..total {
            append(&mut lines, 0, number);
        }
        lines.flush();
        assert!(log.lost() > 0, "the queue is bounded");
        assert!(log.lost() < total, "and was used");
        let lost = log.lost();
        let counted = std::thread::spawn(move || count_lines(reader, total - lost));
        drop(lines);
        assert_eq!(log.close(), lost);
        assert_eq!(
            counted.join().unwrap(),
            total - lost,
            "what was taken was written"
        );
    }

    #[test]
    fn a_reader_that_does_not_read_cannot_keep_the_server_from_ending() {
        for count in [2_000, 60_000] {
            let folder = tempfile::tempdir().unwrap();
            let (path, _reader) = unread_pipe(&folder);
            let mut log = open(&path);
            let mut lines = log.lines();
            (0..count).for_each(|number| append(&mut lines, 0, number));
            drop(lines);
            let clock = Clock::start();
            log.finish(Duration::from_millis(20));
            assert!(clock.elapsed() < Duration::from_secs(10), "{count} lines");
        }
    }

    #[test]
    fn only_a_log_that_is_watched_is_shown_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (is_live, name) in [(true, "live"), (false, "later")] {
            let sink = open_file(&folder.path().join(name)).unwrap();
            let log =
                AccessLog::start(sink, AccessFormat::Common, is_live, Clock::start()).unwrap();
            let mut lines = log.lines();
            append(&mut lines, 0, 0);
            lines.turn_ended();
            assert_eq!(lines.is_empty(), is_live, "{name}");
        }
    }

    #[test]
    fn a_full_disk_loses_what_cannot_be_kept() {
        let log = open(Path::new("/dev/full"));
        let mut lines = log.lines();
        append(&mut lines, 0, 0);
        drop(lines);
        assert_eq!(log.close(), 1);
    }

    fn open(path: &Path) -> AccessLog {
        let log = AccessLog::open(&config(path), Clock::start()).unwrap();
        log.expect("a form was given")
    }

    fn config(path: &Path) -> AccessConfig {
        AccessConfig {
            format: Some(AccessFormat::Combined),
            file: Some(path.into()),
            trusted_proxies: Vec::new(),
        }
    }

    fn append(lines: &mut Lines, worker: usize, number: u64) {
        let line = format!("{worker} {number}");
        let record = Record {
            client: None,
            user: None,
            asked: Asked::Line(line.as_bytes()),
            status: 200,
            sent: 0,
            referer: None,
            agent: Some(&[b'x'; 60]),
            host: None,
            elapsed: Duration::ZERO,
        };
        lines.append(&record, &Stamp::at(SystemTime::UNIX_EPOCH));
    }

    /// A pipe, and its reader, which does not read yet: a writer is stuck when the pipe is full.
    fn unread_pipe(folder: &tempfile::TempDir) -> (PathBuf, fs::File) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let reader = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        (path, reader)
    }

    /// Reads until so many lines have come.
    fn count_lines(mut file: fs::File, expected: u64) -> u64 {
        use std::io::Read;
        let mut bytes = vec![0; 1 << 16];
        let mut count = 0;
        while count < expected {
            let len = file.read(&mut bytes).unwrap();
            count += bytes[..len].iter().filter(|&&byte| byte == b'\n').count() as u64;
        }
        count
    }

    fn wait_until(holds: impl Fn() -> bool) {
        let clock = Clock::start();
        while !holds() {
            assert!(clock.elapsed() < Duration::from_secs(20), "it never came");
            std::thread::yield_now();
        }
    }
}
