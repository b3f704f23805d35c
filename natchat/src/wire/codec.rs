//! Reading and writing the parts that frames are made of: integers, addresses, IDs, bounded bytes.

/// A datagram that is not what its first byte promised. Whoever sent it is owed no answer and no detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;
