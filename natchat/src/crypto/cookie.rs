//! Cookies: a server makes somebody prove that it receives at its address, and keeps nothing meanwhile.

use std::net::SocketAddr;
use std::time::Instant;

use crate::crypto::entropy::Entropy;
use crate::wire::to_server::Cookie;

/// Makes and knows cookies: a keyed hash of address, purpose and minute; those of this minute and the last are good.
#[derive(Debug)]
pub struct CookieJar {
    _todo: (),
}

impl CookieJar {
    /// One with a secret of its own.
    #[must_use]
    pub fn new(entropy: &mut Entropy, now: Instant) -> Self {
        let _ = (entropy, now);
        unimplemented!()
    }
    /// The cookie for who receives at `addr`; `about` binds it further (a member's number; 0 for a newcomer).
    #[must_use]
    pub fn bake(&self, addr: SocketAddr, about: u64, now: Instant) -> Cookie {
        let _ = (addr, about, now);
        unimplemented!()
    }
    /// Whether it is one of ours and fresh.
    #[must_use]
    pub fn is_good(&self, cookie: &Cookie, addr: SocketAddr, about: u64, now: Instant) -> bool {
        let _ = (cookie, addr, about, now);
        unimplemented!()
    }
}
