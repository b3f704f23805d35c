//! What a packet looks like: its number, then frames; bytes in, checked values out, and back.
//!
//! | frame | fields |
//! |---|---|
//! | 0 Ping | none: only to be acknowledged |
//! | 1 Data | channel, offset, length, bytes |
//! | 2 Ack | largest, delay (µs), further ranges, length − 1 of the first, then downwards gap − 1, length − 1 of each |
//! | 3 Window | channel, limit: data may be sent up to this offset |
//! | 4 Skip | channel, offset: what has not come of the bytes before it will never come |
//!
//! All integers are of variable length (RFC 9000 §16). Frames hold nothing of what they mean: see `connection`.

use std::ops::Range;
use std::time::Duration;

use crate::reliable::ranges::RangeSet;
use crate::wire::codec::Malformed;

/// Frames in a packet, at most: a longer one is made to cost the receiver time.
pub(crate) const FRAMES: usize = 32;
/// Ranges in an Ack, at most. The newest are told; each is told again in the next acknowledgements, until it falls out.
pub(crate) const ACK_RANGES: usize = 32;
/// No integer is above this (RFC 9000 §16).
pub(crate) const LARGEST: u64 = (1 << 62) - 1;
/// No channel comes so far; a window above it can still be written.
const FARTHEST: u64 = 1 << 60;
/// The longest header of a Data frame.
pub(crate) const DATA_HEADER: usize = 1 + 8 + 8 + 2;
/// A packet's number and a Window or Skip frame at their longest.
pub(crate) const CONTROL_LEN: usize = 1 + 8 + 8;

const PING: u8 = 0;
const DATA: u8 = 1;
const ACK: u8 = 2;
const WINDOW: u8 = 3;
const SKIP: u8 = 4;

/// One of a packet's frames.
#[derive(Clone, Debug)]
pub(crate) enum Frame<'a> {
    Ping,
    Data {
        channel: u32,
        offset: u64,
        bytes: &'a [u8],
    },
    Ack(Ack<'a>),
    Window {
        channel: u32,
        limit: u64,
    },
    Skip {
        channel: u32,
        to: u64,
    },
}

/// Which packets have come.
#[derive(Clone, Debug)]
pub(crate) struct Ack<'a> {
    pub(crate) largest: u64,
    /// How long the largest waited for this.
    pub(crate) delay: Duration,
    first: u64,
    further: u64,
    rest: &'a [u8],
}

impl Ack<'_> {
    /// The ranges, from the highest to the lowest; they were checked when the frame was read.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut reader = Reader(self.rest);
        let mut lowest = self.largest - self.first;
        let further = (0..self.further).map_while(move |_| {
            let (gap, len) = (reader.int().ok()?, reader.int().ok()?);
            let end = lowest.checked_sub(gap + 1)?;
            lowest = end.checked_sub(len + 1)?;
            Some(lowest..end)
        });
        std::iter::once(self.largest - self.first..self.largest + 1).chain(further)
    }
}

/// The number of a packet, and its frames to be read one by one.
pub(crate) fn open(packet: &[u8]) -> Result<(u64, Frames<'_>), Malformed> {
    let mut reader = Reader(packet);
    let number = reader.int()?;
    Ok((
        number,
        Frames {
            reader,
            left: FRAMES,
        },
    ))
}

/// Reads frames.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Frames<'a> {
    /// The next one; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'a>>, Malformed> {
        if self.reader.0.is_empty() {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(Malformed)?;
        let reader = &mut self.reader;
        Ok(Some(match reader.byte()? {
            PING => Frame::Ping,
            DATA => reader.data()?,
            ACK => Frame::Ack(reader.ack()?),
            WINDOW => Frame::Window {
                channel: reader.channel()?,
                limit: reader.int()?,
            },
            SKIP => Frame::Skip {
                channel: reader.channel()?,
                to: reader.offset()?,
            },
            _ => return Err(Malformed),
        }))
    }
}

#[derive(Clone, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(first)
    }

    fn int(&mut self) -> Result<u64, Malformed> {
        let first = self.byte()?;
        let mut value = u64::from(first & 0x3F);
        let more = (1_usize << (first >> 6)) - 1;
        let (bytes, rest) = self.0.split_at_checked(more).ok_or(Malformed)?;
        for &byte in bytes {
            value = value << 8 | u64::from(byte);
        }
        self.0 = rest;
        Ok(value)
    }

    fn channel(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.int()?).map_err(|_| Malformed)
    }

    fn offset(&mut self) -> Result<u64, Malformed> {
        self.int().and_then(|offset| {
            if offset <= FARTHEST {
                Ok(offset)
            } else {
                Err(Malformed)
            }
        })
    }

    fn data(&mut self) -> Result<Frame<'a>, Malformed> {
        let (channel, offset) = (self.channel()?, self.offset()?);
        let len = usize::try_from(self.int()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        if bytes.is_empty() {
            return Err(Malformed);
        }
        Ok(Frame::Data {
            channel,
            offset,
            bytes,
        })
    }

    fn ack(&mut self) -> Result<Ack<'a>, Malformed> {
        let (largest, delay) = (self.int()?, Duration::from_micros(self.int()?));
        let (further, first) = (self.int()?, self.int()?);
        let mut lowest = largest.checked_sub(first).ok_or(Malformed)?;
        if further >= ACK_RANGES as u64 {
            return Err(Malformed);
        }
        let rest = self.0;
        for _ in 0..further {
            let below = self.int()? + self.int()? + 2;
            lowest = lowest.checked_sub(below).ok_or(Malformed)?;
        }
        Ok(Ack {
            largest,
            delay,
            first,
            further,
            rest: &rest[..rest.len() - self.0.len()],
        })
    }
}

/// Appends an integer.
pub(crate) fn put_int(value: u64, out: &mut Vec<u8>) {
    debug_assert!(value <= LARGEST, "nothing counted here comes so far");
    let bytes = value.to_be_bytes();
    match value {
        0..0x40 => out.extend_from_slice(&bytes[7..]),
        0x40..0x4000 => out.extend_from_slice(&[bytes[6] | 0x40, bytes[7]]),
        0x4000..0x4000_0000 => {
            out.extend_from_slice(&[bytes[4] | 0x80, bytes[5], bytes[6], bytes[7]])
        }
        _ => {
            out.push(bytes[0] | 0xC0);
            out.extend_from_slice(&bytes[1..]);
        }
    }
}

fn put_frame(kind: u8, channel: u32, value: u64, out: &mut Vec<u8>) {
    out.push(kind);
    put_int(channel.into(), out);
    put_int(value, out);
}

pub(crate) fn put_ping(out: &mut Vec<u8>) {
    out.push(PING);
}

pub(crate) fn put_window(channel: u32, limit: u64, out: &mut Vec<u8>) {
    put_frame(WINDOW, channel, limit, out);
}

pub(crate) fn put_skip(channel: u32, to: u64, out: &mut Vec<u8>) {
    put_frame(SKIP, channel, to, out);
}

/// What comes before the bytes of a Data frame.
pub(crate) fn put_data(channel: u32, offset: u64, len: usize, out: &mut Vec<u8>) {
    put_frame(DATA, channel, offset, out);
    put_int(len as u64, out);
}

/// An Ack of the highest ranges, as many as fit `limit` bytes of `out`; false if not even one does.
pub(crate) fn put_ack(
    received: &RangeSet,
    delay: Duration,
    limit: usize,
    out: &mut Vec<u8>,
) -> bool {
    /// Kind, two integers and the first range at their longest, and the count of the others, which is one byte.
    const HEAD: usize = 1 + 8 + 8 + 1 + 8;
    let mut ranges = received.descending();
    let Some(first) = ranges.next() else {
        return false;
    };
    if out.len() + HEAD > limit {
        return false;
    }
    out.push(ACK);
    put_int(first.end - 1, out);
    put_int(
        u64::try_from(delay.as_micros())
            .unwrap_or(LARGEST)
            .min(LARGEST),
        out,
    );
    let count_at = out.len();
    out.push(0);
    put_int(first.end - first.start - 1, out);
    let mut lowest = first.start;
    for range in ranges.take(ACK_RANGES - 1) {
        let len = out.len();
        put_int(lowest - range.end - 1, out);
        put_int(range.end - range.start - 1, out);
        if out.len() > limit {
            out.truncate(len);
            break;
        }
        lowest = range.start;
        out[count_at] += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(packet: &[u8]) -> Result<Vec<String>, Malformed> {
        let (number, mut frames) = open(packet)?;
        let mut texts = vec![number.to_string()];
        while let Some(frame) = frames.next()? {
            texts.push(match frame {
                Frame::Ack(ack) => {
                    format!("ack {:?} {:?}", ack.delay, ack.ranges().collect::<Vec<_>>())
                }
                Frame::Data {
                    channel,
                    offset,
                    bytes,
                } => format!("data {channel} {offset} {bytes:?}"),
                frame @ (Frame::Ping | Frame::Window { .. } | Frame::Skip { .. }) => {
                    format!("{frame:?}")
                }
            });
        }
        Ok(texts)
    }

    #[test]
    fn written_and_read() {
        let mut received = RangeSet::default();
        for range in [0..1, 2..5, 70..71, 20_000..20_003] {
            received.insert(range);
        }
        let mut out = Vec::new();
        put_int(1 << 40, &mut out);
        put_ping(&mut out);
        assert!(put_ack(
            &received,
            Duration::from_micros(77),
            1_000,
            &mut out
        ));
        put_window(3, 1 << 30, &mut out);
        put_skip(u32::MAX, FARTHEST, &mut out);
        put_data(0, 63, 2, &mut out);
        out.extend_from_slice(b"hi");
        let expected = [
            "1099511627776",
            "Ping",
            "ack 77µs [20000..20003, 70..71, 2..5, 0..1]",
            "Window { channel: 3, limit: 1073741824 }",
            "Skip { channel: 4294967295, to: 1152921504606846976 }",
            "data 0 63 [104, 105]",
        ];
        assert_eq!(frames(&out).unwrap(), expected);
        assert!(
            (1..out.len())
                .filter(|&len| frames(&out[..len]).is_ok())
                .count()
                < 8,
            "cut inside a frame"
        );
    }

    #[test]
    fn malformed() {
        let rows: &[(&str, &[u8], bool)] = &[
            ("nothing", &[], false),
            ("only a number", &[5], true),
            ("a number cut", &[0x40], false),
            ("no such frame", &[5, 9], false),
            ("data without bytes", &[5, DATA, 0, 0, 0], false),
            ("data shorter than told", &[5, DATA, 0, 0, 2, 1], false),
            (
                "data beyond all offsets",
                &[5, DATA, 0, 0xFF, 255, 255, 255, 255, 255, 255, 255, 1, 7],
                false,
            ),
            (
                "a channel beyond 32 bits",
                &[5, WINDOW, 0xC0, 0, 0, 1, 0, 0, 0, 0, 0],
                false,
            ),
            ("ack below zero", &[5, ACK, 3, 0, 0, 4], false),
            ("ack down to zero", &[5, ACK, 3, 0, 0, 3], true),
            (
                "ack's second range below zero",
                &[5, ACK, 3, 0, 1, 0, 1, 1],
                false,
            ),
            ("ack's second range", &[5, ACK, 3, 0, 1, 0, 1, 0], true),
            ("ack of too many ranges", &[5, ACK, 60, 0, 32, 0], false),
            ("pings", &[0; FRAMES + 1], true),
            ("one ping too many", &[0; FRAMES + 2], false),
        ];
        for (name, packet, good) in rows {
            assert_eq!(frames(packet).is_ok(), *good, "{name}");
        }
    }

    #[test]
    fn an_ack_keeps_to_its_room() {
        let mut received = RangeSet::default();
        (0..1_000_u64).for_each(|step| received.insert(step * 100..step * 100 + 1));
        for limit in 0..400 {
            let mut out = vec![0];
            if put_ack(&received, Duration::ZERO, limit, &mut out) {
                assert!(out.len() <= limit);
                assert!(frames(&out).is_ok());
            } else {
                assert!(limit < 40 && out.len() == 1);
            }
        }
    }

    proptest! {
        #[test]
        fn integers(value in 0..=LARGEST, shift in 0..62) {
            let value = value >> shift;
            let mut out = Vec::new();
            put_int(value, &mut out);
            prop_assert_eq!(Reader(&out).int(), Ok(value));
        }

        #[test]
        fn no_bytes_panic(packet in proptest::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..80)) {
            if let Ok((_, mut frames)) = open(&packet) {
                while let Ok(Some(frame)) = frames.next() {
                    if let Frame::Ack(ack) = frame {
                        let ranges: Vec<_> = ack.ranges().collect();
                        prop_assert!(ranges.len() <= ACK_RANGES);
                        prop_assert!(ranges.iter().zip(ranges.iter().skip(1)).all(|(high, low)| low.end < high.start));
                    }
                }
            }
        }
    }
}
