//! Sockets besides the main one: who has asked for some, and whose are whose.

use std::collections::{BTreeMap, VecDeque};

use crate::name::MemberId;
use crate::path::paths::Socket;

/// Sockets open at a time, for all peers together: what one birthday search opens.
const SOCKETS: usize = 256;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Who asked, in order, and for how many.
    asking: VecDeque<(MemberId, u16)>,
    owners: BTreeMap<Socket, u16>,
}

impl Sockets {
    /// Somebody asks: for how many the system is to be asked.
    pub(crate) fn ask(&mut self, id: &MemberId, count: u16) -> u16 {
        let asked: usize = self
            .asking
            .iter()
            .map(|(_, count)| usize::from(*count))
            .sum();
        let left = SOCKETS.saturating_sub(self.owners.len() + asked);
        let count = count.min(u16::try_from(left).unwrap_or(u16::MAX));
        if count > 0 {
            self.asking.push_back((id.clone(), count));
        }
        count
    }

    /// The system has opened these: who asked first, and how many of them are for it.
    pub(crate) fn opened(&mut self, sockets: &[Socket]) -> Option<(MemberId, usize)> {
        let (id, count) = self.asking.pop_front()?;
        Some((id, sockets.len().min(count.into())))
    }

    /// These are for the peer in this slot.
    pub(crate) fn own(&mut self, slot: u16, sockets: &[Socket]) {
        self.owners
            .extend(sockets.iter().map(|socket| (*socket, slot)));
    }

    /// These are nobody's any more.
    pub(crate) fn disown(&mut self, sockets: &[Socket]) {
        for socket in sockets {
            self.owners.remove(socket);
        }
    }

    /// Nothing is this peer's any more: what was.
    pub(crate) fn disown_all(&mut self, slot: u16) -> Vec<Socket> {
        self.owners
            .extract_if(.., |_, owner| *owner == slot)
            .map(|(socket, _)| socket)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_out_in_the_order_they_were_asked_for() {
        let (bob, eve): (MemberId, MemberId) = ("bob".parse().unwrap(), "eve".parse().unwrap());
        let mut sockets = Sockets::default();
        assert_eq!(sockets.ask(&bob, 200), 200);
        assert_eq!(sockets.ask(&eve, 200), 56, "what is left");
        assert_eq!(sockets.ask(&eve, 1), 0);
        assert_eq!(
            sockets.opened(&[1, 2, 3]),
            Some((bob, 3)),
            "as many as the system gave"
        );
        sockets.own(7, &[1, 2, 3]);
        assert_eq!(sockets.opened(&[4; 60]), Some((eve.clone(), 56)));
        sockets.own(8, &[4, 5]);
        assert_eq!(sockets.opened(&[9]), None);
        sockets.disown(&[1]);
        assert_eq!(sockets.disown_all(7), [2, 3]);
        assert_eq!(sockets.disown_all(7), [0; 0]);
        assert_eq!(sockets.ask(&eve, 1_000), 254);
    }
}
