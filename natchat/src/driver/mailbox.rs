//! The way from other threads to a loop that waits for sockets.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};

/// Messages that wait, at most; whoever has more waits.
const QUEUE_LEN: usize = 256;

/// The threads' end.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    sender: Sender<T>,
    bell: Arc<OwnedFd>,
}

/// The loop's end.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    receiver: Receiver<T>,
    bell: Arc<OwnedFd>,
}

/// A new way.
///
/// # Errors
/// If the system has no descriptor left.
pub(super) fn mailbox<T>() -> io::Result<(Mailbox<T>, Inbox<T>)> {
    let (sender, receiver) = bounded(QUEUE_LEN);
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let mailbox = Mailbox {
        sender,
        bell: Arc::clone(&bell),
    };
    Ok((mailbox, Inbox { receiver, bell }))
}

impl<T> Mailbox<T> {
    /// Leaves a message and wakes the loop; false if the loop has ended.
    pub(super) fn post(&self, message: T) -> bool {
        let is_heard = self.sender.send(message).is_ok();
        // Full, it rings already.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        is_heard
    }

    /// Passes on all that comes by a channel, on a thread of its own.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn forward<U>(
        &self,
        name: &str,
        from: Receiver<U>,
        wrap: fn(U) -> T,
    ) -> io::Result<()>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        let mailbox = self.clone();
        let forward = move || {
            // Until either end is gone.
            from.iter().map(wrap).all(|message| mailbox.post(message))
        };
        // Never waited for: it holds nothing that would have to be put in order.
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(forward)?;
        Ok(())
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            bell: Arc::clone(&self.bell),
        }
    }
}

impl<T> Inbox<T> {
    /// What rings when there is a message.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Stops the ringing; the messages are then taken one by one.
    pub(super) fn silence(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// The next message, if there is one.
    pub(super) fn take(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn a_message_rings_until_it_is_heard() {
        let (mailbox, inbox) = mailbox().unwrap();
        let (sender, from) = bounded(4);
        mailbox
            .forward("test", from, |number: u8| u32::from(number))
            .unwrap();
        assert!(!rings(&inbox, 0));
        sender.send(7).unwrap();
        assert!(rings(&inbox, 10));
        inbox.silence();
        assert_eq!((inbox.take(), inbox.take()), (Some(7), None));
        assert!(!rings(&inbox, 0));
        drop(inbox);
        assert!(!mailbox.post(1));
    }

    fn rings(inbox: &Inbox<u32>, secs: i64) -> bool {
        let timeout = Timespec {
            tv_sec: secs,
            tv_nsec: 0,
        };
        poll(
            &mut [PollFd::from_borrowed_fd(inbox.bell(), PollFlags::IN)],
            Some(&timeout),
        )
        .unwrap()
            == 1
    }
}
