//! One attachment's line, each direction on its own: delay, loss, order, bandwidth.
//!
//! A [`Line`] is what a test asks for; a `Wire` is that line with what happened on it so far. A wire decides when and
//! how often a packet comes out of its other end, and does not know what is there.
//!
//! Rule kept: without `reorder`, packets leave in the order in which they entered, whatever the jitter.

use std::time::{Duration, Instant};

use super::packet::{Body, Lost, Packet};
use crate::Random;

/// How one direction of a line behaves. Chances lie between 0 and 1 and are taken for each packet and direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// From one end to the other.
    pub delay: Duration,
    /// At most this much more, evenly spread.
    pub jitter: Duration,
    /// The chance that a packet is held back for `held`, so that later ones pass it.
    pub reorder: f64,
    /// How long a reordered packet is held back.
    pub held: Duration,
    /// The chance that a packet arrives twice.
    pub duplicate: f64,
    /// How packets get lost.
    pub loss: Loss,
    /// Bytes a second, headers included; none is no limit.
    pub bandwidth: Option<u64>,
    /// Bytes that may wait for the bandwidth; what comes on top is lost.
    pub queue: u64,
    /// The largest packet, headers included.
    pub mtu: usize,
    /// What gets through at all.
    pub passes: Passes,
}

/// How packets get lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Each on its own, with this chance.
    Even(f64),
    /// In bursts (Gilbert's model): the chance to fall into a burst, to come out of one, and to be lost inside.
    Bursts {
        /// From good to bad, for each packet.
        enter: f64,
        /// From bad to good, for each packet.
        leave: f64,
        /// Lost while bad.
        inside: f64,
    },
}

/// What a line lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Everything.
    All,
    /// No datagrams.
    TcpOnly,
    /// Connections to one of these ports, and nothing else.
    TcpTo(Vec<u16>),
    /// Nothing: the line is cut.
    Nothing,
}

impl Default for Line {
    /// A perfect line of Ethernet's size.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            held: Duration::from_millis(30),
            duplicate: 0.0,
            loss: Loss::Even(0.0),
            bandwidth: None,
            queue: 256 * 1024,
            mtu: 1500,
            passes: Passes::All,
        }
    }
}

impl Line {
    /// A line that is perfect but for its one-way delay.
    pub fn delayed(millis: u64) -> Self {
        Self {
            delay: Duration::from_millis(millis),
            ..Self::default()
        }
    }

    /// The same with evenly spread loss.
    #[must_use]
    pub fn losing(self, chance: f64) -> Self {
        Self {
            loss: Loss::Even(chance),
            ..self
        }
    }

    /// The same with `chance` of a packet being passed by later ones, and of arriving twice.
    #[must_use]
    pub fn shuffling(self, chance: f64) -> Self {
        Self {
            reorder: chance,
            duplicate: chance,
            ..self
        }
    }
}

/// One direction of a line, and what happened on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) line: Line,
    in_burst: bool,
    /// When the last packet has been pushed out at the line's bandwidth.
    busy_until: Option<Instant>,
    /// The latest arrival so far, which later packets may not overtake.
    last_arrival: Option<Instant>,
}

impl Wire {
    /// When `packet` arrives: once, or twice when duplicated.
    pub(crate) fn carry(
        &mut self,
        now: Instant,
        packet: &Packet,
        random: &mut Random,
    ) -> Result<(Instant, Option<Instant>), Lost> {
        let len = packet.wire_len();
        if !self.line.passes.lets(packet) {
            return Err(Lost::Blocked);
        }
        if len > self.line.mtu {
            return Err(Lost::TooLong);
        }
        let pushed = self.push_out(now, len)?;
        if self.is_lost(random) {
            return Err(Lost::Chance);
        }
        let arrival = self.arrival(pushed, random);
        let again = chance(self.line.duplicate, random).then(|| self.arrival(pushed, random));
        Ok((arrival, again))
    }

    /// When the last byte has left the near end.
    fn push_out(&mut self, now: Instant, len: usize) -> Result<Instant, Lost> {
        let Some(rate) = self.line.bandwidth else {
            return Ok(now);
        };
        let start = self.busy_until.map_or(now, |busy| busy.max(now));
        let waiting = (start - now).as_secs_f64() * to_f64(rate);
        if waiting > to_f64(self.line.queue) {
            return Err(Lost::Queue);
        }
        let len = u64::try_from(len).expect("a usize fits in 64 bits");
        let end = start + Duration::from_secs_f64(to_f64(len) / to_f64(rate.max(1)));
        self.busy_until = Some(end);
        Ok(end)
    }

    fn is_lost(&mut self, random: &mut Random) -> bool {
        match self.line.loss {
            Loss::Even(share) => chance(share, random),
            Loss::Bursts {
                enter,
                leave,
                inside,
            } => {
                let turn = if self.in_burst { leave } else { enter };
                self.in_burst ^= chance(turn, random);
                self.in_burst && chance(inside, random)
            }
        }
    }

    fn arrival(&mut self, pushed: Instant, random: &mut Random) -> Instant {
        let mut arrival = pushed + self.line.delay + self.line.jitter.mul_f64(unit(random));
        if chance(self.line.reorder, random) {
            return arrival + self.line.held;
        }
        if let Some(last) = self.last_arrival {
            arrival = arrival.max(last);
        }
        self.last_arrival = Some(arrival);
        arrival
    }
}

impl Passes {
    fn lets(&self, packet: &Packet) -> bool {
        let is_tcp = matches!(packet.body, Body::Tcp(_));
        match self {
            Self::All => true,
            Self::TcpOnly => is_tcp,
            Self::TcpTo(ports) => {
                is_tcp && (ports.contains(&packet.to.port()) || ports.contains(&packet.from.port()))
            }
            Self::Nothing => false,
        }
    }
}

/// True with this chance.
fn chance(share: f64, random: &mut Random) -> bool {
    unit(random) < share
}

/// Evenly from 0 up to, but not including, 1.
fn unit(random: &mut Random) -> f64 {
    to_f64(random.next_u64() >> 11) / to_f64(1 << 53)
}

/// Exact up to 2^53, which no rate, length or queue here reaches.
#[expect(
    clippy::as_conversions,
    reason = "there is no lossless conversion; see above"
)]
fn to_f64(number: u64) -> f64 {
    number as f64
}
