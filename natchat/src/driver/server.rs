//! A server's loop: sockets, connections, journal and clock on one side, [`Rendezvous`] on the other.
//!
//! ```text
//!   loop { wait for sockets, signals, the next deadline
//!          tell the machine what came, batch by batch, doing what it says after each datagram
//!          send what was gathered · hand the journal over · a slice of a new journal }
//! ```
//!
//! On the way of a keep-alive there is no allocation and no system call of its own: 64 are received at once, answered
//! into one arena, and sent at once.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::log::{Level, Logger};
use common::shutdown::Shutdown;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::batch::Receiving;
use super::conns::Conns;
use super::entropy;
use super::interfaces;
use super::journal::Journal;
use super::mailbox::{Inbox, mailbox};
use super::mark::{MARKS, Mark};
use super::names::Family;
use super::ports::{Place, Ports};
use super::printer::Printer;
use super::signals::Signals;
use super::store::Store;
use super::sys::BATCH;
use crate::config::ServerConfig;
use crate::crypto::identity::Identity;
use crate::error::Error;
use crate::rendezvous::event::{Event as Told, Said};
use crate::rendezvous::machine::{Input, Output, Rendezvous};

/// Events taken from the system at once.
const EVENTS: usize = 256;

/// Batches received at one socket before others have their turn.
const BATCHES: usize = 8;

/// Records of a new journal written before sockets have their turn.
const SNAPSHOT: usize = 512;

/// Descriptors wanted: connections, ports that stand for members, and a few.
const DESCRIPTORS: u64 = 110_000;

/// How long a slow disk is left alone while a new journal is written.
const JOURNAL_PACE: Duration = Duration::from_millis(5);

/// How often a port is looked for that UDP and TCP both have free, when the system is to choose it.
const ATTEMPTS: usize = 16;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    machine: Rendezvous,
    epoll: OwnedFd,
    ports: Ports,
    conns: Conns,
    receiving: Receiving,
    /// Where the next slice of a new journal begins, if there is one.
    snapshot_at: Option<u64>,
    // Before those that may have to be waited for, so that a second signal finds nobody who would take it.
    inbox: Inbox<()>,
    journal: Journal,
    printer: Printer,
    clock: Clock,
    logger: Logger,
}

impl Server {
    /// Opens what it needs, and takes up what it remembers.
    ///
    /// # Errors
    /// If something of it cannot be had: an address, the data folder.
    pub fn start(
        config: &ServerConfig,
        clock: Clock,
        logger: Logger,
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        raise_descriptors();
        let mut entropy = entropy::from_system()?;
        let store = Store::open(&config.data)?;
        let secret = store.server_secret(|| Identity::generate(&mut entropy).secret())?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|error| failed("watch sockets")(error.into()))?;
        let (mut ports, conns) = open(config, &epoll, logger)?;
        let (mailbox, inbox) = mailbox().map_err(failed("make a message queue"))?;
        let events = shutdown.events().clone();
        // One is enough to end in order; another one ends at once.
        Signals::forward(events, mailbox, || ()).map_err(failed("start a thread"))?;

        let identity = Identity::from_secret(secret);
        let mut machine = Rendezvous::new(config.limits, identity, entropy, clock.now());
        if config.probe {
            machine.set_probe_ports(&ports.open_probes());
        }
        let own = interfaces::addresses().unwrap_or_default();
        for (number, addr) in ports.number(&own) {
            machine.set_main(number, addr);
        }
        let mut unknown = 0_u64;
        let journal = Journal::open(&store, logger, &mut |record| {
            unknown += u64::from(!machine.restore(record))
        })?;
        if unknown > 0 {
            logger.warn(
                "journal",
                "records of another version were left out",
                &[("count", unknown.into())],
            );
        }
        let mut server = Self {
            machine,
            epoll,
            ports,
            conns,
            receiving: Receiving::singly(),
            snapshot_at: None,
            inbox,
            journal,
            printer: Printer::start().map_err(failed("start a thread"))?,
            clock,
            logger,
        };
        server
            .watch_all(&server.inbox)
            .map_err(failed("watch sockets"))?;
        server.announce(&own);
        Ok(server)
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// If the system no longer tells of events.
    pub fn run(mut self) -> Result<(), Error> {
        let mut now = self.clock.now();
        self.machine.greet(now);
        self.begin_journal(now);
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let deadline = self.settle(now);
            let timeout = self.timeout(deadline);
            events.clear();
            match epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                timeout.as_ref(),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(failed("wait for the network")(error.into())),
            }
            for event in &events {
                self.turn(event);
            }
            now = self.clock.now();
            if self.inbox.take().is_some() {
                self.tell(now, Input::Close);
                self.settle(now);
                return Ok(());
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.machine.handle_timeout(now);
            }
            for conn in self.conns.handle_timeout(&self.epoll, MARKS, now) {
                self.remove(conn, now);
            }
        }
    }

    fn turn(&mut self, event: &Event) {
        match Mark::of(event.data.u64()) {
            Mark::Bell => self.inbox.silence(),
            Mark::Port(place) => self.take_datagrams(place),
            Mark::Listener(place) => {
                let now = self.clock.now();
                for (conn, from) in self.conns.accept(place, &self.epoll, MARKS, now) {
                    self.tell(now, Input::TcpOpened { conn, from });
                }
            }
            Mark::Conn(conn) => {
                let (now, flags) = (self.clock.now(), event.flags);
                let mut stands = !flags.contains(EventFlags::OUT)
                    || self.conns.flush_one(conn, &self.epoll, MARKS);
                if stands && flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    stands = self.take_frames(conn, now);
                }
                if !stands {
                    self.remove(conn, now);
                }
            }
        }
    }

    fn take_datagrams(&mut self, place: Place) {
        for _ in 0..BATCHES {
            let count = self.ports.receive(place, &mut self.receiving);
            let now = self.clock.now();
            for index in 0..count {
                let Some(datagram) = self.receiving.get(index, 0) else {
                    continue;
                };
                let (port, new) = self.ports.port(place, &datagram);
                if let Some((number, addr)) = new {
                    self.machine.set_main(number, addr);
                }
                let (from, bytes) = (datagram.from, datagram.bytes);
                self.machine
                    .handle(now, Input::Datagram { port, from, bytes });
                self.obey(now);
            }
            if count < BATCH {
                break;
            }
        }
    }

    /// False: the connection has ended.
    fn take_frames(&mut self, conn: u32, now: Instant) -> bool {
        let mut frames = Vec::new();
        let stands = self
            .conns
            .receive(conn, now, |frame| frames.push(frame.to_vec()));
        for bytes in &frames {
            self.tell(now, Input::TcpFrame { conn, bytes });
        }
        stands
    }

    fn remove(&mut self, conn: u32, now: Instant) {
        if self.conns.remove(conn) {
            self.tell(now, Input::TcpClosed { conn });
        }
    }

    fn tell(&mut self, now: Instant, input: Input<'_>) {
        self.machine.handle(now, input);
        self.obey(now);
    }

    /// Does what the machine says, until it waits; tells until when.
    fn obey(&mut self, now: Instant) -> Option<Instant> {
        loop {
            match self.machine.poll_output() {
                Output::Send { port, to, bytes } => self.ports.send(port, to, bytes),
                Output::TcpSend { conn, bytes } => self.conns.send(conn, bytes),
                Output::TcpClose { conn } => self.conns.end(conn, now),
                Output::OpenOlderPort(slot) => {
                    let port = self.open_older(slot);
                    self.machine.handle(now, Input::OlderPort { slot, port });
                }
                Output::CloseOlderPort(slot) => self.ports.close_older(slot),
                Output::Journal(record) => self.journal.append(record),
                Output::Show(event) => show(&mut self.printer, &self.logger, &event),
                Output::Wait(until) => return until,
            }
        }
    }

    fn open_older(&mut self, slot: u16) -> Option<u16> {
        let port = self.ports.open_older(slot)?;
        for place in self.ports.places_of(slot) {
            if watch(&self.epoll, &self.ports, place).is_err() {
                self.ports.close_older(slot);
                return None;
            }
        }
        Some(port)
    }

    /// Ends a round: what was gathered goes out. Tells until when there is nothing to do.
    fn settle(&mut self, now: Instant) -> Option<Instant> {
        let mut until = self.obey(now);
        while self.conns.has_fresh() {
            for conn in self.conns.flush(&self.epoll, MARKS) {
                self.remove(conn, now);
            }
            until = self.obey(now);
        }
        self.ports.flush();
        self.journal.flush();
        if self.journal.is_overgrown(now) {
            self.begin_journal(now);
        }
        self.write_journal();
        until
    }

    fn begin_journal(&mut self, now: Instant) {
        self.journal.begin_anew(now);
        self.snapshot_at = self.journal.is_anew().then_some(0);
    }

    /// Writes a slice of a new journal.
    fn write_journal(&mut self) {
        let Some(at) = self.snapshot_at.filter(|_| self.journal.takes_snapshot()) else {
            if self.journal.is_anew() && self.snapshot_at.is_none() {
                self.journal.finish();
            } else {
                self.journal.flush_snapshot();
            }
            return;
        };
        let journal = &mut self.journal;
        self.snapshot_at = self
            .machine
            .snapshot(at, SNAPSHOT, &mut |record| journal.snapshot(record));
    }

    fn timeout(&self, deadline: Option<Instant>) -> Option<Timespec> {
        let now = self.clock.now();
        let journal = self.journal.is_anew().then(|| now + JOURNAL_PACE);
        let due = [deadline, self.conns.next_timeout(), journal]
            .into_iter()
            .flatten()
            .min()?;
        let pause = due.saturating_duration_since(now);
        Some(Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: pause.subsec_nanos().into(),
        })
    }

    fn watch_all(&self, inbox: &Inbox<()>) -> io::Result<()> {
        epoll::add(
            &self.epoll,
            inbox.bell(),
            EventData::new_u64(Mark::Bell.bits()),
            EventFlags::IN,
        )?;
        self.ports
            .places()
            .try_for_each(|place| watch(&self.epoll, &self.ports, place))
    }

    /// In the older server's words, for each address that it can be reached at.
    fn announce(&mut self, own: &[IpAddr]) {
        let mut lines = Vec::new();
        for (local, family) in self.ports.locals() {
            let ips = if local.ip().is_unspecified() {
                own
            } else {
                &[local.ip()]
            };
            let ips = ips.iter().filter(|ip| family.takes(**ip));
            lines.extend(ips.map(|ip| format!("Address = ('{ip}', {})", local.port())));
        }
        for line in lines {
            self.printer.line(line);
        }
    }
}

/// Opens what it listens at: UDP, and TCP at the same ports and further ones.
fn open(config: &ServerConfig, epoll: &OwnedFd, logger: Logger) -> Result<(Ports, Conns), Error> {
    let is_free_to_choose = config.bind.iter().any(|addr| addr.port() == 0);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let ports = Ports::open(&config.bind, logger)?;
        let further = config
            .tcp
            .iter()
            .map(|addr| (*addr, Family::of(*addr, &config.tcp)));
        let addrs: Vec<(SocketAddr, Family)> = ports.locals().chain(further).collect();
        match Conns::listen(&addrs, epoll, MARKS) {
            // What the system chose for UDP may be another program's for TCP.
            Err(Error::Listen { source, .. })
                if is_free_to_choose
                    && attempt < ATTEMPTS
                    && source.kind() == io::ErrorKind::AddrInUse => {}
            conns => return Ok((ports, conns?)),
        }
    }
}

fn watch(epoll: &OwnedFd, ports: &Ports, place: Place) -> io::Result<()> {
    match ports.fd(place) {
        Some(fd) => Ok(epoll::add(
            epoll,
            fd,
            EventData::new_u64(Mark::Port(place).bits()),
            EventFlags::IN,
        )?),
        None => Ok(()),
    }
}

/// Keep-alives of older clients are of use to who looks for a fault, and to nobody else.
fn show(printer: &mut Printer, logger: &Logger, event: &Told) {
    if !matches!(
        event,
        Told::Said {
            what: Said::KeepAlive,
            ..
        }
    ) {
        printer.line(event.to_string());
    } else if logger.is_enabled(Level::Debug) {
        logger.debug("server", &event.to_string(), &[]);
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { what, source }
}

/// As many descriptors as are wanted, or as the system lets us have: with fewer, fewer connect by TCP.
fn raise_descriptors() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < DESCRIPTORS) {
        let wanted = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum,
            },
        );
    }
}
