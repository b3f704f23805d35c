//! The thread that works on a client's disk: files of transfers, and keys to be remembered.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::SystemTime;

use common::exit::describe;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};

use super::disk::Disk;
use super::store::{Store, Who};
use crate::client::files::{FileReply, FileRequest};
use crate::crypto::identity::PublicKey;

/// What waits for the disk. The machine asks for a few things for each of its 64 transfers; beyond that it is told so.
const QUEUE_LEN: usize = 1024;

/// Keys that wait for the disk. They have a queue of their own, so that files never keep one from being remembered.
const PINS_LEN: usize = 1024;

/// The thread; dropping it writes down what is to be remembered, and leaves files as they are.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Option<Sender<FileRequest>>,
    pins: Option<Sender<(Who, PublicKey)>>,
    thread: Option<JoinHandle<()>>,
    is_closing: Arc<AtomicBool>,
}

/// What it tells.
#[derive(Debug)]
pub(super) enum Told {
    /// Of a file.
    File(FileReply),
    /// A key could not be kept, for this reason.
    NotKept(String),
}

impl Worker {
    /// Starts it: pins go to the store, under the address of the server, and files to the downloads folder.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        store: Store,
        address: String,
        downloads: PathBuf,
        now: SystemTime,
        tell: impl Fn(Told) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, files) = bounded(QUEUE_LEN);
        let (pins, kept) = bounded(PINS_LEN);
        let is_closing = Arc::new(AtomicBool::new(false));
        let mut shift = Shift {
            store,
            address,
            disk: Disk::new(downloads),
            is_closing: Arc::clone(&is_closing),
        };
        let thread = std::thread::Builder::new().name("disk".into());
        let thread = thread.spawn(move || {
            shift.disk.sweep(now);
            shift.work(&files, &kept, tell);
        })?;
        Ok(Self {
            queue: Some(queue),
            pins: Some(pins),
            thread: Some(thread),
            is_closing,
        })
    }

    /// Hands in a request; given back, if there are too many.
    pub(super) fn file(&self, request: FileRequest) -> Option<FileRequest> {
        let handed_in = self.queue.as_ref()?.try_send(request);
        handed_in.err().map(TrySendError::into_inner)
    }

    /// Hands in a key. False if it cannot be kept just now.
    #[must_use]
    pub(super) fn pin(&self, who: Who, key: PublicKey) -> bool {
        self.pins
            .as_ref()
            .is_some_and(|pins| pins.try_send((who, key)).is_ok())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.queue = None;
        self.pins = None;
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that has been printed.
            let _ = thread.join();
        }
    }
}

/// The thread's own things.
struct Shift {
    store: Store,
    address: String,
    disk: Disk,
    is_closing: Arc<AtomicBool>,
}

impl Shift {
    /// Until there is nobody left who asks, and all keys are kept.
    fn work(
        &mut self,
        files: &Receiver<FileRequest>,
        pins: &Receiver<(Who, PublicKey)>,
        tell: impl Fn(Told),
    ) {
        loop {
            select_biased! {
                recv(pins) -> pin => match pin {
                    Ok(pin) => self.keep(pin, pins, &tell),
                    Err(_) => break,
                },
                recv(files) -> request => match request {
                    Ok(_) if self.is_closing.load(Ordering::Relaxed) => {}
                    Ok(request) => {
                        if let Some(reply) = self.disk.handle(request) {
                            tell(Told::File(reply));
                        }
                    }
                    Err(_) => {
                        // There are no more files; the keys are all that is left.
                        pins.iter().for_each(|pin| self.keep(pin, pins, &tell));
                        break;
                    }
                },
            }
        }
    }

    /// Each writing writes them all: those that have come together are written together.
    fn keep(
        &self,
        first: (Who, PublicKey),
        pins: &Receiver<(Who, PublicKey)>,
        tell: &impl Fn(Told),
    ) {
        let pins: Vec<_> = std::iter::once(first).chain(pins.try_iter()).collect();
        if let Err(error) = self.store.pin(&self.address, &pins) {
            tell(Told::NotKept(describe(&error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::client::files::Job;

    #[test]
    fn keys_are_kept_and_files_answered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (sender, told) = bounded(16);
        let tell = move |told| sender.send(told).unwrap();
        let address = "host:1".to_owned();
        let worker = Worker::start(
            store.clone(),
            address,
            folder.path().join("downloads"),
            UNIX_EPOCH,
            tell,
        )
        .unwrap();
        let (job, part) = (Job(1), "x".to_owned());
        assert_eq!(worker.file(FileRequest::Find { job, part }), None);
        assert!(matches!(
            told.recv().unwrap(),
            Told::File(FileReply::Found { have: 0, .. })
        ));
        assert!(worker.pin(Who::Server, PublicKey([1; 32])));
        assert!(worker.pin(Who::Member("bob".parse().unwrap()), PublicKey([2; 32])));
        drop(worker);
        let pins = store.pins("host:1").unwrap();
        assert_eq!(
            (pins.server, pins.members.len()),
            (Some(PublicKey([1; 32])), 1)
        );
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::fs::write(store.path("pins"), "something else").unwrap();
        let (sender, told) = bounded(16);
        let tell = move |told| sender.send(told).unwrap();
        let worker = Worker::start(
            store,
            "host:1".to_owned(),
            folder.path().to_owned(),
            UNIX_EPOCH,
            tell,
        )
        .unwrap();
        assert!(worker.pin(Who::Server, PublicKey([1; 32])));
        assert!(matches!(told.recv().unwrap(), Told::NotKept(reason) if reason.contains("pins")));
        assert_eq!(
            std::fs::read_to_string(folder.path().join("pins")).unwrap(),
            "something else"
        );
    }
}
