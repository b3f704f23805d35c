//! Servers that come and go at one address, and workers that share one.

use std::thread;
use std::time::Duration;

use harness::{Command, SOON, Signal, wait_until};

use super::process::Process;
use super::slow::{Ahead, Slow};
use super::{BIG, Scene, files};
use crate::client::{Client, get};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

/// The options of a server at this port.
fn at(port: u16) -> [String; 2] {
    ["--port".to_owned(), port.to_string()]
}

/// A port can be had again at once, whatever the connections of the server before are doing.
#[test]
fn a_server_can_be_started_anew_at_once() {
    let mut scene = Scene::start(&[]);
    let port = scene.server.port();
    for round in 0..5 {
        // Connections that the server ends first keep their port for a minute (TIME-WAIT).
        let mut ended: Vec<_> = (0..20)
            .map(|_| {
                let mut client = scene.server.connect();
                let request = get("/small", &[("Connection", "close")]);
                client.ask(&request).is(200);
                client
            })
            .collect();
        for client in &mut ended {
            client.ending().expect("an end");
        }
        let idle = scene.server.connect();
        scene.server.stop();
        scene = Scene::start_as(|command, _| command.args(at(port)));
        assert_eq!(scene.server.port(), port, "round {round}");
        scene.server.get("/small").is(200);
        drop((idle, ended));
    }
}

/// While one server still finishes its downloads, the next has taken over its port.
#[test]
fn a_server_takes_over_while_the_one_before_finishes() {
    let mut before = Scene::start(&["--drain", "60s"]);
    let client = Slow::ask(before.server.address(), "/big", Ahead::Little);
    let mut taken = client.sip(2000);
    before.server.signal(Signal::TERM);
    let port = before.server.port();
    let refused = || Client::connect(before.server.address()).is_err();
    wait_until("the doors to be shut", SOON, refused);
    let after = Scene::start_as(|command, _| command.args(at(port)));
    after.server.get("/small").is(200);
    client.reply(&mut taken).is(200).body_is(pattern(BIG));
    before.server.ended();
    after.server.get("/small").is(200);
}

/// Two servers never share a port without knowing: the second says so in one line, and the first does not notice.
#[test]
fn a_second_server_at_a_port_is_refused() {
    let scene = Scene::start(&[]);
    let port = scene.server.port().to_string();
    for bind in [&["--bind", "127.0.0.1"][..], &["--bind", "0.0.0.0"], &[]] {
        let second = Command::built("webserver")
            .arg(scene.sandbox.path())
            .args(["--port", &port])
            .args(bind)
            .run();
        second.exits_with(2).stdout_is("").stderr_is_one_line();
        second.stderr_has(&port).stderr_has("in use");
        scene.server.get("/small").is(200);
    }
}

/// The system spreads connections over the workers.
#[test]
fn every_worker_gets_connections() {
    let mut scene = Scene::start(&["--workers", "2"]);
    let process = scene.process();
    let time = |number| process.time_of(&format!("worker {number}"));
    let before = [time(0), time(1)];
    let mut clients: Vec<_> = (0..64).map(|_| scene.server.connect()).collect();
    for client in &mut clients {
        for _ in 0..5 {
            client.get("/small").is(200);
        }
    }
    for (number, before) in before.into_iter().enumerate() {
        let used = time(number) - before;
        assert!(
            used > Duration::from_micros(200),
            "worker {number}: {used:?}"
        );
    }
}

/// A worker that is busy does not keep those waiting who have come by a door that all share.
#[test]
fn a_shared_door_leads_to_whoever_is_free() {
    let sandbox = files();
    let path = sandbox.join("socket");
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(["--workers", "2", "--unix"])
        .arg(&path);
    let server = Server::listening_at(command, &path);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    server.get("/small").is(200);
                    server.get("/medium").is(200);
                }
            });
        }
    });
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.get("/small").is(200);
    }
}

/// A Unix socket has the same bounds as a port: silence, half a request, and a reader that does not read.
#[test]
fn a_unix_socket_has_the_same_bounds() {
    let sandbox = files();
    let path = sandbox.join("socket");
    let options = [
        "--head-timeout",
        "300ms",
        "--write-timeout",
        "300ms",
        "--min-rate",
        "100KiB",
    ];
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(options)
        .arg("--unix")
        .arg(&path);
    let mut server = Server::listening_at(command, &path);
    let process = Process::of(&mut server);
    let sockets = process.sockets();
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send(b"GET /small HTTP/1.1\r\n").expect("a beginning");
    let mut stopped = server.connect();
    stopped.send(&get("/big", &[])).expect("a request");
    silent.ending().expect("an end without a word");
    half.reply(Asked::Body).expect("a reply").is(408);
    half.ending().expect("an end");
    drop((silent, half));
    process.wait_sockets(sockets);
    let (taken, _) = stopped.rest().expect("an end");
    assert!(taken.len() < BIG / 2, "{} bytes", taken.len());
    server.get("/small").is(200);
}
