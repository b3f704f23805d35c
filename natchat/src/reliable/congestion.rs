//! How much may be on its way, and how fast: a model of the path, measured once a round trip.
//!
//! ```text
//!   Startup ──rate grows no more, a queue, loss──► Drain ──queue empty──► Cruise ⟳ 5/4, 3/4, 6 × 1 of the best rate
//!      ▲                                                ▲                      │
//!      └── path changed, or silent for long             └── a queue stays ─────┘
//! ```
//!
//! The path bears what it has delivered at best in the last [`ROUNDS`] rounds; twice that times the shortest round
//! trip may be on its way (in the manner of BBR). Not the single loss is answered, as Reno or CUBIC do, whose rate at
//! 30 % loss is some packets a round trip:
//! - Loss that is always there, at low rates too, is the path's own (`own_loss`): as much more is sent as it takes.
//! - Loss above that means a short queue somewhere: what may be on its way is cut to what was, and grows back slowly.
//! - Round trips that grow mean a long queue: the rate is believed anew and the queue let run dry, so that others wait
//!   for us no longer than a round trip.
//!
//! Rule: all is decided at the end of a round, from counts: one packet's fate decides nothing, and batches of
//! acknowledgements, as they come from busy machines, do not look like high rates. A round is at least
//! [`SHORTEST_ROUND`].

use std::time::{Duration, Instant};

use crate::reliable::connection::PACKET_LEN;

const PACKET: u64 = PACKET_LEN as u64;
/// On its way before anything is known (RFC 6928 has 10 larger ones).
const INITIAL_WINDOW: u64 = 16 * PACKET;
/// What may always be on its way.
const SMALLEST_WINDOW: u64 = 8 * PACKET;
/// What is never exceeded: 5 Gbit/s at 100 ms.
const LARGEST_WINDOW: u64 = 64 << 20;
/// The rate before anything is known, in bytes a second: the first window within 20 ms.
const INITIAL_RATE: u64 = INITIAL_WINDOW * 50;
/// The slowest rate.
const SMALLEST_RATE: u64 = 10 * PACKET;
/// Shorter ones say more of how busy the machines are than of the path.
const SHORTEST_ROUND: Duration = Duration::from_millis(5);
/// Added to the round trip when the window is computed: acknowledgements are held back and machines wake late by this.
const SLACK: Duration = Duration::from_millis(4);
/// Rounds whose best rate is believed: a whole cycle and a little more.
const ROUNDS: usize = 10;
/// Rates of the cycle, in eighths.
const CYCLE: [u64; 8] = [10, 6, 8, 8, 8, 8, 8, 8];
/// Where the cycle is entered: the queue is empty and the rate just measured.
const CYCLE_START: usize = 2;
/// Rate and window at the start, in eighths: the least that doubles each round trip (2/ln 2, as BBR), and little more
/// in flight.
const STARTUP: u64 = 23;
const STARTUP_WINDOW: u64 = 18;
/// The rate while the queue runs dry, in eighths.
const DRAIN: u64 = 4;
/// Rounds without a quarter more that end the start.
const PLATEAU: u8 = 3;
/// At the start, rates are measured over a part of a round trip, of so many packets at least.
const BURST: u32 = 8;
/// Packets whose fate makes a loss rate.
const LOSS_SAMPLE: u64 = 32;
/// Loss above the path's own that is none of its own, in thousandths, on top of three standard deviations.
const EXCESS: u64 = 50;
/// The highest loss that is made up for by sending more.
const OWN_LOSS_MOST: u64 = 500;
/// The shortest round trip is looked for anew after this.
const SHORTEST_AGE: Duration = Duration::from_secs(10);
/// Rounds with a queue, and with excess loss, after which what was measured before is forgotten.
const QUEUED_ROUNDS: u8 = 3;
const EXCESS_ROUNDS: u8 = 2;

/// The state of the model.
#[derive(Debug)]
pub(crate) struct Congestion {
    phase: Phase,
    /// Rates of the last rounds, in bytes a second; `next_rate`: the oldest.
    rates: [u64; ROUNDS],
    next_rate: usize,
    shortest: Shortest,
    /// The path's own loss, in thousandths, once there is a sample.
    own_loss: Option<u64>,
    /// What may be on its way after excess loss.
    ceiling: Option<u64>,
    round: Round,
    loss: LossSample,
    queued_rounds: u8,
    excess_rounds: u8,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Startup(Startup),
    Drain,
    Cruise(usize),
}

#[derive(Clone, Copy, Debug)]
struct Startup {
    /// The best round's rate, and rounds since then.
    best: u64,
    same: u8,
    /// The best rate of a part of a round, and what came since this part began.
    burst: u64,
    began: Instant,
    arrived: u64,
    count: u32,
    shortest: Option<Duration>,
}

/// The shortest round trip of this and of the last ten seconds.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    since: Instant,
    now: Option<Duration>,
    before: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    began: Instant,
    /// It ends when a packet of this number or above is acknowledged.
    until: u64,
    arrived: u64,
    most_flying: u64,
    shortest: Option<Duration>,
    /// There was not always something to send: the rate says little.
    limited: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct LossSample {
    arrived: u64,
    lost: u64,
}

/// What has happened to packets, as [`super::sent`] tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) arrived_len: u64,
    pub(crate) arrived: u32,
    pub(crate) lost: u32,
    /// Packets that were counted as lost and were not.
    pub(crate) late: u32,
    /// The newest acknowledged packet.
    pub(crate) newest: Option<u64>,
    pub(crate) round_trip: Option<Duration>,
    /// Bytes that are on their way now.
    pub(crate) flying: u64,
    /// The number of the packet that will be sent next.
    pub(crate) next_number: u64,
}

impl Congestion {
    pub(crate) fn new(now: Instant, next_number: u64) -> Self {
        Self {
            phase: Phase::Startup(Startup::new(now)),
            rates: [0; ROUNDS],
            next_rate: 0,
            shortest: Shortest {
                since: now,
                now: None,
                before: None,
            },
            own_loss: None,
            ceiling: None,
            // The first round's rate is that of the first packets, not of the first one.
            round: Round::new(now, next_number + u64::from(BURST)),
            loss: LossSample::default(),
            queued_rounds: 0,
            excess_rounds: 0,
        }
    }

    /// Bytes that may be on their way.
    pub(crate) fn window(&self) -> u64 {
        let Some(product) = self.product() else {
            return INITIAL_WINDOW;
        };
        let window = match self.phase {
            Phase::Startup(_) => product * STARTUP_WINDOW / 8,
            Phase::Drain | Phase::Cruise(_) => product * 2,
        };
        let ceiling = self.ceiling.unwrap_or(LARGEST_WINDOW);
        window.min(ceiling).clamp(SMALLEST_WINDOW, LARGEST_WINDOW)
    }

    /// Bytes a second.
    pub(crate) fn rate(&self) -> u64 {
        let Some(rate) = self.best_rate() else {
            return INITIAL_RATE;
        };
        let eighths = match self.phase {
            Phase::Startup(_) => STARTUP,
            Phase::Drain => DRAIN,
            Phase::Cruise(step) => CYCLE[step],
        };
        self.made_up(rate * eighths / 8).max(SMALLEST_RATE)
    }

    /// What is on its way when the path is full and nothing waits.
    fn product(&self) -> Option<u64> {
        let time = self.shortest_round_trip() + SLACK;
        self.best_rate()
            .map(|rate| self.made_up(amount(rate, time)))
    }

    /// So much more that after the path's own loss as much arrives; nothing more while there is a queue.
    fn made_up(&self, amount: u64) -> u64 {
        match self.queued_rounds {
            0 => amount * 1_000 / (1_000 - self.own_loss.unwrap_or(0).min(OWN_LOSS_MOST)),
            _ => amount,
        }
    }

    fn best_rate(&self) -> Option<u64> {
        let burst = match self.phase {
            Phase::Startup(startup) => startup.burst,
            Phase::Drain | Phase::Cruise(_) => 0,
        };
        let best = self.rates.iter().copied().max().unwrap_or(0).max(burst);
        (best > 0).then_some(best)
    }

    fn shortest_round_trip(&self) -> Duration {
        let Shortest { now, before, .. } = self.shortest;
        now.into_iter().chain(before).min().unwrap_or(SLACK)
    }

    pub(crate) fn sent(&mut self, flying: u64) {
        self.round.most_flying = self.round.most_flying.max(flying);
    }

    /// There was nothing to send though it would have been allowed.
    pub(crate) fn limited(&mut self) {
        self.round.limited = true;
    }

    pub(crate) fn learn(&mut self, now: Instant, fate: Fate) {
        self.round.arrived += fate.arrived_len;
        self.loss.arrived += u64::from(fate.arrived) + u64::from(fate.late);
        self.loss.lost = (self.loss.lost + u64::from(fate.lost)).saturating_sub(fate.late.into());
        self.round.shortest = shorter(self.round.shortest, fate.round_trip);
        self.shortest.now = shorter(self.shortest.now, fate.round_trip);
        let floor = self.shortest_round_trip();
        let product = self.product();
        match &mut self.phase {
            Phase::Startup(startup) => {
                if startup.learn(now, floor, fate) {
                    self.end_startup();
                }
            }
            Phase::Drain if product.is_none_or(|product| fate.flying <= product) => {
                self.phase = Phase::Cruise(CYCLE_START);
            }
            Phase::Drain | Phase::Cruise(_) => {}
        }
        let is_over = fate.newest.is_some_and(|number| number >= self.round.until);
        if is_over && now >= self.round.began + SHORTEST_ROUND {
            let round = std::mem::replace(&mut self.round, Round::new(now, fate.next_number));
            self.end_round(now, round);
        }
    }

    fn end_round(&mut self, now: Instant, round: Round) {
        let rate = rate(round.arrived, now - round.began);
        if !round.limited || self.rates.iter().all(|&known| known < rate) {
            self.rates[self.next_rate] = rate;
            self.next_rate = (self.next_rate + 1) % ROUNDS;
        }
        let floor = self.shortest_round_trip();
        // By how much even the fastest packet was slower than the fastest ever.
        let queue = round
            .shortest
            .map_or(Duration::ZERO, |shortest| shortest - floor);
        let is_long = queue > (floor / 2).max(SLACK * 3);
        self.queued_rounds = if is_long {
            self.queued_rounds.saturating_add(1)
        } else {
            0
        };
        self.shortest.age(now, round.shortest);
        let excess = self.judge_loss(&round);
        if self.queued_rounds >= QUEUED_ROUNDS || self.excess_rounds >= EXCESS_ROUNDS {
            self.believe_only(rate);
        }
        if matches!(self.phase, Phase::Startup(_)) && excess {
            self.end_startup();
        }
        self.phase = self.next_phase(rate, &round);
    }

    /// Learns what loss is the path's own; whether there was more.
    fn judge_loss(&mut self, round: &Round) -> bool {
        let LossSample { arrived, lost } = self.loss;
        let count = arrived + lost;
        if count < LOSS_SAMPLE {
            return false;
        }
        self.loss = LossSample::default();
        let thousandths = lost * 1_000 / count;
        let Some(own) = self.own_loss else {
            self.own_loss = Some(thousandths);
            return false;
        };
        let deviation = (own.max(20) * (1_000 - own) / count).isqrt();
        let excess = thousandths > own + EXCESS + 3 * deviation;
        self.excess_rounds = if excess {
            self.excess_rounds.saturating_add(1)
        } else {
            0
        };
        // Downwards fast, upwards slowly: what remains at three quarters of the rate is the path's own.
        self.own_loss = Some(match thousandths {
            low if low < own => (own + low) / 2,
            high => own + (high - own).div_ceil(if excess { 32 } else { 16 }),
        });
        if excess {
            self.ceiling = Some((round.most_flying * 7 / 8).max(SMALLEST_WINDOW));
        } else if let Some(ceiling) = self.ceiling {
            self.ceiling = Some(ceiling + ceiling / 8).filter(|&ceiling| ceiling < LARGEST_WINDOW);
        }
        excess
    }

    /// What was faster before is so no more.
    fn believe_only(&mut self, rate: u64) {
        self.rates = [0; ROUNDS];
        self.rates[0] = rate.max(SMALLEST_RATE);
        self.next_rate = 1;
        (self.queued_rounds, self.excess_rounds) = (self.queued_rounds.min(1), 0);
        if matches!(self.phase, Phase::Cruise(_)) {
            self.phase = Phase::Drain;
        }
    }

    /// The path is full: there was a queue, or loss that looks like one.
    fn end_startup(&mut self) {
        self.rates[self.next_rate] = self.best_rate().unwrap_or(SMALLEST_RATE);
        self.next_rate = (self.next_rate + 1) % ROUNDS;
        self.phase = Phase::Drain;
    }

    fn next_phase(&self, rate: u64, round: &Round) -> Phase {
        match self.phase {
            Phase::Startup(startup) if rate >= startup.best + startup.best / 4 => {
                Phase::Startup(Startup {
                    best: rate,
                    same: 0,
                    ..startup
                })
            }
            Phase::Startup(startup) if round.limited => Phase::Startup(startup),
            Phase::Startup(startup) if startup.same + 1 < PLATEAU => Phase::Startup(Startup {
                same: startup.same + 1,
                ..startup
            }),
            Phase::Startup(_) | Phase::Drain => Phase::Drain,
            Phase::Cruise(step) => Phase::Cruise((step + 1) % CYCLE.len()),
        }
    }
}

impl Startup {
    fn new(now: Instant) -> Self {
        Self {
            best: 0,
            same: 0,
            burst: 0,
            began: now,
            arrived: 0,
            count: 0,
            shortest: None,
        }
    }

    /// Measures the rate over a part of a round: a whole round would show half of what it grows to. Whether there was
    /// a queue.
    fn learn(&mut self, now: Instant, floor: Duration, fate: Fate) -> bool {
        self.arrived += fate.arrived_len;
        self.count += fate.arrived;
        self.shortest = shorter(self.shortest, fate.round_trip);
        let time = now - self.began;
        let is_enough = self.count >= BURST || time >= floor;
        if time < SHORTEST_ROUND.max(floor / 4) || !is_enough {
            return false;
        }
        self.burst = self.burst.max(rate(self.arrived, time));
        (self.began, self.arrived, self.count) = (now, 0, 0);
        is_queue(self.shortest.take(), floor)
    }
}

/// Whether even the fastest packet was slower than the fastest ever by more than chance.
fn is_queue(shortest: Option<Duration>, floor: Duration) -> bool {
    shortest.is_some_and(|shortest| shortest > floor + (floor / 8).clamp(SLACK, SLACK * 4))
}

fn shorter(known: Option<Duration>, sample: Option<Duration>) -> Option<Duration> {
    known.into_iter().chain(sample).min()
}

impl Shortest {
    fn age(&mut self, now: Instant, latest: Option<Duration>) {
        if now >= self.since + SHORTEST_AGE {
            *self = Self {
                since: now,
                now: latest,
                before: self.now,
            };
        }
    }
}

impl Round {
    fn new(now: Instant, until: u64) -> Self {
        Self {
            began: now,
            until,
            arrived: 0,
            most_flying: 0,
            shortest: None,
            limited: false,
        }
    }
}

/// Bytes a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX).min(1 << 40)
}

/// Bytes in a time.
pub(crate) fn amount(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate) * time.as_nanos() / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX).min(1 << 50)
}
