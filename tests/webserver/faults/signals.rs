//! What a server that is told to stop, or to open its log anew, does with what is under way.

use std::fs;
use std::time::Duration;

use harness::{Output, Random, SOON, Signal, Stopwatch, wait_until};

use super::slow::{Ahead, Slow};
use super::{BIG, Scene, assert_took, wait_for};
use crate::client::{Client, Ending, get};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

/// The two that mean: stop.
const STOPS: [Signal; 2] = [Signal::TERM, Signal::INT];

/// A download, and what its client has taken of it.
#[track_caller]
fn download(server: &Server) -> (Slow, Vec<u8>) {
    let client = Slow::ask(server.address(), "/big", Ahead::Little);
    let mut taken = Vec::new();
    while taken.len() < 2000 {
        taken.extend(client.sip(2000));
    }
    (client, taken)
}

#[track_caller]
fn wait_until_refused(server: &Server) {
    let is_refused = || Client::connect(server.address()).is_err();
    wait_until("nobody else to be taken in", SOON, is_refused);
}

/// What is under way is finished, and nothing else is begun: downloads go on to their end, half a request may come
/// whole and is answered, as the last; who waits for nothing is let go, who comes now is refused. The server ends when
/// the last of them is done, without waiting for clients to go, and with 0.
#[test]
fn a_server_that_is_told_to_stop_finishes_what_is_under_way() {
    for signal in STOPS {
        let mut scene = Scene::start(&["--drain", "60s"]);
        let mut idle = scene.server.connect();
        idle.get("/small").is(200);
        let mut silent = scene.server.connect();
        let mut half = scene.server.connect();
        half.send(b"GET /small HTTP/1.1\r\n").expect("a beginning");
        let (busy, mut taken) = download(&scene.server);

        scene.server.signal(signal);
        assert_eq!(idle.ending(), Ok(Ending::Closed));
        assert_eq!(silent.ending(), Ok(Ending::Closed));
        wait_until_refused(&scene.server);
        half.send(b"Host: h\r\n\r\n").expect("the rest");
        let last = half.reply(Asked::Body).expect("a reply");
        assert!(last.is(200).says_close(), "{last}");
        assert_eq!(half.ending(), Ok(Ending::Closed));

        assert!(scene.server.running().is_running());
        busy.reply(&mut taken).is(200).body_is(pattern(BIG));
        assert_eq!(busy.rest(), (vec![], Ending::Closed));
        scene.server.ended().stderr_is_one_line();
    }
}

/// Requests that were sent ahead of a download are answered too; a last reply says that it is one.
#[test]
fn requests_behind_a_download_are_answered_when_the_server_stops() {
    let mut scene = Scene::start(&["--drain", "60s"]);
    let client = Slow::connect(scene.server.address(), Ahead::Little);
    client.send(&[get("/big", &[]), get("/small", &[])].concat());
    let mut taken = client.sip(2000);
    scene.server.signal(Signal::TERM);
    wait_until_refused(&scene.server);
    client.reply(&mut taken).is(200).body_is(pattern(BIG));
    let last = client.reply(&mut taken);
    assert!(last.is(200).says_close(), "{last}");
    assert_eq!(client.rest(), (vec![], Ending::Closed));
    scene.server.ended();
}

/// When the time to finish is over, what is left is cut, and the server has ended in order all the same.
#[test]
fn a_download_that_does_not_end_in_time_is_cut() {
    const DRAIN: Duration = Duration::from_millis(500);
    for signal in STOPS {
        let mut scene = Scene::start(&["--drain", "500ms"]);
        let (client, _) = download(&scene.server);
        let mut half = scene.server.connect();
        half.send(b"GET /small HTTP/1.1\r\n").expect("a beginning");
        let since = Stopwatch::start();
        scene.server.signal(signal);
        let output = scene.server.ended();
        assert_took("the end", since.elapsed(), DRAIN);
        output.stderr_is_one_line();
        let (taken, _) = client.rest();
        assert!(taken.len() < BIG, "{} bytes", taken.len());
        half.ending().expect("an end without a word");
    }
}

/// A second signal of either kind cuts at once, and tells so by its exit code.
#[test]
fn a_second_signal_cuts_what_is_under_way() {
    for first in STOPS {
        for second in STOPS {
            let mut scene = Scene::start(&["--drain", "600s"]);
            let (client, _) = download(&scene.server);
            scene.server.signal(first);
            wait_until_refused(&scene.server);
            let since = Stopwatch::start();
            scene.server.signal(second);
            let output = scene.server.ended_by_signal();
            assert!(since.elapsed() < Duration::from_secs(5), "{output}");
            output.exits_with(130).stderr_is_one_line();
            let (taken, _) = client.rest();
            assert!(taken.len() < BIG, "{} bytes", taken.len());
        }
    }
}

/// Who was told what is wrong, and stays, does not keep the server from its end for longer than other clients are kept
/// after their last reply.
#[test]
fn who_was_refused_does_not_hold_up_the_end() {
    let mut scene = Scene::start(&["--drain", "600s"]);
    let mut clients: Vec<_> = (0..20).map(|_| scene.server.connect()).collect();
    for client in &mut clients {
        client.send(b"nonsense\r\n\r\n").expect("nonsense");
        client.reply(Asked::Body).expect("a reply").is(400);
    }
    let since = Stopwatch::start();
    scene.server.signal(Signal::TERM);
    scene.server.ended();
    assert!(
        since.elapsed() < Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
}

/// Work for which nobody waits any more is not finished first: neither what is under way, nor what stands in line.
#[test]
fn work_that_nobody_waits_for_does_not_hold_up_the_end() {
    for signals in [1, 2] {
        let drain = ["200ms", "600s"][signals - 1];
        let mut scene = Scene::start(&["--compress", "--drain", drain]);
        let clients: Vec<_> = (0..60)
            .map(|number| {
                let path = format!("/text-{number}.txt");
                let text = format!("{number} {}\n", Random::new(number).below(1 << 30));
                let text = text.repeat((4 << 20) / text.len());
                scene.sandbox.file(format!("root{path}"), text);
                let mut client = scene.server.connect();
                let request = get(&path, &[("Accept-Encoding", "br")]);
                client.send(&request).expect("a request");
                client
            })
            .collect();
        let since = Stopwatch::start();
        scene.server.signal(Signal::TERM);
        wait_until_refused(&scene.server);
        if signals > 1 {
            scene.server.signal(Signal::TERM);
        }
        let output = scene.server.ended_by_signal();
        assert!(since.elapsed() < Duration::from_secs(3), "{output}");
        output.exits_with([0, 130][signals - 1]);
        drop(clients);
    }
}

/// Replies that were cut are in the log, with the bytes that were sent.
#[test]
fn what_was_cut_is_in_the_log() {
    let scene = Scene::start(&["--log", "common", "--drain", "200ms"]);
    let (client, taken) = download(&scene.server);
    let output = scene.server.stop();
    let text = output.stdout_text();
    let line = text.lines().find(|line| line.contains("/big"));
    let sent: usize = line
        .and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
        .unwrap_or_else(|| panic!("no line\n{output}"));
    assert!((taken.len()..BIG).contains(&sent), "{sent}\n{output}");
    drop(client);
}

/// The log goes on in a new file, and nobody else notices: downloads go on, idle connections stay.
#[test]
fn a_log_that_is_opened_anew_disturbs_nobody() {
    let mut scene = Scene::start_as(|command, sandbox| {
        let log = sandbox.join("access.log");
        command.args(["--log", "common", "--log-file"]).arg(log)
    });
    let mut idle = scene.server.connect();
    idle.get("/small?before").is(200);
    let (busy, mut taken) = download(&scene.server);
    let [log, moved] = ["access.log", "access.log.1"].map(|name| scene.sandbox.join(name));
    let has = |file, text| fs::read_to_string(file).is_ok_and(|all: String| all.contains(text));
    wait_until("the first line", SOON, || has(&log, "?before"));
    fs::rename(&log, &moved).expect("move the log away");
    for _ in 0..3 {
        scene.server.signal(Signal::HUP);
    }
    wait_until("a new file", SOON, || log.exists());
    wait_for(Duration::from_millis(100), Stopwatch::start());
    busy.reply(&mut taken).is(200).body_is(pattern(BIG));
    idle.get("/small?after").is(200);
    let others: Vec<_> = (0..50).map(|_| scene.server.connect()).collect();
    for mut other in others {
        other.get("/small").is(200);
    }
    drop((idle, busy));
    scene.server.stop().stderr_is_one_line();
    let text = fs::read_to_string(&log).expect("the new log");
    assert!(text.contains("/big") && text.contains("?after"), "{text}");
    assert!(
        !has(&moved, "?after") && !text.contains("?before"),
        "{text}"
    );
}

/// Signals in any number and order end in one of the two ways, and never in a third.
#[test]
fn a_storm_of_signals_ends_in_order() {
    for round in 0..5 {
        let mut scene = Scene::start(&["--drain", "600s"]);
        let (client, _) = download(&scene.server);
        for _ in 0..20 * round {
            scene.server.signal(Signal::HUP);
        }
        assert_serves(&scene.server);
        scene.server.signal(Signal::TERM);
        wait_until_refused(&scene.server);
        // It may have ended before the last of them.
        for signal in [Signal::HUP, Signal::INT, Signal::HUP, Signal::TERM] {
            if scene.server.running().is_running() {
                scene.server.signal(signal);
            }
        }
        let output: Output = scene.server.ended_by_signal();
        output.exits_with(130);
        drop(client);
    }
}

#[track_caller]
fn assert_serves(server: &Server) {
    server.get("/small").is(200).body_is("small\n");
}
