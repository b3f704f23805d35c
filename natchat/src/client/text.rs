//! The words for each event.

use crate::client::event::Event;

/// The line or lines for an event, without a line end after the last.
#[must_use]
pub fn line(event: &Event) -> String {
    let _ = event;
    unimplemented!()
}

/// Whether it belongs to the error stream.
#[must_use]
pub fn is_complaint(event: &Event) -> bool {
    let _ = event;
    unimplemented!()
}
