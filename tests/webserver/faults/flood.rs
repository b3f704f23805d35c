//! Clients that ask for far more than they take, and what that costs the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use harness::Stopwatch;

use super::slow::{Ahead, Slow};
use super::{Scene, assert_as_fast, latency, wait_for};
use crate::client::{get, request};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

/// How much the memory of a server grows for each client that floods it with a request and reads nothing.
#[track_caller]
fn flood(options: &[&str], asked: &[u8]) -> u64 {
    const CLIENTS: u64 = 20;
    let mut scene = Scene::start(&[&["--workers", "1"], options].concat());
    let process = scene.process();
    let mut active = scene.server.connect();
    for path in ["/small", "/medium", "/big"] {
        active.get(path).is(200);
    }
    let quiet = latency(&mut active);
    let before = process.peak();
    let pipeline = asked.repeat(5000);
    let clients = (0..CLIENTS).map(|_| {
        let client = Slow::connect(scene.server.address(), Ahead::Little);
        client.flood(&pipeline);
        client
    });
    let clients: Vec<_> = clients.collect();
    // Hundreds of requests are answered in turn with those of the flood meanwhile.
    assert_as_fast(&mut active, quiet);
    let grown = process.peak().saturating_sub(before);
    drop(clients);
    grown / CLIENTS
}

/// A client that asks thousands of times and reads nothing holds what one turn makes for it, at most 1 MiB of replies,
/// and is not read from any more. Nobody else waits for it.
#[test]
fn thousands_of_requests_of_who_does_not_read_take_little_memory() {
    const ROOM: u64 = 256 << 10;
    let rows: [(&str, Vec<u8>, u64); 6] = [
        ("small files", get("/small", &[]), 0),
        ("files in memory", get("/medium", &[]), 1 << 20),
        ("files on disk", get("/big", &[]), 0),
        ("heads", request("HEAD", "/big", &[]), 0),
        ("what is not there", get("/missing", &[]), 0),
        (
            "many parts",
            get("/big", &[("Range", "bytes=0-9,20-29,40-49")]),
            0,
        ),
    ];
    for (name, asked, most) in rows {
        let grown = flood(&[], &asked);
        assert!(grown <= most + ROOM, "{name}: {grown} bytes for each");
    }
    let grown = flood(&["--max-pipeline", "64KiB"], &get("/medium", &[]));
    assert!(grown <= (64 << 10) + ROOM, "a lower bound: {grown}");
}

/// And when it does read, it gets every reply, in order.
#[test]
fn thousands_of_requests_are_all_answered_when_the_replies_are_read() {
    const COUNT: usize = 2000;
    let scene = Scene::start(&[]);
    let client = Slow::connect(scene.server.address(), Ahead::Little);
    let medium = pattern(30_000);
    // Long ones: together they are more than the system takes for a server that does not.
    let long = "a".repeat(8000);
    let ask = |number: usize| {
        let range = format!("bytes={number}-{}", number + 9000);
        get("/medium", &[("Range", &range), ("A", &long)])
    };
    let pipeline: Vec<u8> = (0..COUNT).flat_map(ask).collect();
    thread::scope(|scope| {
        let asking = scope.spawn(|| client.send(&pipeline));
        wait_for(Duration::from_millis(500), Stopwatch::start());
        assert!(!asking.is_finished(), "it is not listened to for ever");
        let mut taken = Vec::new();
        for number in 0..COUNT {
            let reply = client.reply(&mut taken);
            reply.is(206).body_is(&medium[number..=number + 9000]);
        }
    });
}

/// One client that asks without end, and takes it all, does not keep the worker to itself.
#[test]
fn who_asks_without_end_is_in_nobodys_way() {
    let scene = Scene::start(&["--workers", "1"]);
    let mut active = scene.server.connect();
    let before = latency(&mut active);
    let is_done = AtomicBool::new(false);
    let server: &Server = &scene.server;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.connect();
            let pipeline = get("/small", &[]).repeat(500);
            while !is_done.load(Ordering::Relaxed) {
                client.send(&pipeline).expect("requests");
                for _ in 0..500 {
                    client.reply(Asked::Body).expect("a reply").is(200);
                }
            }
        });
        let busy = (0..20).map(|_| latency(&mut active)).min();
        is_done.store(true, Ordering::Relaxed);
        // A turn of such a client is a buffer of requests, some hundreds.
        let bound = before * 4 + Duration::from_millis(30);
        assert!(
            busy.is_some_and(|busy| busy < bound),
            "{before:?} before, {busy:?} now"
        );
    });
}
