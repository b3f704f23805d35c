//! Cookies: a server makes somebody prove that it receives at its address, and keeps nothing meanwhile.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::crypto::entropy::Entropy;
use crate::crypto::mac;
use crate::wire::to_server::Cookie;

/// How long the cookies of one period are baked; each is good in its own and the next one, so for one to two minutes:
/// long enough for every retry of a handshake, short enough to be of no use to who later gets the address.
const PERIOD: Duration = Duration::from_secs(60);

/// Makes and knows cookies: a keyed hash of address, purpose and minute; those of this minute and the last are good.
#[derive(Clone)]
pub struct CookieJar {
    secret: [u8; 32],
    epoch: Instant,
}

impl CookieJar {
    /// One with a secret of its own.
    #[must_use]
    pub fn new(entropy: &mut Entropy, now: Instant) -> Self {
        Self {
            secret: entropy.bytes(),
            epoch: now,
        }
    }

    /// The cookie for who receives at `addr`; `about` binds it further (a member's number; 0 for a newcomer).
    #[must_use]
    pub fn bake(&self, addr: SocketAddr, about: u64, now: Instant) -> Cookie {
        self.of_period(addr, about, self.period(now))
    }

    /// Whether it is one of ours and fresh.
    #[must_use]
    pub fn is_good(&self, cookie: &Cookie, addr: SocketAddr, about: u64, now: Instant) -> bool {
        let this = self.period(now);
        let of = |period| mac::is_same(&self.of_period(addr, about, period), cookie);
        of(this) || this.checked_sub(1).is_some_and(of)
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_secs() / PERIOD.as_secs()
    }

    fn of_period(&self, addr: SocketAddr, about: u64, period: u64) -> Cookie {
        // An IPv4 address is the same whether or not the socket that received it is one of IPv6.
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut text = [0; 16 + 2 + 8 + 8];
        text[..16].copy_from_slice(&ip.octets());
        text[16..18].copy_from_slice(&addr.port().to_be_bytes());
        text[18..26].copy_from_slice(&about.to_be_bytes());
        text[26..].copy_from_slice(&period.to_be_bytes());
        let hash = blake3::keyed_hash(&self.secret, &text);
        *hash
            .as_bytes()
            .first_chunk()
            .expect("a hash is longer than a cookie")
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "an epoch for virtual time; nothing is measured by it"
)]
mod tests {
    use super::*;

    #[test]
    fn good_where_when_and_for_what_it_was_baked() {
        let now = Instant::now();
        let jar = CookieJar::new(&mut Entropy::new([1; 32]), now);
        let addr: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        let cookie = jar.bake(addr, 7, now);
        let after = |secs| now + Duration::from_secs(secs);
        let rows = [
            ("at once", "192.0.2.1:1000", 7, after(0), true),
            ("in the next minute", "192.0.2.1:1000", 7, after(119), true),
            ("in the one after", "192.0.2.1:1000", 7, after(120), false),
            (
                "as IPv6 writes it",
                "[::ffff:192.0.2.1]:1000",
                7,
                after(0),
                true,
            ),
            ("from another port", "192.0.2.1:1001", 7, after(0), false),
            ("from another address", "192.0.2.2:1000", 7, after(0), false),
            ("for another member", "192.0.2.1:1000", 8, after(0), false),
        ];
        for (name, addr, about, when, good) in rows {
            assert_eq!(
                jar.is_good(&cookie, addr.parse().unwrap(), about, when),
                good,
                "{name}"
            );
        }
        let mut tampered = cookie;
        tampered[15] ^= 0x80;
        assert!(!jar.is_good(&tampered, addr, 7, now), "tampered");
        let other = CookieJar::new(&mut Entropy::new([2; 32]), now);
        assert!(!other.is_good(&cookie, addr, 7, now), "of another server");
    }
}
