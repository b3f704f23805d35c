//! Requests that depend on what the client has already (RFC 9110 §13): is it told that nothing changed, that
//! something did, is it sent the file, or the parts of it that it lacks.
//!
//! Only for files that are there: what a request for nothing is answered is not decided here (RFC 9110 §13.2.1).
//! A condition that cannot be read is passed over or fails, whichever sends more bytes and changes nothing.

use crate::http::date::HttpDate;
use crate::http::etag::{self, Comparison};
use crate::http::field::{Field, FieldSet};
use crate::http::method::Method;
use crate::http::range::{self, Ranges};
use crate::http::request::Request;

/// What is known of the file that would be sent.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// Its strong tag with the quotes, of the content coding that would be sent.
    pub etag: &'a [u8],
    /// When it was modified. If that is in the future, `now` is meant.
    pub modified: HttpDate,
    /// The `Date` of the reply.
    pub now: HttpDate,
}

/// What the conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They hold, or there are none.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Judges the conditions in their order of precedence (RFC 9110 §13.2.2, steps 1 to 4).
#[must_use]
pub fn judge(request: &Request<'_, '_>, validators: &Validators<'_>) -> Verdict {
    if !request.seen.has_any(CONDITIONS) || !is_read(request.method) {
        return Verdict::Proceed;
    }
    let has = |field| request.seen.has(field);
    let names = |field, comparison| etag::names(request.lines(field), validators.etag, comparison);
    let date =
        |field| only(request.lines(field)).and_then(|value| HttpDate::parse(value, validators.now));
    let modified = validators.modified.no_later_than(validators.now);

    let holds = if has(Field::IfMatch) {
        names(Field::IfMatch, Comparison::Strong)
    } else {
        date(Field::IfUnmodifiedSince).is_none_or(|date| modified <= date)
    };
    if !holds {
        return Verdict::Failed;
    }
    let is_known = if has(Field::IfNoneMatch) {
        names(Field::IfNoneMatch, Comparison::Weak)
    } else {
        date(Field::IfModifiedSince).is_some_and(|date| modified <= date)
    };
    if is_known {
        Verdict::NotModified
    } else {
        Verdict::Proceed
    }
}

/// What is sent of a file of `size` bytes once the conditions hold: all of it, unless there is a `Range` that can be
/// read and an `If-Range`, if there is one, that holds (RFC 9110 §13.2.2 step 5, §14.2).
#[must_use]
pub fn ranges(request: &Request<'_, '_>, validators: &Validators<'_>, size: u64) -> Ranges {
    match only(request.lines(Field::Range)) {
        Some(value) if request.method == Method::Get && is_same(request, validators) => {
            range::resolve(value, size)
        }
        _ => Ranges::Whole,
    }
}

/// The fields that make a request conditional, but for `If-Range`, which goes with a `Range`.
const CONDITIONS: FieldSet = FieldSet::of(&[
    Field::IfMatch,
    Field::IfUnmodifiedSince,
    Field::IfNoneMatch,
    Field::IfModifiedSince,
]);

/// Whether the method is one for which conditions count (RFC 9110 §13.2.1).
fn is_read(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}

/// Whether the parts that the client has are of this very file (RFC 9110 §13.1.5): the same strong tag, or the same
/// date if that tells versions apart.
fn is_same(request: &Request<'_, '_>, validators: &Validators<'_>) -> bool {
    if !request.seen.has(Field::IfRange) {
        return true;
    }
    let Some(value) = only(request.lines(Field::IfRange)) else {
        return false;
    };
    // No weak tag is the same as a strong one.
    value == validators.etag
        || HttpDate::parse(value, validators.now)
            .is_some_and(|date| date == validators.modified && date.is_strong_at(validators.now))
}

/// The value of a field that is no list: several lines of it cannot be read.
fn only<'b>(mut lines: impl Iterator<Item = &'b [u8]>) -> Option<&'b [u8]> {
    lines.next().filter(|_| lines.next().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Limits;
    use crate::http::request::{self, Slots};

    const OURS: &[u8] = br#""ours""#;
    const MODIFIED: HttpDate = HttpDate::from_secs(784_111_777);
    const NOW: HttpDate = HttpDate::from_secs(1_772_323_200);

    fn validators() -> Validators<'static> {
        Validators {
            etag: OURS,
            modified: MODIFIED,
            now: NOW,
        }
    }

    /// The request with these fields, one to a line. The names of moments stand for their dates.
    fn with<T>(method: &str, fields: &str, look: impl FnOnce(&Request<'_, '_>) -> T) -> T {
        let mut fields = fields.to_owned();
        for (name, secs) in [
            ("BEFORE", MODIFIED.secs() - 1),
            ("MODIFIED", MODIFIED.secs()),
            ("AFTER", MODIFIED.secs() + 1),
            ("NOW", NOW.secs()),
            ("FUTURE", NOW.secs() + 1),
        ] {
            fields = fields.replace(name, &HttpDate::from_secs(secs).to_string());
        }
        let lines: String = fields.lines().map(|line| format!("{line}\r\n")).collect();
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut slots = Slots::new();
        let (request, _) = request::parse(head.as_bytes(), &mut slots, &Limits::default())
            .expect("no fault")
            .expect("a whole head");
        look(&request)
    }

    #[test]
    fn conditions_are_judged_in_their_order() {
        use Verdict::{Failed, NotModified, Proceed};
        let rows = [
            ("none", "", Proceed),
            // RFC 9110 §13.1.1
            ("match ours", r#"If-Match: "ours""#, Proceed),
            ("match another", r#"If-Match: "b""#, Failed),
            ("match weak", r#"If-Match: W/"ours""#, Failed),
            ("match any", "If-Match: *", Proceed),
            ("match a list", r#"If-Match: "b", "ours""#, Proceed),
            (
                "match two lines",
                "If-Match: \"b\"\nIf-Match: \"ours\"",
                Proceed,
            ),
            ("match malformed", "If-Match: ours", Failed),
            ("match nothing", "If-Match:", Failed),
            // RFC 9110 §13.1.2
            ("none-match ours", r#"If-None-Match: "ours""#, NotModified),
            ("none-match another", r#"If-None-Match: "b""#, Proceed),
            ("none-match weak", r#"If-None-Match: W/"ours""#, NotModified),
            ("none-match any", "If-None-Match: *", NotModified),
            (
                "none-match a list",
                r#"If-None-Match: W/"b" ,"ours""#,
                NotModified,
            ),
            (
                "none-match two lines",
                "If-None-Match: \"b\"\nIf-None-Match: \"ours\"",
                NotModified,
            ),
            ("none-match malformed", "If-None-Match: ours", Proceed),
            // RFC 9110 §13.1.3
            (
                "modified since then",
                "If-Modified-Since: MODIFIED",
                NotModified,
            ),
            (
                "modified since before",
                "If-Modified-Since: BEFORE",
                Proceed,
            ),
            (
                "modified since after",
                "If-Modified-Since: AFTER",
                NotModified,
            ),
            (
                "modified since the future",
                "If-Modified-Since: FUTURE",
                NotModified,
            ),
            (
                "by RFC 850",
                "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
                NotModified,
            ),
            (
                "by asctime",
                "If-Modified-Since: Sun Nov  6 08:49:37 1994",
                NotModified,
            ),
            (
                "modified since no date",
                "If-Modified-Since: yesterday",
                Proceed,
            ),
            ("modified since nothing", "If-Modified-Since:", Proceed),
            (
                "modified since, list",
                "If-Modified-Since: MODIFIED, MODIFIED",
                Proceed,
            ),
            (
                "modified since, lines",
                "If-Modified-Since: MODIFIED\nIf-Modified-Since: MODIFIED",
                Proceed,
            ),
            // RFC 9110 §13.1.4
            (
                "unmodified since then",
                "If-Unmodified-Since: MODIFIED",
                Proceed,
            ),
            (
                "unmodified since before",
                "If-Unmodified-Since: BEFORE",
                Failed,
            ),
            (
                "unmodified since after",
                "If-Unmodified-Since: AFTER",
                Proceed,
            ),
            (
                "unmodified since no date",
                "If-Unmodified-Since: x",
                Proceed,
            ),
            (
                "unmodified since, list",
                "If-Unmodified-Since: BEFORE, BEFORE",
                Proceed,
            ),
            (
                "unmodified since, lines",
                "If-Unmodified-Since: BEFORE\nIf-Unmodified-Since: BEFORE",
                Proceed,
            ),
            // RFC 9110 §13.2.2
            (
                "step 1 holds, 2 is passed over",
                "If-Unmodified-Since: BEFORE\nIf-Match: \"ours\"",
                Proceed,
            ),
            (
                "step 1 fails, 2 is passed over",
                "If-Match: \"b\"\nIf-Unmodified-Since: AFTER",
                Failed,
            ),
            (
                "step 3 holds, 4 is passed over",
                "If-Modified-Since: AFTER\nIf-None-Match: \"b\"",
                Proceed,
            ),
            (
                "step 3 malformed, 4 is passed over",
                "If-Modified-Since: AFTER\nIf-None-Match: x",
                Proceed,
            ),
            (
                "step 3 fails, 4 is passed over",
                "If-Modified-Since: BEFORE\nIf-None-Match: *",
                NotModified,
            ),
            (
                "step 1 holds, 3 fails",
                "If-None-Match: \"ours\"\nIf-Match: \"ours\"",
                NotModified,
            ),
            (
                "step 1 fails before 3",
                "If-None-Match: \"ours\"\nIf-Match: \"b\"",
                Failed,
            ),
            (
                "step 2 holds, 4 fails",
                "If-Modified-Since: AFTER\nIf-Unmodified-Since: AFTER",
                NotModified,
            ),
            (
                "step 2 fails before 4",
                "If-Modified-Since: AFTER\nIf-Unmodified-Since: BEFORE",
                Failed,
            ),
            ("step 5 is another's", "If-Range: \"b\"", Proceed),
        ];
        for (name, fields, expected) in rows {
            for method in ["GET", "HEAD"] {
                let verdict = with(method, fields, |request| judge(request, &validators()));
                assert_eq!(verdict, expected, "{method}, {name}");
            }
            // RFC 9110 §13.2.1
            let verdict = with("OPTIONS", fields, |request| judge(request, &validators()));
            assert_eq!(verdict, Proceed, "OPTIONS, {name}");
        }
    }

    #[test]
    fn a_file_from_the_future_was_modified_now() {
        let modified = HttpDate::from_secs(i64::MAX);
        let rows = [
            (
                "known since now",
                "If-Modified-Since: NOW",
                Verdict::NotModified,
            ),
            (
                "not known since",
                "If-Modified-Since: AFTER",
                Verdict::Proceed,
            ),
            (
                "unmodified since now",
                "If-Unmodified-Since: NOW",
                Verdict::Proceed,
            ),
            (
                "not unmodified since",
                "If-Unmodified-Since: AFTER",
                Verdict::Failed,
            ),
        ];
        for (name, fields, expected) in rows {
            let validators = Validators {
                modified,
                ..validators()
            };
            let verdict = with("GET", fields, |request| judge(request, &validators));
            assert_eq!(verdict, expected, "{name}");
        }
    }

    #[test]
    fn a_range_applies_to_the_file_it_was_meant_for() {
        let rows = [
            // RFC 9110 §14.2
            ("no range", "GET", "", false),
            ("a range", "GET", "Range: bytes=0-1", true),
            ("of HEAD", "HEAD", "Range: bytes=0-1", false),
            ("of OPTIONS", "OPTIONS", "Range: bytes=0-1", false),
            (
                "two lines",
                "GET",
                "Range: bytes=0-1\nRange: bytes=2-3",
                false,
            ),
            ("malformed", "GET", "Range: bytes=1-0", false),
            // RFC 9110 §13.1.5
            (
                "our tag",
                "GET",
                "Range: bytes=0-1\nIf-Range: \"ours\"",
                true,
            ),
            (
                "tag in front",
                "GET",
                "If-Range: \"ours\"\nRange: bytes=0-1",
                true,
            ),
            (
                "another tag",
                "GET",
                "Range: bytes=0-1\nIf-Range: \"b\"",
                false,
            ),
            (
                "weak tag",
                "GET",
                "Range: bytes=0-1\nIf-Range: W/\"ours\"",
                false,
            ),
            (
                "list of tags",
                "GET",
                "Range: bytes=0-1\nIf-Range: \"b\", \"ours\"",
                false,
            ),
            (
                "two tags",
                "GET",
                "Range: bytes=0-1\nIf-Range: \"ours\"\nIf-Range: \"ours\"",
                false,
            ),
            ("any", "GET", "Range: bytes=0-1\nIf-Range: *", false),
            ("empty", "GET", "Range: bytes=0-1\nIf-Range:", false),
            (
                "no quotes",
                "GET",
                "Range: bytes=0-1\nIf-Range: ours",
                false,
            ),
            (
                "the date",
                "GET",
                "Range: bytes=0-1\nIf-Range: MODIFIED",
                true,
            ),
            (
                "by asctime",
                "GET",
                "Range: bytes=0-1\nIf-Range: Sun Nov  6 08:49:37 1994",
                true,
            ),
            (
                "an earlier date",
                "GET",
                "Range: bytes=0-1\nIf-Range: BEFORE",
                false,
            ),
            (
                "a later date",
                "GET",
                "Range: bytes=0-1\nIf-Range: AFTER",
                false,
            ),
            ("only an if-range", "GET", "If-Range: \"ours\"", false),
        ];
        for (name, method, fields, expected) in rows {
            let found = with(method, fields, |request| ranges(request, &validators(), 10));
            assert_eq!(matches!(found, Ranges::Parts(_)), expected, "{name}");
        }
        let beyond = with("GET", "Range: bytes=10-", |request| {
            ranges(request, &validators(), 10)
        });
        assert_eq!(beyond, Ranges::Unsatisfiable);
    }

    #[test]
    fn a_date_of_this_second_is_not_good_enough_for_a_range() {
        let rows = [
            ("a second later", 1, true),
            ("the same second", 0, false),
            ("before it was modified", -1, false),
        ];
        for (name, later, expected) in rows {
            let now = HttpDate::from_secs(MODIFIED.secs() + later);
            let validators = Validators {
                now,
                ..validators()
            };
            let fields = "Range: bytes=0-1\nIf-Range: MODIFIED";
            let found = with("GET", fields, |request| ranges(request, &validators, 10));
            assert_eq!(found != Ranges::Whole, expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_fields_cause_a_panic(
            fields in proptest::collection::vec(
                (
                    "If-Match|If-None-Match|If-Modified-Since|If-Unmodified-Since|If-Range|Range",
                    r#"[!-~]{0,12}|(W/)?"[a-z]{0,4}"(, ?"ours")?|MODIFIED|"ours"|bytes=[0-9]{0,3}-[0-9]{0,3}"#,
                ),
                0..6,
            ),
        ) {
            let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let has = |wanted: &[&str]| fields.iter().any(|(name, _)| wanted.contains(&name.as_str()));
            match with("GET", &lines, |request| judge(request, &validators())) {
                Verdict::Proceed => {}
                Verdict::NotModified => prop_assert!(has(&["If-None-Match", "If-Modified-Since"])),
                Verdict::Failed => prop_assert!(has(&["If-Match", "If-Unmodified-Since"])),
            }
            if let Ranges::Parts(parts) = with("GET", &lines, |request| ranges(request, &validators(), 100)) {
                prop_assert!(parts.iter().all(|range| range.end() <= 100));
                prop_assert!(has(&["Range"]));
            }
        }
    }
}
