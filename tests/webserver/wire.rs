//! How connections begin and end: half-closed, cut off, silent, flooded.

use std::time::Duration;

use harness::{SOON, Sandbox, Signal, Stopwatch, wait_until};

use crate::client::{Ending, get, request};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/hello.txt", "hello\n")
        .file("root/big.bin", pattern(24 << 20));
    sandbox
}

#[test]
fn a_client_that_has_said_all_is_answered_still() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    for (requests, count) in [
        (get("/hello.txt", &[]), 1),
        (get("/hello.txt", &[]).repeat(30), 30),
        (get("/big.bin", &[]).repeat(2), 2),
    ] {
        let mut client = server.connect();
        client.send(&requests).expect("requests");
        client.send_end();
        for _ in 0..count {
            client.reply(Asked::Body).expect("a reply").is(200);
        }
        assert_eq!(client.ending(), Ok(Ending::Closed));
    }
}

#[test]
fn a_request_that_breaks_off_is_not_answered_as_if_it_were_whole() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    // The time for a whole head is over twice that: the end has to be seen, not waited for.
    let limit = Duration::from_secs(4);
    for broken in [
        &b""[..],
        b"\r\n",
        b"G",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let mut client = server.connect();
        client.send(broken).expect("a beginning");
        client.send_end();
        let (answer, _) = client.rest_within(limit).expect("an end");
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400 ") || text.starts_with("HTTP/1.1 408 "), "{text}");
        // The last bytes and the end may be told of as one event, or as two.
        for _ in 0..10 {
            let mut client = server.connect();
            client.get("/hello.txt").is(200);
            client.send(broken).expect("a beginning");
            client.send_end();
            let (answer, _) = client.rest_within(limit).expect("an end");
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        }
    }
}

/// The reply to who sends more than is read must arrive before the connection ends (RFC 9112 §9.6).
#[test]
fn a_refusal_is_seen_by_who_is_still_sending() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let body = vec![b'u'; 8 << 20];
    for (head, status) in [
        (
            "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n",
            405,
        ),
        (
            "PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\nExpect: 100-continue\r\n\r\n",
            405,
        ),
        (
            "GET /hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n",
            413,
        ),
        ("GET /hello.txt HTTP/1.1\r\n\r\n", 400),
    ] {
        let mut client = server.connect();
        client
            .send(&[head.as_bytes(), &body[..]].concat())
            .expect("it is taken, or refused, but not left lying");
        let reply = client.reply(Asked::Body).expect("a reply");
        reply.is(status);
        assert!(reply.says_close());
        client.ending().expect("an end");
    }
}

#[test]
fn an_empty_line_behind_a_body_is_not_a_request() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    for _ in 0..5 {
        // RFC 9112 §2.2: old clients send one more line end than they count.
        client
            .send(b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\n")
            .expect("a request");
        client.reply(Asked::Body).expect("a reply").is(200);
    }
    client.get("/hello.txt").is(200);
}

#[test]
fn a_connection_serves_thousands_of_requests() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    let since = Stopwatch::start();
    for _ in 0..5000 {
        client.get("/hello.txt").is(200);
    }
    // Forty milliseconds each would tell of a reply in two pieces that wait for each other.
    assert!(
        since.elapsed() < Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
    let flood = get("/hello.txt", &[]).repeat(5000);
    client
        .send(&flood[..flood.len() / 2])
        .expect("half of them");
    client
        .send(&flood[flood.len() / 2..])
        .expect("the other half");
    for _ in 0..5000 {
        client
            .reply(Asked::Body)
            .expect("a reply")
            .is(200)
            .body_is("hello\n");
    }
}

/// A client that asks for ever more and takes nothing is not read from any more, so that it fills its own buffers.
#[test]
fn who_asks_and_does_not_read_is_not_listened_to() {
    let sandbox = scene();
    let mut server = Server::alone(&sandbox.join("root"), &[]);
    let memory = |server: &mut Server| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.running().pid()))
            .expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .expect("a number")
    };
    server.get("/big.bin").is(200);
    let before = memory(&mut server);
    let flood = get("/big.bin", &[]).repeat(100_000);
    let mut greedy: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.connect().reads_little_ahead();
            client.send_some(&flood);
            client
        })
        .collect();
    for _ in 0..100 {
        server.get("/hello.txt").is(200);
    }
    let after = memory(&mut server);
    assert!(
        after < before + (32 << 10),
        "{before} kB before, {after} kB after"
    );
    greedy.clear();
    server.get("/hello.txt").is(200);
}

#[test]
fn stalled_heads_and_bodies_are_ended_and_idle_connections_too() {
    let sandbox = scene();
    let options = ["--head-timeout", "1s", "--idle-timeout", "2s"];
    let server = Server::start(&sandbox.join("root"), &options);
    let limit = Duration::from_secs(10);
    let mut stalled: Vec<_> = [
        &b"G"[..],
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell",
        b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    ]
    .map(|bytes| {
        let mut client = server.connect();
        client.send(bytes).expect("a beginning");
        client
    })
    .into();
    let mut silent = server.connect();
    let mut idle = server.connect();
    idle.get("/hello.txt").is(200);
    let since = Stopwatch::start();
    for client in &mut stalled {
        let reply = client.reply_within(Asked::Body, limit).expect("a reply");
        assert!(reply.is(408).says_close());
        assert_eq!(client.ending_within(limit), Ok(Ending::Closed));
    }
    let (said, _) = silent.rest().expect("an end");
    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 408 "),
        "{}",
        said.escape_ascii()
    );
    idle.ending_within(limit)
        .expect("an end, and nothing before it");
    assert!(
        since.elapsed() >= Duration::from_millis(1500),
        "idle is not stalled: {:?}",
        since.elapsed()
    );
    // Who drips is not let off: it is the whole head that has a time, and empty lines before it are not a head.
    let drops = get("/hello.txt", &[("A", &"a".repeat(2000))]);
    for drops in [&drops[..drops.len() - 4], &b"\r\n".repeat(20_000)] {
        let mut dripping = server.connect();
        let since = Stopwatch::start();
        let mut drops = drops.iter();
        wait_until("the end of who drips", SOON, || {
            if let Some(drop) = drops.next() {
                dripping.send(&[*drop]).ok();
            }
            dripping.has_news()
        });
        let (said, _) = dripping.rest().expect("an end");
        assert!(
            said.is_empty() || said.starts_with(b"HTTP/1.1 408 "),
            "{}",
            said.escape_ascii()
        );
        assert!(
            since.elapsed() < Duration::from_secs(8),
            "{:?}",
            since.elapsed()
        );
    }
}

/// Between programs of one machine the system tells of what was taken by the 64 KiB, so who stops is given more time.
#[test]
fn a_reader_that_stops_is_ended_and_a_slow_one_is_not() {
    let sandbox = scene();
    let options = ["--write-timeout", "500ms", "--min-rate", "1KiB"];
    let server = Server::start(&sandbox.join("root"), &options);
    let mut stopped = server.connect().reads_little_ahead();
    stopped.send(&get("/big.bin", &[])).expect("a request");
    stopped.take(10_000).expect("a beginning");
    let mut slow = server.connect().reads_little_ahead();
    slow.send(&get("/big.bin", &[])).expect("a request");
    let since = Stopwatch::start();
    let mut taken = 0;
    wait_until("seven seconds of slow reading", SOON, || {
        taken += slow.take(2000).expect("more of it").len();
        since.elapsed() > Duration::from_secs(7)
    });
    assert!(taken > 100_000);
    let (rest, _) = stopped.rest().expect("an end");
    assert!(
        rest.len() < 20 << 20,
        "only what was under way: {} bytes",
        rest.len()
    );
    slow.take(1_000_000).expect("still served");
}

#[test]
fn a_stopped_server_finishes_what_is_under_way_and_ends_what_is_idle() {
    let sandbox = scene();
    let mut server = Server::start(&sandbox.join("root"), &["--drain", "20s"]);
    let mut idle = server.connect();
    idle.get("/hello.txt").is(200);
    let mut busy = server.connect().reads_little_ahead();
    busy.send(&get("/big.bin", &[])).expect("a request");
    let begun = busy.take(10_000).expect("a beginning");
    let since = Stopwatch::start();
    server.signal(Signal::TERM);
    idle.ending().expect("an end of the idle one");
    wait_until("no more connections", SOON, || {
        crate::client::Client::connect(server.address()).is_err()
    });
    assert!(server.running().is_running(), "it waits for the download");
    let mut rest = busy.rest().expect("the rest and an end").0;
    let head_len = crate::reply::find(&begun, b"\r\n\r\n").expect("a head") + 4;
    let mut body = begun[head_len..].to_vec();
    body.append(&mut rest);
    assert!(body == pattern(24 << 20), "{} bytes", body.len());
    server.ended();
    assert!(since.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_download_that_does_not_end_in_time_is_cut_and_so_it_is_by_a_second_signal() {
    let sandbox = scene();
    let log = sandbox.join("access.log").display().to_string();
    for (drain, signals) in [("1s", 1), ("0", 1), ("60s", 2)] {
        let options = ["--drain", drain, "--log-file", &log];
        let mut server = Server::start(&sandbox.join("root"), &options);
        let mut busy = server.connect().reads_little_ahead();
        busy.send(&get("/big.bin", &[])).expect("a request");
        busy.take(10_000).expect("a beginning");
        server.signal(Signal::TERM);
        wait_until("no more connections", SOON, || {
            crate::client::Client::connect(server.address()).is_err()
        });
        if signals > 1 {
            server.signal(Signal::INT);
        }
        let output = server.ended_by_signal();
        println!("{drain}: {output}");
        output.lacks("failed");
        assert!(output.elapsed < Duration::from_secs(15), "{output}");
    }
}

#[test]
fn requests_under_way_get_their_replies_when_the_server_stops() {
    let sandbox = scene();
    let mut server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    client.get("/hello.txt").is(200);
    // Half a request when the signal comes, the rest after it.
    let request = request("GET", "/hello.txt", &[]);
    client.send(&request[..10]).expect("a beginning");
    server.signal(Signal::TERM);
    wait_until("no more connections", SOON, || {
        crate::client::Client::connect(server.address()).is_err()
    });
    client.send(&request[10..]).expect("the rest");
    if let Ok(reply) = client.reply(Asked::Body) {
        assert!(reply.is(200).says_close(), "it is the last one:\n{reply}");
    }
    server.ended();
}
