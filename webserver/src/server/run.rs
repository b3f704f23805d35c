//! A whole server, from what it is told to its end: opens everything, starts the threads, and passes on signals.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use common::clock::Clock;
use common::exit::describe;
use common::log::Logger;
use common::shutdown::Signal;
use common::streams;
use crossbeam_channel::{Receiver, Sender, select, unbounded};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;

use crate::access::client::Proxies;
use crate::access::writer::AccessLog;
use crate::config::{Config, Limits};
use crate::error::ConfigError;
use crate::files::shelf::Moment;
use crate::files::site::Site;
use crate::respond::Responder;
use crate::server::kit::Kit;
use crate::server::listen::{Door, Doors, SocketName};
use crate::server::log::Log;
use crate::server::metrics::{Counters, Totals};
use crate::server::office::Office;
use crate::server::places::Places;
use crate::server::pool::{Desk, Inbox, Mailbox, Message, Pool, mailbox};
use crate::server::timers::{Lengths, Timers};
use crate::server::tls;
use crate::server::transmit::Outgoing;
use crate::server::worker::{Parts, Worker};

/// How long a client may take to end a connection on which all is said.
const LINGER: Duration = Duration::from_secs(2);

/// Descriptors besides those of connections and files kept open: listeners, epoll, the log, those of the pool's jobs.
const OTHER_DESCRIPTORS: u64 = 16;

/// Files and folders that a worker keeps open for a site, if the system has descriptors for them.
const FILES_OF_SHELF: u64 = 1024;

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    config: Config,
    addrs: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    /// Kept for its end.
    _name: Option<SocketName>,
    mailboxes: Vec<Mailbox>,
    workers: Vec<JoinHandle<()>>,
    ends: Receiver<io::Result<()>>,
    log: Option<Arc<AccessLog>>,
    logger: Logger,
    /// Whether it was started at a terminal.
    has_terminal: bool,
    counters: Arc<[Arc<Counters>]>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everyone was served, or had the time for it.
    InOrder,
    /// Connections were cut, at a second signal.
    Cut,
    /// A worker failed, which has been told.
    Failed,
}

type Sites = Vec<(Option<String>, Arc<Site>)>;

impl Server {
    /// Opens what is served and what is listened on, and begins.
    ///
    /// # Errors
    /// If something of it cannot be had.
    pub fn start(mut config: Config, clock: Clock, logger: Logger) -> Result<Self, ConfigError> {
        let count = config.workers.get();
        let descriptors = Descriptors::share_out(&config.limits, count, 1 + config.hosts.len());
        config.site.cache_files = descriptors.files;
        let sites = open_sites(&config)?;
        let tls = config.tls.as_ref().map(tls::load).transpose()?;
        let mut doors = Doors::open(&config.listen, count)?;
        let admin = config
            .admin
            .map(|addr| doors.open_admin(addr))
            .transpose()?;
        let places = Places::new(descriptors.connections);
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| mailbox())
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let log = AccessLog::open(&config.access, clock)?.map(Arc::new);
        let counters: Arc<[Arc<Counters>]> = (0..count).map(|_| Arc::default()).collect();
        let pool = Pool::start(&mailboxes)?;
        let (ending, ends) = unbounded();
        let mut workers = Vec::new();
        for (number, (inbox, doors)) in inboxes.into_iter().zip(doors.workers).enumerate() {
            let share = Share {
                number,
                config: config.clone(),
                sites: sites.clone(),
                doors,
                inbox,
                desk: pool.desk(),
                tls: tls.clone(),
                places: places.clone(),
                clock,
                logger,
                log: log.clone(),
                counters: Arc::clone(&counters),
            };
            let ending = Ending(ending.clone());
            let work = move || ending.tell(share.work());
            workers.push(
                Builder::new()
                    .name(format!("worker {number}"))
                    .spawn(work)?,
            );
        }
        Ok(Self {
            config,
            addrs: doors.addrs,
            admin,
            _name: doors.name,
            mailboxes,
            workers,
            ends,
            log,
            logger,
            has_terminal: stderr().is_terminal(),
            counters,
        })
    }

    /// The addresses that it listens on; none if it does so on a Unix socket or on sockets it was given.
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The address at which it is looked after.
    #[must_use]
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves until it is told to stop.
    pub fn run(self, signals: &Receiver<Signal>) -> Ended {
        let mut ended = None;
        let mut running = self.workers.len();
        while running > 0 {
            select! {
                recv(signals) -> signal => match signal {
                    // Whoever started it at a terminal that is gone cannot stop it there any more.
                    Ok(Signal::Hangup) if !self.has_terminal || stderr().is_terminal() => self.renew(),
                    Ok(_) if ended.is_none() => {
                        ended = Some(Ended::InOrder);
                        self.logger.info("server", "stopping", &[]);
                        self.ask_for_patience();
                        self.post(|| Message::Stop);
                    }
                    Ok(_) | Err(_) => {
                        ended = Some(Ended::Cut);
                        self.post(|| Message::Cut);
                    }
                },
                recv(self.ends) -> end => {
                    running -= 1;
                    if let Ok(Err(error)) = end {
                        streams::notice(&format!("webserver: a worker failed: {}", describe(&error)));
                        ended = Some(Ended::Failed);
                        self.post(|| Message::Stop);
                    }
                }
            }
        }
        for worker in self.workers {
            // It has told how it ended.
            let _ = worker.join();
        }
        // The workers, who shared it, have ended; what lines were lost has been told.
        if let Some(log) = self.log.and_then(Arc::into_inner) {
            let _ = log.close();
        }
        ended.unwrap_or(Ended::Failed)
    }

    /// Opens the log anew and reads the certificate again; what cannot be had is told, and the old one stays.
    fn renew(&self) {
        self.logger.info("server", "log and certificate anew", &[]);
        if let Some(log) = &self.log {
            log.reopen();
        }
        match self.config.tls.as_ref().map(tls::load).transpose() {
            Ok(None) => {}
            Ok(Some(tls)) => self.post(|| Message::Certificates(Arc::clone(&tls))),
            Err(error) => streams::notice(&format!(
                "webserver: the old certificate stays: {}",
                describe(&error)
            )),
        }
    }

    /// Tells whoever pressed Ctrl-C why the server may not end at once.
    fn ask_for_patience(&self) {
        let open = Totals::of(self.counters.iter().map(|counters| &**counters), 0).open();
        if self.has_terminal && open > 0 {
            let drain = self.config.limits.drain.as_secs_f32();
            streams::notice(&format!(
                "webserver: replies under way have {drain} s to finish; Ctrl-C again cuts them"
            ));
        }
    }

    fn post(&self, message: impl Fn() -> Message) {
        for mailbox in &self.mailboxes {
            mailbox.post(message());
        }
    }
}

/// What is handed to a worker's thread. What cannot change hands is made there.
struct Share {
    number: usize,
    config: Config,
    sites: Sites,
    doors: Vec<Door>,
    inbox: Inbox,
    desk: Desk,
    tls: Option<Arc<ServerConfig>>,
    places: Places,
    clock: Clock,
    logger: Logger,
    log: Option<Arc<AccessLog>>,
    counters: Arc<[Arc<Counters>]>,
}

impl Share {
    fn work(self) -> io::Result<()> {
        let limits = self.config.limits.clone();
        let secret = RandomState::new().hash_one(self.number);
        let kit = Kit {
            input: Kit::input(&limits),
            outgoing: Outgoing::default(),
            responder: Responder::new(&self.sites, &self.config, secret),
            log: Log::new(
                self.log.as_ref().map(|log| log.lines()),
                Proxies::new(&self.config.access.trusted_proxies),
                !self.config.site.users.is_empty(),
            ),
            metrics: Arc::clone(&self.counters[self.number]),
            office: Office::new(Arc::clone(&self.counters), self.log),
            now: Moment::default(),
            clock: self.clock,
            logger: self.logger,
            stopping: false,
            limits,
        };
        let parts = Parts {
            number: self.number,
            doors: self.doors,
            inbox: self.inbox,
            desk: self.desk,
            timers: Timers::new(&lengths(&self.config.limits)),
            kit,
            tls: self.tls,
            places: self.places,
        };
        Worker::new(parts)?.run()
    }
}

/// Tells how a worker ended, even if it panicked.
struct Ending(Sender<io::Result<()>>);

impl Ending {
    fn tell(self, end: io::Result<()>) {
        // Whoever would hear it is waiting for it.
        let _ = self.0.send(end);
        std::mem::forget(self);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.send(Err(io::Error::other("it panicked")));
    }
}

fn open_sites(config: &Config) -> Result<Sites, ConfigError> {
    let open = |root: &Path| Ok::<_, ConfigError>(Arc::new(Site::open(root, &config.site)?));
    let mut sites = vec![(None, open(&config.root)?)];
    for (host, root) in &config.hosts {
        sites.push((Some(host.clone()), open(root)?));
    }
    Ok(sites)
}

fn lengths(limits: &Limits) -> Lengths {
    Lengths {
        head: limits.head_timeout,
        idle: limits.idle_timeout,
        write: limits.write_timeout,
        linger: LINGER,
    }
}

/// How many descriptors are for what.
struct Descriptors {
    /// Connections that may be open at once.
    connections: usize,
    /// Files and folders that each worker keeps open for each site.
    files: u64,
}

impl Descriptors {
    /// As many as are asked for; or, if the system has fewer, what [`kept_from_connections`] leaves to them.
    fn share_out(limits: &Limits, workers: usize, sites: usize) -> Self {
        let shelves = (workers as u64).saturating_mul(sites as u64).max(1);
        // Each worker needs a few for itself: its epoll, bell, spare and doors.
        let others = OTHER_DESCRIPTORS.saturating_add(4 * workers as u64);
        let connections = limits.connections as u64;
        let wanted = FILES_OF_SHELF
            .saturating_mul(shelves)
            .saturating_add(others)
            .saturating_add(connections);
        let allowed = allowed_descriptors(wanted);
        let connections = if allowed < wanted {
            connections.min(allowed - kept_from_connections(allowed))
        } else {
            connections
        };
        let left = allowed.saturating_sub(others).saturating_sub(connections);
        Self {
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            files: (left / shelves).min(FILES_OF_SHELF),
        }
    }
}

/// What connections may not have of scarce descriptors: an eighth, since a server is to bear many idle clients; but
/// half of few, since each client wants files too.
fn kept_from_connections(allowed: u64) -> u64 {
    const FEW: u64 = 512;
    (allowed / 8).max(allowed.min(FEW) / 2)
}

/// The descriptors that this process may have, after asking for as many as are wanted.
fn allowed_descriptors(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    let most = maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = Rlimit {
        current: Some(most),
        maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        most
    } else {
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scarce_descriptors() {
        for (allowed, kept) in [
            (0, 0),
            (24, 12),
            (512, 256),
            (1_024, 256),
            (4_096, 512),
            (20_000, 2_500),
        ] {
            assert_eq!(kept_from_connections(allowed), kept, "of {allowed}");
        }
    }
}
