//! What a server remembers over its end: records in a file, appended as they come, and written anew when there are many
//! that say nothing any more.
//!
//! ```text
//!   append(record) ─► gathered ─► flush ─► the writer's thread ─► journal
//!   begin_anew ─► snapshot … ─► finish ──► the same thread ─────► journal.new ─► renamed
//! ```
//!
//! The file is a line that names it, then records, each `len u16 · check u32 · bytes`. What a crash has cut off at its end
//! is left out. Of a damaged file (a power failure writes pages in any order) what is good up to there is kept, and the
//! whole put aside as `journal.damaged`; another program's file is refused.
//! While a new file is written, records go to both, so a crash leaves one that is whole. The server's loop never waits
//! for the disk: what cannot be written for long is thrown away and told, and the file then written anew.
//! What a record says is the machine's business.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::log::Logger;
use crossbeam_channel::{Sender, TrySendError, bounded};
use rustix::fs::{FlockOperation, flock};

use super::store::{Store, private};
use crate::error::Error;
use records::{push, read};
use writer::{Order, Writer};

mod records;
mod writer;

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
        let new_path = store.path("journal.new");
        let lacking = Arc::clone(&is_lacking);
        let writer = Writer::new(path.clone(), new_path, (file, len), lacking, logger);
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

#[cfg(test)]
mod tests;
