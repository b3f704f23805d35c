//! The values that are numbers, sizes, times and names: text → checked values.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::ValueEnum;
use common::units::{ByteSize, SizeError};
use webserver::config::{AccessFormat, MAX_FIELDS};

/// The most event loops: each has a listener, a cache and buffers.
const MAX_WORKERS: usize = 1024;

/// The sizes a head may have: less than the first would refuse any browser, more than the second is no head.
const HEAD_LENS: std::ops::RangeInclusive<u64> = 1024..=1 << 20;

/// The longest time that may be given: a year, which can be added to any time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The value of `--log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogForm {
    Common,
    Combined,
    Json,
    Off,
}

impl From<LogForm> for Option<AccessFormat> {
    fn from(form: LogForm) -> Self {
        match form {
            LogForm::Common => Some(AccessFormat::Common),
            LogForm::Combined => Some(AccessFormat::Combined),
            LogForm::Json => Some(AccessFormat::Json),
            LogForm::Off => None,
        }
    }
}

/// Why a value is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error(transparent)]
    Size(#[from] SizeError),
    #[error("give a number from 0 to 65535")]
    Port,
    #[error("give a number from 1 to {}", MAX_WORKERS)]
    Workers,
    #[error("give a number from 1 to {}", MAX_FIELDS)]
    Fields,
    #[error("give a number of at least 1")]
    Connections,
    #[error("a head may have from 1KiB to 1MiB")]
    HeadLen,
    #[error("give a size of at least 1 byte")]
    NoLen,
    #[error("give a time such as 500ms, 10s, 5m or 1h; a number alone means seconds")]
    Time,
    #[error("give a time of at most 365d")]
    TooLong,
    #[error("give a time above 0")]
    NoTime,
    #[error("give three octal digits, such as 660")]
    Mode,
    #[error("give the file as a path below the root, such as index.html")]
    Beneath,
}

pub(super) fn port(text: &str) -> Result<u16, ValueError> {
    text.parse().map_err(|_| ValueError::Port)
}

pub(super) fn workers(text: &str) -> Result<NonZeroUsize, ValueError> {
    let number = text.parse().ok();
    number
        .filter(|number: &NonZeroUsize| number.get() <= MAX_WORKERS)
        .ok_or(ValueError::Workers)
}

pub(super) fn fields(text: &str) -> Result<usize, ValueError> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MAX_FIELDS).contains(number))
        .ok_or(ValueError::Fields)
}

pub(super) fn connections(text: &str) -> Result<NonZeroUsize, ValueError> {
    text.parse().map_err(|_| ValueError::Connections)
}

pub(super) fn size(text: &str) -> Result<u64, ValueError> {
    Ok(text.parse::<ByteSize>()?.bytes())
}

pub(super) fn head_len(text: &str) -> Result<usize, ValueError> {
    let len = Some(size(text)?).filter(|len| HEAD_LENS.contains(len));
    len.and_then(|len| usize::try_from(len).ok())
        .ok_or(ValueError::HeadLen)
}

pub(super) fn some_len(text: &str) -> Result<NonZeroUsize, ValueError> {
    let len = NonZeroU64::new(size(text)?).ok_or(ValueError::NoLen)?;
    NonZeroUsize::try_from(len).map_err(|_| ValueError::Size(SizeError::TooLarge))
}

/// `1KB` and `1KB/s` are the same rate.
pub(super) fn rate(text: &str) -> Result<u64, ValueError> {
    size(text.strip_suffix("/s").unwrap_or(text))
}

/// A time: a whole number and its unit, seconds if it has none.
pub(super) fn time(text: &str) -> Result<Duration, ValueError> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = match unit.trim_start() {
        "ms" => Duration::from_millis(1),
        "" | "s" => Duration::from_secs(1),
        "m" | "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(60 * 60),
        "d" => Duration::from_secs(24 * 60 * 60),
        _ => return Err(ValueError::Time),
    };
    if number.is_empty() {
        return Err(ValueError::Time);
    }
    // Only digits are left, so the one way to fail is to be too large.
    let number: u32 = number.parse().map_err(|_| ValueError::TooLong)?;
    let time = unit.checked_mul(number);
    time.filter(|&time| time <= LONGEST)
        .ok_or(ValueError::TooLong)
}

/// A time in which something can happen.
pub(super) fn some_time(text: &str) -> Result<Duration, ValueError> {
    match time(text)? {
        Duration::ZERO => Err(ValueError::NoTime),
        time => Ok(time),
    }
}

/// Permission bits as `chmod` takes them, but for the three that mean nothing on a socket.
pub(super) fn mode(text: &str) -> Result<u32, ValueError> {
    let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3);
    let digits = digits.unwrap_or(text);
    let is_mode = digits.len() == 3 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|_| is_mode)
        .ok_or(ValueError::Mode)
}

/// A file below the root, with or without a slash before it. The result has single slashes between names.
pub(super) fn beneath(text: &str) -> Result<String, ValueError> {
    if text.ends_with('/') || text.contains('\0') {
        return Err(ValueError::Beneath);
    }
    let names: Vec<&str> = text
        .split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect();
    if names.is_empty() || names.contains(&"..") {
        return Err(ValueError::Beneath);
    }
    Ok(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(port("0"), Ok(0));
        assert_eq!(port("65535"), Ok(65_535));
        for text in ["65536", "-1", "http", "", "8080x"] {
            assert_eq!(port(text), Err(ValueError::Port), "{text:?}");
        }
        assert_eq!(workers("4").map(NonZeroUsize::get), Ok(4));
        for text in ["0", "1025", "-1", "many", ""] {
            assert_eq!(workers(text), Err(ValueError::Workers), "{text:?}");
        }
        assert_eq!(fields("1"), Ok(1));
        assert_eq!(fields("100"), Ok(100));
        for text in ["0", "101", ""] {
            assert_eq!(fields(text), Err(ValueError::Fields), "{text:?}");
        }
        assert_eq!(connections("1").map(NonZeroUsize::get), Ok(1));
        assert_eq!(connections("0"), Err(ValueError::Connections));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("much"), Err(ValueError::Size(SizeError::NoNumber)));
        assert_eq!(rate("1KB/s"), Ok(1024));
        assert_eq!(rate("0"), Ok(0));
        assert_eq!(head_len("1KiB"), Ok(1024));
        assert_eq!(head_len("1MiB"), Ok(1 << 20));
        for text in ["1023", "1048577", "0"] {
            assert_eq!(head_len(text), Err(ValueError::HeadLen), "{text:?}");
        }
        assert_eq!(some_len("1").map(NonZeroUsize::get), Ok(1));
        assert_eq!(some_len("0"), Err(ValueError::NoLen));
    }

    #[test]
    fn times() {
        let rows = [
            ("seconds", "10s", Ok(10_000)),
            ("no unit", "10", Ok(10_000)),
            ("milliseconds", "500ms", Ok(500)),
            ("minutes", "5m", Ok(300_000)),
            ("minutes in a longer word", "5min", Ok(300_000)),
            ("hours", "1h", Ok(3_600_000)),
            ("a space", "2 s", Ok(2_000)),
            ("nothing", "0", Ok(0)),
            ("the longest", "365d", Ok(365 * 86_400_000)),
            ("longer", "366d", Err(ValueError::TooLong)),
            (
                "more than can be counted",
                "99999999999s",
                Err(ValueError::TooLong),
            ),
            ("a fraction", "0.5s", Err(ValueError::Time)),
            ("a sign", "-1s", Err(ValueError::Time)),
            ("a unit alone", "s", Err(ValueError::Time)),
            ("an unknown unit", "1y", Err(ValueError::Time)),
            ("empty", "", Err(ValueError::Time)),
        ];
        for (name, text, expected) in rows {
            assert_eq!(time(text).map(|time| time.as_millis()), expected, "{name}");
        }
        assert_eq!(some_time("0"), Err(ValueError::NoTime));
        assert_eq!(some_time("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn modes() {
        assert_eq!(mode("660"), Ok(0o660));
        assert_eq!(mode("0600"), Ok(0o600));
        assert_eq!(mode("000"), Ok(0));
        for text in ["66", "6600", "01777", "888", "rw-", "", "+66", "00660"] {
            assert_eq!(mode(text), Err(ValueError::Mode), "{text:?}");
        }
    }

    #[test]
    fn files_below_the_root() {
        let rows = [
            ("a name", "404.html", Some("404.html")),
            ("as a target", "/errors/404.html", Some("errors/404.html")),
            ("as a shell gives it", "./a//b.html", Some("a/b.html")),
            ("a hidden one", ".well-known/x", Some(".well-known/x")),
            ("korean", "오류.html", Some("오류.html")),
            ("dots in a name", "a..b", Some("a..b")),
            ("out of the root", "../x", None),
            ("out and in", "a/../b", None),
            ("a folder", "errors/", None),
            ("the root", "/", None),
            ("itself", ".", None),
            ("nothing", "", None),
            ("a NUL", "a\0b", None),
        ];
        for (name, text, expected) in rows {
            assert_eq!(beneath(text).ok().as_deref(), expected, "{name}");
        }
    }
}
