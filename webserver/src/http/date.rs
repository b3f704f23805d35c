//! Dates as HTTP writes them, to the second (RFC 9110 §5.6.7).
//!
//! It never asks what time it is. A date is always one of the years 0 to 9999, so that writing it cannot fail and
//! always takes [`HttpDate::LEN`] bytes; what lies outside is moved to the nearest end.

use std::fmt::{self, Display};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// A moment in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpDate(i64);

impl HttpDate {
    /// Bytes of a written date.
    pub const LEN: usize = 29;

    /// The moment that many seconds after 1970 began.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(match secs {
            ..EARLIEST => EARLIEST,
            EARLIEST..=LATEST => secs,
            _ => LATEST,
        })
    }

    /// The second that a moment lies in, given in nanoseconds after 1970 began.
    #[must_use]
    pub fn from_nanos(nanos: i128) -> Self {
        let secs = nanos.div_euclid(NANOS_PER_SEC);
        Self::from_secs(i64::try_from(secs).unwrap_or(if secs < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Reads any of the three forms. `None` if it is none of them, or no day of the calendar, or the wrong day of
    /// the week.
    ///
    /// `now` decides which century a year of two digits is in.
    #[must_use]
    pub fn parse(value: &[u8], now: Self) -> Option<Self> {
        imf_fixdate(value)
            .or_else(|| asctime_date(value))
            .or_else(|| rfc850_date(value, now))
    }

    /// Seconds after 1970 began.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// The earlier of the two. A file may claim to have been modified in the future, a reply must not: its
    /// `Last-Modified` is never later than its `Date` (RFC 9110 §8.8.2.1).
    #[must_use]
    pub fn no_later_than(self, now: Self) -> Self {
        self.min(now)
    }

    /// Whether this time of modification tells versions apart: its second must be over, or the file could change
    /// once more within it (RFC 9110 §8.8.2.2).
    #[must_use]
    pub fn is_strong_at(self, now: Self) -> bool {
        self.0 < now.0
    }

    /// The preferred form: `Sun, 06 Nov 1994 08:49:37 GMT`.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let date = DateTime::from_timestamp(self.0, 0).expect("a year of four digits");
        let mut bytes = *b"ddd, 00 mmm 0000 00:00:00 GMT";
        bytes[..3].copy_from_slice(&DAYS[date.weekday().num_days_from_monday() as usize][..3]);
        put_digits(&mut bytes[5..7], date.day());
        bytes[8..11].copy_from_slice(MONTHS[date.month0() as usize]);
        put_digits(&mut bytes[12..16], date.year().unsigned_abs());
        put_digits(&mut bytes[17..19], date.hour());
        put_digits(&mut bytes[20..22], date.minute());
        put_digits(&mut bytes[23..25], date.second());
        bytes
    }
}

impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
        };
        Self::from_nanos(nanos)
    }
}

impl Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_bytes()).expect("a date is ASCII"))
    }
}

/// The first second of year 0.
const EARLIEST: i64 = -62_167_219_200;
/// The last second of year 9999.
const LATEST: i64 = 253_402_300_799;
const NANOS_PER_SEC: i128 = 1_000_000_000;

const DAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// As wide as the room.
fn put_digits(room: &mut [u8], mut number: u32) {
    for digit in room.iter_mut().rev() {
        *digit = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(value: &[u8]) -> Option<HttpDate> {
    let mut rest = Rest(value);
    let weekday = rest.short_weekday()?;
    rest.skip(b", ")?;
    let day = rest.number(2)?;
    rest.skip(b" ")?;
    let month = rest.month()?;
    rest.skip(b" ")?;
    let year = rest.number(4)?;
    rest.skip(b" ")?;
    let secs = rest.secs_of_day()?;
    rest.end(b" GMT")?;
    moment(weekday, year, month, day, secs)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850_date(value: &[u8], now: HttpDate) -> Option<HttpDate> {
    let mut rest = Rest(value);
    let weekday = rest.weekday()?;
    rest.skip(b", ")?;
    let day = rest.number(2)?;
    rest.skip(b"-")?;
    let month = rest.month()?;
    rest.skip(b"-")?;
    let year = century(rest.number(2)?, now);
    rest.skip(b" ")?;
    let secs = rest.secs_of_day()?;
    rest.end(b" GMT")?;
    moment(weekday, year, month, day, secs)
}

/// `Sun Nov  6 08:49:37 1994`, as C's `asctime` writes it.
fn asctime_date(value: &[u8]) -> Option<HttpDate> {
    let mut rest = Rest(value);
    let weekday = rest.short_weekday()?;
    rest.skip(b" ")?;
    let month = rest.month()?;
    rest.skip(b" ")?;
    let day = match rest.skip(b" ") {
        Some(()) => rest.number(1)?,
        None => rest.number(2)?,
    };
    rest.skip(b" ")?;
    let secs = rest.secs_of_day()?;
    rest.skip(b" ")?;
    let year = rest.number(4)?;
    rest.end(b"")?;
    moment(weekday, year, month, day, secs)
}

/// The latest year with these two last digits that is at most 50 years ahead (RFC 9110 §5.6.7).
fn century(two_digits: u32, now: HttpDate) -> u32 {
    let this_year =
        DateTime::from_timestamp(now.0, 0).map_or(1970, |now| now.year().unsigned_abs());
    let last = this_year + 50;
    last.saturating_sub((last + 100 - two_digits) % 100)
}

/// The day, if it is in the calendar and that day of the week, and so many seconds.
fn moment(weekday: usize, year: u32, month: u32, day: u32, secs: u32) -> Option<HttpDate> {
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
    (date.weekday().num_days_from_monday() as usize == weekday)
        .then(|| HttpDate::from_secs(midnight + i64::from(secs)))
}

/// What is still to be read of a date.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn end(&self, text: &[u8]) -> Option<()> {
        (self.0 == text).then_some(())
    }

    /// Counted from Monday.
    fn short_weekday(&mut self) -> Option<usize> {
        let name = self.take(3)?;
        DAYS.iter().position(|day| &day[..3] == name)
    }

    /// Counted from Monday.
    fn weekday(&mut self) -> Option<usize> {
        DAYS.iter().position(|day| self.skip(day).is_some())
    }

    /// Counted from 1.
    fn month(&mut self) -> Option<u32> {
        let name = self.take(3)?;
        (1..)
            .zip(MONTHS)
            .find_map(|(number, month)| (month == name).then_some(number))
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        self.take(digits)?.iter().try_fold(0, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then_some(number * 10 + u32::from(digit))
        })
    }

    /// `08:49:37`. The 60th second is one that was put in to keep step with the Earth; it counts as the next minute.
    fn secs_of_day(&mut self) -> Option<u32> {
        let hours = self.number(2)?;
        self.skip(b":")?;
        let minutes = self.number(2)?;
        self.skip(b":")?;
        let secs = self.number(2)?;
        (hours < 24 && minutes < 60 && secs <= 60).then_some((hours * 60 + minutes) * 60 + secs)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Sun, 01 Mar 2026 00:00:00 GMT.
    const NOW: i64 = 1_772_323_200;
    /// The date of RFC 9110's examples.
    const EXAMPLE: i64 = 784_111_777;

    #[test]
    fn the_three_forms_are_read() {
        let rows: &[(&str, &str, Option<i64>)] = &[
            // RFC 9110 §5.6.7
            ("preferred", "Sun, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
            ("RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", Some(EXAMPLE)),
            ("asctime", "Sun Nov  6 08:49:37 1994", Some(EXAMPLE)),
            (
                "asctime, two-digit day",
                "Wed Nov 16 08:49:37 1994",
                Some(EXAMPLE + 864_000),
            ),
            (
                "asctime, day with a zero",
                "Sun Nov 06 08:49:37 1994",
                Some(EXAMPLE),
            ),
            ("epoch", "Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            (
                "leap day",
                "Thu, 29 Feb 2024 12:00:00 GMT",
                Some(1_709_208_000),
            ),
            (
                "inserted second",
                "Sat, 31 Dec 2016 23:59:60 GMT",
                Some(1_483_228_800),
            ),
            ("earliest", "Sat, 01 Jan 0000 00:00:00 GMT", Some(EARLIEST)),
            ("latest", "Fri, 31 Dec 9999 23:59:59 GMT", Some(LATEST)),
            (
                "a second beyond the latest",
                "Fri, 31 Dec 9999 23:59:60 GMT",
                Some(LATEST),
            ),
            // Two digits: at most 50 years ahead of 2026
            (
                "50 years ahead",
                "Friday, 06-Nov-76 08:49:37 GMT",
                Some(3_371_878_177),
            ),
            (
                "51 years would be ahead",
                "Sunday, 06-Nov-77 08:49:37 GMT",
                Some(247_654_177),
            ),
            ("this year", "Sunday, 01-Mar-26 00:00:00 GMT", Some(NOW)),
            // Not dates
            ("empty", "", None),
            ("no leap day", "Wed, 29 Feb 2023 12:00:00 GMT", None),
            (
                "wrong day of the week",
                "Mon, 06 Nov 1994 08:49:37 GMT",
                None,
            ),
            (
                "unknown day of the week",
                "Xxx, 06 Nov 1994 08:49:37 GMT",
                None,
            ),
            ("day zero", "Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("lower-case month", "Sun, 06 nov 1994 08:49:37 GMT", None),
            ("hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("minute 60", "Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("second 61", "Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("another zone", "Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("an offset", "Sun, 06 Nov 1994 08:49:37 +0000", None),
            ("lower-case zone", "Sun, 06 Nov 1994 08:49:37 gmt", None),
            ("one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT", None),
            (
                "a letter for a digit",
                "Sun, 0O Nov 1994 08:49:37 GMT",
                None,
            ),
            ("two spaces", "Sun,  06 Nov 1994 08:49:37 GMT", None),
            ("a byte before", " Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("a byte after", "Sun, 06 Nov 1994 08:49:37 GMT ", None),
            (
                "two dates",
                "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
                None,
            ),
            ("short name in RFC 850", "Sun, 06-Nov-94 08:49:37 GMT", None),
            (
                "four-digit year in RFC 850",
                "Sunday, 06-Nov-1994 08:49:37 GMT",
                None,
            ),
            ("seconds since 1970", "784111777", None),
            ("RFC 3339", "1994-11-06T08:49:37Z", None),
            ("not ASCII", "일, 06 Nov 1994 08:49:37 GMT", None),
        ];
        for (name, value, expected) in rows {
            let date = HttpDate::parse(value.as_bytes(), HttpDate(NOW));
            assert_eq!(date.map(HttpDate::secs), *expected, "{name}");
        }
    }

    #[test]
    fn the_preferred_form_is_written() {
        let rows = [
            ("example", EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("epoch", 0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("before 1970", -1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            ("earliest", EARLIEST, "Sat, 01 Jan 0000 00:00:00 GMT"),
            (
                "earlier than that",
                i64::MIN,
                "Sat, 01 Jan 0000 00:00:00 GMT",
            ),
            ("latest", LATEST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            ("later than that", i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (name, secs, expected) in rows {
            assert_eq!(HttpDate::from_secs(secs).to_string(), expected, "{name}");
        }
    }

    #[test]
    fn moments_are_rounded_down_to_the_second() {
        let rows = [
            ("epoch", 0, 0),
            ("within a second", 1_999_999_999, 1),
            ("before 1970", -1, -1),
            ("a whole second before 1970", -1_000_000_000, -1),
            ("the earliest", i128::MIN, EARLIEST),
            ("the latest", i128::MAX, LATEST),
        ];
        for (name, nanos, expected) in rows {
            assert_eq!(HttpDate::from_nanos(nanos).secs(), expected, "{name}");
        }
        let half_before = UNIX_EPOCH - Duration::from_millis(500);
        assert_eq!(HttpDate::from(half_before).secs(), -1);
        assert_eq!(
            HttpDate::from(UNIX_EPOCH + Duration::from_millis(1_500)).secs(),
            1
        );
    }

    #[test]
    fn modification_is_judged_by_now() {
        let (before, now, after) = (HttpDate(NOW - 1), HttpDate(NOW), HttpDate(NOW + 1));
        let rows = [
            ("a second ago", before, before, true),
            ("this second", now, now, false),
            ("in the future", after, now, false),
        ];
        for (name, modified, told, strong) in rows {
            assert_eq!(modified.no_later_than(now), told, "{name}");
            assert_eq!(modified.is_strong_at(now), strong, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(secs in EARLIEST..=LATEST, now in any::<i64>()) {
            let date = HttpDate::from_secs(secs);
            prop_assert_eq!(HttpDate::parse(&date.to_bytes(), HttpDate::from_secs(now)), Some(date));
        }

        #[test]
        fn no_bytes_cause_a_panic(value in proptest::collection::vec(any::<u8>(), 0..64), now in any::<i64>()) {
            let _ = HttpDate::parse(&value, HttpDate::from_secs(now));
        }

        #[test]
        fn nearly_dates_cause_no_panic(
            value in "(Sun|Sunday|Mon)(, | )[0-9 ]{1,2}[ -](Nov|Feb|xxx)[ -][0-9]{2,5} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            now in any::<i64>(),
        ) {
            let _ = HttpDate::parse(value.as_bytes(), HttpDate::from_secs(now));
        }

        #[test]
        fn no_moment_causes_a_panic(nanos in any::<i128>()) {
            let _ = HttpDate::from_nanos(nanos).to_bytes();
        }
    }
}
