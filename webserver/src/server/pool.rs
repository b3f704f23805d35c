//! A few threads for what would hold up an event loop, and the way back to it.
//!
//! The queue is short: when it is full the server has more to do than it can, and says so to who asks for more.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use rustls::ServerConfig;

use crate::respond::job::{Done, Job, Product, Work};

/// Jobs that wait for a thread, at most.
const QUEUE_LEN: usize = 64;

/// Threads. Jobs are as long as a big folder or file takes; two of them do not hold up a third for ever.
const THREADS: usize = 2;

/// Messages that wait for a worker, at most: more than there can be jobs, so that nobody waits to send one.
const MAILBOX_LEN: usize = 256;

/// What a worker is told by other threads.
#[derive(Debug)]
pub(crate) enum Message {
    /// What it asked for is done.
    Done(Box<Done>),
    /// New connections are encrypted with these certificates.
    Certificates(Arc<ServerConfig>),
    /// No new connections; those there are finish.
    Stop,
    /// Those there are end now.
    Cut,
}

/// The way to a worker.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    bell: Arc<OwnedFd>,
}

/// A worker's end of it.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: Receiver<Message>,
    bell: Arc<OwnedFd>,
}

/// A new way to a worker.
///
/// # Errors
/// If the system has no descriptor left.
pub(crate) fn mailbox() -> io::Result<(Mailbox, Inbox)> {
    let (sender, receiver) = bounded(MAILBOX_LEN);
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let mailbox = Mailbox {
        sender,
        bell: Arc::clone(&bell),
    };
    Ok((mailbox, Inbox { receiver, bell }))
}

impl Mailbox {
    /// Leaves a message and wakes the worker. A worker that has ended gets none.
    pub(crate) fn post(&self, message: Message) {
        if self.sender.send(message).is_ok() {
            // Full, it rings already.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}

impl Inbox {
    /// What rings when there is a message.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Stops the ringing and takes the messages.
    pub(crate) fn take(&self) -> Vec<Message> {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        self.receiver.try_iter().collect()
    }
}

/// The threads.
///
/// Nobody waits for their end: whoever wanted what they are at is gone when the server ends, and they own nothing that
/// has to be put in order.
#[derive(Debug)]
pub(crate) struct Pool(Desk);

/// Where jobs are handed in.
///
/// Passwords have a queue and a thread of their own: whoever tries one after the other holds up those who sign in, and
/// not those who have, nor anybody else.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    passwords: Sender<Handout>,
    others: Sender<Handout>,
}

/// A job, and the number of the worker that it is for.
type Handout = (Box<Job>, usize);

impl Pool {
    /// Starts the threads, which answer to these workers.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn start(workers: &[Mailbox]) -> io::Result<Self> {
        let (passwords, password_jobs) = bounded(QUEUE_LEN);
        let (others, other_jobs) = bounded(QUEUE_LEN);
        let lanes = std::iter::once(password_jobs).chain(std::iter::repeat_n(other_jobs, THREADS));
        for jobs in lanes {
            let workers = workers.to_vec();
            let thread = std::thread::Builder::new().name("pool".to_owned());
            thread.spawn(move || work(&jobs, &workers))?;
        }
        Ok(Self(Desk { passwords, others }))
    }

    /// Where a worker hands in its jobs.
    pub(crate) fn desk(&self) -> Desk {
        self.0.clone()
    }
}

/// Does one job after the other.
fn work(jobs: &Receiver<Handout>, workers: &[Mailbox]) {
    for (job, worker) in jobs {
        let (number, key, site) = (job.number, job.key.clone(), job.site);
        // A job that fails in a way that nobody thought of, which has been printed, must not be waited for for ever.
        let done = catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or(Done {
            number,
            key,
            site,
            product: Product::Nothing,
        });
        if let Some(mailbox) = workers.get(worker) {
            mailbox.post(Message::Done(Box::new(done)));
        }
    }
}

/// What became of a job that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It will be done.
    In,
    /// Too many wait already.
    Back,
}

impl Desk {
    /// Hands in a job for a worker.
    pub(crate) fn hand_in(&self, job: Box<Job>, worker: usize) -> Handed {
        let queue = if let Work::Verify { .. } = job.work {
            &self.passwords
        } else {
            &self.others
        };
        match queue.try_send((job, worker)) {
            Ok(()) => Handed::In,
            Err(_) => Handed::Back,
        }
    }
}
