//! Formats times: the seconds of `log.txt` and the date and time of log lines.
//!
//! It never asks what time it is ([`crate::clock`] does), and the one place it knows a time zone is [`log_stamp`].

use std::fmt::{self, Display};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, Local, TimeZone};

/// Seconds with two decimals, as `log.txt` begins its lines: `0.52`.
///
/// Rounded to the nearest hundredth, a half upwards, so that 0.519 s reads `0.52` as in the original. A later
/// time never reads as an earlier one.
#[must_use]
pub fn elapsed_secs(elapsed: Duration) -> impl Display {
    Hundredths((elapsed.as_nanos() + NANOS_PER_HUNDREDTH / 2) / NANOS_PER_HUNDREDTH)
}

/// Local date and time to the millisecond with its offset, RFC 3339: `2026-03-01T09:05:07.120+09:00`.
///
/// A time that RFC 3339 cannot write (before year 0 or after 9999) reads `@` and its seconds since 1970.
#[must_use]
pub fn log_stamp(time: SystemTime) -> impl Display {
    rfc3339(time, &Local)
}

const NANOS_PER_HUNDREDTH: u128 = 10_000_000;

struct Hundredths(u128);

impl Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

fn rfc3339<Zone: TimeZone>(time: SystemTime, zone: &Zone) -> String
where
    Zone::Offset: Display,
{
    let (secs, nanos) = since_epoch(time);
    let utc = DateTime::from_timestamp(secs, nanos)
        // One day inside the years of four digits, so that no offset leads out of them.
        .filter(|utc| (1..9999).contains(&utc.year()));
    match utc {
        Some(utc) => utc
            .with_timezone(zone)
            .format("%Y-%m-%dT%H:%M:%S%.3f%:z")
            .to_string(),
        None => format!("@{secs}"),
    }
}

/// Whole seconds (rounded down, also before 1970) and the nanoseconds that follow them.
fn since_epoch(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (
            i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            after.subsec_nanos(),
        ),
        Err(before) => {
            let before = before.duration();
            let secs = i64::try_from(before.as_secs()).map_or(i64::MIN, |secs| -secs);
            match before.subsec_nanos() {
                0 => (secs, 0),
                nanos => (secs.saturating_sub(1), 1_000_000_000 - nanos),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn elapsed_seconds_have_two_decimals() {
        let rows = [
            ("start", Duration::ZERO, "0.00"),
            ("just below a half", Duration::from_nanos(4_999_999), "0.00"),
            ("a half rounds up", Duration::from_millis(5), "0.01"),
            ("as in log.txt", Duration::from_millis(519), "0.52"),
            ("carries into seconds", Duration::from_millis(1_995), "2.00"),
            ("a day", Duration::from_secs(86_400), "86400.00"),
            ("the longest", Duration::MAX, "18446744073709551616.00"),
        ];
        for (name, elapsed, expected) in rows {
            assert_eq!(elapsed_secs(elapsed).to_string(), expected, "{name}");
        }
    }

    #[test]
    fn stamps_are_rfc_3339_in_the_given_zone() {
        let seoul = FixedOffset::east_opt(9 * 3600).expect("a real offset");
        let after = |secs, nanos| UNIX_EPOCH + Duration::new(secs, nanos);
        let rows = [
            ("epoch", after(0, 0), "1970-01-01T09:00:00.000+09:00"),
            (
                "milliseconds are cut",
                after(1_772_323_507, 120_999_999),
                "2026-03-01T09:05:07.120+09:00",
            ),
            (
                "before 1970",
                UNIX_EPOCH - Duration::from_millis(1),
                "1970-01-01T08:59:59.999+09:00",
            ),
            (
                "beyond four digits",
                after(300_000_000_000, 0),
                "@300000000000",
            ),
        ];
        for (name, time, expected) in rows {
            assert_eq!(rfc3339(time, &seoul), expected, "{name}");
        }
    }

    #[test]
    fn the_local_stamp_has_an_offset() {
        let stamp = log_stamp(UNIX_EPOCH + Duration::from_secs(1_772_323_507)).to_string();
        assert_eq!(
            stamp.len(),
            "2026-03-01T09:05:07.000+09:00".len(),
            "{stamp}"
        );
    }
}
