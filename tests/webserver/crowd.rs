//! More clients than there is room for: the others are served as ever, and those who wait are served in the end.

use std::fs;
use std::time::Duration;

use harness::{Limit, SOON, Sandbox, Stopwatch, wait_until};

use crate::client::{Client, get};
use crate::reply::Asked;
use crate::server::{Server, command};

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/hello.txt", "hello\n")
        .file("root/other.txt", "other\n");
    sandbox
}

/// Clients that have connected and asked; whether they are accepted is another matter.
#[track_caller]
fn crowd(server: &Server, count: usize) -> Vec<Client> {
    let client = |_| {
        let mut client = server.connect();
        client.send(&get("/hello.txt", &[])).expect("a request");
        client
    };
    (0..count).map(client).collect()
}

/// How many of them have something to read.
fn answered(clients: &[Client]) -> usize {
    clients.iter().filter(|client| client.has_news()).count()
}

/// The processor time that a program has used, in hundredths of a second.
fn used(server: &mut Server) -> u64 {
    let stat =
        fs::read_to_string(format!("/proc/{}/stat", server.running().pid())).expect("its state");
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// Lets a second pass.
fn pass_a_second() {
    let since = Stopwatch::start();
    wait_until("the end of a second", SOON, || {
        since.elapsed() > Duration::from_secs(1)
    });
}

#[test]
fn no_descriptors_are_left() {
    let sandbox = scene();
    let command = command(&sandbox.join("root")).args(["--workers", "1", "--fresh", "0"]);
    let mut server = Server::listening(command.limit(Limit::OpenFiles(48)));
    let mut first = server.connect();
    first.get("/hello.txt").is(200);
    let mut clients = crowd(&server, 120);
    wait_until("answers to some", SOON, || answered(&clients) >= 20);
    for _ in 0..50 {
        first.get("/hello.txt").is(200);
    }
    // A file that is not open yet may have to wait for better times, but not take the server with it.
    let reply = first.get("/other.txt");
    assert!([200, 500, 503].contains(&reply.status), "{reply}");
    assert!(
        answered(&clients) < 60,
        "there are no descriptors for so many"
    );
    let before = used(&mut server);
    pass_a_second();
    let spent = used(&mut server) - before;
    assert!(
        spent < 50,
        "{spent} hundredths of a second spent on waiting"
    );

    // As some go, others come, in whatever order: in the end all have had their answer.
    let mut left = clients.len();
    wait_until("answers to all", SOON, || {
        clients.retain_mut(|client| {
            if !client.has_news() {
                return true;
            }
            let reply = client.reply(Asked::Body).expect("a reply");
            assert!([200, 503].contains(&reply.status), "{reply}");
            false
        });
        left = left.min(clients.len());
        clients.is_empty()
    });
    first.get("/other.txt").is(200).body_is("other\n");
    server.stop();
}

#[test]
fn no_more_connections_than_were_asked_for() {
    let sandbox = scene();
    let mut server = Server::start(
        &sandbox.join("root"),
        &["--max-connections", "10", "--workers", "2"],
    );
    let mut clients = crowd(&server, 30);
    wait_until("answers to ten", SOON, || answered(&clients) >= 10);
    let before = used(&mut server);
    pass_a_second();
    let spent = used(&mut server) - before;
    assert!(
        spent < 50,
        "{spent} hundredths of a second spent on waiting"
    );
    assert!(
        answered(&clients) <= 12,
        "{} were let in",
        answered(&clients)
    );
    wait_until("answers to all", SOON, || {
        clients.retain_mut(|client| {
            !client.has_news() || client.reply(Asked::Body).expect("a reply").status != 200
        });
        clients.is_empty()
    });
    server.get("/hello.txt").is(200);
}

#[test]
fn thousands_that_are_idle_cost_little() {
    const COUNT: usize = 3000;
    let sandbox = scene();
    let mut server = Server::start(&sandbox.join("root"), &[]);
    let memory = |server: &mut Server| -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", server.running().pid()))
            .expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .expect("a number")
    };
    let mut active = server.connect();
    let mut pace = || {
        let since = Stopwatch::start();
        for _ in 0..500 {
            active.get("/hello.txt").is(200);
        }
        since.elapsed()
    };
    for mut client in crowd(&server, 50) {
        client.reply(Asked::Body).expect("a reply");
    }
    let (alone, before) = (pace(), memory(&mut server));
    let mut idle = crowd(&server, COUNT);
    for client in &mut idle {
        client.reply(Asked::Body).expect("a reply").is(200);
    }
    let (among, after) = (pace(), memory(&mut server));
    // 512 bytes each, and something for tables that grow in steps.
    assert!(
        after < before + 1500 + 2048,
        "{before} kB before, {after} kB after"
    );
    assert!(
        among < alone * 4 + Duration::from_millis(200),
        "{alone:?} alone, {among:?} among idle ones"
    );
    drop(idle);
    active.get("/hello.txt").is(200);
}
