//! STUN Binding (RFC 8489 §3, §14.2): who asks is told from which address the question came.
//!
//! An answer has what the client needs and no more, so that little is gained by asking in another's name: no SOFTWARE,
//! no reason phrase, a FINGERPRINT only if the question had one. Whether a question is answered is for
//! [`crate::rendezvous`] to limit: 20 bytes draw 32, or 44 with IPv6. Credentials are passed over, as none are asked for.

use std::net::{IpAddr, SocketAddr};

use crate::wire::codec::{Malformed, Reader, Writer};

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
        /// The request.
        request: Binding,
        /// The first such attribute. More are not told: the list could be as long as the request.
        attribute: u16,
    },
}

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAGIC_COOKIE: u32 = 0x2112_A442;
/// The first half of it.
const COOKIE_HIGH: u16 = 0x2112;
const HEADER_LEN: usize = 20;

const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;

/// MAPPED-ADDRESS, USERNAME, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM, NONCE, PASSWORD-ALGORITHM, USERHASH,
/// XOR-MAPPED-ADDRESS (§18.3): known, and of no matter here (§6.3: passed over where not expected).
const PASSED_OVER: [u16; 9] = [
    0x0001,
    0x0006,
    ERROR_CODE,
    UNKNOWN_ATTRIBUTES,
    0x0014,
    0x0015,
    0x001D,
    0x001E,
    XOR_MAPPED_ADDRESS,
];

/// From here on attributes may be passed over by who does not know them (§14).
const OPTIONAL: u16 = 0x8000;

/// Reads a request.
///
/// # Errors
/// If it is no well-formed Binding request; indications and responses too, since they are owed no answer.
pub fn decode(datagram: &[u8]) -> Result<Request, Malformed> {
    let mut reader = Reader::new(datagram);
    let kind = reader.u16()?;
    let len = usize::from(reader.u16()?);
    let cookie = reader.u32()?;
    let transaction = reader.array()?;
    let is_whole = datagram.len() == HEADER_LEN + len && len.is_multiple_of(4);
    if kind != BINDING_REQUEST || cookie != MAGIC_COOKIE || !is_whole {
        return Err(Malformed);
    }
    let (unknown, fingerprint) = read_attributes(datagram, reader)?;
    let request = Binding {
        transaction,
        fingerprint,
    };
    Ok(match unknown {
        Some(attribute) => Request::UnknownAttribute { request, attribute },
        None => Request::Binding(request),
    })
}

/// The first attribute that had to be known and is not, and whether there is a right FINGERPRINT.
fn read_attributes(
    datagram: &[u8],
    mut reader: Reader<'_>,
) -> Result<(Option<u16>, bool), Malformed> {
    let mut unknown = None;
    let mut is_sealed = false;
    while !reader.is_at_end() {
        let before = &datagram[..reader.taken()];
        let kind = reader.u16()?;
        let len = usize::from(reader.u16()?);
        let value = reader.bytes(len.next_multiple_of(4))?;
        match kind {
            FINGERPRINT => {
                // It is the last one (§14.7).
                reader.end()?;
                if len != 4 || value != fingerprint(before).to_be_bytes() {
                    return Err(Malformed);
                }
                return Ok((unknown, true));
            }
            MESSAGE_INTEGRITY | MESSAGE_INTEGRITY_SHA256 => is_sealed = true,
            // What comes behind the seal is passed over (§14.5, §14.6).
            _ if is_sealed || kind >= OPTIONAL || PASSED_OVER.contains(&kind) => {}
            _ => unknown = unknown.or(Some(kind)),
        }
    }
    Ok((unknown, false))
}

/// Appends the answer to a request that came from `from` to `out`.
pub fn encode_answer(request: &Request, from: SocketAddr, out: &mut Vec<u8>) {
    let start = out.len();
    let (kind, binding) = match request {
        Request::Binding(binding) => (BINDING_SUCCESS, binding),
        Request::UnknownAttribute { request, .. } => (BINDING_ERROR, request),
    };
    let mut writer = Writer::new(out);
    writer
        .u16(kind)
        .u16(0)
        .u32(MAGIC_COOKIE)
        .bytes(&binding.transaction);
    match request {
        Request::Binding(_) => write_mapped(from, &binding.transaction, &mut writer),
        Request::UnknownAttribute { attribute, .. } => {
            writer.u16(ERROR_CODE).u16(4).bytes(&[0, 0, 4, 20]);
            writer.u16(UNKNOWN_ATTRIBUTES).u16(2).u16(*attribute).u16(0);
        }
    }
    if binding.fingerprint {
        // Its own length is told before it is computed (§14.7).
        set_len(&mut out[start..], FINGERPRINT_LEN);
        let sum = fingerprint(&out[start..]);
        Writer::new(out).u16(FINGERPRINT).u16(4).u32(sum);
    } else {
        set_len(&mut out[start..], 0);
    }
}

/// Attribute header and value.
const FINGERPRINT_LEN: usize = 8;

/// Tells the length of what is behind the header and of what will be.
fn set_len(message: &mut [u8], more: usize) {
    let len = message.len() - HEADER_LEN + more;
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    message[2..4].copy_from_slice(&len.to_be_bytes());
}

/// §14.2: the address, combined with what no router takes for an address.
fn write_mapped(from: SocketAddr, transaction: &[u8; 12], writer: &mut Writer<'_>) {
    let port = from.port() ^ COOKIE_HIGH;
    match from.ip().to_canonical() {
        IpAddr::V4(ip) => {
            writer.u16(XOR_MAPPED_ADDRESS).u16(8).u8(0).u8(1).u16(port);
            writer.u32(ip.to_bits() ^ MAGIC_COOKIE);
        }
        IpAddr::V6(ip) => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            mask[4..].copy_from_slice(transaction);
            writer.u16(XOR_MAPPED_ADDRESS).u16(20).u8(0).u8(2).u16(port);
            writer.bytes(&(ip.to_bits() ^ u128::from_be_bytes(mask)).to_be_bytes());
        }
    }
}

/// §14.7: CRC-32 of all that is before the attribute, combined with `STUN`.
fn fingerprint(before: &[u8]) -> u32 {
    crc32(before) ^ 0x5354_554E
}

/// ITU V.42 (CRC-32 as in zip), bit by bit: only who asks for a FINGERPRINT pays for it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))
        })
    })
}
