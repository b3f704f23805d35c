//! Clients that do not finish what they began to ask, or ask for nothing.

use std::time::Duration;

use harness::{SOON, Stopwatch, wait_until};

use super::{Scene, assert_as_fast, assert_took, latency, wait_for};
use crate::client::{Client, Ending, get};
use crate::reply::Asked;

/// Beginnings of requests, none of which is whole.
const BEGINNINGS: [(&str, &[u8]); 8] = [
    ("one letter", b"G"),
    ("an empty line and a letter", b"\r\nG"),
    ("half a request line", b"GET /sm"),
    ("a request line", b"GET /small HTTP/1.1\r\n"),
    (
        "all but the last line end",
        b"GET /small HTTP/1.1\r\nHost: h\r\n",
    ),
    (
        "all but a line feed",
        b"GET /small HTTP/1.1\r\nHost: h\r\n\r",
    ),
    (
        "a head without its body",
        b"GET /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell",
    ),
    (
        "a chunk without its end",
        b"GET /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ),
];

const HEAD: Duration = Duration::from_millis(300);
const IDLE: Duration = Duration::from_millis(700);

/// A server with little patience.
#[track_caller]
fn impatient() -> Scene {
    Scene::start(&["--head-timeout", "300ms", "--idle-timeout", "700ms"])
}

/// Asserts that a client that stalls is told so in time, and then left.
#[track_caller]
fn assert_refused_in_time(name: &str, client: &mut Client, since: Stopwatch) {
    let reply = client.reply(Asked::Body);
    let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_took(name, since.elapsed(), HEAD);
    reply.is(408);
    assert!(reply.says_close(), "{name}: {reply}");
    assert_eq!(reply.check(), Ok(()), "{name}");
    assert_eq!(client.ending(), Ok(Ending::Closed), "{name}");
}

/// Asserts that a client is left in time without a word.
#[track_caller]
fn assert_let_go_in_time(name: &str, client: &mut Client, limit: Duration, since: Stopwatch) {
    let ending = client.ending();
    assert_eq!(ending, Ok(Ending::Closed), "{name}");
    assert_took(name, since.elapsed(), limit);
}

/// 408 when the time for a head, or for a body, is over; and then the end.
#[test]
fn a_request_that_does_not_come_whole_is_refused_in_time() {
    let scene = impatient();
    let since = Stopwatch::start();
    let mut clients = BEGINNINGS.map(|(name, beginning)| {
        let mut client = scene.server.connect();
        client.send(beginning).expect(name);
        client
    });
    for ((name, _), client) in BEGINNINGS.iter().zip(&mut clients) {
        assert_refused_in_time(name, client, since);
    }
}

/// The same for one that comes after others, on the same connection or in the same piece.
#[test]
fn a_later_request_that_does_not_come_whole_is_refused_in_time() {
    let scene = impatient();
    for (name, beginning) in BEGINNINGS {
        let mut client = scene.server.connect();
        client.get("/small").is(200);
        client
            .send(&[&get("/small", &[]), beginning].concat())
            .expect(name);
        let since = Stopwatch::start();
        client.reply(Asked::Body).expect(name).is(200);
        assert_refused_in_time(name, &mut client, since);
    }
}

/// It is the whole head, or body, that has a time: bytes that come one by one do not make it longer.
#[test]
fn who_drips_is_refused_in_the_same_time() {
    let scene = impatient();
    let long = "a".repeat(5000);
    let sized = b"GET /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5001\r\n\r\n";
    let chunked = b"GET /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=";
    let rows: [(&str, &[u8], &[u8]); 5] = [
        ("the target", b"GET /", long.as_bytes()),
        (
            "a field",
            b"GET / HTTP/1.1\r\nHost: h\r\nA: ",
            long.as_bytes(),
        ),
        (
            "many fields",
            b"GET / HTTP/1.1\r\nHost: h\r\n",
            &b"A: b\r\n".repeat(50),
        ),
        ("the body", sized, long.as_bytes()),
        ("a chunk's extension", chunked, long.as_bytes()),
    ];
    for (name, beginning, drops) in rows {
        let mut client = scene.server.connect();
        let since = Stopwatch::start();
        client.send(beginning).expect(name);
        let mut drops = drops.iter();
        wait_until(&format!("the end of {name}"), SOON, || {
            let drop = drops.next().expect("an end before the last drop");
            client.send(&[*drop]).expect(name);
            client.has_news()
        });
        assert_refused_in_time(name, &mut client, since);
    }
}

/// The body has as much time as the head, from the end of the head on.
#[test]
fn a_request_that_comes_slowly_but_in_time_is_answered() {
    let scene = Scene::start(&["--head-timeout", "2s"]);
    let mut client = scene.server.connect();
    let since = Stopwatch::start();
    client.send(b"GET /small HTTP/1.1\r\n").expect("a line");
    wait_for(Duration::from_millis(1200), since);
    let rest = b"Host: h\r\nContent-Length: 5\r\n\r\nhell";
    client.send(rest).expect("the rest of the head");
    wait_for(Duration::from_millis(2400), since);
    client.send(b"o").expect("the rest of the body");
    client
        .reply(Asked::Body)
        .expect("a reply")
        .is(200)
        .body_is("small\n");
}

/// Fifteen thousand pieces of one byte cost about as much as fifteen thousand small requests would.
#[test]
fn a_head_in_the_smallest_pieces_is_answered_and_costs_little() {
    let mut scene = Scene::start(&["--head-timeout", "60s"]);
    let request = get("/small", &[("A", &"a".repeat(15_000))]);
    let mut client = scene.server.connect();
    let before = scene.process().time();
    for byte in &request {
        client.send(&[*byte]).expect("a byte");
    }
    client.reply(Asked::Body).expect("a reply").is(200);
    let used = scene.process().time() - before;
    assert!(used < Duration::from_secs(8), "{used:?}");
}

/// Browsers open connections ahead of need; a word on one of them would be taken for the answer to a later request.
#[test]
fn who_says_nothing_is_let_go_without_a_word() {
    let scene = impatient();
    for (name, nothing) in [("nothing", &b""[..]), ("empty lines", b"\r\n\r\n\r\n")] {
        let mut client = scene.server.connect();
        let since = Stopwatch::start();
        client.send(nothing).expect(name);
        assert_let_go_in_time(name, &mut client, HEAD, since);
    }
}

#[test]
fn an_idle_connection_is_let_go_when_its_time_is_over() {
    let scene = impatient();
    let mut client = scene.server.connect();
    for pause in [0, 400, 400] {
        wait_for(Duration::from_millis(pause), Stopwatch::start());
        client.get("/small").is(200);
    }
    assert_let_go_in_time("idle", &mut client, IDLE, Stopwatch::start());

    // What is no request does not make it longer.
    client = scene.server.connect();
    client.get("/small").is(200);
    let since = Stopwatch::start();
    wait_until("the end of who sends empty lines", SOON, || {
        client.send(b"\r\n").expect("an empty line");
        client.has_news()
    });
    let (said, _) = client.rest().expect("an end");
    assert_eq!(said, b"");
    assert_took("empty lines", since.elapsed(), IDLE);
}

/// An idle connection on which a request begins has the time for a head, and no more than that.
#[test]
fn an_idle_connection_that_begins_to_ask_is_refused_in_time() {
    let scene = impatient();
    let mut clients = BEGINNINGS.map(|_| scene.server.connect());
    for client in &mut clients {
        client.get("/small").is(200);
    }
    wait_for(HEAD + HEAD / 3, Stopwatch::start());
    let since = Stopwatch::start();
    for ((name, beginning), client) in BEGINNINGS.iter().zip(&mut clients) {
        client.send(beginning).expect(name);
    }
    for ((name, _), client) in BEGINNINGS.iter().zip(&mut clients) {
        assert_refused_in_time(name, client, since);
    }
}

/// After the last reply a client has two seconds to end the connection, whatever it still sends.
#[test]
fn who_was_refused_cannot_keep_the_connection() {
    const LINGER: Duration = Duration::from_millis(1900);
    let mut scene = Scene::start(&[]);
    let process = scene.process();
    let before = process.sockets();
    let mut silent = scene.server.connect();
    let mut busy = scene.server.connect();
    let since = Stopwatch::start();
    for client in [&mut silent, &mut busy] {
        client.send(b"nonsense\r\n\r\n").expect("nonsense");
        client.reply(Asked::Body).expect("a reply").is(400);
        assert_eq!(client.ending(), Ok(Ending::Closed));
    }
    wait_until("the end of both", SOON, || {
        busy.send(&[b'x'; 1000]).ok();
        process.sockets() == before
    });
    assert_took("both", since.elapsed(), LINGER);
}

/// Hundreds that stall in every way hold nobody up, and are gone when their time is over.
#[test]
fn who_stalls_is_in_nobodys_way() {
    let mut scene = Scene::start(&["--head-timeout", "3s", "--workers", "1"]);
    let process = scene.process();
    let mut active = scene.server.connect();
    let before = latency(&mut active);
    let sockets = process.sockets();
    let mut stalled = Vec::new();
    for (name, beginning) in BEGINNINGS.iter().cycle().take(400) {
        let mut client = scene.server.connect();
        client.send(beginning).expect(name);
        stalled.push(client);
    }
    assert_as_fast(&mut active, before);
    for client in &mut stalled {
        client.reply(Asked::Body).expect("a reply").is(408);
    }
    assert_as_fast(&mut active, before);
    drop(stalled);
    process.wait_sockets(sockets);
}
