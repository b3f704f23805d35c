//! The threads that wait for a journal's disk: one writes, one waits until what was written is safe.
//!
//! They are two because a disk may take seconds for that, and what is said meanwhile is to be in the file at once: a
//! server that is killed loses nothing that was written, safe or not; only a power failure does.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::exit::io_message;
use common::log::Logger;
use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};

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

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Present,
    New,
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    new_path: PathBuf,
    file: Appended,
    new: Option<Appended>,
    /// The new file is whole, and takes the old one's place when it is safe.
    is_finishing: bool,
    /// What the other thread is waiting for the disk with.
    syncing: Option<Which>,
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
            is_finishing: false,
            syncing: None,
            is_lacking,
            logger,
        }
    }

    /// Obeys until there is nobody left who orders.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let (files, unsafe_files) = bounded::<File>(1);
        let (told, safe) = bounded(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for file in unsafe_files {
                    // Nobody hears it any more when the writer has ended.
                    let _ = told.send(file.sync_all());
                }
            });
            self.write(orders, &files, &safe);
            drop((files, safe));
        });
        let done = self.end();
        self.note(done);
    }

    /// Nobody waits for this thread any more: what is under way is done here.
    fn end(&mut self) -> io::Result<()> {
        if let Some(new) = self.new.take_if(|_| self.is_finishing) {
            new.file.sync_all()?;
            replace_file(&self.new_path, &self.path)?;
            self.file = new;
        }
        self.file.file.sync_data()
    }

    fn write(
        &mut self,
        orders: &Receiver<Order>,
        files: &Sender<File>,
        safe: &Receiver<io::Result<()>>,
    ) {
        let mut sync_due = never();
        let mut is_due_set = false;
        loop {
            select! {
                recv(orders) -> order => {
                    let Ok(order) = order else { return };
                    let done = self.obey(order);
                    self.note(done);
                    if !std::mem::replace(&mut is_due_set, true) {
                        sync_due = after(SYNC_INTERVAL);
                    }
                }
                recv(sync_due) -> _ => {
                    (is_due_set, sync_due) = (false, never());
                    self.begin_sync(Which::Present, files);
                }
                recv(safe) -> done => {
                    let done = self.synced(done.unwrap_or(Ok(())));
                    self.note(done);
                }
            }
            if self.is_finishing {
                self.begin_sync(Which::New, files);
            }
        }
    }

    /// Lets the other thread wait for the disk, unless it does already.
    fn begin_sync(&mut self, which: Which, files: &Sender<File>) {
        let file = match which {
            Which::Present => Some(&self.file),
            Which::New => self.new.as_ref(),
        };
        let Some(file) = file.filter(|_| self.syncing.is_none()) else {
            return;
        };
        match file.file.try_clone() {
            // There is room for one, and no other is under way.
            Ok(file) => self.syncing = files.try_send(file).is_ok().then_some(which),
            Err(error) => self.note(Err(error)),
        }
    }

    /// The disk has it. A new file takes the old one's place only now.
    fn synced(&mut self, done: io::Result<()>) -> io::Result<()> {
        let was_new = self.syncing.take() == Some(Which::New);
        done?;
        // It may have been given up meanwhile.
        if let Some(new) = self.new.take_if(|_| was_new && self.is_finishing) {
            self.is_finishing = false;
            replace_file(&self.new_path, &self.path)?;
            self.file = new;
        }
        Ok(())
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
                self.is_finishing = false;
                Ok(())
            }
            Order::Snapshot(batch) => self.new.as_mut().map_or(Ok(()), |new| new.append(&batch)),
            Order::Finish => {
                // Without a whole new file the old one stays.
                self.is_finishing = self.new.is_some();
                Ok(())
            }
        }
    }

    /// Tells the first of a row of failures. A new file that lacks something is given up.
    fn note(&mut self, done: io::Result<()>) {
        let Err(error) = done else { return };
        self.new = None;
        self.is_finishing = false;
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
