//! What a reply is made of, once it has been decided: a leaf between those who decide and those who send.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use crate::http::request::Persistence;
use crate::http::status::Status;

/// Replies that are ready to be sent, in order.
#[derive(Debug, Default)]
pub struct Output {
    /// Heads, and contents that are small enough to be copied behind them.
    pub bytes: Vec<u8>,
    /// What follows the bytes. No reply is added while there is any.
    pub pieces: VecDeque<Piece>,
}

/// A stretch of a reply that is sent from where it lies.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes of this reply alone, such as the head of a part.
    Bytes(Vec<u8>),
    /// Bytes of a file that is kept in memory.
    Memory {
        /// The whole file.
        bytes: Arc<[u8]>,
        /// What of it is sent.
        range: Range<usize>,
    },
    /// Bytes of an open file.
    File {
        /// The file; its own position is never used.
        file: Rc<OwnedFd>,
        /// What of it is sent.
        range: Range<u64>,
    },
}

impl Piece {
    /// Bytes still to be sent.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Memory { range, .. } => range.len() as u64,
            Self::File { range, .. } => range.end.saturating_sub(range.start),
        }
    }

    /// Whether nothing is left to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What there is to know about a reply beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: Status,
    /// Bytes of content that follow its head.
    pub len: u64,
    /// Whether another request may follow on the connection.
    pub then: Persistence,
}
