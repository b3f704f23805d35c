//! Tens of thousands of connections, of which one is active.

use std::io::{self, Write};
use std::time::Duration;

use harness::{SOON, Stopwatch};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Scene, assert_as_fast, latency, wait_for};
use crate::client::{Client, get};
use crate::reply::Asked;

/// As many connections as the server allows by default.
const CROWD: usize = 20_000;

/// Descriptors of this process that are left to other tests, and to all else.
const OTHERS: u64 = 500;

/// Idle connections cost an active one nothing, the server no processor and little memory, and end at once with it.
#[test]
fn idle_connections_cost_next_to_nothing() {
    let may_have = room();
    let mut scene = Scene::start(&["--workers", "1", "--idle-timeout", "600s"]);
    let process = scene.process();
    let mut active = scene.server.connect();
    let before = latency(&mut active);
    let memory = process.memory();
    let mut crowd: Vec<Client> = Vec::new();
    for _ in 0..may_have.min(CROWD - 1) {
        let mut client = scene.server.connect();
        client.send(&get("/small", &[])).expect("a request");
        let since = Stopwatch::start();
        while !client.has_news() && since.elapsed() < Duration::from_secs(2) {}
        if !client.has_news() {
            // The server has fewer descriptors than it would take.
            break;
        }
        client.reply(Asked::Body).expect("a reply").is(200);
        crowd.push(client);
    }
    let count = crowd.len();
    say_if_fewer(count + 1);
    assert_as_fast(&mut active, before);

    let grown = process.memory().saturating_sub(memory);
    let bound = 1 << 20;
    assert!(
        grown < bound + count as u64 * 300,
        "{grown} bytes for {count}"
    );

    let (since, used) = (Stopwatch::start(), process.time());
    wait_for(Duration::from_secs(1), since);
    let used = process.time() - used;
    assert!(used < Duration::from_millis(50), "{used:?} in a second");

    let since = Stopwatch::start();
    scene.server.stop();
    assert!(since.elapsed() < SOON / 4, "{:?}", since.elapsed());
    for client in &mut crowd {
        client.ending().expect("an end without a word");
    }
}

/// How many connections this process may hold.
fn room() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = CROWD as u64 + OTHERS;
    let may = maximum.unwrap_or(u64::MAX);
    let have = current.unwrap_or(u64::MAX);
    if have < wanted {
        let raised = Rlimit {
            current: Some(may.min(wanted)),
            maximum,
        };
        setrlimit(Resource::Nofile, raised).expect("the hard limit is allowed");
    }
    usize::try_from(may.min(wanted).saturating_sub(OTHERS)).unwrap_or(CROWD)
}

/// Says how many it were, where the machine does not allow all: that is no fault of the server, and nobody who may not
/// raise the hard limit could install anything against it.
fn say_if_fewer(count: usize) {
    if count < CROWD {
        let line = format!(
            "fewer than {CROWD} connections: {count}, as many as the limit of open files allows\n"
        );
        // Past the test runner, which hides what is printed by tests that pass.
        io::stderr().write_all(line.as_bytes()).ok();
    }
    assert!(count >= 400, "{count} connections are no crowd");
}
