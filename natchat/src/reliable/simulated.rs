//! Two connections back to back in virtual time, for tests: lines that lose, double, delay, shuffle and hold up
//! packets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::clock::Clock;

use crate::reliable::connection::{Channel, Connection, Event, PACKET_LEN, Read};

/// The beginning of virtual time.
pub(crate) fn start() -> Instant {
    Clock::start().now()
}

/// Numbers by chance, the same for the same seed (Marsaglia's xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn happens(&mut self, per_mille: u64) -> bool {
        self.next() % 1_000 < per_mille
    }
}

/// A line in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    /// Per mille.
    pub(crate) loss: u64,
    /// Per mille.
    pub(crate) doubled: u64,
    /// Bytes a second.
    pub(crate) rate: Option<u64>,
    /// Bytes that wait for their turn, at most.
    pub(crate) queue: u64,
    /// Bytes above the rate are dropped or let through, as many as `queue` at once, but do not wait.
    pub(crate) is_policed: bool,
}

impl Line {
    pub(crate) fn delayed(ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(ms),
            jitter: Duration::ZERO,
            loss: 0,
            doubled: 0,
            rate: None,
            queue: u64::MAX,
            is_policed: false,
        }
    }

    pub(crate) fn losing(self, per_mille: u64) -> Self {
        Self {
            loss: per_mille,
            ..self
        }
    }

    pub(crate) fn with_rate(self, rate: u64, queue: u64) -> Self {
        let rate = Some(rate);
        Self {
            rate,
            queue,
            ..self
        }
    }
}

/// One end.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) line: Line,
    free_at: Instant,
    /// All that was read, by channel; gaps in channel 0 are not kept apart.
    pub(crate) got: BTreeMap<Channel, Vec<u8>>,
    pub(crate) gaps: usize,
    pub(crate) delivered: BTreeMap<Channel, u64>,
    /// Channels whose bytes are only counted and how many are left to write.
    pub(crate) feeding: BTreeMap<Channel, u64>,
    pub(crate) reading: bool,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
    pub(crate) longest_wait: Duration,
}

/// Both ends and what is between them.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    pub(crate) dice: Dice,
    in_air: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    order: u64,
}

impl World {
    pub(crate) fn new(line: Line, seed: u64) -> Self {
        let now = start();
        let end = || End {
            connection: Connection::new(now),
            line,
            free_at: now,
            got: BTreeMap::new(),
            gaps: 0,
            delivered: BTreeMap::new(),
            feeding: BTreeMap::new(),
            reading: true,
            sent: 0,
            dropped: 0,
            longest_wait: Duration::ZERO,
        };
        Self {
            now,
            ends: [end(), end()],
            dice: Dice(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15)),
            in_air: BTreeMap::new(),
            order: 0,
        }
    }

    /// Lets a file of `len` bytes flow from one end to the other.
    pub(crate) fn feed(&mut self, from: usize, channel: Channel, len: u64) {
        self.ends[from].connection.open_outgoing(channel);
        self.ends[1 - from].connection.open_incoming(channel);
        self.ends[from].feeding.insert(channel, len);
        self.fill(from, channel);
    }

    fn fill(&mut self, from: usize, channel: Channel) {
        const CHUNK: usize = 64 << 10;
        let end = &mut self.ends[from];
        let Some(left) = end.feeding.get_mut(&channel) else {
            return;
        };
        while *left > 0 && end.connection.room(channel) >= CHUNK {
            let len = usize::try_from(*left).unwrap().min(CHUNK);
            end.connection.write(channel, &[0x5A; CHUNK][..len]);
            *left -= len as u64;
        }
    }

    fn send(&mut self, from: usize, packet: Vec<u8>) {
        let line = self.ends[from].line;
        let end = &mut self.ends[from];
        end.sent += 1;
        let waits = end.free_at.saturating_duration_since(self.now);
        if line.rate.is_some_and(|rate| {
            waits.as_nanos() * u128::from(rate) / 1_000_000_000 > u128::from(line.queue)
        }) {
            end.dropped += 1;
            return;
        }
        if !line.is_policed {
            end.longest_wait = end.longest_wait.max(waits);
        }
        let takes = line.rate.map_or(0, |rate| {
            (packet.len() as u64 + 48 + 25) * 1_000_000_000 / rate
        });
        end.free_at = self.now.max(end.free_at) + Duration::from_nanos(takes);
        let leaves = if line.is_policed {
            self.now
        } else {
            end.free_at.max(self.now)
        };
        let copies = 1 + usize::from(self.dice.happens(line.doubled));
        for _ in 0..copies {
            if self.dice.happens(line.loss) {
                self.ends[from].dropped += 1;
                continue;
            }
            let jitter = self.dice.next() % (u64::try_from(line.jitter.as_nanos()).unwrap() + 1);
            self.order += 1;
            let arrives = leaves + line.delay + Duration::from_nanos(jitter);
            self.in_air
                .insert((arrives, self.order), (1 - from, packet.clone()));
        }
    }

    /// Lets both ends do all that they can do now.
    pub(crate) fn settle(&mut self) {
        for at in [0, 1, 0] {
            self.events(at);
            let mut packet = Vec::new();
            let mut count = 0;
            while self.ends[at]
                .connection
                .poll_packet(self.now, PACKET_LEN, &mut packet)
            {
                self.send(at, packet.clone());
                count += 1;
                assert!(count < 100_000, "no end of packets");
            }
        }
    }

    fn events(&mut self, at: usize) {
        while let Some(event) = self.ends[at].connection.poll_event() {
            match event {
                Event::Readable(channel) => self.read(at, channel),
                Event::Writable(channel) => self.fill(at, channel),
                Event::Delivered(channel, offset) => {
                    let before = self.ends[at].delivered.insert(channel, offset).unwrap_or(0);
                    assert!(before < offset, "delivered once");
                }
            }
        }
    }

    pub(crate) fn read(&mut self, at: usize, channel: Channel) {
        let end = &mut self.ends[at];
        while end.reading {
            let got = end.got.entry(channel).or_default();
            match end.connection.read(channel, got, 100_000) {
                Read::Bytes(_) => {}
                Read::Gap => end.gaps += 1,
                Read::Nothing => break,
            }
        }
    }

    /// The next thing that happens, unless it is after `until`; false if nothing ever will.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        self.settle();
        let timeout = self
            .ends
            .iter()
            .filter_map(|end| end.connection.next_timeout())
            .min();
        let arrival = self.in_air.keys().next().map(|&(at, _)| at);
        let Some(next) = timeout
            .into_iter()
            .chain(arrival)
            .min()
            .filter(|&next| next <= until)
        else {
            self.now = until;
            return false;
        };
        assert!(
            next > self.now || arrival == Some(next),
            "an end wants to be woken at once, again and again"
        );
        self.now = self.now.max(next);
        while let Some(entry) = self.in_air.first_entry()
            && entry.key().0 <= self.now
        {
            let (to, packet) = entry.remove();
            self.ends[to]
                .connection
                .handle_packet(self.now, &packet)
                .expect("an honest packet");
        }
        for end in &mut self.ends {
            end.connection.handle_timeout(self.now);
        }
        true
    }

    /// Runs until this is so; panics if it is not within `limit`.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Duration {
        let until = self.now + limit;
        let before = self.now;
        loop {
            self.settle();
            if is_so(self) {
                return self.now - before;
            }
            assert!(
                self.step(until),
                "not within {limit:?}: {:?}",
                self.ends[0].connection
            );
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }
}
