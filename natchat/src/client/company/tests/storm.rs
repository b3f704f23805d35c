//! Everything at once, for many seeds: lines both ways while datagrams are lost, doubled and replayed, paths come and go, clients are
//! started again, and the server lies. Whatever happens, each line ends once, what is told as delivered was shown, once, and in
//! order.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::company::tests::world::World;
use crate::client::peer::Event as PeerEvent;
use crate::crypto::entropy::Entropy;
use crate::wire::from_server::Departure;

/// Steps of one storm.
const STEPS: usize = 60;

/// Longer than any line waits.
const CALM: Duration = Duration::from_secs(90);

/// What is known of the lines of a storm.
struct Log {
    /// How each line ended, at its sender; lines of who was started again since then are taken out.
    ends: BTreeMap<u32, Vec<End>>,
    /// The lines shown at each side, by all starts of it, and whose they were.
    shown: [Vec<u32>; 2],
    /// By whom each line was said.
    senders: BTreeMap<u32, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    NotDelivered,
}

impl Log {
    fn collect(&mut self, world: &mut World) {
        for at in 0..2 {
            for (_, event) in world.told(at) {
                if let PeerEvent::Said(_, text) = event {
                    self.shown[at].push(text.parse().unwrap());
                } else if let PeerEvent::Delivered(text) = event {
                    self.end(&text, End::Delivered);
                } else if let PeerEvent::NotDelivered(text, _) = event {
                    self.end(&text, End::NotDelivered);
                } else {
                    panic!("{event:?}");
                }
            }
        }
    }

    fn end(&mut self, text: &str, end: End) {
        // A line of a start that is over is nobody's concern any more.
        if let Some(ends) = self.ends.get_mut(&text.parse().unwrap()) {
            ends.push(end);
        }
    }

    fn forget(&mut self, sender: usize) {
        let senders = &self.senders;
        self.ends.retain(|line, _| senders[line] != sender);
    }

    fn check(&self, seed: u64) {
        for (line, ends) in &self.ends {
            assert_eq!(ends.len(), 1, "seed {seed}: line {line} ended as {ends:?}");
            let receiver = 1 - self.senders[line];
            let shown = self.shown[receiver]
                .iter()
                .filter(|shown| *shown == line)
                .count();
            assert!(
                shown <= 1,
                "seed {seed}: line {line} was shown {shown} times"
            );
            if ends[0] == End::Delivered {
                assert_eq!(shown, 1, "seed {seed}: line {line} was told as delivered");
            }
        }
        for shown in &self.shown {
            assert!(shown.is_sorted(), "seed {seed}: {shown:?}");
        }
    }
}

/// One storm.
struct Storm {
    world: World,
    log: Log,
    entropy: Entropy,
    line: u32,
    /// Whether the server lies about starts.
    lies: bool,
}

impl Storm {
    fn new(seed: u64, lies: bool) -> Self {
        let mut world = World::seeded(2, seed);
        world.keep = true;
        let mut bytes = [0x5A; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            world,
            log: Log {
                ends: BTreeMap::new(),
                shown: [Vec::new(), Vec::new()],
                senders: BTreeMap::new(),
            },
            entropy: Entropy::new(bytes),
            line: 0,
            lies,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.entropy.below(of.len() as u64)).unwrap()]
    }

    fn say(&mut self, at: usize) {
        self.line += 1;
        self.log.senders.insert(self.line, at);
        self.log.ends.insert(self.line, Vec::new());
        self.world.say(at, ["b", "a"][at], &self.line.to_string());
    }

    fn step(&mut self) {
        let at = self.pick(&[0, 1]);
        match self.entropy.below(16) {
            0..=5 => self.say(at),
            6 => self.world.loss_percent = self.pick(&[0, 10, 50, 100]),
            7 => self.world.direct = self.pick(&[None, Some(Duration::from_millis(8))]),
            8 => self.world.copies = self.pick(&[1, 2]),
            9 => {
                self.log.collect(&mut self.world);
                self.log.forget(at);
                self.world.restart(at);
                if self.pick(&[true, false]) {
                    self.world.announce(at);
                }
            }
            10 => self.world.announce(at),
            11 => self.world.leave(at, Departure::Silent),
            12 if self.lies => {
                self.world.sides[at].told_incarnation += self.entropy.below(3);
                self.world.announce(at);
                self.world.sides[at].told_incarnation = self.world.sides[at].incarnation;
            }
            13 => self.world.replay(),
            14 => self.world.replay_tampered(),
            _ => {}
        }
        let wait = self.pick(&[1, 30, 300, 3_000, 12_000]);
        self.world.run(Duration::from_millis(wait));
        self.log.collect(&mut self.world);
    }

    /// The wind drops, and what was said ends; how many lines were delivered.
    fn end(mut self, seed: u64) -> usize {
        self.world.loss_percent = 0;
        self.world.announce(0);
        self.world.announce(1);
        self.world.run(CALM);
        self.log.collect(&mut self.world);
        self.log.check(seed);
        // A lie may cost one more line of each side; then all is well again.
        for at in [0, 1, 0, 1] {
            self.say(at);
            self.world.run(Duration::from_secs(10));
        }
        self.log.collect(&mut self.world);
        self.log.check(seed);
        let last = [self.line - 1, self.line].map(|line| self.log.ends[&line][0]);
        assert_eq!(last, [End::Delivered; 2], "seed {seed}");
        let ends = self.log.ends.values();
        ends.filter(|ends| ends[0] == End::Delivered).count()
    }
}

fn storm(seed: u64, lies: bool) -> usize {
    let mut storm = Storm::new(seed, lies);
    for _ in 0..STEPS {
        storm.step();
    }
    storm.end(seed)
}

#[test]
fn whatever_happens_each_line_ends_once() {
    let delivered: usize = (0..12).map(|seed| storm(seed, false)).sum();
    assert!(delivered > 50, "{delivered}");
}

#[test]
fn whatever_the_server_says_nothing_is_told_as_delivered_that_is_not() {
    let delivered: usize = (100..112).map(|seed| storm(seed, true)).sum();
    assert!(delivered > 50, "{delivered}");
}
