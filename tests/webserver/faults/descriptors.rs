//! As many connections as may be, and fewer descriptors than are wanted.

use std::net::TcpListener;
use std::time::Duration;

use harness::{Limit, SOON, Stopwatch, wait_until};

use super::slow::{Ahead, Slow};
use super::{BIG, Scene, wait_for};
use crate::client::{Address, Client, get};
use crate::reply::Asked;
use crate::server::Server;

/// Long enough for a server that turns in circles to be seen, and for one that does not to be told from it.
const WHILE: Duration = Duration::from_millis(800);

/// Of [`WHILE`], what a server may run that has nothing to do.
const LITTLE: Duration = Duration::from_millis(80);

/// Connections on each of which the small file was asked for.
#[track_caller]
fn visitors(server: &Server, count: usize) -> Vec<Client> {
    let visitors = (0..count).map(|_| {
        let mut client = server.connect();
        client.send(&get("/small", &[])).expect("a request");
        client
    });
    visitors.collect()
}

/// Waits until all but so many of them were answered; whether each was.
#[track_caller]
fn answered(clients: &mut [Client], waiting: usize) -> Vec<bool> {
    let mut answered = vec![false; clients.len()];
    wait_until("all but those that are too many", SOON, || {
        for (client, answered) in clients.iter_mut().zip(&mut answered) {
            if !*answered && client.has_news() {
                client.reply(Asked::Body).expect("a reply").is(200);
                *answered = true;
            }
        }
        answered.iter().filter(|answered| !**answered).count() <= waiting
    });
    answered
}

/// Asserts that the server does nothing for a while.
#[track_caller]
fn assert_at_rest(scene: &mut Scene) {
    let process = scene.process();
    let (since, before) = (Stopwatch::start(), process.time());
    wait_for(WHILE, since);
    let used = process.time() - before;
    assert!(used < LITTLE, "{used:?} in {WHILE:?}");
}

#[test]
fn one_connection_too_many_waits_until_another_ends() {
    let mut scene = Scene::start(&["--workers", "1", "--max-connections", "10"]);
    let mut clients = visitors(&scene.server, 12);
    assert_eq!(
        answered(&mut clients, 2),
        [vec![true; 10], vec![false; 2]].concat(),
        "in the order in which they came"
    );
    assert_at_rest(&mut scene);
    assert!(!clients[10].has_news() && !clients[11].has_news());
    for _ in 0..2 {
        clients[1].get("/small").is(200);
        drop(clients.remove(0));
        let next = &mut clients[9];
        next.reply(Asked::Body).expect("its turn").is(200);
    }
    assert_eq!(clients.len(), 10);
    for client in &mut clients {
        client.get("/small").is(200);
    }
}

/// The bound is for the whole server: nobody waits for a worker that has its share while another has room.
#[test]
fn as_many_as_may_be_are_served_by_however_many_workers() {
    // How the system spreads connections over workers is chance.
    for _ in 0..5 {
        let scene = Scene::start(&["--workers", "2", "--max-connections", "10"]);
        let mut clients = visitors(&scene.server, 10);
        answered(&mut clients, 0);
        let mut more = visitors(&scene.server, 2);
        drop(clients.split_off(8));
        answered(&mut more, 0);
    }
}

/// Whoever looks after the server can ask how it is when it has as many clients as may be; and is waited for quietly.
#[test]
fn a_server_that_is_full_can_be_asked_how_it_is() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let admin = free.expect("a free port");
    let mut scene = Scene::start(&[
        "--workers",
        "1",
        "--max-connections",
        "4",
        "--admin",
        &admin.to_string(),
    ]);
    let mut clients = visitors(&scene.server, 20);
    answered(&mut clients, 16);
    let process = scene.process();
    let before = process.time();
    for _ in 0..50 {
        let mut office = Client::connect(&Address::Tcp(admin)).expect("a connection");
        office.get("/-/health").is(200).body_is("ok\n");
    }
    let used = process.time() - before;
    assert!(used < Duration::from_millis(60), "{used:?} for fifty");
    let mut office = Client::connect(&Address::Tcp(admin)).expect("a connection");
    let numbers = office.get("/-/metrics").is(200).text();
    assert!(
        numbers.contains("\nwebserver_connections_open "),
        "{numbers}"
    );
    assert_at_rest(&mut scene);
}

/// The server allows itself no more connections than there are descriptors for; the others wait.
#[test]
fn more_connections_than_descriptors_wait_their_turn() {
    let mut scene = Scene::start_as(|command, _| command.limit(Limit::OpenFiles(64)));
    let mut clients = visitors(&scene.server, 150);
    let mut served = answered(&mut clients, 140).into_iter();
    assert_at_rest(&mut scene);
    // Those that were answered go, and make room for as many others.
    clients.retain(|_| served.next() == Some(false));
    while !clients.is_empty() {
        let all_but_one = clients.len() - 1;
        let mut served = answered(&mut clients, all_but_one).into_iter();
        clients.retain(|_| served.next() == Some(false));
    }
    scene.server.get("/small").is(200);
}

/// Files that are kept open for later requests make way for others.
#[test]
fn more_files_than_descriptors_are_served_one_after_the_other() {
    let scene = Scene::start_as(|command, _| command.limit(Limit::OpenFiles(64)));
    let paths = big_files(&scene, 200);
    for path in &paths {
        let mut client = scene.server.connect();
        client.get_with(path, &[("Range", "bytes=5-9")]).is(206);
        client.get("/small").is(200);
    }
}

/// When downloads take the last descriptors, some clients are told so (503) or cut off, and nobody is kept waiting. The
/// server does not turn in circles, answers those that it has, and serves everyone as soon as the downloads end.
#[test]
fn more_downloads_than_descriptors_do_no_harm() {
    let mut scene = Scene::start_as(|command, _| command.limit(Limit::OpenFiles(64)));
    let paths = big_files(&scene, 60);
    let mut active = scene.server.connect();
    active.get("/small").is(200);
    let clients: Vec<_> = paths
        .iter()
        .map(|path| Slow::ask(scene.server.address(), path, Ahead::Little))
        .collect();
    wait_for(WHILE, Stopwatch::start());
    assert_at_rest(&mut scene);
    for _ in 0..20 {
        // Even a small file can only be looked at with a descriptor.
        let reply = active.get("/small");
        assert!([200, 503].contains(&reply.status), "{reply}");
    }
    drop(clients);
    for path in &paths {
        wait_until("room again", SOON, || {
            let mut client = scene.server.connect();
            let request = get(path, &[("Range", "bytes=5-9")]);
            client.send(&request).expect("a request");
            client
                .reply(Asked::Body)
                .is_ok_and(|reply| reply.status == 206)
        });
    }
}

/// Files that are too big to be kept in memory, and take no room on the disk; their paths.
fn big_files(scene: &Scene, count: usize) -> Vec<String> {
    let paths: Vec<_> = (0..count).map(|number| format!("/file-{number}")).collect();
    for path in &paths {
        let name = format!("root{path}");
        scene.sandbox.sparse(name, BIG as u64, &[]);
    }
    paths
}
