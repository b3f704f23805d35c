//! Between peers and files: the connection of a peer is lent to the files that go to it or come from it.

use std::time::Instant;

use crate::client::company::{Around, Company};
use crate::client::event::Undelivered;
use crate::client::peer::Fate;
use crate::client::text::undelivered;
use crate::client::transfer::{self, Transfers};
use crate::name::MemberId;

/// Both, for a moment.
pub(crate) struct Lending<'a> {
    pub(crate) now: Instant,
    pub(crate) around: Around<'a>,
    pub(crate) company: &'a mut Company,
    pub(crate) transfers: &'a mut Transfers,
}

impl Lending<'_> {
    /// Files have something to do at a peer's, which is made if there is none.
    pub(crate) fn drive(self, id: &MemberId) {
        let (now, us) = (self.now, self.around.us);
        let transfers = &mut *self.transfers;
        let driven = self.company.with(now, self.around, id, |peer| {
            transfers.drive(now, id, peer.lend(now, us));
            peer.set_files(transfers.is_moving(Some(id)));
        });
        if let Err(reason) = driven {
            self.transfers.gone(id, &undelivered(reason), None);
        }
    }

    /// Something has happened in one of a peer's channels.
    pub(crate) fn drive_present(self, id: &MemberId) {
        let (now, us) = (self.now, self.around.us);
        self.company.with_present(now, self.around, id, |peer| {
            self.transfers.drive(now, id, peer.lend(now, us));
            peer.set_files(self.transfers.is_moving(Some(id)));
        });
    }

    /// What was agreed upon with a peer holds no more.
    pub(crate) fn stop(self, id: &MemberId, reason: Undelivered, fate: Fate) {
        let (now, us) = (self.now, self.around.us);
        let reason = undelivered(reason);
        let transfers = &mut *self.transfers;
        let stopped = self.company.with_present(now, self.around, id, |peer| {
            let connection = (fate == Fate::Kept).then(|| peer.lend(now, us));
            transfers.gone(id, &reason, connection);
            peer.set_files(false);
        });
        if stopped.is_none() {
            self.transfers.gone(id, &reason, None);
        }
    }
}

/// A record of a peer's that is no line. Who sends one that nobody knows is not answered.
pub(crate) fn record(
    now: Instant,
    company: &Company,
    transfers: &mut Transfers,
    id: &MemberId,
    kind: u8,
    body: &[u8],
) {
    let key = company.get(id).map(|peer| *peer.key());
    if let Some(key) = key.filter(|_| transfer::KINDS.contains(&kind)) {
        let _ = transfers.handle_record(now, id, &key, kind, body);
    }
}
