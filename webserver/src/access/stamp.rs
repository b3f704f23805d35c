//! The time of a request, as the access log writes it. Rendered once a second, since rendering costs as much as all
//! the rest of a line.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local, TimeZone};

/// A second of the clock, rendered in the local time zone.
#[derive(Clone, Debug)]
pub struct Stamp {
    secs: Option<u64>,
    millis: [u8; 3],
    /// `[20/Nov/2026:09:39:13 +0900]`
    text: String,
    /// `2026-11-20T09:39:13`, before the milliseconds.
    date_time: String,
    /// `+09:00`, after them.
    offset: String,
}

impl Stamp {
    /// The stamp of a time of day.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let mut stamp = Self {
            secs: None,
            millis: *b"000",
            text: String::new(),
            date_time: String::new(),
            offset: String::new(),
        };
        stamp.set(time);
        stamp
    }

    /// Makes it the stamp of another time. Costs next to nothing within a second.
    pub fn set(&mut self, time: SystemTime) {
        self.set_in(time, &Local);
    }

    fn set_in<Zone: TimeZone>(&mut self, time: SystemTime, zone: &Zone)
    where
        Zone::Offset: std::fmt::Display,
    {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.millis = digits(since.subsec_millis());
        if self.secs == Some(since.as_secs()) {
            return;
        }
        self.secs = Some(since.as_secs());
        let secs = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let utc = DateTime::from_timestamp(secs, 0).unwrap_or(DateTime::UNIX_EPOCH);
        let local = utc.with_timezone(zone);
        self.text = local.format("[%d/%b/%Y:%H:%M:%S %z]").to_string();
        self.date_time = local.format("%Y-%m-%dT%H:%M:%S").to_string();
        self.offset = local.format("%:z").to_string();
    }

    /// As in the Common Log Format.
    pub(super) fn push_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text.as_bytes());
    }

    /// As of RFC 3339, to the millisecond.
    pub(super) fn push_rfc3339(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.date_time.as_bytes());
        out.push(b'.');
        out.extend_from_slice(&self.millis);
        out.extend_from_slice(self.offset.as_bytes());
    }
}

/// The last three digits of a number.
fn digits(number: u32) -> [u8; 3] {
    [number / 100, number / 10, number].map(|number| {
        let digit = u8::try_from(number % 10);
        b'0' + digit.unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn times_are_rendered_in_their_zone() {
        let rows = [
            (
                "UTC",
                0,
                1_795_167_553,
                7,
                "[20/Nov/2026:09:39:13 +0000]",
                "2026-11-20T09:39:13.007+00:00",
            ),
            (
                "Seoul",
                9 * 3600,
                1_795_167_553,
                482,
                "[20/Nov/2026:18:39:13 +0900]",
                "2026-11-20T18:39:13.482+09:00",
            ),
            (
                "half an hour west",
                -3 * 3600 - 1800,
                0,
                999,
                "[31/Dec/1969:20:30:00 -0330]",
                "1969-12-31T20:30:00.999-03:30",
            ),
            (
                "a leap day",
                0,
                951_782_400,
                0,
                "[29/Feb/2000:00:00:00 +0000]",
                "2000-02-29T00:00:00.000+00:00",
            ),
        ];
        for (name, offset, secs, millis, text, rfc3339) in rows {
            let mut stamp = Stamp::at(SystemTime::UNIX_EPOCH);
            stamp.secs = None;
            let time = SystemTime::UNIX_EPOCH + Duration::new(secs, millis * 1_000_000);
            stamp.set_in(time, &FixedOffset::east_opt(offset).unwrap());
            assert_eq!(shown(&stamp, Stamp::push_text), text, "{name}");
            assert_eq!(shown(&stamp, Stamp::push_rfc3339), rfc3339, "{name}");
        }
    }

    #[test]
    fn within_a_second_only_the_milliseconds_change() {
        let after = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let mut stamp = Stamp::at(after(5_000));
        let (text, json) = (
            shown(&stamp, Stamp::push_text),
            shown(&stamp, Stamp::push_rfc3339),
        );
        stamp.set(after(5_120));
        assert_eq!(shown(&stamp, Stamp::push_text), text);
        assert_eq!(
            shown(&stamp, Stamp::push_rfc3339),
            json.replace(".000", ".120")
        );
        stamp.set(after(6_000));
        assert_ne!(shown(&stamp, Stamp::push_text), text);
        stamp.set(after(5_000));
        assert_eq!(
            shown(&stamp, Stamp::push_text),
            text,
            "the clock was set back"
        );
    }

    #[test]
    fn no_time_panics() {
        for time in [
            SystemTime::UNIX_EPOCH - Duration::from_secs(1),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60),
        ] {
            assert!(!shown(&Stamp::at(time), Stamp::push_text).is_empty());
        }
    }

    fn shown(stamp: &Stamp, push: fn(&Stamp, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(stamp, &mut out);
        String::from_utf8(out).unwrap()
    }
}
