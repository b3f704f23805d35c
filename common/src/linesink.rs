//! A file of whole lines, appended to through trouble.
//!
//! What cannot be written, as when the disk is full, is kept up to `KEPT_LEN` and tried again with every later batch;
//! the trouble is told once, and what had to be thrown away is counted. In the file there are only whole lines: a
//! half-written one is continued where it ended, or begun again on a line of its own if someone else wrote in between.
//!
//! It writes on the thread that calls it, so a caller that may not wait has one of its own for it (see
//! [`crate::linelog`]). It does not tell how many lines were lost: whoever knows of other losses does.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{exit, quote, streams};

/// Bytes of lines that are kept while they cannot be written.
pub(crate) const KEPT_LEN: usize = 1 << 20;

/// Who may read a file that is made for lines, and write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// As of any file: what the umask leaves.
    Umask,
    /// Everyone may read it, its owner alone writes to it, unless the umask says less.
    OwnerWrites,
}

/// Where lines are written to, and those that are not there yet.
#[derive(Debug)]
pub struct LineSink {
    program: &'static str,
    output: Output,
    /// Whole lines; the first `written` bytes are in the file already.
    pending: Vec<u8>,
    written: usize,
    state: State,
    lost: u64,
}

#[derive(Debug)]
enum Output {
    File(FileOutput),
    Stdout(File),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Writing,
    /// What is pending is kept, and that has been told.
    Failing,
    /// Nobody reads any more.
    Unread,
}

impl LineSink {
    /// Opens a file for append, creating it if missing. The sink's complaints begin with the name of the `program`.
    ///
    /// # Errors
    /// What the system says. A pipe that nobody reads cannot be opened.
    pub fn open(program: &'static str, path: &Path, sharing: Sharing) -> io::Result<Self> {
        let output = FileOutput::open(path, sharing)?;
        Ok(Self::new(program, Output::File(output)))
    }

    /// Takes stdout. When its reader has gone away, lines are dropped without a word: it has had enough.
    ///
    /// # Errors
    /// If the system has no descriptor to spare.
    #[cfg(unix)]
    pub fn stdout(program: &'static str) -> io::Result<Self> {
        use std::os::fd::AsFd;
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(program, Output::Stdout(stdout.into())))
    }

    const fn new(program: &'static str, output: Output) -> Self {
        Self {
            program,
            output,
            pending: Vec::new(),
            written: 0,
            state: State::Writing,
            lost: 0,
        }
    }

    /// Adds whole lines, each with its `\n`, to be written by the next [`LineSink::write_out`]. While nothing can be
    /// written and no more can be kept they are lost: what is kept stays without gaps.
    pub fn accept(&mut self, lines: &[u8]) {
        match self.state {
            State::Unread => {}
            State::Failing if self.pending.len() + lines.len() > KEPT_LEN => {
                self.lost += count_lines(lines);
            }
            State::Writing | State::Failing => self.pending.extend_from_slice(lines),
        }
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub const fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Writes what is pending, or as much of it as can be.
    pub fn write_out(&mut self) {
        let result = match &mut self.output {
            Output::File(file) => file.write_lines(&self.pending, &mut self.written),
            Output::Stdout(stdout) => write_fully(stdout, &self.pending, &mut self.written),
        };
        match result {
            Ok(()) => {
                self.pending.clear();
                self.written = 0;
                if self.state == State::Failing {
                    self.state = State::Writing;
                }
            }
            Err(error) if self.has_no_reader(&error) => {
                self.pending = Vec::new();
                self.written = 0;
                self.state = State::Unread;
            }
            Err(error) if self.state == State::Writing => {
                self.state = State::Failing;
                let reason = exit::io_message(&error);
                self.complain(&format!(
                    "cannot write {}: {reason}; its lines are kept and tried again",
                    self.name()
                ));
            }
            Err(_) => {}
        }
    }

    /// Opens the file anew under its name, which may be another file now. Lines that are not written yet go into that.
    ///
    /// # Errors
    /// What the system says; the old file stays in use then.
    pub fn reopen(&mut self) -> io::Result<()> {
        if let Output::File(file) = &mut self.output {
            *file = FileOutput::open(&file.path, file.sharing)?;
            self.pending
                .drain(..line_start(&self.pending, self.written));
            self.written = 0;
        }
        Ok(())
    }

    /// Whether the last attempt to write failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.state == State::Failing
    }

    /// Lines that had to be thrown away until now.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Tries a last time to write what is pending; tells how many lines were lost in all.
    #[must_use = "lost lines make a log incomplete"]
    pub fn finish(&mut self) -> u64 {
        self.write_out();
        self.lost += count_lines(&self.pending[self.written..]);
        self.pending = Vec::new();
        self.written = 0;
        self.lost
    }

    /// Tells the user something about this file.
    pub fn complain(&self, message: &str) {
        streams::notice(&format!("{}: {message}", self.program));
    }

    /// The file's name as it is shown.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.output {
            Output::File(file) => quote::plain(&file.path),
            Output::Stdout(_) => "stdout".into(),
        }
    }

    /// Device and inode of the file; `None` for stdout, and where the system has no such numbers.
    #[must_use]
    pub fn identity(&self) -> Option<(u64, u64)> {
        match &self.output {
            Output::File(file) => identity_of(&file.file),
            Output::Stdout(_) => None,
        }
    }

    fn has_no_reader(&self, error: &io::Error) -> bool {
        matches!(self.output, Output::Stdout(_)) && error.kind() == io::ErrorKind::BrokenPipe
    }
}

#[derive(Debug)]
struct FileOutput {
    path: PathBuf,
    sharing: Sharing,
    file: File,
    /// Whether the file ends inside a line that we did not write, or can no longer continue.
    begin_with_newline: bool,
    /// Where our half-written line ended, while the rest of it cannot be written.
    half_line_end: Option<u64>,
}

impl FileOutput {
    fn open(path: &Path, sharing: Sharing) -> io::Result<Self> {
        let file = open_for_append(path, sharing)?;
        let begin_with_newline = ends_inside_a_line(path, &file);
        Ok(Self {
            path: path.into(),
            sharing,
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
            *written = line_start(lines, *written);
            self.begin_with_newline = ends_inside_a_line(&self.path, &self.file);
        }
    }
}

/// Opens or creates. A pipe that nobody reads is refused, where the system would wait for a reader before anything else
/// is done: its name may lie in wait in a folder of others.
#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "there are no permission bits")
)]
fn open_for_append(path: &Path, sharing: Sharing) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_setfl};
        use std::os::unix::fs::OpenOptionsExt;
        if sharing == Sharing::OwnerWrites {
            options.mode(0o644);
        }
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = options.open(path)?;
        fcntl_setfl(&file, OFlags::APPEND)?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// Where the line begins of which `lines[..written]` has a part, or would have.
fn line_start(lines: &[u8], written: usize) -> usize {
    let before = lines[..written].iter().rposition(|&byte| byte == b'\n');
    before.map_or(0, |at| at + 1)
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
pub(crate) fn identity_of(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    file.metadata()
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(crate) fn identity_of(_: &File) -> Option<(u64, u64)> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_cut_line_is_continued_or_begun_again() {
        let rows = [
            ("untouched", "", "one\ntwo\n"),
            ("someone wrote a line", "x\n", "one\ntwx\ntwo\n"),
            ("someone wrote half a line", "x", "one\ntwx\ntwo\n"),
        ];
        for (name, between, expected) in rows {
            let file = tempfile::NamedTempFile::new().unwrap();
            let mut output = FileOutput::open(file.path(), Sharing::Umask).unwrap();
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
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut sink = LineSink::open("test", &path, Sharing::OwnerWrites).unwrap();
        sink.accept(b"one\n");
        sink.write_out();
        std::fs::rename(&path, &moved).unwrap();
        sink.accept(b"two\n");
        sink.write_out();
        sink.reopen().unwrap();
        sink.accept(b"three\n");
        assert_eq!(sink.finish(), 0);
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o133, 0, "{mode:o}");
    }

    #[test]
    fn lines_that_wait_go_whole_into_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut sink = LineSink::open("test", &path, Sharing::Umask).unwrap();
        sink.accept(b"one\ntwo\n");
        // As when the disk became full in the second line.
        sink.written = 6;
        sink.state = State::Failing;
        sink.reopen().unwrap();
        assert_eq!(sink.finish(), 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_file_that_cannot_be_made_anew_stays_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let mut sink = LineSink::open("test", &inner.join("log"), Sharing::Umask).unwrap();
        let moved = folder.path().join("moved");
        std::fs::rename(&inner, &moved).unwrap();
        assert!(sink.reopen().is_err());
        sink.accept(b"one\n");
        assert_eq!(sink.finish(), 0);
        assert_eq!(std::fs::read_to_string(moved.join("log")).unwrap(), "one\n");
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_trouble() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = LineSink::new("test", Output::Stdout(OwnedFd::from(writer).into()));
        for _ in 0..2 {
            sink.accept(b"one\n");
            sink.write_out();
            assert_eq!((sink.pending_len(), sink.is_failing()), (0, false));
        }
        assert_eq!(sink.finish(), 0);
    }

    #[test]
    fn a_full_disk_is_written_to_again_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut sink = LineSink::open("test", &path, Sharing::Umask).unwrap();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..KEPT_LEN / line.len() + 5 {
            sink.accept(&line);
            sink.write_out();
        }
        assert_eq!((sink.is_failing(), sink.lost()), (true, 5));
        std::fs::remove_file(&path).unwrap();
        sink.reopen().unwrap();
        sink.write_out();
        assert!(!sink.is_failing());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), KEPT_LEN as u64);
        assert_eq!(sink.finish(), 5);
    }
}
