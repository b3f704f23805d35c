//! Datagrams in a TCP stream: each as a frame with its length before it, `len u16 · bytes`; pure.
//!
//! A length beyond that of any datagram ends the stream: whoever sends it speaks something else. An empty frame says
//! nothing and is left out. What is sent is kept up to a bound; beyond it whole frames are lost, as a network loses
//! datagrams, and those who wait for them send them again.

use crate::wire::RECEIVE_LEN;

/// Bytes of frames kept for one stream whose other end does not take them.
pub(super) const QUEUE_LEN: usize = 1 << 20;

/// The length before a frame.
const LEN_LEN: usize = 2;

/// What was sent is moved out of the queue when it is this much, so that its bytes are not moved each time.
const MOVED_LEN: usize = 64 << 10;

/// A length that no datagram has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub(super) struct TooLong(usize);

/// Takes a stream apart. It keeps no more than one frame that has not come whole.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    /// A frame's length and its bytes, as far as they have come.
    partial: Vec<u8>,
    /// The frame in it has been given.
    is_given: bool,
}

impl Deframer {
    /// The next whole frame, taken off the front of `input`; `None` when all of it is used up.
    ///
    /// # Errors
    /// If the stream holds something else than frames.
    pub(super) fn next<'f, 'i: 'f>(
        &'f mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'f [u8]>, TooLong> {
        if std::mem::take(&mut self.is_given) {
            // Few streams are in the middle of a frame at a time: the others keep nothing.
            self.partial = Vec::new();
        }
        if !self.partial.is_empty() {
            return self.complete(input);
        }
        while let Some(len) = frame_len(input)? {
            let whole: &'i [u8] = input;
            let Some((frame, rest)) = whole[LEN_LEN..].split_at_checked(len) else {
                break;
            };
            *input = rest;
            if !frame.is_empty() {
                return Ok(Some(frame));
            }
        }
        self.partial.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    fn complete<'f, 'i: 'f>(
        &'f mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'f [u8]>, TooLong> {
        self.take(input, LEN_LEN);
        if let Some(len) = frame_len(&self.partial)? {
            self.take(input, LEN_LEN + len);
            if self.partial.len() == LEN_LEN + len {
                self.is_given = true;
                if len == 0 {
                    return self.next(input);
                }
                return Ok(Some(&self.partial[LEN_LEN..]));
            }
        }
        Ok(None)
    }

    /// Moves bytes until there are `len` of them.
    fn take(&mut self, input: &mut &[u8], len: usize) {
        let missing = len.saturating_sub(self.partial.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.partial.extend_from_slice(taken);
        *input = rest;
    }
}

/// The length that a frame begins with, once it is there.
fn frame_len(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(len) = bytes.first_chunk::<LEN_LEN>() else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes(*len));
    if len > RECEIVE_LEN {
        Err(TooLong(len))
    } else {
        Ok(Some(len))
    }
}

/// Frames that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    bytes: Vec<u8>,
    sent: usize,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    /// It will be sent.
    Kept,
    /// There is no room for it, or it is none.
    Lost,
}

impl SendQueue {
    /// Adds a frame, unless more than `bound` bytes would wait then.
    pub(super) fn push(&mut self, frame: &[u8], bound: usize) -> Queued {
        let len = match u16::try_from(frame.len()) {
            Ok(len) if frame.len() <= RECEIVE_LEN => len,
            _ => return Queued::Lost,
        };
        if self.len() + LEN_LEN + frame.len() > bound {
            return Queued::Lost;
        }
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(frame);
        Queued::Kept
    }

    /// What is to be sent.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// How much that is.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// So many bytes of it have been sent.
    pub(super) fn advance(&mut self, sent: usize) {
        self.sent += sent.min(self.len());
        if self.len() == 0 {
            // Streams whose other end keeps up hold no memory.
            *self = Self::default();
        } else if self.sent >= MOVED_LEN {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn however_it_is_split_the_frames_are_the_same() {
        let frames: [&[u8]; 4] = [b"one", b"x", &[7; RECEIVE_LEN], b"last"];
        let mut stream = Vec::new();
        for frame in frames {
            stream.extend_from_slice(&u16::try_from(frame.len()).unwrap().to_be_bytes());
            stream.extend_from_slice(frame);
            stream.extend_from_slice(&[0, 0]);
        }
        for at in 0..=stream.len() {
            let (first, second) = stream.split_at(at);
            assert_eq!(all(&[first, second]).unwrap(), frames, "split at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(all(&bytes).unwrap(), frames, "byte by byte");
    }

    #[test]
    fn what_is_no_frame_ends_the_stream() {
        let mut stream = vec![0, 1, b'x'];
        stream.extend_from_slice(&u16::try_from(RECEIVE_LEN + 1).unwrap().to_be_bytes());
        for at in 0..stream.len() {
            let (first, second) = stream.split_at(at);
            assert_eq!(
                all(&[first, second]),
                Err(TooLong(RECEIVE_LEN + 1)),
                "split at {at}"
            );
        }
        assert_eq!(all(&[b"GET / HTTP/1.1\r\n"]), Err(TooLong(0x4745)));
    }

    #[test]
    fn a_stream_between_frames_keeps_nothing() {
        let mut deframer = Deframer::default();
        for chunk in [&[0, 2, 1][..], &[2], &[0, 1, 3]] {
            let mut input = chunk;
            while deframer.next(&mut input).unwrap().is_some() {}
        }
        assert_eq!(deframer.partial.capacity(), 0);
    }

    #[test]
    fn frames_beyond_the_bound_are_lost_whole() {
        let mut queue = SendQueue::default();
        assert_eq!(queue.push(b"four", 14), Queued::Kept);
        assert_eq!(queue.push(b"six..!", 14), Queued::Kept);
        assert_eq!(queue.push(b"", 14), Queued::Lost);
        queue.advance(3);
        assert_eq!(queue.unsent(), b"our\0\x06six..!");
        assert_eq!(queue.push(b"x", 14), Queued::Kept);
        queue.advance(100);
        assert_eq!((queue.len(), queue.bytes.capacity()), (0, 0));
        assert_eq!(
            queue.push(&[0; RECEIVE_LEN + 1], QUEUE_LEN),
            Queued::Lost,
            "longer than any datagram"
        );
    }

    proptest! {
        #[test]
        fn what_is_queued_comes_out(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            sizes in prop::collection::vec(1_usize..400, 1..40),
        ) {
            let mut queue = SendQueue::default();
            for frame in &frames {
                prop_assert_eq!(queue.push(frame, QUEUE_LEN), Queued::Kept);
            }
            let mut deframer = Deframer::default();
            let mut came = Vec::new();
            for size in sizes.iter().cycle() {
                let mut input = &queue.unsent()[..queue.len().min(*size)];
                let taken = input.len();
                while let Some(frame) = deframer.next(&mut input).unwrap() {
                    came.push(frame.to_vec());
                }
                queue.advance(taken);
                if queue.len() == 0 {
                    break;
                }
            }
            prop_assert_eq!(came, frames);
        }

        #[test]
        fn no_stream_is_too_much(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut deframer = Deframer::default();
            for chunk in &chunks {
                let mut input = &chunk[..];
                while let Ok(Some(frame)) = deframer.next(&mut input) {
                    prop_assert!(!frame.is_empty() && frame.len() <= RECEIVE_LEN);
                }
                prop_assert!(deframer.partial.len() <= LEN_LEN + RECEIVE_LEN);
            }
        }
    }

    fn all(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(frame) = deframer.next(&mut input)? {
                frames.push(frame.to_vec());
            }
        }
        Ok(frames)
    }
}
