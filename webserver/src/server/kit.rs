//! What all connections of a worker use in turn, so that none has to have it for itself.

use std::sync::Arc;

use common::clock::Clock;
use common::log::Logger;

use crate::config::Limits;
use crate::files::shelf::Moment;
use crate::respond::Responder;
use crate::server::admin::Health;
use crate::server::log::Log;
use crate::server::metrics::Counters;
use crate::server::office::Office;
use crate::server::transmit::Outgoing;

/// A worker's things, lent to the connection whose turn it is.
#[derive(Debug)]
pub(crate) struct Kit {
    /// Where bytes are received.
    pub(crate) input: Box<[u8]>,
    /// Where replies are gathered. Empty between turns.
    pub(crate) outgoing: Outgoing,
    /// Who answers.
    pub(crate) responder: Responder,
    /// Where it is written down.
    pub(crate) log: Log,
    /// What is counted.
    pub(crate) metrics: Arc<Counters>,
    /// Who answers those who look after the server.
    pub(crate) office: Office,
    /// Diagnostics.
    pub(crate) logger: Logger,
    /// What a connection may take.
    pub(crate) limits: Limits,
    /// The moment of this round of the event loop.
    pub(crate) now: Moment,
    /// The clock, for what takes longer than a round.
    pub(crate) clock: Clock,
    /// Whether replies are to be the last on their connections.
    pub(crate) stopping: bool,
}

/// Bytes received at once, at least.
const INPUT_LEN: usize = 32 * 1024;

impl Kit {
    /// Whether new clients are welcome.
    pub(crate) const fn health(&self) -> Health {
        if self.stopping {
            Health::Stopping
        } else {
            Health::Serving
        }
    }

    /// A buffer in which the longest head fits twice, so that one that is too long is seen to be.
    pub(crate) fn input(limits: &Limits) -> Box<[u8]> {
        vec![0; INPUT_LEN.max(limits.head_len.saturating_mul(2))].into_boxed_slice()
    }
}
