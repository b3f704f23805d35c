//! How much may be on its way, and how fast: a model of the path, measured once a round trip.
//!
//! ```text
//!   Startup ──rate grows no more, or a queue──► Drain ──► Cruise ⟳ 5/4, 3/4, 1, 1, 1, 1, 1, 1   (of the best rate of the last rounds)
//!      ▲                                                    │
//!      └──────────── path changed, or silent for long ──────┘
//! ```
//!
//! The path bears what it has delivered at best in the last [`ROUNDS`] rounds; twice that times the shortest round trip may be on its
//! way (in the manner of BBR). Not the single loss is answered, as Reno or CUBIC do, whose rate at 30 % loss is some packets a round trip:
//! - Loss that is always there, at low rates too, is the path's own ([`Congestion::own_loss`]): as much more is sent as it takes.
//! - Loss above that means a short queue somewhere: what may be on its way is cut to what was, and grows back slowly.
//! - Round trips that grow mean a long queue: the rate is believed anew and the queue let run dry, so that others wait
//!   for us no longer than a round trip.
//!
//! Rule: all is decided at the end of a round, from counts: one packet's fate decides nothing, and batches of acknowledgements,
//! as they come from busy machines, do not look like high rates. A round is at least [`SHORTEST_ROUND`].

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
/// The same at the start: a little less than three times what came through (2/ln 2, as BBR).
const STARTUP: u64 = 23;
const DRAIN: u64 = 4;
/// Rounds without a quarter more that end the start.
const PLATEAU: u8 = 3;
/// Packets whose fate makes a loss rate.
const LOSS_SAMPLE: u64 = 32;
/// Loss above the path's own that is none of its own, in thousandths, on top of three standard deviations.
const EXCESS: u64 = 50;
/// The highest loss that is made up for by sending more.
const OWN_LOSS_MOST: u64 = 500;
/// The shortest round trip is looked for anew after this.
const SHORTEST_AGE: Duration = Duration::from_secs(10);
/// Rounds with a queue, or with excess loss, before what was measured before is forgotten.
const PATIENCE: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Startup { best: u64, same: u8 },
    Drain,
    Cruise(usize),
}

/// The state of the model.
#[derive(Debug)]
pub(crate) struct Congestion {
    phase: Phase,
    /// Rates of the last rounds, in bytes a second; the newest at `next_rate - 1`.
    rates: [u64; ROUNDS],
    next_rate: usize,
    shortest: Shortest,
    /// The path's own loss, in thousandths.
    own_loss: u64,
    /// What may be on its way after excess loss.
    ceiling: Option<u64>,
    round: Round,
    loss: LossSample,
    queued_rounds: u8,
    excess_rounds: u8,
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

#[derive(Clone, Copy, Debug, Default)]
struct LossSample {
    arrived: u64,
    lost: u64,
}

/// What has happened to packets, as [`super::sent`] tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) arrived_len: u64,
    pub(crate) arrived: u32,
    pub(crate) lost: u32,
    /// Packets that were counted as lost and were not.
    pub(crate) late: u32,
    /// The newest acknowledged packet.
    pub(crate) newest: Option<u64>,
    pub(crate) round_trip: Option<Duration>,
}

impl Congestion {
    pub(crate) fn new(now: Instant, next_number: u64) -> Self {
        Self {
            phase: Phase::Startup { best: 0, same: 0 },
            rates: [0; ROUNDS],
            next_rate: 0,
            shortest: Shortest {
                since: now,
                now: None,
                before: None,
            },
            own_loss: 0,
            ceiling: None,
            round: Round::new(now, next_number),
            loss: LossSample::default(),
            queued_rounds: 0,
            excess_rounds: 0,
        }
    }

    /// Bytes that may be on their way.
    pub(crate) fn window(&self) -> u64 {
        let Some(rate) = self.best_rate() else {
            return INITIAL_WINDOW;
        };
        let product = amount(rate, self.shortest_round_trip() + SLACK);
        let window = match self.phase {
            Phase::Startup { .. } => product * STARTUP / 8,
            Phase::Drain | Phase::Cruise(_) => product * 2,
        };
        let window = self
            .made_up(window)
            .min(self.ceiling.unwrap_or(LARGEST_WINDOW));
        window.clamp(SMALLEST_WINDOW, LARGEST_WINDOW)
    }

    /// Bytes a second.
    pub(crate) fn rate(&self) -> u64 {
        let Some(rate) = self.best_rate() else {
            return INITIAL_RATE;
        };
        let eighths = match self.phase {
            Phase::Startup { .. } => STARTUP,
            Phase::Drain => DRAIN,
            Phase::Cruise(step) => CYCLE[step],
        };
        self.made_up(rate * eighths / 8).max(SMALLEST_RATE)
    }

    /// So much more that after the path's own loss as much arrives; nothing more while there is a queue.
    fn made_up(&self, amount: u64) -> u64 {
        match self.queued_rounds {
            0 => amount * 1_000 / (1_000 - self.own_loss.min(OWN_LOSS_MOST)),
            _ => amount,
        }
    }

    fn best_rate(&self) -> Option<u64> {
        self.rates.iter().copied().max().filter(|&rate| rate > 0)
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

    /// `next_number`: of the packet that will be sent next.
    pub(crate) fn learn(&mut self, now: Instant, next_number: u64, fate: Fate) {
        self.round.arrived += fate.arrived_len;
        self.loss.arrived += u64::from(fate.arrived) + u64::from(fate.late);
        self.loss.lost = (self.loss.lost + u64::from(fate.lost)).saturating_sub(fate.late.into());
        if let Some(sample) = fate.round_trip {
            self.round.shortest = Some(
                self.round
                    .shortest
                    .map_or(sample, |known| known.min(sample)),
            );
            self.shortest.now = Some(self.shortest.now.map_or(sample, |known| known.min(sample)));
        }
        if fate.newest.is_some_and(|number| number >= self.round.until)
            && now >= self.round.began + SHORTEST_ROUND
        {
            let round = std::mem::replace(&mut self.round, Round::new(now, next_number));
            self.end_round(now, round);
        }
    }

    fn end_round(&mut self, now: Instant, round: Round) {
        let rate = rate(round.arrived, now - round.began);
        if !round.limited || self.best_rate().is_none_or(|best| best < rate) {
            self.rates[self.next_rate] = rate;
            self.next_rate = (self.next_rate + 1) % ROUNDS;
        }
        let floor = self.shortest_round_trip();
        let queued = round
            .shortest
            .is_some_and(|shortest| shortest > floor + (floor / 2).max(SLACK * 3));
        self.queued_rounds = if queued {
            self.queued_rounds.saturating_add(1)
        } else {
            0
        };
        if now >= self.shortest.since + SHORTEST_AGE {
            self.shortest = Shortest {
                since: now,
                now: round.shortest,
                before: self.shortest.now,
            };
        }
        self.judge_loss(&round);
        if self.queued_rounds >= PATIENCE || self.excess_rounds >= PATIENCE {
            self.believe_only(rate);
        }
        self.phase = self.next_phase(rate, &round);
    }

    fn judge_loss(&mut self, round: &Round) {
        let LossSample { arrived, lost } = self.loss;
        let count = arrived + lost;
        if count < LOSS_SAMPLE {
            return;
        }
        self.loss = LossSample::default();
        let thousandths = lost * 1_000 / count;
        let deviation = (self.own_loss.max(20) * (1_000 - self.own_loss) / count).isqrt();
        let is_startup = matches!(self.phase, Phase::Startup { .. });
        let excess = !is_startup && thousandths > self.own_loss + EXCESS + 3 * deviation;
        self.excess_rounds = if excess {
            self.excess_rounds.saturating_add(1)
        } else {
            0
        };
        // Downwards fast, upwards slowly: what remains at three quarters of the rate is the path's own.
        self.own_loss = match thousandths {
            low if low < self.own_loss => (self.own_loss + low) / 2,
            high if is_startup => (self.own_loss + high) / 2,
            high => self.own_loss + (high - self.own_loss).div_ceil(16),
        };
        if excess {
            self.ceiling =
                Some(round.most_flying * 7 / 8).map(|ceiling| ceiling.max(SMALLEST_WINDOW));
        } else if let Some(ceiling) = self.ceiling {
            self.ceiling = Some(ceiling + ceiling / 8).filter(|&ceiling| ceiling < LARGEST_WINDOW);
        }
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

    fn next_phase(&self, rate: u64, round: &Round) -> Phase {
        match self.phase {
            Phase::Startup { best, same } if rate >= best + best / 4 => {
                let _ = same;
                if self.queued_rounds > 1 {
                    Phase::Drain
                } else {
                    Phase::Startup {
                        best: rate,
                        same: 0,
                    }
                }
            }
            same @ Phase::Startup { .. } if round.limited => same,
            Phase::Startup { best, same } if same + 1 < PLATEAU && self.queued_rounds == 0 => {
                Phase::Startup {
                    best,
                    same: same + 1,
                }
            }
            Phase::Startup { .. } => Phase::Drain,
            Phase::Drain if self.queued_rounds > 0 => Phase::Drain,
            Phase::Drain => Phase::Cruise(2),
            Phase::Cruise(step) => Phase::Cruise((step + 1) % CYCLE.len()),
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
