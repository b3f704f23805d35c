//! What the system's events are about: the numbers by which epoll tells sockets apart.

use super::conns::Marks;
use super::ports::Place;

/// What an event of the system is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A signal.
    Bell,
    /// Datagrams.
    Port(Place),
    /// Somebody connects.
    Listener(usize),
    /// A connection.
    Conn(u32),
}

/// Those of connections.
pub(super) const MARKS: Marks = Marks {
    listener: |place| Mark::Listener(place).bits(),
    conn: |conn| Mark::Conn(conn).bits(),
};

impl Mark {
    /// As one number, for the kernel to keep: a kind and what tells one of it.
    pub(super) fn bits(self) -> u64 {
        let (kind, which) = match self {
            Self::Bell => (0, 0),
            Self::Port(Place::Main(place)) => (1, place as u64),
            Self::Port(Place::Probe(place)) => (2, place as u64),
            Self::Port(Place::Older(slot, place)) => (3, u64::from(slot) << 32 | place as u64),
            Self::Listener(place) => (4, place as u64),
            Self::Conn(conn) => (5, u64::from(conn)),
        };
        kind << KIND_SHIFT | which
    }

    /// What [`Mark::bits`] gave.
    pub(super) fn of(bits: u64) -> Self {
        let which = bits & ((1 << KIND_SHIFT) - 1);
        let low = u32::try_from(which & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let place = low as usize;
        match bits >> KIND_SHIFT {
            1 => Self::Port(Place::Main(place)),
            2 => Self::Port(Place::Probe(place)),
            3 => Self::Port(Place::Older(
                u16::try_from(which >> 32).unwrap_or(u16::MAX),
                place,
            )),
            4 => Self::Listener(place),
            5 => Self::Conn(low),
            _ => Self::Bell,
        }
    }
}

const KIND_SHIFT: u32 = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_as_they_were() {
        let rows = [
            Mark::Bell,
            Mark::Port(Place::Main(3)),
            Mark::Port(Place::Probe(5)),
            Mark::Port(Place::Older(u16::MAX, 7)),
            Mark::Listener(9),
            Mark::Conn(u32::MAX),
        ];
        for mark in rows {
            assert_eq!(Mark::of(mark.bits()), mark);
        }
    }
}
