//! What two clients tell each other about files: records of channel 0; bytes in, checked values out, and back.
//!
//! | kind | record | by | fields |
//! |---|---|---|---|
//! | 3 | Offer | sender | number u32, length u64, modified u64, name |
//! | 4 | Accept | receiver | number, have u64, hash of the first `have` bytes |
//! | 5 | Begin | sender | number, offset u64: 0 or `have` |
//! | 6 | End | sender | number, hash of the whole |
//! | 7 | Done | receiver | number, whether the hash is right u8 |
//! | 8 | Withdraw | sender | number, why u8 |
//! | 9 | Stop | receiver | number, why u8 |
//!
//! A number is the sender's and names the channel that the bytes flow in. Hashes are BLAKE3.

use crate::client::files::Hash;
use crate::wire::codec::{Malformed, Reader, Writer};

/// The longest name that is offered, in bytes: what a file system takes.
pub(crate) const NAME_LEN: usize = 255;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    Offer {
        len: u64,
        modified: u64,
        name: &'a str,
    },
    Accept {
        have: u64,
        hash: Hash,
    },
    Begin {
        offset: u64,
    },
    End {
        hash: Hash,
    },
    Done {
        right: bool,
    },
    Withdraw(Why),
    Stop(Why),
}

/// Why somebody does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The user did not want it.
    Refused,
    /// The disk did not do what it should.
    Disk,
    /// The file changed while it was sent.
    Changed,
    /// What came was not what had been agreed upon.
    Broken,
    /// The program ends.
    Leaving,
    /// There are too many already.
    TooMany,
    /// The same file is coming already.
    Already,
}

impl Why {
    const ALL: [Self; 7] = [
        Self::Refused,
        Self::Disk,
        Self::Changed,
        Self::Broken,
        Self::Leaving,
        Self::TooMany,
        Self::Already,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Disk => 2,
            Self::Changed => 3,
            Self::Broken => 4,
            Self::Leaving => 5,
            Self::TooMany => 6,
            Self::Already => 7,
        }
    }

    /// A later program may know more reasons: they are read as trouble of the most general kind.
    fn of(code: u8) -> Self {
        let known = Self::ALL.into_iter().find(|why| why.code() == code);
        known.unwrap_or(Self::Disk)
    }

    /// In words, when the other side has said so.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Disk => "the other side cannot read or write it",
            Self::Changed => "it changed while it was sent",
            Self::Broken => "the other side did not get what was agreed upon",
            Self::Leaving => "the other side left",
            Self::TooMany => "the other side has too many files on their way",
            Self::Already => "it is on its way already",
        }
    }
}

impl<'a> Record<'a> {
    /// Reads a record's body: the number, and what is said of it.
    pub(crate) fn decode(kind: u8, body: &'a [u8]) -> Result<(u32, Self), Malformed> {
        let mut reader = Reader::new(body);
        let number = reader.u32()?;
        let record = match kind {
            3 => Self::Offer {
                len: reader.u64()?,
                modified: reader.u64()?,
                name: reader.text()?,
            },
            4 => Self::Accept {
                have: reader.u64()?,
                hash: reader.array()?,
            },
            5 => Self::Begin {
                offset: reader.u64()?,
            },
            6 => Self::End {
                hash: reader.array()?,
            },
            7 => Self::Done {
                right: reader.yes()?,
            },
            8 => Self::Withdraw(Why::of(reader.u8()?)),
            9 => Self::Stop(Why::of(reader.u8()?)),
            _ => return Err(Malformed),
        };
        reader.end()?;
        let is_named = match record {
            Self::Offer { name, .. } => !name.is_empty() && name.len() <= NAME_LEN,
            Self::Accept { .. } | Self::Begin { .. } | Self::End { .. } | Self::Done { .. } => true,
            Self::Withdraw(_) | Self::Stop(_) => true,
        };
        if number == 0 || !is_named {
            return Err(Malformed);
        }
        Ok((number, record))
    }

    /// Appends the whole record as channel 0 carries it: kind, length, body.
    pub(crate) fn encode(self, number: u32, out: &mut Vec<u8>) {
        out.push(self.kind());
        let len_at = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut writer = Writer::new(out);
        writer.u32(number);
        match self {
            Self::Offer {
                len,
                modified,
                name,
            } => {
                writer.u64(len).u64(modified).text(name);
            }
            Self::Accept { have, hash } => {
                writer.u64(have).bytes(&hash);
            }
            Self::Begin { offset } => {
                writer.u64(offset);
            }
            Self::End { hash } => {
                writer.bytes(&hash);
            }
            Self::Done { right } => {
                writer.u8(right.into());
            }
            Self::Withdraw(why) | Self::Stop(why) => {
                writer.u8(why.code());
            }
        }
        let len = u32::try_from(out.len() - len_at - 4).expect("a record holds a name at most");
        out[len_at..len_at + 4].copy_from_slice(&len.to_be_bytes());
    }

    fn kind(self) -> u8 {
        match self {
            Self::Offer { .. } => 3,
            Self::Accept { .. } => 4,
            Self::Begin { .. } => 5,
            Self::End { .. } => 6,
            Self::Done { .. } => 7,
            Self::Withdraw(_) => 8,
            Self::Stop(_) => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_and_read() {
        let longest = "가".repeat(NAME_LEN / 3);
        let offer = |name| Record::Offer {
            len: u64::MAX,
            modified: 7,
            name,
        };
        let mut rows = vec![
            offer("a file.txt"),
            offer(&longest),
            Record::Accept {
                have: 5,
                hash: [9; 32],
            },
            Record::Begin { offset: 1 << 40 },
            Record::End { hash: [1; 32] },
            Record::Done { right: true },
            Record::Done { right: false },
        ];
        rows.extend(Why::ALL.map(Record::Withdraw));
        rows.extend(Why::ALL.map(Record::Stop));
        for record in rows {
            let mut out = Vec::new();
            record.encode(77, &mut out);
            let body = &out[5..];
            assert_eq!(out[1..5], u32::try_from(body.len()).unwrap().to_be_bytes());
            assert_eq!(Record::decode(out[0], body), Ok((77, record)));
            for len in 0..body.len() {
                assert_eq!(
                    Record::decode(out[0], &body[..len]),
                    Err(Malformed),
                    "{record:?} cut at {len}"
                );
            }
            assert_eq!(
                Record::decode(out[0], &[body, &[0]].concat()),
                Err(Malformed),
                "{record:?} and more"
            );
        }
    }

    #[test]
    fn refused() {
        let mut out = Vec::new();
        Record::Begin { offset: 0 }.encode(0, &mut out);
        assert_eq!(
            Record::decode(5, &out[5..]),
            Err(Malformed),
            "number 0 is the chat's channel"
        );
        for name in [String::new(), "x".repeat(NAME_LEN + 1)] {
            let mut out = Vec::new();
            let record = Record::Offer {
                len: 1,
                modified: 1,
                name: &name,
            };
            record.encode(1, &mut out);
            assert_eq!(Record::decode(3, &out[5..]), Err(Malformed), "{name:?}");
        }
        assert_eq!(
            Record::decode(8, &[0, 0, 0, 1, 200]),
            Ok((1, Record::Withdraw(Why::Disk)))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0_u8..12, body in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok((number, record)) = Record::decode(kind, &body) {
                let mut out = Vec::new();
                record.encode(number, &mut out);
                prop_assert_eq!(Record::decode(out[0], &out[5..]), Ok((number, record)));
            }
        }
    }
}
