//! What the server does when clients, disks and those who stop it do their worst. Each test says what happens.
//!
//! Times are short, so that a test takes about as long as the wait that it is about; bounds from above are for a
//! machine under load. How long a wait took is always measured from below too: a server that gives up at once would
//! pass otherwise.

mod crowd;
mod descriptors;
mod disk;
mod doors;
mod flood;
mod handed;
mod process;
mod reading;
mod signals;
mod slow;
mod stalled;
mod strangers;

use std::time::Duration;

use harness::{Command, SOON, Sandbox, Spread, Stopwatch, wait_until};

use crate::client::Client;
use crate::server::{Server, command};
use crate::site::pattern;

use process::Process;

/// More than the system holds for a connection between two programs, bytes.
const BIG: usize = 24 << 20;

/// A server of a small file and a big one.
#[derive(Debug)]
struct Scene {
    server: Server,
    sandbox: Sandbox,
}

impl Scene {
    #[track_caller]
    fn start(options: &[&str]) -> Self {
        Self::start_as(|command, _| command.args(options))
    }

    /// Starts it by a command line with more to it.
    #[track_caller]
    fn start_as(adorn: impl FnOnce(Command, &Sandbox) -> Command) -> Self {
        let sandbox = files();
        let command = adorn(command(&sandbox.join("root")), &sandbox);
        let server = Server::listening(command);
        Self { server, sandbox }
    }

    /// The encrypted address of a path.
    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.server.port())
    }

    #[track_caller]
    fn process(&mut self) -> Process {
        Process::of(&mut self.server)
    }
}

fn files() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/index.html", "<!doctype html><title>front</title>\n")
        .file("root/small", "small\n")
        .file("root/medium", pattern(30_000))
        .file("root/big", pattern(BIG));
    sandbox
}

/// Asserts that something took as long as it was to take, and not many times that.
#[track_caller]
fn assert_took(name: &str, took: Duration, limit: Duration) {
    // The server counts whole milliseconds, from the one in which something began.
    let early = limit - Duration::from_millis(2);
    assert!(took >= early, "{name}: {took:?} instead of {limit:?}");
    let late = limit + Duration::from_secs(5);
    assert!(took < late, "{name}: {took:?} instead of {limit:?}");
}

/// Waits until so much time has gone by.
#[track_caller]
fn wait_for(time: Duration, since: Stopwatch) {
    wait_until("time to go by", time + SOON, || since.elapsed() >= time);
}

/// The middle of the times that an active client waits for a small file.
#[track_caller]
fn latency(client: &mut Client) -> Duration {
    let times = (0..200).map(|_| {
        let since = Stopwatch::start();
        client.get("/small").is(200);
        since.elapsed().as_secs_f64()
    });
    Duration::from_secs_f64(Spread::of(times).median)
}

/// Asserts that an active client waits no longer than it did. On a machine that others use at the same time, only a
/// slowness that stays tells of the server.
#[track_caller]
fn assert_as_fast(client: &mut Client, before: Duration) {
    let bound = before * 4 + Duration::from_micros(300);
    let since = Stopwatch::start();
    loop {
        let now = latency(client);
        if now <= bound {
            return;
        }
        assert!(since.elapsed() < SOON, "{before:?} before, {now:?} now");
    }
}
