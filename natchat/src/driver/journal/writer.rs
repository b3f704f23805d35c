//! The thread that waits for a journal's disk.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::exit::io_message;
use common::log::Logger;
use crossbeam_channel::{Receiver, after, never, select};

use super::records::TITLE;
use crate::driver::store::{private, replace_file};

/// How long what is written may be lost to a power failure.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Append this.
    Append(Vec<u8>),
    /// Begin a new file.
    Begin,
    /// Append this to the new file alone.
    Snapshot(Vec<u8>),
    /// Put the new file in the place of the old one.
    Finish,
}

/// The thread that waits for the disk.
#[derive(Debug)]
pub(super) struct Writer {
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
    /// Appends to this file, which has so many good bytes; a new one is made beside it.
    pub(super) fn new(
        path: PathBuf,
        new_path: PathBuf,
        (file, len): (File, u64),
        is_lacking: Arc<AtomicBool>,
        logger: Logger,
    ) -> Self {
        Self {
            path,
            new_path,
            file: Appended { file, len },
            new: None,
            is_lacking,
            logger,
        }
    }

    /// Obeys until there is nobody left who orders.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let (mut is_synced, mut sync_due) = (true, never());
        loop {
            select! {
                recv(orders) -> order => {
                    let Ok(order) = order else { break };
                    let done = self.obey(order);
                    self.note(done);
                    if std::mem::take(&mut is_synced) {
                        sync_due = after(SYNC_INTERVAL);
                    }
                }
                recv(sync_due) -> _ => {
                    (is_synced, sync_due) = (true, never());
                    self.note(self.file.file.sync_data());
                }
            }
        }
        self.note(self.file.file.sync_data());
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
        replace_file(&self.new_path, &self.path)?;
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
