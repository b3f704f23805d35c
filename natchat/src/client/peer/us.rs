//! What a peer must know of ourselves at the moment, and where frames come from.

use std::cell::Cell;

use crate::crypto::identity::Identity;
use crate::name::MemberId;
use crate::path::paths::Route;
use crate::wire::reach::Reach;

/// How many serials an incarnation has before the next one's: see [`crate::wire::call::Call::serial`].
const SERIAL_BITS: u32 = 20;

/// Ourselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Us<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) id: &'a MemberId,
    pub(crate) incarnation: u64,
    pub(crate) reach: &'a Reach,
    /// Counts what must rise, whoever it is for.
    pub(crate) count: &'a Cell<u64>,
}

impl Us<'_> {
    /// Greater than any before.
    pub(crate) fn next_serial(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        (self.incarnation << SERIAL_BITS).saturating_add(self.count.get())
    }
}

/// By what way a frame has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Through the server.
    Relayed,
    /// From machine to machine.
    Direct(Route),
}
