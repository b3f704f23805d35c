//! A server that is stopped while someone downloads: what the client gets, and what is written down of it.

use harness::{SOON, Sandbox, Signal, wait_until};

use super::{Answer, answers_of};
use crate::client::{Client, get};
use crate::server::Server;

/// More than all buffers between the server and a client that does not read.
const LEN: usize = 64 << 20;

/// A server of `/large.bin`, stopped by these signals while a client has a part of it; and what was logged.
#[track_caller]
fn stopped(drain: &str, signals: &[Signal]) -> Vec<Answer> {
    let sandbox = Sandbox::new();
    sandbox.sparse("root/large.bin", LEN as u64, &[]);
    let options = ["--log", "common", "--drain", drain];
    let mut server = Server::start(&sandbox.join("root"), &options);
    let mut client = server.connect();
    client
        .send(&get("/large.bin", &[]))
        .expect("it takes a request");
    client.take(1000).expect("the beginning");
    let address = server.address().clone();
    for signal in signals {
        server.signal(*signal);
        // The first was heard when nobody is let in any more.
        wait_until("the doors are closed", SOON, || {
            Client::connect(&address).is_err()
        });
    }
    answers_of(&server.ended_by_signal())
}

#[test]
fn what_is_cut_off_is_written_down() {
    for (name, drain, signals) in [
        ("after a while", "200ms", &[Signal::TERM][..]),
        ("at once", "60s", &[Signal::TERM, Signal::TERM]),
        ("by Ctrl-C, twice", "60s", &[Signal::INT, Signal::INT]),
    ] {
        let answers = stopped(drain, signals);
        assert!(
            matches!(&*answers, [answer] if answer.target == "/large.bin" && answer.status == 200),
            "{name}: {answers:?}"
        );
        assert!(
            (1000..LEN).contains(&answers[0].sent),
            "{name}: {answers:?}"
        );
    }
}
