//! Clients that do not take what they asked for, take it slowly, or vanish in the middle of it.

use std::fs;
use std::time::Duration;

use harness::{SOON, Stopwatch, wait_until};

use super::slow::{Ahead, Slow};
use super::{BIG, Scene, assert_as_fast, assert_took, latency, wait_for};
use crate::client::{Ending, get};
use crate::site::pattern;

/// What the options of [`watchful`] say.
const WRITE: Duration = Duration::from_millis(300);

/// A server that soon notices who takes less than 100 KiB a second.
#[track_caller]
fn watchful() -> Scene {
    Scene::start(&["--write-timeout", "300ms", "--min-rate", "100KiB"])
}

#[test]
fn who_takes_nothing_is_cut_when_the_time_is_over() {
    for ahead in [Ahead::Little, Ahead::Usual] {
        let mut scene = watchful();
        let process = scene.process();
        let before = process.sockets();
        let since = Stopwatch::start();
        let client = Slow::ask(scene.server.address(), "/big", ahead);
        process.wait_sockets(before + 1);
        process.wait_sockets(before);
        assert_took("the cut", since.elapsed(), WRITE);
        let (taken, _) = client.rest();
        assert!(taken.len() < BIG, "{} bytes", taken.len());
    }
}

/// A connection that was closed in order would stay with the system, with megabytes that nobody takes, for minutes.
#[test]
fn nothing_is_kept_for_who_was_cut() {
    let mut scene = watchful();
    let process = scene.process();
    let before = process.sockets();
    let client = Slow::ask(scene.server.address(), "/big", Ahead::Little);
    process.wait_sockets(before + 1);
    process.wait_sockets(before);
    let ports = [scene.server.port(), client.port()].map(|port| format!(":{port:04X}"));
    let is_kept = || {
        let table = fs::read_to_string("/proc/net/tcp").expect("the connections");
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let mut is = |port: &str| fields.next().is_some_and(|field| field.ends_with(port));
            is(&ports[0]) && is(&ports[1])
        })
    };
    wait_until("the end of it", Duration::from_secs(3), || !is_kept());
    assert_eq!(client.rest().1, Ending::Reset);
}

#[test]
fn who_takes_less_than_the_least_is_cut() {
    let mut scene = watchful();
    let process = scene.process();
    let before = process.sockets();
    let since = Stopwatch::start();
    let client = Slow::ask(scene.server.address(), "/big", Ahead::Little);
    process.wait_sockets(before + 1);
    wait_until("the cut", SOON, || {
        wait_for(Duration::from_millis(10), Stopwatch::start());
        client.sip(100);
        process.sockets() == before
    });
    assert_took("the cut", since.elapsed(), WRITE);
}

/// Who takes little, but steadily and more than the least, gets all of it. With buffers of the usual size the system
/// tells of what was taken in lumps of up to 128 KiB between two programs of one machine; a proxy on the same machine
/// with a slow client of its own is just this. In between it looks as if nothing was taken, for up to 0.8 s here.
#[test]
fn who_takes_little_but_enough_is_not_cut() {
    for (name, ahead) in [("little ahead", Ahead::Little), ("the usual", Ahead::Usual)] {
        let mut scene = Scene::start(&["--write-timeout", "500ms", "--min-rate", "16KiB"]);
        let process = scene.process();
        let before = process.sockets();
        let client = Slow::ask(scene.server.address(), "/big", ahead);
        process.wait_sockets(before + 1);
        let tick = Duration::from_millis(10);
        let mut taken = client.sip_for(Duration::from_secs(4), 1600, tick);
        assert!(taken.len() < 1_000_000, "{name}: {}", taken.len());
        assert_eq!(process.sockets(), before + 1, "{name}: cut");
        client.reply(&mut taken).is(200).body_is(pattern(BIG));
    }
}

/// A pause that is shorter than the time is nobody's business, and neither is one with everything under way.
#[test]
fn who_pauses_is_not_cut() {
    let scene = Scene::start(&["--write-timeout", "2s", "--idle-timeout", "300ms"]);
    let client = Slow::ask(scene.server.address(), "/big", Ahead::Little);
    wait_for(Duration::from_millis(1200), Stopwatch::start());
    client.reply(&mut Vec::new()).is(200).body_is(pattern(BIG));

    // All of this one has left the server when the connection counts as idle, and is let go.
    let client = Slow::ask(scene.server.address(), "/medium", Ahead::Little);
    wait_for(Duration::from_millis(900), Stopwatch::start());
    client
        .reply(&mut Vec::new())
        .is(200)
        .body_is(pattern(30_000));
    assert_eq!(client.rest().1, Ending::Closed);
}

/// Clients that vanish leave nothing behind, and a line in the log that tells how far they came.
#[test]
fn who_vanishes_in_the_middle_leaves_nothing_behind() {
    const CLIENTS: usize = 50;
    let mut scene = Scene::start_as(|command, _| command.args(["--log", "common"]));
    let process = scene.process();
    let before = process.sockets();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| Slow::ask(scene.server.address(), "/big", Ahead::Little))
        .collect();
    for client in &clients {
        assert!(!client.sip(1000).is_empty());
    }
    drop(clients);
    process.wait_sockets(before);
    scene.server.get("/small").is(200);
    let output = scene.server.stop();
    let text = output.stdout_text();
    let sent: Vec<usize> = text
        .lines()
        .filter(|line| line.contains("/big"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect();
    assert_eq!(sent.len(), CLIENTS, "{output}");
    assert!(
        sent.iter().all(|sent| (1000..BIG).contains(sent)),
        "{sent:?}"
    );
}

#[test]
fn who_does_not_read_is_in_nobodys_way() {
    let scene = Scene::start(&["--workers", "1"]);
    let mut active = scene.server.connect();
    let before = latency(&mut active);
    let clients: Vec<_> = (0..100)
        .map(|_| Slow::ask(scene.server.address(), "/big", Ahead::Little))
        .collect();
    assert_as_fast(&mut active, before);
    for client in &clients {
        client.sip(2000);
    }
    assert_as_fast(&mut active, before);
}

/// A client that has taken nothing for long is served as before once it reads, requests sent ahead included.
#[test]
fn who_reads_late_gets_everything() {
    let scene = Scene::start(&[]);
    let client = Slow::connect(scene.server.address(), Ahead::Little);
    client.send(&get("/big", &[]).repeat(2));
    client.send(&get("/small", &[]));
    wait_for(Duration::from_millis(500), Stopwatch::start());
    let mut taken = Vec::new();
    for _ in 0..2 {
        client.reply(&mut taken).is(200).body_is(pattern(BIG));
    }
    client.reply(&mut taken).is(200).body_is("small\n");
}
