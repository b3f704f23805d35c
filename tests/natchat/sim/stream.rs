//! Frames in a connection of the world, as the drivers make them: `len u16 · bytes`, and a bounded queue for what the
//! other side does not take.

use harness::sim::{ConnId, World};

/// Bytes that wait for room; frames beyond are lost, as the drivers lose them.
const QUEUE_LEN: usize = 1 << 20;

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) conn: ConnId,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

impl Stream {
    pub(super) fn new(conn: ConnId) -> Self {
        Self {
            conn,
            received: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// Queues a frame, and sends what there is room for.
    pub(super) fn send(&mut self, world: &mut World, frame: &[u8]) {
        let len = u16::try_from(frame.len()).expect("frames are datagrams");
        if self.unsent.len() + 2 + frame.len() <= QUEUE_LEN {
            self.unsent.extend(len.to_be_bytes());
            self.unsent.extend(frame);
            self.flush(world);
        }
    }

    /// Sends what there is room for.
    pub(super) fn flush(&mut self, world: &mut World) {
        let taken = world.tcp_send(self.conn, &self.unsent);
        self.unsent.drain(..taken);
    }

    /// Whether nothing waits.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Whole frames, with what came before.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.received.extend(bytes);
        let mut rest = &self.received[..];
        let mut frames = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk() {
            let len = usize::from(u16::from_be_bytes(*len));
            let Some((frame, after)) = after.split_at_checked(len) else {
                break;
            };
            frames.push(frame.to_vec());
            rest = after;
        }
        self.received = rest.to_vec();
        frames
    }
}
