//! Ranges: what is sent is what was asked for and is there, no byte twice and little else.

use webserver::http::range::{ByteRange, MAX_PARTS, Parts, Ranges, resolve};

/// The first line of `input` is the size of the file, the rest the value of `Range`.
///
/// # Panics
/// If it comes to something else than it may.
pub fn check(input: &[u8]) {
    let Some(at) = input.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let (size, value) = (&input[..at], &input[at + 1..]);
    let Some(size) = std::str::from_utf8(size)
        .ok()
        .and_then(|size| size.parse::<u64>().ok())
    else {
        return;
    };
    // No other control byte comes through the reading of a head.
    if value
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return;
    }
    let asked = asked(value, size);
    match resolve(value, size) {
        Ranges::Whole => assert!(
            size == 0 || asked.is_none_or(|asked| asked.len() > MAX_PARTS),
            "passed over"
        ),
        Ranges::Unsatisfiable => assert_eq!(asked, Some(Vec::new()), "not satisfied"),
        Ranges::Parts(parts) => check_parts(&parts, &asked.expect("well-formed"), size),
    }
}

/// Bytes between two parts that may be sent rather than another head of a part.
const GAP: u64 = 80;

fn check_parts(parts: &Parts, asked: &[ByteRange], size: u64) {
    assert!((1..=MAX_PARTS).contains(&parts.len()), "number of parts");
    let is_in = |inner: &ByteRange, outer: &ByteRange| {
        outer.start <= inner.start && inner.end() <= outer.end()
    };
    let mut in_order = Vec::new();
    for part in parts.iter() {
        assert!(part.len > 0 && part.end() <= size, "{part:?} of {size}");
        let mut inside: Vec<&ByteRange> = asked.iter().filter(|asked| is_in(asked, part)).collect();
        in_order.push(asked.iter().position(|asked| is_in(asked, part)));
        // From one that was asked for to the next there is no more than a gap.
        inside.sort_by_key(|asked| asked.start);
        let reached = inside.iter().fold(part.start, |reached, asked| {
            assert!(asked.start <= reached.saturating_add(GAP), "not asked for");
            reached.max(asked.end())
        });
        assert_eq!(inside.first().map(|first| first.start), Some(part.start));
        assert_eq!(reached, part.end(), "more than was asked for");
    }
    assert!(in_order.is_sorted(), "another order than was asked for");
    for wanted in asked {
        let places = parts.iter().filter(|part| is_in(wanted, part));
        assert_eq!(places.count(), 1, "{wanted:?} in {parts:?}");
    }
    for (place, part) in parts.iter().enumerate() {
        for other in &parts[place + 1..] {
            assert!(
                part.end() < other.start || other.end() < part.start,
                "{part:?} touches {other:?}"
            );
        }
    }
}

/// A plain reading of RFC 9110 §14.1.2: the ranges that are there, `None` if any is malformed.
fn asked(value: &[u8], size: u64) -> Option<Vec<ByteRange>> {
    let value = std::str::from_utf8(value).ok()?;
    let (unit, set) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let blank = [' ', '\t'];
    let members = set.split(',').map(|member| member.trim_matches(blank));
    let members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    if members.is_empty() {
        return None;
    }
    let mut ranges = Vec::new();
    for member in members {
        let (first, last) = member.split_once('-')?;
        let (start, end) = match (number(first)?, number(last)?) {
            (None, None) => return None,
            (None, Some(len)) => (size.saturating_sub(len), size),
            (Some(first), None) => (first, size),
            (Some(first), Some(last)) if first > last => return None,
            (Some(first), Some(last)) => (first, last.saturating_add(1).min(size)),
        };
        if start < end {
            ranges.push(ByteRange {
                start,
                len: end - start,
            });
        }
    }
    Some(ranges)
}

/// Nothing at all, or a number; `None` for anything else.
#[expect(clippy::option_option, reason = "both questions have an answer")]
fn number(digits: &str) -> Option<Option<u64>> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What does not fit is beyond every file.
    Some((!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX)))
}
