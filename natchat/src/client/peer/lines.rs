//! The lines that are said to one peer and heard from it, over channel 0 of its connection.
//!
//! Each line of ours is written once and ends once: confirmed by the connection, or ended by whoever owns this, for a reason.

use std::time::{Duration, Instant};

use crate::client::event::{Audience, Undelivered};
use crate::client::peer::allowance::Allowance;
use crate::client::peer::output::Event;
use crate::client::peer::records::{self, LINE_LEN, LINE_TO_ALL, LINE_TO_ONE, Ledger, Records};
use crate::reliable::connection::{CHAT, Connection, Read};

/// Bytes that may wait for one peer.
const WAITING_LEN: u64 = 64 << 20;

/// Bytes read at a time from the connection.
const READ_LEN: usize = 64 << 10;

/// When it is asked again for memory for a long record.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// When it is looked again whether anything is to be read.
const HELD: Duration = Duration::from_millis(100);

/// How long a long record may stand still. Who writes one gives it up sooner, so this one is only there to keep memory.
const STALE: Duration = Duration::from_secs(60);

/// Both directions.
#[derive(Debug)]
pub(crate) struct Lines {
    records: Records,
    allowance: Allowance,
    ledger: Ledger,
    /// When a long record was last added to, or refused; or when nothing was to be read.
    touched: Option<Instant>,
    /// Nothing was to be read when there may have been something.
    is_held: bool,
}

impl Lines {
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self {
            records: Records::new(allowance.clone()),
            allowance,
            ledger: Ledger::default(),
            touched: None,
            is_held: false,
        }
    }

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
        self.records = Records::new(self.allowance.clone());
        self.touched = None;
    }

    /// Whether lines of ours are under way.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.ledger.since().is_some()
    }

    /// Since when lines of ours are under way without a break.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.ledger.since()
    }

    /// Reads all that has arrived; what is not read now holds its sender back.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        mut heard: impl FnMut(Event),
    ) {
        self.is_held = !self.allowance.is_listening();
        if self.is_held {
            self.touched = Some(now);
            return;
        }
        loop {
            while let Some((kind, body)) = self.records.next() {
                heard(event(kind, body));
            }
            let waits = self.records.is_refused() || self.records.is_long();
            self.touched = waits.then_some(now);
            let Some(room) = self.records.room() else {
                return;
            };
            match connection.read(CHAT, room, READ_LEN) {
                Read::Bytes(_) => {}
                Read::Gap => self.records.gap(),
                Read::Nothing => return,
            }
        }
    }

    /// When there is something to be done about what is half read.
    pub(crate) fn due(&self) -> Option<Instant> {
        let wait = if self.is_held {
            HELD
        } else if self.records.is_refused() {
            ASK_AGAIN
        } else {
            STALE
        };
        self.touched.map(|touched| touched + wait)
    }

    /// Whether [`Self::read`] may have something though nothing has come.
    pub(crate) fn asks_again(&self, now: Instant) -> bool {
        (self.is_held || self.records.is_refused()) && self.due().is_some_and(|due| due <= now)
    }

    /// Whether nothing sensible is to be expected of what comes: then the connection is to begin anew.
    pub(crate) fn is_spoilt(&self, now: Instant) -> bool {
        let is_stale =
            self.records.is_long() && !self.is_held && self.due().is_some_and(|due| due <= now);
        is_stale || self.records.is_broken()
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
