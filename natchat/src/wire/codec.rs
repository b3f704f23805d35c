//! Reading and writing the parts that frames are made of: integers, addresses, IDs, bounded bytes.
//!
//! | part | bytes |
//! |---|---|
//! | integer | big-endian |
//! | yes or no | 1 or 0 |
//! | something or nothing | 1 and the thing, or 0 |
//! | address | 4, four bytes, port; or 6, sixteen bytes, port |
//! | ID | its length u8, UTF-8 |
//! | text | its length u16, UTF-8 |
//!
//! Each value has one form only: an IPv4 address in IPv6 clothes is written as IPv4 and refused when read, so that
//! no two readings of a frame differ. What belongs to an IPv6 address on one machine only (its scope) is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::name::{ID_LEN, MemberId};

/// A datagram that is not what its first byte promised. Whoever sent it is owed no answer and no detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

/// The longest address.
pub(crate) const ADDR_LEN: usize = 1 + 16 + 2;

const V4: u8 = 4;
const V6: u8 = 6;

/// Takes parts off the front of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Of the whole frame.
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self {
            rest: frame,
            len: frame.len(),
        }
    }

    /// A reader of what follows the first byte and the kind, and the kind.
    pub(crate) fn of_kind(frame: &'a [u8], first_byte: u8) -> Result<(u8, Self), Malformed> {
        let mut reader = Self::of(frame, first_byte)?;
        let kind = reader.u8()?;
        Ok((kind, reader))
    }

    /// A reader of what follows the first byte.
    pub(crate) fn of(frame: &'a [u8], first_byte: u8) -> Result<Self, Malformed> {
        let mut reader = Self::new(frame);
        if reader.u8()? != first_byte {
            return Err(Malformed);
        }
        Ok(reader)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn yes(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// Something, read by `thing`, or nothing.
    pub(crate) fn option<T>(
        &mut self,
        thing: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        Ok(if self.yes()? {
            Some(thing(self)?)
        } else {
            None
        })
    }

    pub(crate) fn addr(&mut self) -> Result<SocketAddr, Malformed> {
        let ip = match self.u8()? {
            V4 => IpAddr::from(Ipv4Addr::from(self.array::<4>()?)),
            V6 => IpAddr::from(Ipv6Addr::from(self.array::<16>()?)),
            _ => return Err(Malformed),
        };
        if ip.to_canonical() != ip {
            return Err(Malformed);
        }
        Ok(SocketAddr::new(ip, self.u16()?))
    }

    pub(crate) fn id(&mut self) -> Result<MemberId, Malformed> {
        let len = self.u8()?;
        let text = str::from_utf8(self.bytes(len.into())?).map_err(|_| Malformed)?;
        text.parse().map_err(|_| Malformed)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.u16()?;
        str::from_utf8(self.bytes(len.into())?).map_err(|_| Malformed)
    }

    /// How many bytes were taken.
    pub(crate) fn taken(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, which is something.
    pub(crate) fn rest(self) -> Result<&'a [u8], Malformed> {
        if self.rest.is_empty() {
            return Err(Malformed);
        }
        Ok(self.rest)
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        self.padding_to(0)
    }

    /// Nothing may be left but the zeros that make the frame `len` bytes long. Anything else is refused: what nobody
    /// looks at could say anything.
    pub(crate) fn padding_to(self, len: usize) -> Result<(), Malformed> {
        if self.len != len.max(self.taken()) || self.rest.iter().any(|&byte| byte != 0) {
            return Err(Malformed);
        }
        Ok(())
    }
}

/// Appends parts to a frame.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Something, written by `thing`, or nothing.
    pub(crate) fn option<T>(
        &mut self,
        value: Option<T>,
        thing: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            thing(self, value);
        }
        self
    }

    pub(crate) fn addr(&mut self, addr: SocketAddr) -> &mut Self {
        match addr.ip().to_canonical() {
            IpAddr::V4(ip) => self.u8(V4).bytes(&ip.octets()),
            IpAddr::V6(ip) => self.u8(V6).bytes(&ip.octets()),
        };
        self.u16(addr.port())
    }

    pub(crate) fn id(&mut self, id: &MemberId) -> &mut Self {
        const { assert!(ID_LEN <= u8::MAX as usize) };
        let len = u8::try_from(id.as_str().len()).unwrap_or(u8::MAX);
        self.u8(len).bytes(id.as_str().as_bytes())
    }

    /// At most as much of `text` as its length can tell.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        let text = &text[..text.floor_char_boundary(u16::MAX.into())];
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.u16(len).bytes(text.as_bytes())
    }

    /// Zeros until the frame is at least `len` long.
    pub(crate) fn pad_to(&mut self, len: usize) {
        let end = self.start + len;
        if self.out.len() < end {
            self.out.resize(end, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        out
    }

    #[test]
    fn addresses() {
        let rows: &[(&str, &str, &[u8])] = &[
            ("IPv4", "1.2.3.4:258", &[4, 1, 2, 3, 4, 1, 2]),
            (
                "IPv4 in IPv6 clothes",
                "[::ffff:1.2.3.4]:258",
                &[4, 1, 2, 3, 4, 1, 2],
            ),
            (
                "IPv6",
                "[100::2]:3",
                &[6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3],
            ),
        ];
        for (name, addr, bytes) in rows {
            let addr: SocketAddr = addr.parse().unwrap();
            assert_eq!(written(|writer| _ = writer.addr(addr)), *bytes, "{name}");
            let canonical = SocketAddr::new(addr.ip().to_canonical(), addr.port());
            assert_eq!(Reader::new(bytes).addr(), Ok(canonical), "{name}");
        }
        let mapped = [6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4, 1, 2];
        for refused in [&mapped[..], &[5, 1, 2, 3, 4, 1, 2], &[4, 1, 2, 3], &[]] {
            assert_eq!(Reader::new(refused).addr(), Err(Malformed), "{refused:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        type Read = fn(&mut Reader<'_>) -> Result<(), Malformed>;
        let rows: &[(&str, &[u8], Read)] = &[
            ("neither yes nor no", &[2], |reader| reader.yes().map(drop)),
            ("an ID with a space", b"\x03a b", |reader| {
                reader.id().map(drop)
            }),
            ("an ID of no UTF-8", &[1, 255], |reader| {
                reader.id().map(drop)
            }),
            ("an ID cut short", b"\x03ab", |reader| reader.id().map(drop)),
            ("an empty ID", &[0], |reader| reader.id().map(drop)),
            ("text of no UTF-8", &[0, 1, 0xC3], |reader| {
                reader.text().map(drop)
            }),
            ("text cut short", &[1, 0, b'a'], |reader| {
                reader.text().map(drop)
            }),
            ("nothing left", &[], |reader| reader.rest().map(drop)),
            ("something left", &[0], |reader| reader.end()),
            ("other padding", &[0, 1], |reader| reader.padding_to(2)),
            ("less padding", &[0], |reader| reader.padding_to(2)),
            ("more padding", &[0, 0, 0], |reader| reader.padding_to(2)),
            ("padding of what is long enough", &[0, 0], |reader| {
                reader.u8()?;
                reader.padding_to(1)
            }),
        ];
        for (name, bytes, read) in rows {
            assert_eq!(read(&mut Reader::new(bytes)), Err(Malformed), "{name}");
        }
    }

    #[test]
    fn text_longer_than_its_length_can_tell_is_cut_at_a_character() {
        let bytes = written(|writer| _ = writer.text(&"가".repeat(30_000)));
        let text = Reader::new(&bytes).text().unwrap();
        assert_eq!(text, "가".repeat(usize::from(u16::MAX) / 3));
    }

    proptest! {
        #[test]
        fn integers_come_back(a: u8, b: u16, c: u32, d: u64, text: String) {
            let bytes = written(|writer| _ = writer.u8(a).u16(b).u32(c).u64(d).text(&text));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u8(), Ok(a));
            prop_assert_eq!(reader.u16(), Ok(b));
            prop_assert_eq!(reader.u32(), Ok(c));
            prop_assert_eq!(reader.u64(), Ok(d));
            prop_assert_eq!(reader.text(), Ok(&*text));
            prop_assert_eq!(reader.end(), Ok(()));
        }
    }
}
