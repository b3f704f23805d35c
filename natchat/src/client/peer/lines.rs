//! The lines that are said to one peer and heard from it, over channel 0 of its connection.
//!
//! Each line of ours is written once and ends once: confirmed by the connection, or ended by whoever owns this, for a reason.

use std::time::Instant;

use crate::client::event::{Audience, Undelivered};
use crate::client::peer::output::Event;
use crate::client::peer::records::{self, LINE_LEN, LINE_TO_ALL, LINE_TO_ONE, Ledger, Records};
use crate::reliable::connection::{CHAT, Connection, Read};

/// Bytes that may wait for one peer.
const WAITING_LEN: u64 = 64 << 20;

/// Bytes read at a time from the connection.
const READ_LEN: usize = 64 << 10;

/// Both directions.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    records: Records,
    ledger: Ledger,
}

impl Lines {
    /// Writes a line.
    ///
    /// # Errors
    /// Why it was not.
    pub(crate) fn say(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        audience: Audience,
        text: &str,
    ) -> Result<(), Undelivered> {
        if text.len() > LINE_LEN {
            return Err(Undelivered::TooLong);
        }
        if connection.unsent(CHAT) + text.len() as u64 > WAITING_LEN {
            return Err(Undelivered::TooMuch);
        }
        let kind = match audience {
            Audience::One => LINE_TO_ONE,
            Audience::All => LINE_TO_ALL,
        };
        let end = records::write(connection, kind, text.as_bytes());
        self.ledger.push(now, end, text);
        Ok(())
    }

    /// All up to this offset has arrived: the next line of it.
    pub(crate) fn pop_delivered(&mut self, offset: u64) -> Option<String> {
        self.ledger.pop_up_to(offset)
    }

    /// The next line that is under way, which is given up.
    pub(crate) fn pop(&mut self) -> Option<String> {
        self.ledger.pop()
    }

    /// The connection begins anew: what is half read is never finished.
    pub(crate) fn renew(&mut self) {
        self.records = Records::default();
    }

    /// Whether lines of ours are under way.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.ledger.since().is_some()
    }

    /// Since when lines of ours are under way without a break.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.ledger.since()
    }

    /// Reads all that has arrived.
    pub(crate) fn read(&mut self, connection: &mut Connection, mut heard: impl FnMut(Event)) {
        while let Some(room) = self.records.room() {
            match connection.read(CHAT, room, READ_LEN) {
                Read::Bytes(_) => {}
                Read::Gap => self.records.gap(),
                Read::Nothing => return,
            }
            while let Some((kind, body)) = self.records.next() {
                heard(event(kind, body));
            }
        }
    }
}

fn event(kind: u8, body: &[u8]) -> Event {
    let text = || String::from_utf8_lossy(body).into_owned();
    match kind {
        LINE_TO_ONE => Event::Said(Audience::One, text()),
        LINE_TO_ALL => Event::Said(Audience::All, text()),
        other => Event::Record(other, body.to_vec()),
    }
}
