//! How much of something somebody may have: buckets that fill with time.
//!
//! A bucket is one number, the time at which it will be full again (the virtual scheduling of ITU-T I.371's cell rate
//! algorithm): taking moves it on, and it may not move further ahead of now than the whole bucket lasts.
//!
//! Addresses share a bucket by neighbourhood: a /24 of IPv4, a /56 of IPv6, which is what one household or one small
//! network has. Since a whole /48 is to be had for the asking and a /32 by who is a provider, these have larger buckets
//! ([`WIDER`]), and what an address of IPv6 takes is taken from all three. The table of these is bounded. A new neighbourhood takes the place of the one in its set whose bucket
//! is the fullest, since forgetting that forgets the least, and takes over what is in it: so nobody gains by having
//! themselves forgotten, and no crowd of addresses gets more than the whole table would bear.

use std::net::IpAddr;
use std::time::Duration;

use crate::crypto::entropy::Entropy;
use crate::rendezvous::hash::Hashing;

/// How fast a bucket fills, and how much is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// What one unit costs.
    cost: Duration,
    /// How long an empty bucket takes to be full.
    full: Duration,
}

impl Rate {
    /// `amount` in each `period`, and at most `burst` at once.
    pub(crate) fn new(amount: u64, period: Duration, burst: u64) -> Self {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let cost = nanos / amount.max(1);
        Self {
            cost: Duration::from_nanos(cost),
            full: Duration::from_nanos(cost.saturating_mul(burst)),
        }
    }
}

/// One bucket; times are since the start of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again.
    full_at: Duration,
}

impl Bucket {
    /// Takes one if it is there.
    pub(crate) fn take(&mut self, rate: Rate, now: Duration) -> bool {
        let has = self.has(rate, now);
        if has {
            self.full_at = self.full_at.max(now) + rate.cost;
        }
        has
    }

    /// Whether there is one.
    fn has(self, rate: Rate, now: Duration) -> bool {
        self.full_at.max(now) + rate.cost <= now + rate.full
    }

    /// From when on there is one.
    pub(crate) fn next(self, rate: Rate) -> Duration {
        (self.full_at + rate.cost).saturating_sub(rate.full)
    }
}

/// Sets of buckets.
const SETS: usize = 4_096;
/// Buckets in a set: the more, the fairer; these are two lines of cache.
const WAYS: usize = 8;

/// The wider neighbourhoods of an IPv6 address: the length of the prefix, and how many times as much as a /56 all
/// together may have.
const WIDER: [(u32, u32); 2] = [(48, 4), (32, 16)];

/// A bucket for each neighbourhood of addresses.
#[derive(Debug)]
pub(crate) struct Neighbourhoods {
    rate: Rate,
    hashing: Hashing,
    cells: Vec<[Cell; WAYS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// See [`neighbourhood`] and [`wider`]; 0: nobody's yet.
    whose: u64,
    bucket: Bucket,
}

impl Neighbourhoods {
    pub(crate) fn new(rate: Rate, entropy: &mut Entropy) -> Self {
        Self {
            rate,
            hashing: Hashing::new(entropy),
            cells: vec![[Cell::default(); WAYS]; SETS],
        }
    }

    /// Takes one for the neighbourhoods of `ip`, if all of them have it.
    pub(crate) fn take(&mut self, ip: IpAddr, now: Duration) -> bool {
        let (own, rate) = (neighbourhood(ip), self.rate);
        let all = || std::iter::once((own, rate)).chain(wider(ip, rate));
        let has = all().all(|(whose, rate)| self.cell(whose).bucket.has(rate, now));
        for (whose, rate) in all().filter(|_| has) {
            self.cell(whose).bucket.take(rate, now);
        }
        has
    }

    /// Its bucket, or the fullest one of its set, which becomes its own.
    fn cell(&mut self, whose: u64) -> &mut Cell {
        let hash = self.hashing.of(&whose.to_be_bytes());
        let set = usize::try_from(hash % SETS as u64).expect("few sets");
        let cells = &mut self.cells[set];
        let known = cells.iter().position(|cell| cell.whose == whose);
        let at = known.unwrap_or_else(|| {
            let times = cells.iter().map(|cell| cell.bucket.full_at);
            let fullest = times.enumerate().min_by_key(|&(_, full_at)| full_at);
            fullest.map_or(0, |(at, _)| at)
        });
        cells[at].whose = whose;
        &mut cells[at]
    }
}

/// The neighbourhoods that an address of IPv6 is in besides its /56, and their rates.
fn wider(ip: IpAddr, rate: Rate) -> impl Iterator<Item = (u64, Rate)> {
    let bits = match ip.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(ip.to_bits()),
    };
    let all = bits
        .into_iter()
        .flat_map(|bits| WIDER.map(|wider| (bits, wider)));
    all.map(move |(bits, (len, times))| {
        let prefix = u64::try_from(bits >> (128 - len)).unwrap_or(0);
        let rate = Rate {
            cost: rate.cost / times,
            full: rate.full,
        };
        (u64::from(len) << 56 | prefix, rate)
    })
}

/// The /24 or /56, and which of both it is.
pub(crate) fn neighbourhood(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => 4 << 56 | u64::from(ip.to_bits() >> 8),
        IpAddr::V6(ip) => 6 << 56 | u64::try_from(ip.to_bits() >> 72).unwrap_or(0),
    }
}

/// How many of a member's relayed bytes may come at once, in the time its rate gives them: a window of a fast
/// connection.
const RELAY_BURST: Duration = Duration::from_millis(250);

/// The longest that one frame may cost, in microseconds: far less than half of what they wrap after.
const LONGEST: u32 = 1 << 30;

/// A member's bytes through the relay. Four bytes of state: microseconds that wrap after 71 minutes, kept from being
/// mistaken by [`Self::age`], which each member's turn on the wheel calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RelayBucket {
    full_at: u32,
}

impl RelayBucket {
    /// Takes `len` bytes of `rate` a second if they are there.
    pub(crate) fn take(&mut self, len: usize, rate: u64, now: Duration) -> bool {
        let now = wrapped(now);
        let burst = u32::try_from(RELAY_BURST.as_micros()).expect("short");
        let cost = (len as u64 * 1_000_000).div_ceil(rate.max(1));
        let cost = u32::try_from(cost).unwrap_or(LONGEST).min(LONGEST);
        let ahead = self.ahead(now).saturating_add(cost);
        // One frame always passes an untouched bucket, however slow the rate.
        let has = ahead <= burst.max(cost);
        if has {
            self.full_at = now.wrapping_add(ahead);
        }
        has
    }

    /// To be called more often than every 35 minutes.
    pub(crate) fn age(&mut self, now: Duration) {
        let now = wrapped(now);
        self.full_at = now.wrapping_add(self.ahead(now));
    }

    fn ahead(self, now: u32) -> u32 {
        let ahead = self.full_at.wrapping_sub(now);
        if ahead > u32::MAX / 2 { 0 } else { ahead }
    }
}

fn wrapped(now: Duration) -> u32 {
    u32::try_from(now.as_micros() & u128::from(u32::MAX)).expect("masked")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn took(bucket: &mut Bucket, rate: Rate, now: Duration) -> usize {
        (0..1_000).filter(|_| bucket.take(rate, now)).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate::new(10, SECOND, 30);
        let mut bucket = Bucket::default();
        let rows = [(0, 30), (1, 10), (2, 10), (4, 20), (100, 30), (100, 0)];
        for (at, expected) in rows {
            let now = Duration::from_secs(1_000 + at);
            assert_eq!(took(&mut bucket, rate, now), expected, "after {at} s");
        }
    }

    #[test]
    fn neighbours_share_and_others_do_not() {
        let mut all = Neighbourhoods::new(Rate::new(1, SECOND, 1), &mut Entropy::new([1; 32]));
        let rows: [(IpAddr, bool); 8] = [
            (Ipv4Addr::new(192, 0, 2, 1).into(), true),
            (Ipv4Addr::new(192, 0, 2, 254).into(), false),
            (Ipv4Addr::new(192, 0, 2, 3).to_ipv6_mapped().into(), false),
            (Ipv4Addr::new(192, 0, 3, 1).into(), true),
            ("2001:db8:0:100::1".parse().unwrap(), true),
            ("2001:db8:0:1ff::1".parse().unwrap(), false),
            ("2001:db8:0:200::1".parse().unwrap(), true),
            (Ipv6Addr::from_bits(0).into(), true),
        ];
        for (ip, expected) in rows {
            assert_eq!(all.take(ip, SECOND), expected, "{ip}");
        }
    }

    #[test]
    fn a_wide_prefix_gets_little_more_than_a_narrow_one() {
        // (name, how far apart the addresses are, how many of 1,000 may)
        let rows = [
            ("in a /56", 1, 10),
            ("in a /48", 1u128 << 72, 40),
            ("in a /32", 1 << 80, 160),
            ("each in its own /32", 1 << 96, 1_000),
        ];
        for (name, step, expected) in rows {
            let mut all = Neighbourhoods::new(Rate::new(1, SECOND, 10), &mut Entropy::new([1; 32]));
            let mut took = 0;
            for n in 0..1_000u128 {
                // Within a /48 there are 256 of /56.
                let n = if step == 1 << 72 { n % 256 } else { n };
                let ip = Ipv6Addr::from_bits((0x2001_0db8 << 96) + n * step);
                took += usize::from(all.take(ip.into(), SECOND));
            }
            assert_eq!(took, expected, "{name}");
        }
    }

    #[test]
    fn a_crowd_gets_no_more_than_the_table_bears() {
        let mut all = Neighbourhoods::new(Rate::new(1, SECOND, 4), &mut Entropy::new([2; 32]));
        let mut taken = 0;
        for round in 0..8u32 {
            for crowd in 0..100_000u32 {
                let ip = Ipv4Addr::from_bits(crowd << 8 | round).into();
                taken += usize::from(all.take(ip, SECOND));
            }
        }
        assert!(taken <= SETS * WAYS * 4, "{taken}");
        assert!(taken >= SETS * WAYS * 3, "{taken}");
    }

    #[test]
    fn a_newcomer_takes_the_place_of_who_has_been_quiet() {
        let mut all = Neighbourhoods::new(Rate::new(1, SECOND, 1), &mut Entropy::new([3; 32]));
        let busy = Ipv4Addr::new(203, 0, 113, 1).into();
        let mut now = SECOND;
        for quiet in 0..200_000u32 {
            now += Duration::from_millis(10);
            all.take(Ipv4Addr::from_bits(quiet << 8).into(), now);
            // Asked for far more than its rate, its bucket is never the fullest: it is not forgotten.
            all.take(busy, now);
        }
        assert!(!all.take(busy, now));
    }

    #[test]
    fn relayed_bytes() {
        let rate = 1_000_000;
        let mut bucket = RelayBucket::default();
        let rows = [
            ("at first", 0, 250),
            ("a tenth of a second on", 100, 100),
            ("long after", 10_000, 250),
            ("half an hour later", 1_800_000, 250),
            ("before the wrap", 4_294_900, 250),
            ("behind the wrap", 4_295_000, 100),
        ];
        let mut aged = 0;
        for (name, millis, expected) in rows {
            while aged + 600_000 < millis {
                aged += 600_000;
                bucket.age(Duration::from_millis(aged));
            }
            let now = Duration::from_millis(millis);
            let frames = (0..10_000).filter(|_| bucket.take(1_000, rate, now));
            assert_eq!(frames.count(), expected, "{name}");
        }
        let mut slow = RelayBucket::default();
        assert!(slow.take(1_000, 1, SECOND), "the first of a slow one");
        assert!(!slow.take(1_000, 1, SECOND), "the second of a slow one");
    }

    #[test]
    fn an_old_relay_bucket_is_full_however_long_ago_it_was_used() {
        let mut bucket = RelayBucket::default();
        assert!(bucket.take(250_000, 1_000_000, SECOND));
        for half_minutes in 1..400 {
            bucket.age(Duration::from_secs(half_minutes * 30));
            assert!(
                bucket
                    .clone()
                    .take(250_000, 1_000_000, Duration::from_secs(half_minutes * 30)),
                "after {half_minutes} half minutes"
            );
        }
    }
}
