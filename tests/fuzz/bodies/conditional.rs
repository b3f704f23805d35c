//! Conditional requests: the rules of precedence of RFC 9110 §13.2.2 hold, whatever stands in the fields.

use webserver::config::Limits;
use webserver::http::conditional::{Validators, Verdict, judge, ranges};
use webserver::http::date::HttpDate;
use webserver::http::field::Field;
use webserver::http::range::Ranges;
use webserver::http::request::{Request, Slots, parse};

/// The lines of `input` are fields of a request for a file with the tag [`TAG`], last modified at [`MODIFIED`].
///
/// # Panics
/// If the conditions come to what they may not.
pub fn check(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let Some(verdict) = verdict("GET", &lines) else {
        return;
    };
    let has = |field: Field| lines.iter().any(|line| is_of(line, field));
    match verdict {
        Verdict::Proceed => {}
        Verdict::NotModified => assert!(has(Field::IfNoneMatch) || has(Field::IfModifiedSince)),
        Verdict::Failed => assert!(has(Field::IfMatch) || has(Field::IfUnmodifiedSince)),
    }
    assert_eq!(self::verdict("HEAD", &lines), Some(verdict), "HEAD");
    for method in ["OPTIONS", "POST"] {
        assert_eq!(
            self::verdict(method, &lines),
            Some(Verdict::Proceed),
            "{method}"
        );
    }
    check_precedence(&lines, verdict);
    check_known(&lines, verdict);
    with_request("GET", &lines, check_ranges);
    for line in &lines {
        check_date(
            line.split(|&byte| byte == b':')
                .nth(1)
                .unwrap_or_default()
                .trim_ascii(),
        );
        check_date(line);
    }
}

/// The file's tag.
pub const TAG: &str = "\"5f-400\"";
/// When the file was modified, in seconds: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub const MODIFIED: i64 = 784_111_777;
/// When it is asked for: an hour later.
const NOW: i64 = MODIFIED + 3600;
/// How long it is.
const SIZE: u64 = 0x400;

fn validators() -> Validators<'static> {
    Validators {
        etag: TAG.as_bytes(),
        modified: HttpDate::from_secs(MODIFIED),
        now: HttpDate::from_secs(NOW),
    }
}

/// A date does not count where there is a tag.
fn check_precedence(lines: &[&[u8]], verdict: Verdict) {
    for (tag, date) in [
        (Field::IfMatch, Field::IfUnmodifiedSince),
        (Field::IfNoneMatch, Field::IfModifiedSince),
    ] {
        if lines.iter().any(|line| is_of(line, tag)) {
            let without: Vec<&[u8]> = lines
                .iter()
                .copied()
                .filter(|line| !is_of(line, date))
                .collect();
            assert_eq!(
                self::verdict("GET", &without),
                Some(verdict),
                "without {date:?}"
            );
        }
    }
}

/// Who has the file as it is need not be sent it, and may change it.
fn check_known(lines: &[&[u8]], verdict: Verdict) {
    let with = |field: Field| {
        let line = format!("{}: {TAG}", field.name());
        let more = [lines, &[line.as_bytes()]].concat();
        // There may be no room for another field.
        self::verdict("GET", &more).unwrap_or(verdict)
    };
    let known = with(Field::IfNoneMatch);
    if verdict == Verdict::Failed {
        assert_eq!(known, Verdict::Failed, "a failure is a failure");
    } else {
        assert!(
            known == Verdict::NotModified || known == verdict,
            "{known:?}"
        );
    }
    let is_named = lines.iter().any(|line| is_of(line, Field::IfMatch));
    if is_named && verdict != Verdict::Failed {
        assert_ne!(with(Field::IfMatch), Verdict::Failed, "one tag more");
    }
}

/// Parts are sent of the very file only that the client has the others of.
fn check_ranges(request: &Request<'_, '_>) {
    let found = ranges(request, &validators(), SIZE);
    if found == Ranges::Whole {
        return;
    }
    assert_eq!(request.lines(Field::Range).count(), 1, "one Range");
    let conditions: Vec<&[u8]> = request.lines(Field::IfRange).collect();
    let holds = match conditions[..] {
        [] => true,
        [condition] if condition == TAG.as_bytes() => true,
        [condition] => {
            HttpDate::parse(condition, HttpDate::from_secs(NOW)).map(HttpDate::secs)
                == Some(MODIFIED)
        }
        _ => false,
    };
    assert!(holds, "If-Range");
}

/// A date that can be read is the same when it is written and read again.
fn check_date(value: &[u8]) {
    let now = HttpDate::from_secs(NOW);
    if let Some(date) = HttpDate::parse(value, now) {
        assert_eq!(HttpDate::parse(&date.to_bytes(), now), Some(date));
        let other = std::str::from_utf8(value)
            .ok()
            .and_then(|text| httpdate::parse_http_date(text).ok());
        // The other reader has another idea of centuries, and of dates before 1970.
        if let Some(other) = other.map(HttpDate::from)
            && value.len() == HttpDate::LEN
        {
            assert_eq!(date, other, "{}", value.escape_ascii());
        }
    }
}

fn is_of(line: &[u8], field: Field) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    name.eq_ignore_ascii_case(field.name().as_bytes())
}

/// What the conditions come to; nothing if the lines make no request.
fn verdict(method: &str, lines: &[&[u8]]) -> Option<Verdict> {
    with_request(method, lines, |request| judge(request, &validators()))
}

fn with_request<T>(
    method: &str,
    lines: &[&[u8]],
    then: impl FnOnce(&Request<'_, '_>) -> T,
) -> Option<T> {
    let head = [
        format!("{method} / HTTP/1.1\r\nHost: a\r\n").as_bytes(),
        &lines.join(&b"\r\n"[..]),
        b"\r\n\r\n",
    ]
    .concat();
    let mut slots = Slots::new();
    match parse(&head, &mut slots, &Limits::default()) {
        Ok(Some((request, len))) if len == head.len() => Some(then(&request)),
        _ => None,
    }
}
