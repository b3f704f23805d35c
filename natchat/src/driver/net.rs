//! All of the network that a client waits for: its sockets, its connection to the server, its own addresses.

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use common::exit::io_message;
use common::log::Logger;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::interfaces::{self, Watch};
use super::link::Link;
use super::sockets::Sockets;
use crate::error::Error;
use crate::path::paths::Socket;

/// What is waited for.
#[derive(Debug)]
pub(super) struct Net {
    /// Datagrams.
    pub(super) sockets: Sockets,
    /// The connection to the server, when there is one.
    pub(super) link: Link,
    /// `None`: the system does not tell of changes.
    watch: Option<Watch>,
    addresses: Vec<IpAddr>,
    logger: Logger,
}

/// What may have something for us.
#[derive(Debug)]
pub(super) struct Ready {
    /// Other threads.
    pub(super) messages: bool,
    /// Nobody reads what is printed any more.
    pub(super) unread: bool,
    /// Our own addresses.
    pub(super) addresses: bool,
    /// These sockets.
    pub(super) sockets: Vec<Socket>,
    /// These places of the link, the last one first: what is settled leaves the list.
    pub(super) link: Vec<usize>,
}

impl Net {
    /// With the main socket at this port; 0: one of the system's choice.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub(super) fn open(port: u16, logger: Logger) -> Result<Self, Error> {
        Ok(Self {
            sockets: Sockets::open(port, logger)?,
            link: Link::None,
            watch: Watch::open().ok(),
            addresses: Vec::new(),
            logger,
        })
    }

    /// Sends what was gathered.
    pub(super) fn flush(&mut self) {
        self.sockets.flush();
        self.link.flush();
    }

    /// Waits until something may have come, here or at the `bell`, or nobody reads the `output` any more; for so long at
    /// most.
    ///
    /// # Errors
    /// If the system no longer tells.
    pub(super) fn wait(
        &self,
        bell: BorrowedFd<'_>,
        output: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<Ready> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let numbers: Vec<Socket> = self.sockets.waits().map(|(number, _)| number).collect();
        let mut fds = vec![readable(bell)];
        fds.extend(self.sockets.waits().map(|(_, fd)| readable(fd)));
        let link_at = fds.len();
        let link = self.link.waits();
        fds.extend(link.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let watch_at = fds.len();
        fds.extend(
            self.watch
                .iter()
                .map(|watch| PollFd::new(watch, PollFlags::IN)),
        );
        let output_at = fds.len();
        // What is told without being asked for: that a pipe or socket has no other end (poll(2)).
        let unasked = PollFlags::empty();
        fds.extend(output.map(|fd| PollFd::from_borrowed_fd(fd, unasked)));
        match poll(&mut fds, timeout.map(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let sockets = numbers
            .into_iter()
            .zip(&ready[1..])
            .filter(|(_, ready)| **ready);
        let link = (link_at..watch_at).rev().filter(|at| ready[*at]);
        Ok(Ready {
            messages: ready[0],
            unread: ready[output_at..].contains(&true),
            addresses: ready[watch_at..output_at].contains(&true),
            sockets: sockets.map(|(number, _)| number).collect(),
            link: link.map(|at| at - link_at).collect(),
        })
    }

    /// Our own addresses, if they are others than the last time; the first time they are.
    pub(super) fn new_addresses(&mut self) -> Option<Vec<IpAddr>> {
        let is_first = self.addresses.is_empty();
        let has_news = self.watch.as_ref().is_some_and(Watch::has_news);
        if !is_first && !has_news {
            return None;
        }
        let addresses = interfaces::addresses().unwrap_or_else(|error| {
            let (what, reason) = ("the system does not tell its addresses", io_message(&error));
            self.logger
                .debug("client", what, &[("reason", (&reason).into())]);
            Vec::new()
        });
        if !is_first && addresses == self.addresses {
            return None;
        }
        self.addresses.clone_from(&addresses);
        Some(addresses)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        // A wait of so many seconds ends with something else.
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::os::fd::AsFd;

    use common::clock::Clock;
    use common::log::{Format, Level};

    use super::super::batch::Receiving;
    use super::super::mailbox::mailbox;
    use super::*;

    #[test]
    fn whoever_has_something_is_named() {
        let logger = Logger::new(Level::Error, Format::Text, Clock::start());
        let mut net = Net::open(0, logger).unwrap();
        let (mailbox, inbox) = mailbox::<()>().unwrap();
        assert!(
            net.new_addresses()
                .is_some_and(|addresses| !addresses.is_empty())
        );
        assert_eq!(net.new_addresses(), None);
        let ready = net.wait(inbox.bell(), None, Some(Duration::ZERO)).unwrap();
        assert!(
            !ready.messages
                && !ready.addresses
                && ready.sockets.is_empty()
                && ready.link.is_empty()
        );
        let to = SocketAddr::from(([127, 0, 0, 1], net.sockets.port()));
        UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .send_to(b"x", to)
            .unwrap();
        let ready = net.wait(inbox.bell(), None, None).unwrap();
        assert!(!ready.messages && ready.sockets == [0], "{ready:?}");
        mailbox.post(());
        assert!(net.wait(inbox.bell(), None, None).unwrap().messages);
        inbox.silence();
        let (reader, writer) = io::pipe().unwrap();
        let unread = || {
            net.sockets.receive(0, &mut Receiving::in_trains());
            let ready = net.wait(inbox.bell(), Some(writer.as_fd()), Some(Duration::ZERO));
            ready.unwrap().unread
        };
        assert!(!unread());
        drop(reader);
        assert!(unread());
    }
}
