//! The sessions with one peer: made, found by their index, used, replaced. It decides no life and takes no packet.
//!
//! ```text
//!   hello() ──► Pending ──(message 2)──► Established ──► sealed with, opened with ──► forgotten
//!   accept(message 1) ─────────────────► Established, unproven until something comes by it
//! ```
//!
//! Several may stand at a time: both sides may have begun one at once, and each repeated message 1 makes one. All are received
//! with; the newest proven one is sent with, since of the others it is not certain that the peer has them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::peer::hello::Life;
use crate::crypto::entropy::Entropy;
use crate::crypto::noise::{Initiation, Session};
use crate::wire::transport::{HEADER_LEN, Transport};

/// Sessions that stand at a time, and handshakes waited for at a time: both sides at once, each once repeated.
const SESSIONS: usize = 4;

/// How old a session becomes before who began it makes another.
const REKEY_AFTER: Duration = Duration::from_secs(120);

/// The other side does so later, so that not both do at once.
const REKEY_AFTER_ANSWERED: Duration = Duration::from_secs(150);

/// What is left of sessions when a newer one is proven: what is still on its way comes within this.
const OVERLAP: Duration = Duration::from_secs(30);

/// The bits of an index below the peer's slot.
const SLOT_SHIFT: u32 = 20;

/// Peers at a time: as many slots as the bits above leave.
pub(crate) const SLOTS: u16 = 1 << (u32::BITS - SLOT_SHIFT);

/// Which peer a session's index belongs to.
pub(crate) fn slot_of(index: u32) -> u16 {
    u16::try_from(index >> SLOT_SHIFT).expect("12 bits")
}

#[derive(Debug)]
struct Pending {
    index: u32,
    life: Life,
    initiation: Initiation,
}

#[derive(Debug)]
struct Established {
    mine: u32,
    theirs: u32,
    session: Session,
    since: Instant,
    /// Whether we began it.
    is_ours: bool,
    /// Whether the peer is known to have it: since when.
    proven: Option<Instant>,
}

/// The sessions with one peer.
#[derive(Debug)]
pub(crate) struct Sessions {
    slot: u16,
    entropy: Entropy,
    pending: VecDeque<Pending>,
    established: VecDeque<Established>,
}

impl Sessions {
    pub(crate) fn new(slot: u16, entropy: Entropy) -> Self {
        Self {
            slot,
            entropy,
            pending: VecDeque::new(),
            established: VecDeque::new(),
        }
    }

    /// An index that nothing here has.
    pub(crate) fn new_index(&mut self) -> u32 {
        loop {
            let low = u32::try_from(self.entropy.below(1 << SLOT_SHIFT)).expect("20 bits");
            let index = u32::from(self.slot) << SLOT_SHIFT | low;
            if !self.pending.iter().any(|it| it.index == index)
                && !self.established.iter().any(|it| it.mine == index)
            {
                return index;
            }
        }
    }

    /// Randomness for a handshake.
    pub(crate) fn entropy(&mut self) -> &mut Entropy {
        &mut self.entropy
    }

    /// A handshake was begun for this life.
    pub(crate) fn begun(&mut self, index: u32, life: Life, initiation: Initiation) {
        if self.pending.len() == SESSIONS {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending {
            index,
            life,
            initiation,
        });
    }

    /// Reads the answer to a handshake begun here: the session, not yet kept, for which life it was begun, and what the answer says.
    pub(crate) fn finish(
        &mut self,
        index: u32,
        message: &[u8],
    ) -> Option<(Session, Life, Vec<u8>)> {
        let at = self.pending.iter().position(|it| it.index == index)?;
        let (session, payload) = self.pending[at].initiation.finish(message).ok()?;
        let life = self.pending.remove(at)?.life;
        Some((session, life, payload))
    }

    /// Keeps a session that we began.
    pub(crate) fn keep_ours(&mut self, now: Instant, mine: u32, theirs: u32, session: Session) {
        self.keep(Established {
            mine,
            theirs,
            session,
            since: now,
            is_ours: true,
            proven: Some(now),
        });
    }

    /// Keeps a session that the peer began.
    pub(crate) fn keep_theirs(&mut self, now: Instant, mine: u32, theirs: u32, session: Session) {
        self.keep(Established {
            mine,
            theirs,
            session,
            since: now,
            is_ours: false,
            proven: None,
        });
    }

    fn keep(&mut self, established: Established) {
        self.established.push_back(established);
        self.prune();
    }

    /// Opens a sealed packet into `out`. False: not authentic, or came before.
    pub(crate) fn open(&mut self, now: Instant, frame: &Transport<'_>, out: &mut Vec<u8>) -> bool {
        let Some(found) = self
            .established
            .iter_mut()
            .find(|it| it.mine == frame.receiver)
        else {
            return false;
        };
        if found
            .session
            .open(frame.counter, frame.sealed, out)
            .is_err()
        {
            return false;
        }
        if found.proven.is_none() {
            found.proven = Some(now);
        }
        self.forget_older(now);
        true
    }

    /// Writes a whole frame with the packet in it, if there is a session.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let current = self.current_mut()?;
        let mut frame = Vec::with_capacity(HEADER_LEN + packet.len() + 16);
        Transport::encode_header(current.theirs, current.session.next_nonce(), &mut frame);
        current.session.seal(packet, &mut frame);
        Some(frame)
    }

    /// Whether there is one to send with.
    pub(crate) fn is_any(&self) -> bool {
        !self.established.is_empty()
    }

    /// Whether another one should be made.
    pub(crate) fn is_rekey_due(&self, now: Instant) -> bool {
        self.current().is_some_and(|current| {
            let limit = if current.is_ours {
                REKEY_AFTER
            } else {
                REKEY_AFTER_ANSWERED
            };
            current.session.is_worn() || now.saturating_duration_since(current.since) >= limit
        })
    }

    /// Since when the one to send with stands.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.current().map(|current| current.since)
    }

    /// The life they belonged to is over, not that of the handshakes.
    pub(crate) fn forget_established(&mut self) {
        self.established.clear();
    }

    /// The lives they belonged to are over.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.established.clear();
    }

    fn current(&self) -> Option<&Established> {
        let mut newest_first = self.established.iter().rev();
        newest_first
            .find(|it| it.proven.is_some())
            .or_else(|| self.established.back())
    }

    fn current_mut(&mut self) -> Option<&mut Established> {
        let proven = self.established.iter().rposition(|it| it.proven.is_some());
        let at = proven.or_else(|| self.established.len().checked_sub(1))?;
        self.established.get_mut(at)
    }

    /// What is older than the newest proven one has its time still.
    fn forget_older(&mut self, now: Instant) {
        let Some(current) = self.established.iter().rposition(|it| it.proven.is_some()) else {
            return;
        };
        let is_over = |proven: Instant| now.saturating_duration_since(proven) > OVERLAP;
        if self.established[current].proven.is_some_and(is_over) {
            self.established.drain(..current);
        }
    }

    /// The oldest gives way, but never the one that is sent with.
    fn prune(&mut self) {
        while self.established.len() > SESSIONS {
            let current = self.established.iter().rposition(|it| it.proven.is_some());
            self.established.remove(usize::from(current == Some(0)));
        }
    }
}
