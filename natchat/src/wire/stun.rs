//! STUN Binding (RFC 8489 §3, §14.2): who asks is told from which address the question came.
//!
//! An answer has what the client needs and no more, so that little is gained by asking in another's name: no SOFTWARE,
//! no reason phrase, a FINGERPRINT only if the question had one. Whether a question is answered is for
//! [`crate::rendezvous`] to limit: 20 bytes draw 32, or 44 with IPv6. Credentials are passed over, as none are asked
//! for.

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRANSACTION: [u8; 12] = [
        0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    ];

    /// A request with these attributes, whatever they are.
    fn request(attributes: &[u8]) -> Vec<u8> {
        let len = u16::try_from(attributes.len()).unwrap();
        let mut out = vec![0, 1];
        out.extend(len.to_be_bytes());
        out.extend(MAGIC_COOKIE.to_be_bytes());
        out.extend(TRANSACTION);
        out.extend(attributes);
        out
    }

    fn with_fingerprint(attributes: &[u8]) -> Vec<u8> {
        let mut out = request(&[attributes, &[0; 8]].concat());
        let before = out.len() - 8;
        let sum = fingerprint(&out[..before]);
        out.truncate(before);
        out.extend([0x80, 0x28, 0, 4]);
        out.extend(sum.to_be_bytes());
        out
    }

    /// RFC 5769 §2.1, with its credentials, PRIORITY left out.
    #[test]
    fn requests() {
        let binding = |fingerprint| Binding {
            transaction: TRANSACTION,
            fingerprint,
        };
        let plain = Some(Request::Binding(binding(false)));
        let unknown = |attribute| {
            let request = binding(false);
            Some(Request::UnknownAttribute { request, attribute })
        };
        let integrity = [&[0, 8, 0, 20][..], &[7; 20]].concat();
        let rows: &[(&str, Vec<u8>, Option<Request>)] = &[
            ("bare", request(&[]), plain),
            (
                "SOFTWARE",
                request(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]),
                plain,
            ),
            ("USERNAME", request(&[0, 6, 0, 1, b'a', 0, 0, 0]), plain),
            (
                "CHANGE-REQUEST",
                request(&[0, 3, 0, 4, 0, 0, 0, 6]),
                unknown(3),
            ),
            (
                "two unknown",
                request(&[0, 3, 0, 0, 0, 0x24, 0, 0]),
                unknown(3),
            ),
            (
                "unknown behind the seal",
                request(&[&*integrity, &[0, 3, 0, 0]].concat()),
                plain,
            ),
            (
                "fingerprint",
                with_fingerprint(&[]),
                Some(Request::Binding(binding(true))),
            ),
            (
                "fingerprint behind unknown",
                with_fingerprint(&[0, 3, 0, 0]),
                Some(Request::UnknownAttribute {
                    request: binding(true),
                    attribute: 3,
                }),
            ),
            (
                "wrong fingerprint",
                request(&[0x80, 0x28, 0, 4, 1, 2, 3, 4]),
                None,
            ),
            (
                "short fingerprint",
                request(&[0x80, 0x28, 0, 3, 1, 2, 3, 0]),
                None,
            ),
            (
                "something behind the fingerprint",
                [with_fingerprint(&[]), vec![0; 4]].concat(),
                None,
            ),
            (
                "attribute cut",
                request(&[0x80, 0x22, 0, 5, 1, 2, 3, 4]),
                None,
            ),
            ("attribute header cut", request(&[0x80, 0x22]), None),
            (
                "longer than said",
                [request(&[]), vec![0; 4]].concat(),
                None,
            ),
            ("shorter than said", request(&[])[..19].to_vec(), None),
            ("nothing", Vec::new(), None),
        ];
        for (name, datagram, expected) in rows {
            assert_eq!(decode(datagram).ok(), *expected, "{name}");
        }
        for (name, at, byte) in [
            ("indication", 1, 0x11),
            ("success", 0, 1),
            ("another method", 1, 3),
            ("another cookie", 4, 0),
        ] {
            let mut other = request(&[]);
            other[at] = byte;
            assert_eq!(decode(&other), Err(Malformed), "{name}");
        }
    }

    /// RFC 5769 §2.2 and §2.3, without what we do not send.
    #[test]
    fn answers() {
        let binding = Binding {
            transaction: TRANSACTION,
            fingerprint: false,
        };
        let fingerprinted = Binding {
            fingerprint: true,
            ..binding
        };
        let v4: &[u8] = &[0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let v6: &[u8] = &[
            0, 0x20, 0, 0x14, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
            0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        let error: &[u8] = &[0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0, 3, 0, 0];
        let attribute = 3;
        let rows: &[(&str, Request, &str, u8, &[u8])] = &[
            ("IPv4", Request::Binding(binding), "192.0.2.1:32853", 1, v4),
            (
                "IPv4 in IPv6 clothes",
                Request::Binding(binding),
                "[::ffff:192.0.2.1]:32853",
                1,
                v4,
            ),
            (
                "IPv6",
                Request::Binding(binding),
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
                1,
                v6,
            ),
            (
                "fingerprint",
                Request::Binding(fingerprinted),
                "192.0.2.1:32853",
                1,
                v4,
            ),
            (
                "unknown attribute",
                Request::UnknownAttribute {
                    request: fingerprinted,
                    attribute,
                },
                "192.0.2.1:32853",
                0x11,
                error,
            ),
        ];
        for (name, question, from, kind, attributes) in rows {
            let mut out = vec![9; 3]; // what is before it must not matter
            encode_answer(question, from.parse().unwrap(), &mut out);
            let message = &out[3..];
            let mut expected = match question {
                Request::Binding(Binding {
                    fingerprint: true, ..
                })
                | Request::UnknownAttribute { .. } => with_fingerprint(attributes),
                Request::Binding(_) => request(attributes),
            };
            expected[0] = 1;
            expected[1] = *kind;
            if expected.len() > HEADER_LEN + attributes.len() {
                let before = expected.len() - 8;
                let sum = fingerprint(&expected[..before]);
                expected[before + 4..].copy_from_slice(&sum.to_be_bytes());
            }
            assert_eq!(message, expected, "{name}");
        }
    }

    /// The check value of CRC-32/ISO-HDLC.
    #[test]
    fn checksum() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    /// RFC 5769 §2.1 whole: its FINGERPRINT is right, its PRIORITY unknown here.
    #[test]
    fn the_sample_request() {
        let hex = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
                   002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149a\
                   eaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
        let sample: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let request = Binding {
            transaction: TRANSACTION,
            fingerprint: true,
        };
        let attribute = 0x24;
        assert_eq!(
            decode(&sample),
            Ok(Request::UnknownAttribute { request, attribute })
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let mut padded = bytes;
            padded.resize(padded.len().next_multiple_of(4), 0);
            if let Ok(question) = decode(&request(&padded)) {
                let mut out = Vec::new();
                encode_answer(&question, ([1; 8], 1).into(), &mut out);
                prop_assert!(out.len() <= 52);
            }
        }

        #[test]
        fn every_cut_is_refused(len in 0..28_usize) {
            prop_assert_eq!(decode(&with_fingerprint(&[])[..len]), Err(Malformed));
        }
    }
}
