//! A worker's end of the access log: lines are gathered here and handed over together.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::access::queue::{BUFFER_LEN, Channels, Message, Shared};
use crate::access::record::Record;
use crate::access::stamp::Stamp;
use crate::config::AccessFormat;

/// Bytes of lines that are handed over without waiting for more.
const HAND_OVER_LEN: usize = BUFFER_LEN - 4 * 1024;

/// One worker's lines that are not handed over yet.
#[derive(Debug)]
pub struct Lines {
    format: AccessFormat,
    is_live: bool,
    buffer: Vec<u8>,
    /// Lines in the buffer.
    count: u64,
    channels: Channels,
    shared: Arc<Shared>,
}

impl Lines {
    pub(super) const fn new(
        format: AccessFormat,
        is_live: bool,
        channels: Channels,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            format,
            is_live,
            buffer: Vec::new(),
            count: 0,
            channels,
            shared,
        }
    }

    /// Adds the line of one request. A full buffer is handed over.
    pub fn append(&mut self, record: &Record<'_>, stamp: &Stamp) {
        if self.buffer.capacity() == 0 {
            let empty = self.channels.empties.try_recv();
            self.buffer = empty.unwrap_or_else(|_| Vec::with_capacity(BUFFER_LEN));
        }
        record.append(self.format, stamp, &mut self.buffer);
        self.count += 1;
        if self.buffer.len() >= HAND_OVER_LEN {
            self.flush();
        }
    }

    /// To be called when a worker is about to wait: a log that someone may be looking at is shown at once, unless the
    /// writer is busy, when it takes more at a time.
    pub fn turn_ended(&mut self) {
        if self.is_live && !self.is_empty() && self.channels.queue.is_empty() {
            self.flush();
        }
    }

    /// Hands over what there is. To be called once a second while it is not empty, and at the end.
    pub fn flush(&mut self) {
        if self.is_empty() {
            return;
        }
        let lines = mem::take(&mut self.buffer);
        let count = mem::take(&mut self.count);
        if let Err(refused) = self.channels.queue.try_send(Message::Lines(lines)) {
            self.shared.turned_away.fetch_add(count, Ordering::Relaxed);
            if let Message::Lines(mut lines) = refused.into_inner() {
                lines.clear();
                self.buffer = lines;
            }
        }
    }

    /// Whether nothing waits to be handed over.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use crossbeam_channel::bounded;

    use super::*;
    use crate::access::record::Asked;

    #[test]
    fn buffers_are_used_again() {
        let (queue, messages) = bounded(1);
        let (spare, empties) = bounded(1);
        let mut lines = lines(Channels { queue, empties });
        append(&mut lines);
        let first = lines.buffer.as_ptr();
        lines.flush();
        let Ok(Message::Lines(mut written)) = messages.try_recv() else {
            panic!("it was handed over");
        };
        assert_eq!(written.iter().filter(|&&byte| byte == b'\n').count(), 1);
        written.clear();
        spare.send(written).unwrap();
        append(&mut lines);
        assert_eq!(lines.buffer.as_ptr(), first);
    }

    #[test]
    fn a_full_buffer_is_handed_over_and_one_without_room_in_the_queue_is_lost() {
        let (queue, messages) = bounded(1);
        let (_spare, empties) = bounded(1);
        let mut lines = lines(Channels { queue, empties });
        while messages.is_empty() {
            append(&mut lines);
            assert!(lines.buffer.len() < HAND_OVER_LEN);
        }
        assert!(lines.is_empty());
        assert_eq!(lines.shared.lost(), 0);
        append(&mut lines);
        append(&mut lines);
        lines.flush();
        assert!(lines.is_empty());
        assert_eq!(lines.shared.lost(), 2);
        assert!(lines.buffer.capacity() >= BUFFER_LEN, "the buffer is kept");
    }

    fn lines(channels: Channels) -> Lines {
        Lines::new(AccessFormat::Common, false, channels, Arc::default())
    }

    fn append(lines: &mut Lines) {
        let record = Record {
            client: None,
            user: None,
            asked: Asked::Line(b"GET / HTTP/1.1"),
            status: 200,
            sent: 0,
            referer: None,
            agent: None,
            host: None,
            elapsed: Duration::ZERO,
        };
        lines.append(&record, &Stamp::at(SystemTime::UNIX_EPOCH));
    }
}
