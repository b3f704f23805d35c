//! The built `webserver`, started for one test and stopped as its user would: by a signal that it answers with exit 0.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use harness::{Command, Output, Running, SOON, Signal};

use crate::client::{Address, Client, get};
use crate::reply::Reply;

/// A server that listens. Dropping it stops it, and fails the test if it does not end well.
#[derive(Debug)]
pub(crate) struct Server {
    running: Option<Running>,
    address: Address,
}

impl Server {
    /// Serves a folder on a port of the system's choice, with further options.
    #[track_caller]
    pub(crate) fn start(root: &Path, options: &[&str]) -> Self {
        Self::listening(command(root).args(options))
    }

    /// Serves a folder by one worker, so that what two connections see has one order.
    #[track_caller]
    pub(crate) fn alone(root: &Path, options: &[&str]) -> Self {
        Self::listening(command(root).args(["--workers", "1"]).args(options))
    }

    /// Starts this command line, and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn listening(command: Command) -> Self {
        let running = command.start();
        let address = Address::Tcp(announced(&running));
        Self {
            running: Some(running),
            address,
        }
    }

    /// Starts this command line, which listens on a Unix socket, and waits until it says so.
    #[track_caller]
    pub(crate) fn listening_at(command: Command, path: &Path) -> Self {
        let running = command.start();
        running.wait_stderr("Serving ", SOON);
        Self {
            running: Some(running),
            address: Address::Unix(path.to_owned()),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Its TCP port.
    #[track_caller]
    pub(crate) fn port(&self) -> u16 {
        match &self.address {
            Address::Tcp(addr) => addr.port(),
            Address::Unix(path) => panic!("{} has no port", path.display()),
        }
    }

    /// The program itself.
    #[track_caller]
    pub(crate) fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it is not stopped")
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.address).unwrap_or_else(|error| panic!("{error}\n{}", self.shown()))
    }

    /// The program and what it wrote so far, for messages.
    pub(crate) fn shown(&self) -> String {
        self.running
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Sends a request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, request: &[u8]) -> Reply {
        self.connect().ask(request)
    }

    /// Gets a path on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask(&get(path, &[]))
    }

    /// Gets a path with further fields on a connection of its own.
    #[track_caller]
    pub(crate) fn get_with(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.ask(&get(path, fields))
    }

    /// Sends it a signal.
    #[track_caller]
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.running().signal(signal);
    }

    /// Stops it and returns what it wrote.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Output {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for its end, which may be one that cut replies off: the exit code tells (130).
    #[track_caller]
    pub(crate) fn ended_by_signal(mut self) -> Output {
        let running = self.running.take().expect("it is not stopped");
        let output = running.wait(SOON);
        assert!(matches!(output.code(), Some(0 | 130)), "{output}");
        output.lacks("panicked");
        output
    }

    /// Ends it without a chance to tidy up.
    #[track_caller]
    pub(crate) fn kill(mut self) {
        let mut running = self.running.take().expect("it is not stopped");
        running.signal(Signal::KILL);
        assert_eq!(running.wait(SOON).signal(), Some(9));
    }

    /// Waits for its end, which must be a good one.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Output {
        let running = self.running.take().expect("it is not stopped");
        let output = running.wait(SOON);
        output.succeeds().lacks("panicked");
        output
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        // A second failure would hide the first.
        if !thread::panicking() {
            running.signal(Signal::TERM);
            running.wait(SOON).succeeds().lacks("panicked");
        }
    }
}

/// The command line of a server of this folder, on a port of the system's choice.
#[track_caller]
pub(crate) fn command(root: &Path) -> Command {
    Command::built("webserver")
        .arg(root)
        .args(["--port", "0", "--bind", "127.0.0.1"])
}

/// The address in the first line that it writes, to stderr, as a log may be on stdout: `Serving … at http://ADDR/`.
#[track_caller]
fn announced(running: &Running) -> SocketAddr {
    let text = running.wait_stderr("/\n", SOON);
    let line = text.lines().next().unwrap_or_default();
    let address = line
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .and_then(|(address, _)| address.parse().ok());
    address.unwrap_or_else(|| panic!("no address in {line:?}\n{running}"))
}
