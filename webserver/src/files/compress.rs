//! Compresses content that has no compressed form beside it. Pure, and slow: never on the thread that serves.
//!
//! The same bytes always give the same result: no name and no time is written into it. Zstandard is served from files
//! only; whoever takes it takes Brotli or gzip too.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::accept::Coding;

/// Shorter content is sent as it is (bytes): with the head of its reply it fits into one packet anyway.
pub const SHORTEST: u64 = 256;

/// Longer content is sent as it is (bytes). The text that sites are made of is shorter, and both the content and the
/// result are in memory meanwhile.
pub const LONGEST: u64 = 8 * 1024 * 1024;

/// The result must be shorter by this part of the content, or it is not worth its decompression.
const GAIN: usize = 20;

/// Effort, of 0 to 9. One step more takes about twice as long and gains 0.1 % (a page) to 1.6 % (a script).
const GZIP_LEVEL: u32 = 6;

/// Effort, of 0 to 11. About 20 MB/s, and 8 % (a page) to 27 % (a script) shorter than gzip. 5 is a third faster and
/// 2 to 16 % longer; 10 gains another tenth and takes ten times as long, which a client would wait for.
const BROTLI_QUALITY: i32 = 7;

/// How far back Brotli looks: 4 MiB, as a power of two.
const BROTLI_WINDOW: i32 = 22;

/// Compresses; `None` if that does not make it a twentieth shorter, if there is too little or too much of it, or if
/// the coding is none that is made here.
#[must_use]
pub fn compress(bytes: &[u8], coding: Coding) -> Option<Vec<u8>> {
    if !(SHORTEST..=LONGEST).contains(&(bytes.len() as u64)) {
        return None;
    }
    let mut out = Bounded {
        bytes: Vec::new(),
        room: bytes.len() - bytes.len().div_ceil(GAIN),
    };
    match coding {
        Coding::Gzip => gzip(bytes, &mut out).ok()?,
        Coding::Brotli => brotli(bytes, &mut out).ok()?,
        Coding::Identity | Coding::Zstd => return None,
    }
    Some(out.bytes)
}

fn gzip(bytes: &[u8], out: &mut Bounded) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out, Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    encoder.finish().map(|_| ())
}

fn brotli(mut bytes: &[u8], out: &mut Bounded) -> io::Result<()> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut bytes, out, &params).map(|_| ())
}

/// Takes so many bytes and then no more, which ends work that leads to nothing.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self
            .room
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    const MADE_HERE: [Coding; 2] = [Coding::Gzip, Coding::Brotli];

    #[test]
    fn worth_it_or_not() {
        let text = "그림이 있는 페이지 <p class=\"a\">"
            .repeat(100)
            .into_bytes();
        let noise = noise(10_000);
        let half_noise = [&noise[..5_000], &[b' '; 5_000]].concat();
        let nearly_noise = [&noise[..9_700], &[b' '; 300]].concat();
        for (name, bytes, worth) in [
            ("text", text, true),
            ("half of it", half_noise, true),
            ("less than a twentieth", nearly_noise, false),
            ("noise", noise, false),
            ("nothing", Vec::new(), false),
            ("a byte", vec![b'a'], false),
            ("so little", vec![b'a'; 256], true),
            ("too little", vec![b'a'; 255], false),
            ("so much", vec![b'a'; 8 << 20], true),
            ("too much", vec![b'a'; (8 << 20) + 1], false),
        ] {
            for coding in MADE_HERE {
                let made = compress(&bytes, coding);
                assert_eq!(made.is_some(), worth, "{name}, {coding:?}");
                if let Some(made) = made {
                    assert!(
                        made.len() * 20 <= bytes.len() * 19,
                        "{name}, {coding:?}: {}",
                        made.len()
                    );
                    assert_eq!(decompress(&made, coding), bytes, "{name}, {coding:?}");
                    assert_eq!(
                        compress(&bytes, coding),
                        Some(made),
                        "{name}, {coding:?}: once more"
                    );
                }
            }
            assert_eq!(compress(&bytes, Coding::Identity), None, "{name}");
            assert_eq!(compress(&bytes, Coding::Zstd), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(text in "[a-c가 ]{0,400}", times in 1_usize..50) {
            let bytes = text.repeat(times).into_bytes();
            for coding in MADE_HERE {
                if let Some(made) = compress(&bytes, coding) {
                    prop_assert!(made.len() < bytes.len());
                    prop_assert_eq!(decompress(&made, coding), &bytes[..]);
                }
            }
        }
    }

    fn decompress(bytes: &[u8], coding: Coding) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Gzip => drop(GzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Coding::Brotli => brotli::BrotliDecompress(&mut &*bytes, &mut out).unwrap(),
            Coding::Identity | Coding::Zstd => panic!("{coding:?} is not made here"),
        }
        out
    }

    /// Bytes that no coding makes shorter.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(next).take(len).collect()
    }
}
