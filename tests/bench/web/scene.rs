//! What every race needs, and a server started for one.

use std::net::{Ipv4Addr, TcpListener};
use std::panic::resume_unwind;
use std::path::PathBuf;

use common::shutdown::Shutdown;
use harness::{Running, SOON, Sandbox, needs_tool, wait_until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::check::{self, Checked};
use crate::family::Family;
use crate::rows::Row;
use crate::servers::{Contestants, Log, Place, Server};
use crate::site;

/// Who and where.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) contestants: Contestants,
    /// The load generator.
    pub(crate) wrk: PathBuf,
    /// The folder that everyone serves.
    site: Sandbox,
    /// For what the load generator reads and writes.
    pub(crate) desk: Sandbox,
    /// Descriptors that a process may have open: this one, and each server's.
    pub(crate) files: u64,
    /// How long one load lasts.
    pub(crate) seconds: u64,
    shutdown: Shutdown,
}

impl Scene {
    /// Writes the site. `None`, with the reason printed, if there is no load generator.
    pub(crate) fn new(contestants: Contestants, seconds: u64) -> Option<Self> {
        // Before anything is written that an end must remove.
        let shutdown = Shutdown::install().expect("a process may catch signals");
        let desk = Sandbox::new();
        desk.file("wrk.lua", include_str!("wrk.lua"));
        Some(Self {
            contestants,
            wrk: needs_tool("everything", "wrk", "wrk")?,
            site: site::make(),
            desk,
            files: raise_file_limit(),
            seconds,
            shutdown,
        })
    }

    /// To be called now and then: once this process was asked to end, unwinds it as a panic does, which ends the
    /// servers and removes what was written, but without a panic's words.
    pub(crate) fn goes_on(&self) {
        if !self.shutdown.events().is_empty() {
            resume_unwind(Box::new("asked to end"));
        }
    }
}

/// Lets this process open as many files as it may, and returns that number.
fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("up to its maximum a limit may be raised");
    limit.maximum.unwrap_or(1 << 20)
}

/// A server at work. Dropping it ends all its processes.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) port: u16,
    running: Running,
    /// Its configuration, log and temporary files; gone after it.
    _state: Sandbox,
}

impl Started {
    /// Starts `server`, and waits until it takes connections.
    ///
    /// # Panics
    /// When it ends, or does not listen in time.
    pub(crate) fn new(scene: &Scene, server: Server, log: Log) -> Self {
        let state = Sandbox::new();
        let port = free_port();
        let place = Place {
            root: scene.site.path(),
            state: &state,
            port,
            log,
            files: scene.files,
        };
        let mut running = scene.contestants.command(server, &place).start();
        wait_until(&format!("{} listens", server.name()), SOON, || {
            assert!(
                running.is_running(),
                "{} has ended\n{running}",
                server.name()
            );
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Self {
            port,
            running,
            _state: state,
        }
    }

    /// Its processes, as they are now.
    pub(crate) fn family(&self) -> Family {
        Family::of(self.running.pid())
    }

    /// Whether it answers `row` right.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(crate) fn check(&self, row: &Row) -> Result<Checked, String> {
        check::check(row, self.port)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.family().end();
    }
}

/// A port that was free a moment ago: most servers cannot be asked which one the kernel gave them.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("the loopback has a free port").port()
}
