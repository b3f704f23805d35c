//! The reliable layer between two peers: whatever the line does to packets, and whatever a peer makes up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::clock::Clock;
use natchat::reliable::connection::{CHAT, Channel, Connection, Event, PACKET_LEN, Read};

/// The channel of a file, besides chat.
const FILE: Channel = 1;
/// What a stranger can make one end hold: channel 0's window twice (once read in part behind a gap), and the file's.
const HELD_MOST: u64 = (2 << 20) + (16 << 20);

/// `input` is a list of steps, a letter and a byte each:
///
/// | step | what happens |
/// |---|---|
/// | `w` n, `W` n | the first, the second end writes 37 · n bytes of chat |
/// | `f` n, `F` n | likewise of a file |
/// | `a`, `A` | it gives up what it has written and is not there yet |
/// | `t` n | n ms pass; packets that are in the air arrive, as many as n, from the first |
/// | `l` n | the n-th packet in the air is lost |
/// | `d` n | it comes twice |
/// | `s` n | it is overtaken by all others |
/// | `c` n | the first end gives copies for another path, those older than n ms |
/// | `p` n | the next n bytes come to the second end as a packet: its peer makes things up |
///
/// # Panics
/// If what is read is not what was written, or after `p` only: if an end keeps itself busy or holds too much.
pub fn check(input: &[u8]) {
    let mut scene = Scene::new();
    let mut rest = input;
    while let [kind, count, tail @ ..] = rest {
        rest = tail;
        if *kind == b'p' {
            let (packet, tail) = rest.split_at(usize::from(*count).min(rest.len()));
            rest = tail;
            scene.forged = true;
            let _ = scene.ends[1].connection.handle_packet(scene.now, packet);
        } else {
            scene.step(*kind, *count);
        }
        scene.settle();
    }
    if !scene.forged {
        scene.finish();
    }
}

struct End {
    connection: Connection,
    /// All that was written and read, by channel; and where what was written was given up.
    written: [Vec<u8>; 2],
    read: [Vec<u8>; 2],
    gave_up: bool,
}

struct Scene {
    now: Instant,
    ends: [End; 2],
    air: VecDeque<(usize, Vec<u8>)>,
    forged: bool,
}

impl Scene {
    fn new() -> Self {
        let now = Clock::start().now();
        let end = || {
            let mut connection = Connection::new(now);
            connection.open_outgoing(FILE);
            connection.open_incoming(FILE);
            End {
                connection,
                written: Default::default(),
                read: Default::default(),
                gave_up: false,
            }
        };
        Self {
            now,
            ends: [end(), end()],
            air: VecDeque::new(),
            forged: false,
        }
    }

    fn step(&mut self, kind: u8, count: u8) {
        let at = usize::from(kind.is_ascii_uppercase());
        let place = usize::from(count) % self.air.len().max(1);
        match kind {
            b'w' | b'W' => self.ends[at].write(CHAT, count),
            b'f' | b'F' => self.ends[at].write(FILE, count),
            b'a' | b'A' => {
                self.ends[at].gave_up = true;
                self.ends[at].connection.abandon(CHAT);
            }
            b't' => self.pass(count),
            b'l' => drop(self.air.remove(place)),
            b'd' => self.air.extend(self.air.get(place).cloned()),
            b's' => {
                let slow = self.air.remove(place);
                self.air.extend(slow);
            }
            b'c' => self.copies(Duration::from_millis(count.into())),
            _ => {}
        }
    }

    fn pass(&mut self, count: u8) {
        self.now += Duration::from_millis(count.into());
        for _ in 0..count {
            let Some((to, packet)) = self.air.pop_front() else {
                break;
            };
            let taken = self.ends[to].connection.handle_packet(self.now, &packet);
            assert!(taken.is_ok() || self.forged, "an honest packet was refused");
        }
        for end in &mut self.ends {
            end.connection.handle_timeout(self.now);
        }
    }

    fn copies(&mut self, older: Duration) {
        let Some(before) = self.now.checked_sub(older) else {
            return;
        };
        let mut packet = Vec::new();
        let mut count = 0;
        while self.ends[0]
            .connection
            .poll_duplicate(self.now, before, PACKET_LEN, &mut packet)
        {
            self.air.push_back((1, packet.clone()));
            count += 1;
            assert!(count < 1_000, "no end of copies");
        }
    }

    /// Lets both ends do all that they can do now.
    fn settle(&mut self) {
        for at in 0..2 {
            self.ends[at].events();
            let connection = &mut self.ends[at].connection;
            let mut packet = Vec::new();
            let mut count = 0;
            while connection.poll_packet(self.now, PACKET_LEN, &mut packet) {
                assert!(!packet.is_empty() && packet.len() <= PACKET_LEN);
                self.air.push_back((1 - at, packet.clone()));
                count += 1;
                assert!(count < 10_000, "no end of packets");
            }
            let next = connection.next_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "it wants to be asked again at once"
            );
            assert!(connection.held() <= HELD_MOST, "{} held", connection.held());
        }
    }

    /// From now on nothing is lost: all that was not given up arrives.
    fn finish(&mut self) {
        for _ in 0..20_000 {
            self.pass(u8::MAX);
            self.settle();
            if self.air.is_empty()
                && self
                    .ends
                    .iter()
                    .all(|end| end.connection.next_timeout().is_none())
            {
                break;
            }
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = (&self.ends[from], &self.ends[to]);
            assert_eq!(
                from.connection.unsent(CHAT) + from.connection.unsent(FILE),
                0,
                "it does not end"
            );
            assert!(
                to.read[1] == from.written[1],
                "a file came otherwise than it was"
            );
            if from.gave_up {
                assert!(
                    is_part(&to.read[0], &from.written[0]),
                    "chat came that was not said"
                );
            } else {
                assert!(
                    to.read[0] == from.written[0],
                    "chat came otherwise than it was said"
                );
            }
        }
    }
}

impl End {
    fn write(&mut self, channel: Channel, count: u8) {
        let written = &mut self.written[channel as usize];
        // A pattern that is not like itself moved by a little.
        let from = written.len();
        written.extend(
            (from..from + 37 * usize::from(count)).map(|at| (at % 251 + at / 251).to_le_bytes()[0]),
        );
        let end = self.connection.write(channel, &written[from..]);
        assert_eq!(end, written.len() as u64);
    }

    fn events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            if let Event::Readable(channel) = event {
                let read = &mut self.read[channel as usize];
                while self.connection.read(channel, read, 10_000) != Read::Nothing {}
            }
        }
    }
}

/// Whether `part` is `whole` with stretches left out.
fn is_part(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
}
