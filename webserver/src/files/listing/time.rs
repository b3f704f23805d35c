//! Writes times of change in UTC: where the reader is, is not known without a script, and where the server is, is of
//! no use to the reader.

use chrono::{DateTime, Datelike, Utc};

/// `2026-07-25T13:45:00Z`; `None` if the year does not have four digits.
pub(super) fn rfc3339(modified_ns: i128) -> Option<String> {
    let time = time(modified_ns)?;
    Some(time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Day and time to the minute; `None` if the year does not have four digits.
pub(super) fn day_and_minute(modified_ns: i128) -> Option<(String, String)> {
    let time = time(modified_ns)?;
    Some((
        time.format("%Y-%m-%d").to_string(),
        time.format("%H:%M").to_string(),
    ))
}

fn time(modified_ns: i128) -> Option<DateTime<Utc>> {
    let secs = i64::try_from(modified_ns.div_euclid(1_000_000_000)).ok()?;
    DateTime::from_timestamp(secs, 0).filter(|time| (0..=9999).contains(&time.year()))
}
