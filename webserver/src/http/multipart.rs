//! The body of a reply with several parts: `multipart/byteranges` (RFC 9110 §14.6).
//!
//! Only what stands around the parts is written here; their bytes go from the file to the socket by themselves. It
//! does not choose the boundary: it is told a number that nobody else knows, so that no file can hold it.
//!
//! ```text
//! --6d1f3a9c0b2e4875                       ┐
//! Content-Type: video/mp4                  │ piece 0
//! Content-Range: bytes 0-99/8000           │
//!                                          ┘
//! (100 bytes of the file)                    piece 1
//!                                          ┐
//! --6d1f3a9c0b2e4875                       │ piece 2, and so on
//! …                                        ┘
//!                                          ┐ the last piece
//! --6d1f3a9c0b2e4875--                     ┘
//! ```

use crate::http::head;
use crate::http::range::{ByteRange, Parts};

/// A body of several parts, ready to be sent piece by piece.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    parts: Parts,
    /// What stands before each part and after the last, one behind the other.
    around: Vec<u8>,
    /// Where each of those ends.
    ends: Vec<usize>,
}

/// A stretch of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These bytes.
    Written(&'a [u8]),
    /// Bytes of the file.
    File(ByteRange),
}

impl Multipart {
    /// The parts of a file of `size` bytes whose type is `content_type`. `secret` makes the boundary.
    #[must_use]
    pub fn new(parts: Parts, size: u64, content_type: &str, secret: u64) -> Self {
        let boundary = format!("{secret:016x}");
        let mut around = Vec::new();
        let mut ends = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                around.extend_from_slice(b"\r\n");
            }
            around.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            head::put(&mut around, "Content-Type", content_type);
            head::content_range(&mut around, *part, size);
            around.extend_from_slice(b"\r\n");
            ends.push(around.len());
        }
        around.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        ends.push(around.len());
        Self {
            boundary,
            parts,
            around,
            ends,
        }
    }

    /// The `Content-Type` of the reply. The type of the file stands with each part.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The `Content-Length` of the reply: the bytes of all pieces.
    #[must_use]
    pub fn total_len(&self) -> u64 {
        // The parts do not overlap and lie in one file.
        self.around.len() as u64 + self.parts.iter().map(|part| part.len).sum::<u64>()
    }

    /// The piece with this number, counted from 0; none after the last.
    #[must_use]
    pub fn piece(&self, number: usize) -> Option<Piece<'_>> {
        let place = number / 2;
        let end = *self.ends.get(place)?;
        if number % 2 == 1 {
            return self.parts.get(place).copied().map(Piece::File);
        }
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(Piece::Written(&self.around[start..end]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::range::{self, Ranges};

    fn parts(value: &str, size: u64) -> Parts {
        let Ranges::Parts(parts) = range::resolve(value.as_bytes(), size) else {
            panic!("no parts in {value}");
        };
        parts
    }

    /// The whole body, with the letter `x` for each byte of the file.
    fn written(body: &Multipart) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in (0..).map_while(|number| body.piece(number)) {
            match piece {
                Piece::Written(bytes) => out.extend_from_slice(bytes),
                Piece::File(range) => {
                    out.resize(out.len() + usize::try_from(range.len).expect("small"), b'x')
                }
            }
        }
        out
    }

    #[test]
    fn a_body_is_written_as_in_the_standard() {
        let body = Multipart::new(
            parts("bytes=500-503,7000-7001", 8000),
            8000,
            "application/pdf",
            0xfeed,
        );
        assert_eq!(
            body.content_type(),
            "multipart/byteranges; boundary=000000000000feed"
        );
        let expected = "--000000000000feed\r\n\
            Content-Type: application/pdf\r\n\
            Content-Range: bytes 500-503/8000\r\n\
            \r\n\
            xxxx\r\n\
            --000000000000feed\r\n\
            Content-Type: application/pdf\r\n\
            Content-Range: bytes 7000-7001/8000\r\n\
            \r\n\
            xx\r\n\
            --000000000000feed--\r\n";
        assert_eq!(String::from_utf8_lossy(&written(&body)), expected);
    }

    #[test]
    fn pieces_are_numbered_from_first_to_last() {
        let body = Multipart::new(parts("bytes=0-0,-1", 1000), 1000, "text/plain", 1);
        let is_file = |number| {
            body.piece(number)
                .map(|piece| matches!(piece, Piece::File(_)))
        };
        let rows = [
            (0, Some(false)),
            (1, Some(true)),
            (2, Some(false)),
            (3, Some(true)),
            (4, Some(false)),
            (5, None),
            (6, None),
            (usize::MAX, None),
        ];
        for (number, expected) in rows {
            assert_eq!(is_file(number), expected, "piece {number}");
        }
    }

    proptest! {
        #[test]
        fn the_length_is_that_of_the_bytes(
            firsts in proptest::collection::vec(0_u64..100_000, 1..=range::MAX_PARTS), len in 1_u64..2_000,
            content_type in "[a-z/;= -]{0,40}", secret in any::<u64>(),
        ) {
            let members: Vec<String> = firsts.iter().map(|first| format!("{first}-{}", first + len - 1)).collect();
            let size = 200_000;
            let parts = parts(&format!("bytes={}", members.join(",")), size);
            let body = Multipart::new(parts, size, &content_type, secret);
            let written = written(&body);
            prop_assert_eq!(body.total_len(), written.len() as u64);
            prop_assert!(written.ends_with(b"--\r\n"));
        }

        #[test]
        fn the_largest_files_can_be_counted(first in 0..i64::MAX as u64 - 10_000) {
            let size = i64::MAX as u64;
            let body = Multipart::new(parts(&format!("bytes={first}-, 0-0"), size), size, "a/b", 0);
            prop_assert!(body.total_len() > size - first);
        }
    }
}
