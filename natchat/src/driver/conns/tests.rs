use std::io::{Read, Write};
use std::net::TcpStream;

use common::clock::Clock;
use rustix::event::epoll::CreateFlags;

use super::*;

const MARKS: Marks = Marks {
    listener: |place| place as u64,
    conn: |conn| 100 + u64::from(conn),
};

#[test]
fn frames_go_both_ways() {
    let mut bench = Bench::new();
    let (mut client, conn) = bench.connect();
    client.write_all(b"\0\x03one\0\x03two\0").unwrap();
    assert_eq!(
        bench.frames(conn),
        (vec![b"one".to_vec(), b"two".to_vec()], true)
    );
    bench.conns.send(conn, b"answer");
    assert_eq!(bench.conns.flush(&bench.epoll, MARKS), Vec::<u32>::new());
    bench.conns.end(conn, bench.now);
    bench.conns.send(conn, b"too late");
    assert_eq!(bench.conns.flush(&bench.epoll, MARKS), [conn]);
    assert!(bench.conns.remove(conn) && !bench.conns.remove(conn));
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"\0\x06answer");
    assert_eq!(bench.conns.next_timeout(), None);
}

#[test]
fn whoever_leaves_or_says_something_else_is_ended() {
    let mut bench = Bench::new();
    let (client, conn) = bench.connect();
    drop(client);
    assert_eq!(bench.frames(conn), (Vec::new(), false));
    let (mut client, conn) = bench.connect();
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(bench.frames(conn), (Vec::new(), false));
}

#[test]
fn whoever_says_nothing_is_ended() {
    let mut bench = Bench::new();
    let (mut speaking, conn) = bench.connect();
    let (_silent, other) = bench.connect();
    speaking.write_all(b"\0\x01x").unwrap();
    assert!(bench.frames(conn).1);
    let at = |after: Duration| bench.now + after;
    let (first, second, last) = (
        at(FIRST_FRAME),
        at(SILENCE - Duration::from_secs(1)),
        at(SILENCE),
    );
    assert_eq!(bench.conns.next_timeout(), Some(first));
    assert_eq!(
        bench.conns.handle_timeout(&bench.epoll, MARKS, first),
        [other]
    );
    assert_eq!(
        bench.conns.handle_timeout(&bench.epoll, MARKS, second),
        Vec::<u32>::new()
    );
    assert_eq!(
        bench.conns.handle_timeout(&bench.epoll, MARKS, last),
        [conn]
    );
}

#[test]
fn one_address_has_so_many_and_no_more() {
    let mut bench = Bench::new();
    let clients: Vec<_> = (0..PER_ADDRESS).map(|_| bench.connect()).collect();
    let mut extra = bench.dial();
    assert_eq!(bench.accept(), Vec::new());
    assert_eq!(extra.read(&mut [0; 1]).unwrap(), 0, "turned away");
    bench.conns.remove(clients[0].1);
    bench.connect();
    let [one, other] =
        ["2001:db8::1", "2001:db8:0:0:ffff::"].map(|ip| neighbourhood(ip.parse().unwrap()));
    assert_eq!(one, other);
}

#[test]
fn whoever_does_not_take_what_is_sent_loses_frames_and_no_more() {
    let mut bench = Bench::new();
    let (mut client, conn) = bench.connect();
    let frame = [7; 2000];
    for _ in 0..20_000 {
        bench.conns.send(conn, &frame);
        assert!(bench.conns.flush_one(conn, &bench.epoll, MARKS));
    }
    assert!(bench.conns.conns[&conn].is_blocked);
    assert!(bench.conns.waiting <= QUEUE_LEN && bench.conns.waiting > QUEUE_LEN - 4000);
    bench.conns.end(conn, bench.now);
    let mut stream = Vec::new();
    let mut buffer = vec![0; 100_000];
    while bench.conns.flush_one(conn, &bench.epoll, MARKS) {
        let len = client.read(&mut buffer).unwrap();
        stream.extend_from_slice(&buffer[..len]);
    }
    bench.conns.remove(conn);
    client.read_to_end(&mut stream).unwrap();
    let frames: Vec<&[u8]> = stream
        .chunks(2 + frame.len())
        .map(|chunk| &chunk[2..])
        .collect();
    assert!(
        frames.len() > QUEUE_LEN / (2 + frame.len()) && frames.iter().all(|whole| *whole == frame)
    );
    assert_eq!(bench.conns.waiting, 0);
}

struct Bench {
    epoll: OwnedFd,
    conns: Conns,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        let addr = ("127.0.0.1:0".parse().unwrap(), Family::V4);
        let conns = Conns::listen(&[addr], &epoll, MARKS).unwrap();
        let now = Clock::start().now();
        Self { epoll, conns, now }
    }

    fn dial(&self) -> TcpStream {
        TcpStream::connect(self.conns.locals().next().unwrap()).unwrap()
    }

    fn accept(&mut self) -> Vec<(u32, SocketAddr)> {
        self.wait(0);
        self.conns.accept(0, &self.epoll, MARKS, self.now)
    }

    fn connect(&mut self) -> (TcpStream, u32) {
        let client = self.dial();
        let accepted = self.accept();
        assert_eq!(accepted.len(), 1);
        assert_eq!(accepted[0].1, client.local_addr().unwrap());
        (client, accepted[0].0)
    }

    fn frames(&mut self, conn: u32) -> (Vec<Vec<u8>>, bool) {
        self.wait((MARKS.conn)(conn));
        let mut frames = Vec::new();
        let stands = self
            .conns
            .receive(conn, self.now, |frame| frames.push(frame.to_vec()));
        (frames, stands)
    }

    fn wait(&self, mark: u64) {
        loop {
            let mut events = Vec::with_capacity(8);
            epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                None,
            )
            .unwrap();
            if events.iter().any(|event| event.data.u64() == mark) {
                return;
            }
        }
    }
}
