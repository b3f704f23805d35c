//! Parses and shows sizes; shows rates and remaining times.
//!
//! One rule for reading: `K`, `KB` and `KiB` all mean 1,024 bytes (likewise M, G, T), because this product's "10 KB
//! chunk" has always been 10,240 bytes. What is shown says `KiB`, so it cannot be misread. No floating point: the
//! same number always reads the same.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, as typed (`10240`, `10KB`, `64 KiB`, `2G`) and as shown (`1.2 GiB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of this many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Nothing was given.
    #[error("size is empty; give a number such as 10240, 64K or 2GiB")]
    Empty,
    /// It has a sign.
    #[error("size must not have a sign")]
    Sign,
    /// It has a decimal point or comma.
    #[error("size must be a whole number; use a smaller unit, such as 1536K for 1.5M")]
    Fraction,
    /// It does not begin with a digit.
    #[error("size must begin with a number, such as 10240, 64K or 2GiB")]
    NoNumber,
    /// What follows the number is not a unit.
    #[error("unknown unit of size; use B, K, M, G or T (KB and KiB mean K: 1024 bytes)")]
    UnknownUnit,
    /// More than 64 bits can count.
    #[error("size is too large; the most is 18446744073709551615 bytes")]
    TooLarge,
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        match text.chars().next() {
            None => return Err(SizeError::Empty),
            Some('+' | '-') => return Err(SizeError::Sign),
            Some(first) if !first.is_ascii_digit() => return Err(SizeError::NoNumber),
            Some(_) => {}
        }
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        if unit.starts_with(['.', ',']) {
            return Err(SizeError::Fraction);
        }
        let scale: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return Err(SizeError::UnknownUnit),
        };
        // Only digits are left, so the one way to fail is to be too large.
        let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
        number
            .checked_mul(scale)
            .map(Self)
            .ok_or(SizeError::TooLarge)
    }
}

impl Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_scaled(u128::from(self.0), f)
    }
}

/// A speed: `3.9 GiB/s`. No time at all reads `-`, since no speed can be told yet.
#[must_use]
pub fn rate(bytes: u64, over: Duration) -> impl Display {
    Rate((u128::from(bytes) * 1_000_000_000).checked_div(over.as_nanos()))
}

/// A time as a clock shows it, for what remains and what has passed: `0:07`, `12:30`, `1:02:03`.
///
/// Part seconds count as whole ones, so `0:00` is shown only when nothing remains.
#[must_use]
pub fn clock_time(time: Duration) -> impl Display {
    ClockTime(
        time.as_secs()
            .saturating_add(u64::from(time.subsec_nanos() > 0)),
    )
}

struct Rate(Option<u128>);

impl Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(per_sec) = self.0 else {
            return f.write_str("-");
        };
        show_scaled(per_sec, f)?;
        f.write_str("/s")
    }
}

struct ClockTime(u64);

impl Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, secs) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match hours {
            0 => write!(f, "{minutes}:{secs:02}"),
            _ => write!(f, "{hours}:{minutes:02}:{secs:02}"),
        }
    }
}

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// One decimal in the largest unit that leaves at least 1.0.
fn show_scaled(bytes: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if bytes < 1024 {
        return write!(f, "{bytes} B");
    }
    let mut scale: u128 = 1;
    for (index, unit) in UNITS.into_iter().enumerate() {
        scale <<= 10;
        let tenths = (bytes * 10 + scale / 2) / scale;
        // What would read `1024.0 KiB` reads `1.0 MiB`.
        if tenths < 10_240 || index + 1 == UNITS.len() {
            return write!(f, "{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read() {
        let rows = [
            ("bare bytes", "10240", Ok(10_240)),
            ("the chunk", "10KB", Ok(10_240)),
            ("K is the same", "10K", Ok(10_240)),
            ("KiB is the same", "10kib", Ok(10_240)),
            ("a space before the unit", "64 KiB", Ok(65_536)),
            ("bytes named", "7B", Ok(7)),
            ("mega", "3m", Ok(3 << 20)),
            ("giga", "2GiB", Ok(2 << 30)),
            ("tera", "1TB", Ok(1 << 40)),
            ("zero", "0", Ok(0)),
            ("leading zeros", "007", Ok(7)),
            ("the most", "18446744073709551615", Ok(u64::MAX)),
            (
                "one too many",
                "18446744073709551616",
                Err(SizeError::TooLarge),
            ),
            (
                "too large by its unit",
                "16777216T",
                Err(SizeError::TooLarge),
            ),
            ("empty", "", Err(SizeError::Empty)),
            ("blank", "  ", Err(SizeError::Empty)),
            ("minus", "-1", Err(SizeError::Sign)),
            ("plus", "+1", Err(SizeError::Sign)),
            ("fraction", "1.5M", Err(SizeError::Fraction)),
            ("unit alone", "KB", Err(SizeError::NoNumber)),
            ("unknown unit", "5X", Err(SizeError::UnknownUnit)),
            ("two units", "5K5", Err(SizeError::UnknownUnit)),
            ("other digits", "٣", Err(SizeError::NoNumber)),
        ];
        for (name, text, expected) in rows {
            assert_eq!(
                text.parse().map(ByteSize::bytes),
                expected,
                "{name}: {text:?}"
            );
        }
    }

    #[test]
    fn sizes_are_shown() {
        let rows = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (10_240, "10.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_288_490_189, "1.2 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(ByteSize::new(bytes).to_string(), expected);
        }
    }

    #[test]
    fn rates_and_times_are_shown() {
        assert_eq!(
            rate(4_187_593_114, Duration::from_secs(1)).to_string(),
            "3.9 GiB/s"
        );
        assert_eq!(rate(100, Duration::from_millis(500)).to_string(), "200 B/s");
        assert_eq!(rate(1, Duration::ZERO).to_string(), "-");
        let rows = [
            (0, "0:00"),
            (7_000, "0:07"),
            (6_001, "0:07"),
            (750_000, "12:30"),
            (3_723_000, "1:02:03"),
        ];
        for (millis, expected) in rows {
            assert_eq!(
                clock_time(Duration::from_millis(millis)).to_string(),
                expected
            );
        }
        assert_eq!(
            clock_time(Duration::MAX).to_string(),
            "5124095576030431:00:15"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<ByteSize>();
        }

        #[test]
        fn fastest_rate_is_shown(bytes: u64, nanos in 1_u64..) {
            prop_assert!(rate(bytes, Duration::from_nanos(nanos)).to_string().ends_with("B/s"));
        }
    }
}
