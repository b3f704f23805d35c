//! What a server remembers over its end: records in a file, appended as they come, and written anew when there are many
//! that say nothing any more.
//!
//! ```text
//!   append(record) ─► gathered ─► flush ─► the writer's thread ─► journal
//!   begin_anew ─► snapshot … ─► finish ──► the same thread ─────► journal.new ─► renamed
//! ```
//!
//! The file is a line that names it, then records, each `len u16 · check u32 · bytes`. What a crash has cut off at its end
//! is left out; damage before the end is refused, since a server that forgets whose the IDs are lets others take them.
//! While a new file is written, records go to both, so a crash leaves one that is whole. The server's loop never waits
//! for the disk: what cannot be written for long is thrown away and told, and the file then written anew.
//! What a record says is the machine's business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::exit::io_message;
use common::log::Logger;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use rustix::fs::{FlockOperation, flock};

use super::store::Store;
use crate::error::Error;

/// The first line.
const TITLE: &[u8] = b"natchat journal 1\n";

/// The longest record.
const RECORD_LEN: usize = 4096;

/// Length and check.
const HEAD_LEN: usize = 6;

/// Bytes handed to the writer at once.
const BATCH_LEN: usize = 64 << 10;

/// Batches that wait for the writer.
const QUEUE_LEN: usize = 64;

/// Bytes that wait here while the disk is slow; beyond them records are thrown away.
const KEPT_LEN: usize = 32 << 20;

/// A file that has grown by this much, and to [`GROWTH`] times what it was, is written anew.
const GROWN_LEN: u64 = 4 << 20;
const GROWTH: u64 = 2;

/// How long a disk that failed is left alone.
const ANEW_INTERVAL: Duration = Duration::from_secs(30);

/// How long what is written may be lost to a power failure.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    gathered: Vec<u8>,
    /// Of the new file, while there is one.
    snapshot: Option<Vec<u8>>,
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    /// Bytes in the file when it was written anew last, and now.
    base_len: u64,
    len: u64,
    /// When a new file was begun last.
    begun: Option<Instant>,
    /// Records were thrown away, or could not be written: only a new file has them.
    is_lacking: Arc<AtomicBool>,
    logger: Logger,
    /// As long as it is open, no other server takes the folder.
    _lock: File,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    /// Append this.
    Append(Vec<u8>),
    /// Begin a new file.
    Begin,
    /// Append this to the new file alone.
    Snapshot(Vec<u8>),
    /// Put the new file in the place of the old one.
    Finish,
}

impl Journal {
    /// Opens the journal of a data folder, for this server alone, and tells `restore` each record in it.
    ///
    /// # Errors
    /// If it cannot be had, is none, or is another server's.
    pub(super) fn open(
        store: &Store,
        logger: Logger,
        restore: &mut dyn FnMut(&[u8]),
    ) -> Result<Self, Error> {
        let path = store.path("journal");
        let failed = |source| Error::Store {
            path: path.clone(),
            source,
        };
        let lock_path = store.path("server.lock");
        let lock = lock(&lock_path).map_err(|source| Error::Store {
            path: lock_path,
            source,
        })?;
        let (file, len) = read(&path, logger, restore)?;
        let is_lacking = Arc::new(AtomicBool::new(false));
        let (orders, taken) = bounded(QUEUE_LEN);
        let writer = Writer {
            new_path: store.path("journal.new"),
            path: path.clone(),
            file: Appended { file, len },
            new: None,
            is_lacking: Arc::clone(&is_lacking),
            logger,
        };
        let writer = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&taken))
            .map_err(failed)?;
        Ok(Self {
            gathered: Vec::new(),
            snapshot: None,
            orders: Some(orders),
            writer: Some(writer),
            base_len: 0,
            len,
            begun: None,
            is_lacking,
            logger,
            _lock: lock,
        })
    }

    /// Adds a record.
    pub(super) fn append(&mut self, record: &[u8]) {
        if self.gathered.len() < KEPT_LEN {
            push(&mut self.gathered, record);
        } else if !self.is_lacking.swap(true, Ordering::Relaxed) {
            self.logger
                .warn("journal", "the disk is too slow: records are lost", &[]);
        }
    }

    /// Hands over what was added. To be called when nothing else is to be done, or at least now and then.
    pub(super) fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let len = self.gathered.len() as u64;
        let batch = Order::Append(std::mem::take(&mut self.gathered));
        match self.hand_over(batch) {
            Ok(()) => self.len += len,
            Err(Order::Append(batch)) => self.gathered = batch,
            Err(_) => {}
        }
    }

    /// Whether a new file is worth its while.
    pub(super) fn is_overgrown(&self, now: Instant) -> bool {
        let has_grown = self.len >= GROWN_LEN && self.len >= GROWTH * self.base_len;
        let is_due = self.begun.is_none_or(|begun| now >= begun + ANEW_INTERVAL);
        self.snapshot.is_none() && is_due && (has_grown || self.is_lacking.load(Ordering::Relaxed))
    }

    /// Begins a new file, for which all there is to be remembered is then given to [`Self::snapshot`].
    pub(super) fn begin_anew(&mut self, now: Instant) {
        self.begun = Some(now);
        // What was added before belongs to the old file alone, or it would contradict what follows.
        self.flush();
        if self.gathered.is_empty() && self.hand_over(Order::Begin).is_ok() {
            self.is_lacking.store(false, Ordering::Relaxed);
            self.snapshot = Some(Vec::new());
            self.base_len = 0;
        }
    }

    /// Whether a new file is being written, and there is room for more of it.
    pub(super) fn takes_snapshot(&self) -> bool {
        self.snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.len() < BATCH_LEN)
    }

    /// Whether a new file is being written.
    pub(super) const fn is_anew(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Adds a record to the new file.
    pub(super) fn snapshot(&mut self, record: &[u8]) {
        if let Some(snapshot) = &mut self.snapshot {
            push(snapshot, record);
        }
    }

    /// Hands over what was given to [`Self::snapshot`].
    pub(super) fn flush_snapshot(&mut self) {
        // What was added before must not come after what is newer.
        self.flush();
        let Some(snapshot) = &mut self.snapshot else {
            return;
        };
        if snapshot.is_empty() || !self.gathered.is_empty() {
            return;
        }
        let batch = std::mem::take(snapshot);
        let len = batch.len() as u64;
        match self.hand_over(Order::Snapshot(batch)) {
            Ok(()) => self.base_len += len,
            Err(Order::Snapshot(batch)) => self.snapshot = Some(batch),
            Err(_) => {}
        }
    }

    /// Ends the new file, if all of it was handed over.
    pub(super) fn finish(&mut self) {
        self.flush_snapshot();
        let is_whole = self.snapshot.as_ref().is_some_and(Vec::is_empty);
        if is_whole && self.gathered.is_empty() && self.hand_over(Order::Finish).is_ok() {
            self.snapshot = None;
            self.len = self.base_len;
        }
    }

    /// Gives back what there is no room for now.
    fn hand_over(&self, order: Order) -> Result<(), Order> {
        let Some(orders) = &self.orders else {
            return Err(order);
        };
        match orders.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => Err(order),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(orders) = self.orders.take() {
            let rest = std::mem::take(&mut self.gathered);
            // Here it is waited for the disk. It fails only if the writer has panicked, which has been printed.
            let _ = orders.send(Order::Append(rest));
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Lets nobody else have the folder's journal.
fn lock(path: &Path) -> io::Result<File> {
    let file = private().create(true).truncate(false).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(io::Error::other(
            "another natchat server uses this folder; choose another with --data",
        )),
        Err(error) => Err(error.into()),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// One record, as it is in the file.
fn push(out: &mut Vec<u8>, record: &[u8]) {
    let len = match u16::try_from(record.len()) {
        Ok(len) if (1..=RECORD_LEN).contains(&record.len()) => len,
        _ => {
            debug_assert!(false, "a record of {} bytes", record.len());
            return;
        }
    };
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&check(record));
    out.extend_from_slice(record);
}

fn check(record: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = *blake3::hash(record).as_bytes();
    [a, b, c, d]
}

/// Reads a journal, or begins one: the file, to be appended to, and the length of what is good in it.
fn read(path: &Path, logger: Logger, restore: &mut dyn FnMut(&[u8])) -> Result<(File, u64), Error> {
    let failed = |source| Error::Store {
        path: path.to_owned(),
        source,
    };
    let file = private()
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    let whole_len = file.metadata().map_err(failed)?.len();
    let mut reader = Reader {
        input: BufReader::with_capacity(1 << 20, &file),
        good_len: 0,
        record: Vec::new(),
    };
    let end = loop {
        match reader.next().map_err(failed)? {
            Found::Record => restore(&reader.record),
            Found::End(end) => break end,
        }
    };
    let mut good_len = reader.good_len;
    match end {
        End::Whole => {}
        End::Cut => logger.warn(
            "journal",
            "its last record was cut off",
            &[("bytes", (whole_len - good_len).into())],
        ),
        End::Damaged => {
            return Err(Error::Damaged {
                path: path.to_owned(),
                what: "journal",
            });
        }
    }
    file.set_len(good_len).map_err(failed)?;
    (&file).seek(SeekFrom::Start(good_len)).map_err(failed)?;
    if good_len == 0 {
        (&file).write_all(TITLE).map_err(failed)?;
        good_len = TITLE.len() as u64;
    }
    Ok((file, good_len))
}

/// Reads records off a file.
struct Reader<'a> {
    input: BufReader<&'a File>,
    /// The length of what was read and is good.
    good_len: u64,
    record: Vec<u8>,
}

/// What was read.
enum Found {
    /// A record.
    Record,
    /// No further one.
    End(End),
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// After a record.
    Whole,
    /// In the middle of one, or in zeros that a power failure left.
    Cut,
    /// In something else.
    Damaged,
}

impl Reader<'_> {
    fn next(&mut self) -> io::Result<Found> {
        if self.good_len == 0
            && let Some(end) = self.title()?
        {
            return Ok(Found::End(end));
        }
        let mut head = [0; HEAD_LEN];
        match fill(&mut self.input, &mut head)? {
            0 => return Ok(Found::End(End::Whole)),
            HEAD_LEN => {}
            _ => return Ok(Found::End(End::Cut)),
        }
        let [a, b, check_bytes @ ..] = head;
        let len = usize::from(u16::from_be_bytes([a, b]));
        self.record.resize(len, 0);
        let got = fill(&mut self.input, &mut self.record)?;
        if len == 0 || got < len || check(&self.record) != check_bytes {
            return Ok(Found::End(self.end()?));
        }
        self.good_len += (HEAD_LEN + len) as u64;
        Ok(Found::Record)
    }

    fn title(&mut self) -> io::Result<Option<End>> {
        let mut title = [0; TITLE.len()];
        let len = fill(&mut self.input, &mut title)?;
        if len == TITLE.len() && title == TITLE {
            self.good_len = len as u64;
            return Ok(None);
        }
        Ok(Some(match TITLE.starts_with(&title[..len]) {
            true if len == 0 => End::Whole,
            true => End::Cut,
            false => End::Damaged,
        }))
    }

    /// After something that is no record: whether it is what a crash leaves.
    fn end(&mut self) -> io::Result<End> {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest)?;
        let is_nothing = rest.iter().all(|byte| *byte == 0);
        Ok(if is_nothing { End::Cut } else { End::Damaged })
    }
}

/// As many bytes as there are.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// The thread that waits for the disk.
#[derive(Debug)]
struct Writer {
    path: PathBuf,
    new_path: PathBuf,
    file: Appended,
    new: Option<Appended>,
    is_lacking: Arc<AtomicBool>,
    logger: Logger,
}

/// A file with only whole records in it.
#[derive(Debug)]
struct Appended {
    file: File,
    len: u64,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut is_synced = true;
        loop {
            let order = match orders.recv_timeout(SYNC_INTERVAL) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) if is_synced => match orders.recv() {
                    Ok(order) => order,
                    Err(_) => return,
                },
                Err(RecvTimeoutError::Timeout) => {
                    is_synced = true;
                    self.note(self.file.file.sync_data());
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.note(self.file.file.sync_data());
                    return;
                }
            };
            is_synced = false;
            let done = self.obey(order);
            self.note(done);
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Append(batch) => {
                let new = self.new.as_mut().map_or(Ok(()), |new| new.append(&batch));
                self.file.append(&batch).and(new)
            }
            Order::Begin => {
                let file = private().create(true).truncate(true).open(&self.new_path)?;
                let mut new = Appended { file, len: 0 };
                new.append(TITLE)?;
                self.new = Some(new);
                Ok(())
            }
            Order::Snapshot(batch) => self.new.as_mut().map_or(Ok(()), |new| new.append(&batch)),
            Order::Finish => self.finish(),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        // Without a whole new file the old one stays.
        let Some(new) = self.new.take() else {
            return Ok(());
        };
        new.file.sync_all()?;
        fs::rename(&self.new_path, &self.path)?;
        self.file = new;
        Ok(())
    }

    /// Tells the first of a row of failures. A new file that lacks something is given up.
    fn note(&mut self, done: io::Result<()>) {
        let Err(error) = done else { return };
        self.new = None;
        if !self.is_lacking.swap(true, Ordering::Relaxed) {
            let (path, reason) = (self.path.display(), io_message(&error));
            self.logger.warn(
                "journal",
                "cannot be written",
                &[("path", (&path).into()), ("reason", (&reason).into())],
            );
        }
    }
}

impl Appended {
    /// All of it or nothing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        if written.is_ok() {
            self.len += bytes.len() as u64;
        } else {
            // A part of it may be there.
            self.file.set_len(self.len)?;
            self.file.seek(SeekFrom::Start(self.len))?;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
    use common::log::{Format, Level};

    use super::*;

    #[test]
    fn records_come_back_in_order() {
        let (_folder, store) = store();
        assert_eq!(records(&store), Vec::<Vec<u8>>::new());
        let mut journal = open(&store).unwrap();
        for record in [&b"one"[..], b"two", &[0; RECORD_LEN]] {
            journal.append(record);
        }
        journal.flush();
        journal.append(b"not flushed");
        drop(journal);
        let expected = [
            b"one".to_vec(),
            b"two".to_vec(),
            vec![0; RECORD_LEN],
            b"not flushed".to_vec(),
        ];
        assert_eq!(records(&store), expected);
    }

    #[test]
    fn however_a_crash_cuts_it_whole_records_stay() {
        let (_folder, store) = store();
        let mut journal = open(&store).unwrap();
        journal.append(b"one");
        journal.append(b"second");
        drop(journal);
        let path = store.path("journal");
        let whole = fs::read(&path).unwrap();
        let ends = [TITLE.len() + HEAD_LEN + 3, whole.len()];
        for len in 0..=whole.len() {
            for zeros in [0, 100] {
                let is_between = ends.contains(&len) || len == TITLE.len();
                if zeros > 0 && !is_between {
                    continue;
                }
                let mut bytes = whole[..len].to_vec();
                bytes.resize(len + zeros, 0);
                fs::write(&path, bytes).unwrap();
                let count = ends.iter().filter(|end| len >= **end).count();
                assert_eq!(
                    records(&store).len(),
                    count,
                    "{len} bytes and {zeros} zeros"
                );
                let mut journal = open(&store).unwrap();
                journal.append(b"later");
                drop(journal);
                assert_eq!(
                    records(&store).len(),
                    count + 1,
                    "{len} bytes and {zeros} zeros"
                );
            }
        }
    }

    #[test]
    fn damage_is_refused_and_stays() {
        let (_folder, store) = store();
        let mut journal = open(&store).unwrap();
        (0..3).for_each(|_| journal.append(b"record"));
        drop(journal);
        let path = store.path("journal");
        let whole = fs::read(&path).unwrap();
        for at in [0, TITLE.len() + 3, TITLE.len() + HEAD_LEN + 2] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(
                matches!(open(&store), Err(Error::Damaged { .. })),
                "byte {at}"
            );
            assert_eq!(fs::read(&path).unwrap(), bytes, "byte {at}");
        }
        fs::write(&path, "something else").unwrap();
        assert!(matches!(open(&store), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_new_file_has_the_snapshot_and_what_came_meanwhile() {
        let (_folder, store) = store();
        let mut journal = open(&store).unwrap();
        journal.append(b"old");
        journal.begin_anew(Clock::start().now());
        assert!(journal.takes_snapshot() && journal.is_anew());
        journal.snapshot(b"state 1");
        journal.flush_snapshot();
        journal.append(b"meanwhile");
        journal.snapshot(b"state 2");
        journal.finish();
        assert!(!journal.is_anew());
        journal.append(b"later");
        drop(journal);
        let expected = [&b"state 1"[..], b"meanwhile", b"state 2", b"later"];
        assert_eq!(records(&store), expected);
        assert!(!store.path("journal.new").exists());
    }

    #[test]
    fn a_new_file_that_was_not_finished_counts_for_nothing() {
        let (_folder, store) = store();
        let mut journal = open(&store).unwrap();
        journal.append(b"old");
        journal.begin_anew(Clock::start().now());
        journal.snapshot(b"state");
        journal.append(b"meanwhile");
        drop(journal);
        assert_eq!(records(&store), [&b"old"[..], b"meanwhile"]);
    }

    #[test]
    fn it_is_written_anew_when_it_has_grown() {
        let (_folder, store) = store();
        let mut journal = open(&store).unwrap();
        assert!(!journal.is_overgrown(Clock::start().now()));
        let mut count = 0_u64;
        while !journal.is_overgrown(Clock::start().now()) {
            journal.append(&[7; RECORD_LEN]);
            journal.flush();
            count += 1;
            // The writer may be behind.
            assert!(count < 100 * GROWN_LEN / RECORD_LEN as u64);
        }
        assert!(count >= GROWN_LEN / RECORD_LEN as u64 - 1);
    }

    #[test]
    fn one_server_at_a_time() {
        let (_folder, store) = store();
        let journal = open(&store).unwrap();
        let error = open(&store).unwrap_err();
        assert!(
            common::exit::describe(&error).contains("another natchat server"),
            "{error:?}"
        );
        drop(journal);
        open(&store).unwrap();
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn open(store: &Store) -> Result<Journal, Error> {
        Journal::open(store, quiet(), &mut |_| {})
    }

    fn records(store: &Store) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        drop(Journal::open(store, quiet(), &mut |record| records.push(record.to_vec())).unwrap());
        records
    }

    fn quiet() -> Logger {
        Logger::new(Level::Error, Format::Text, Clock::start())
    }
}
