//! STUN Binding (RFC 8489 §3, §14.2): who asks is told from which address the question came.

use std::net::SocketAddr;

use crate::wire::codec::Malformed;

/// A Binding request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Comes back in the answer.
    pub transaction: [u8; 12],
    /// Whether the request had a FINGERPRINT (§14.7): then so has the answer.
    pub fingerprint: bool,
}

/// What a server makes of a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To be answered.
    Binding(Binding),
    /// A request with a comprehension-required attribute that is not known: 420 (§6.3.1).
    UnknownAttribute {
        /// The request's.
        transaction: [u8; 12],
        /// The first such attribute.
        attribute: u16,
    },
}

/// Reads a request.
///
/// # Errors
/// If it is no well-formed Binding request; indications and responses too, since they are owed no answer.
pub fn decode(datagram: &[u8]) -> Result<Request, Malformed> {
    let _ = datagram;
    unimplemented!()
}

/// Writes the answer to a request that came from `from`.
pub fn encode_answer(request: &Request, from: SocketAddr, out: &mut Vec<u8>) {
    let _ = (request, from, out);
    unimplemented!()
}
