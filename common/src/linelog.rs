//! A log of whole lines with one writer thread.
//!
//! ```text
//!   line() from any thread ──► bounded channel ──► writer: everything queued ──► one write ──► file
//! ```
//!
//! A caller waits only when `QUEUE_LINES` lines are already queued. [`LineLog`] owns the writer: closing or dropping
//! it (also while a panic unwinds) writes what is queued and joins the thread. When the disk is full the lines are
//! kept, up to `KEPT_LEN`, and tried again with every later batch and at the close; the trouble is told once, and
//! what had to be thrown away is counted and told at the close. In the file there are only whole lines: a half-written
//! one is continued where it ended, or begun again on a line of its own if someone else wrote in between.
//!
//! It gives lines no time stamp and makes them no safer to show: callers do (see [`crate::quote`]). It does not rotate
//! files.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{exit, quote, streams};

/// Lines that wait in memory for the writer before a caller has to wait too.
const QUEUE_LINES: usize = 1024;

/// Bytes of lines that are kept while they cannot be written.
const KEPT_LEN: usize = 1 << 20;

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
        let output =
            FileOutput::open(&path).map_err(|source| OpenLogError::File { path, source })?;
        let identity = identity_of(&output.file);
        let (queue, lines) = bounded(QUEUE_LINES);
        let writer = std::thread::Builder::new()
            .name("log writer".into())
            .spawn(move || Writer::new(program, output).run(&lines))
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

/// The thread's state: lines that are not in the file yet, and whether that has been told.
struct Writer {
    program: &'static str,
    output: FileOutput,
    /// Whole lines; the first `written` bytes are in the file already.
    pending: Vec<u8>,
    written: usize,
    failing: bool,
    lost: u64,
}

impl Writer {
    const fn new(program: &'static str, output: FileOutput) -> Self {
        Self {
            program,
            output,
            pending: Vec::new(),
            written: 0,
            failing: false,
            lost: 0,
        }
    }

    /// Runs until the log is closed and the queue empty; returns the lines lost.
    fn run(mut self, queue: &Receiver<Vec<u8>>) -> u64 {
        for line in queue {
            if self.failing {
                // Before more lines are turned away for want of room.
                self.write_out();
            }
            self.accept(&line);
            while self.pending.len() < BATCH_LEN
                && let Ok(line) = queue.try_recv()
            {
                self.accept(&line);
            }
            self.write_out();
        }
        self.write_out();
        self.lost += count_lines(&self.pending[self.written..]);
        if self.lost > 0 {
            let lines = if self.lost == 1 { "line" } else { "lines" };
            self.complain(&format!("{}: {} {lines} lost", self.name(), self.lost));
        }
        self.lost
    }

    /// What is kept stays without gaps; the newest lines go first when there is no room.
    fn accept(&mut self, line: &[u8]) {
        if self.failing && self.pending.len() + line.len() > KEPT_LEN {
            self.lost += 1;
        } else {
            self.pending.extend_from_slice(line);
        }
    }

    fn write_out(&mut self) {
        match self.output.write_lines(&self.pending, &mut self.written) {
            Ok(()) => {
                self.pending.clear();
                self.written = 0;
                self.failing = false;
            }
            Err(error) if !self.failing => {
                self.failing = true;
                let (name, reason) = (self.name(), exit::io_message(&error));
                self.complain(&format!(
                    "cannot write {name}: {reason}; its lines are kept and tried again"
                ));
            }
            Err(_) => {}
        }
    }

    fn complain(&self, message: &str) {
        streams::notice(&format!("{}: {message}", self.program));
    }

    fn name(&self) -> String {
        quote::plain(&self.output.path)
    }
}

struct FileOutput {
    path: PathBuf,
    file: File,
    /// Whether the file ends inside a line that we did not write, or can no longer continue.
    begin_with_newline: bool,
    /// Where our half-written line ended, while the rest of it cannot be written.
    half_line_end: Option<u64>,
}

impl FileOutput {
    fn open(path: &Path) -> io::Result<Self> {
        let file = open_for_append(path)?;
        let begin_with_newline = ends_inside_a_line(path, &file);
        Ok(Self {
            path: path.into(),
            file,
            begin_with_newline,
            half_line_end: None,
        })
    }

    /// Writes `lines[*written..]`, advancing `written` as bytes reach the file.
    fn write_lines(&mut self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        self.find_half_line(lines, written);
        if self.begin_with_newline && *written < lines.len() {
            let with_newline = [b"\n", &lines[*written..]].concat();
            let mut reached = 0;
            let result = write_fully(&mut self.file, &with_newline, &mut reached);
            self.begin_with_newline = reached == 0;
            *written += reached.saturating_sub(1);
            return result.inspect_err(|_| self.note_half_line(lines, *written));
        }
        write_fully(&mut self.file, lines, written)
            .inspect_err(|_| self.note_half_line(lines, *written))
    }

    /// Remembers where the file ended if a line of ours was cut there.
    fn note_half_line(&mut self, lines: &[u8], written: usize) {
        let cut_inside = written > 0 && lines[written - 1] != b'\n';
        self.half_line_end = if cut_inside {
            self.file.stream_position().ok()
        } else {
            None
        };
    }

    /// If someone else wrote after our half line, it cannot be continued: goes back to the line's beginning.
    fn find_half_line(&mut self, lines: &[u8], written: &mut usize) {
        let Some(end) = self.half_line_end.take() else {
            return;
        };
        let untouched = self
            .file
            .metadata()
            .is_ok_and(|metadata| metadata.len() == end);
        if !untouched {
            let line_start = lines[..*written]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            *written = line_start;
            self.begin_with_newline = ends_inside_a_line(&self.path, &self.file);
        }
    }
}

/// Opens or creates. A pipe that nobody reads is refused, where the system would wait for a reader before anything else
/// is done: its name may lie in wait in a folder of others.
fn open_for_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_setfl};
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = options.open(path)?;
        fcntl_setfl(&file, OFlags::APPEND)?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// Continues after partial writes and interruptions until everything is written.
fn write_fully(file: &mut File, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match file.write(&bytes[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => *written += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the last byte of a regular file is something else than `\n`, as a crash of the machine may leave it.
/// A file that cannot be read, or is no longer the one at `path`, is taken as whole.
fn ends_inside_a_line(path: &Path, file: &File) -> bool {
    let last_byte = || -> io::Result<Option<u8>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok(None);
        }
        // The log itself is open for writing only, so that a write-only file will do.
        let mut reader = File::open(path)?;
        if identity_of(&reader) != identity_of(file) {
            return Ok(None);
        }
        reader.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        reader.read_exact(&mut last)?;
        Ok(Some(last[0]))
    };
    matches!(last_byte(), Ok(Some(byte)) if byte != b'\n')
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(unix)]
fn identity_of(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    file.metadata()
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity_of(_: &File) -> Option<(u64, u64)> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

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
    fn a_cut_line_is_continued_or_begun_again() {
        let rows = [
            ("untouched", "", "one\ntwo\n"),
            ("someone wrote a line", "x\n", "one\ntwx\ntwo\n"),
            ("someone wrote half a line", "x", "one\ntwx\ntwo\n"),
        ];
        for (name, between, expected) in rows {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut output = FileOutput::open(file.path()).unwrap();
            let lines = b"one\ntwo\n";
            let mut written = 6;
            output.file.write_all(&lines[..written]).unwrap();
            output.note_half_line(lines, written);
            OpenOptions::new()
                .append(true)
                .open(&file)
                .unwrap()
                .write_all(between.as_bytes())
                .unwrap();
            output.write_lines(lines, &mut written).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected, "{name}");
            assert_eq!(written, lines.len(), "{name}");
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
