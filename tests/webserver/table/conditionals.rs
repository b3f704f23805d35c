//! Conditions, and which of them counts when there are several (RFC 9110 §13).

use super::run::run;
use super::{Row, Theme, with};
use crate::site::{CHANGED_DATE, PAGE_GZ};

const EARLIER: &str = "Thu, 04 Mar 2021 05:06:06 GMT";
const LATER: &str = "Thu, 04 Mar 2021 05:06:08 GMT";

/// Adds a row per value of a field; each gives this status.
fn values(
    theme: &mut Theme,
    rule: &'static str,
    status: u16,
    field: &str,
    values: &[(&str, &str)],
) {
    for (name, value) in values {
        let row = theme.row(rule, *name, with(format!("{field}: {value}\r\n")));
        if status != 200 {
            row.gives(status);
        }
        if status == 304 {
            unchanged(row);
        }
    }
}

/// What a 304 has: what would be in a 200 and is needed to find the copy it confirms (RFC 9110 §15.4.5).
fn unchanged(row: &mut Row) {
    row.has("ETag", "{tag}").lacks("Content-Type").body("");
}

#[test]
fn if_none_match() {
    let mut theme = Theme::default();
    values(
        &mut theme,
        "RFC 9110 §13.1.2",
        304,
        "If-None-Match",
        &[
            ("the tag", "{tag}"),
            ("the tag as a weak one", "W/{tag}"),
            ("any", "*"),
            ("first of a list", "{tag}, \"other\""),
            ("last of a list", "\"a\", \"b\", {tag}"),
            ("in a list of weak ones", "W/\"a\", W/{tag}, W/\"b\""),
            ("in a list without spaces", "\"a\",{tag},\"b\""),
            ("in a list with tabs", "\"a\"\t,\t{tag}\t"),
            ("in a list with empty elements", ",, \"a\" , ,{tag},"),
            ("behind a tag with a comma", "\"a,b\", {tag}"),
            ("behind a tag with a backslash at its end", "\"a\\\", {tag}"),
            ("behind an empty tag", "\"\", {tag}"),
            ("on the second line", "\"a\"\r\nIf-None-Match: {tag}"),
            (
                "on the third line",
                "\"a\"\r\nIf-None-Match: \"b\"\r\nX: y\r\nif-none-match: W/{tag}",
            ),
        ],
    );
    values(
        &mut theme,
        "RFC 9110 §13.1.2",
        200,
        "If-None-Match",
        &[
            ("another tag", "\"other\""),
            ("another weak tag", "W/\"other\""),
            ("several others", "\"a\", W/\"b\", \"c\""),
            ("nothing", ""),
            ("only commas", ", ,"),
            ("an empty tag", "\"\""),
            ("a word", "other"),
            ("a quote left open", "\"other"),
            ("a lone quote", "\""),
            ("a small w", "w/\"other\""),
            ("a W without a tag", "W/"),
            ("an asterisk in quotes", "\"*\""),
            ("the date", CHANGED_DATE),
        ],
    );
    let many = (0..400)
        .map(|number| format!("\"{number}\""))
        .collect::<Vec<_>>();
    let rule = "RFC 9110 §13.1.2";
    unchanged(
        theme
            .row(
                rule,
                "behind 400 others",
                with(format!("If-None-Match: {}, {{tag}}\r\n", many.join(","))),
            )
            .gives(304),
    );
    theme.row(
        rule,
        "400 others",
        with(format!("If-None-Match: {}\r\n", many.join(", "))),
    );
    theme.row(
        rule,
        "bytes above ASCII in a tag",
        with(b"If-None-Match: \"\xff\x80\"\r\n"),
    );
    theme
        .row(
            rule,
            "HEAD",
            "HEAD /hello.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: {tag}\r\n\r\n",
        )
        .gives(304);
    theme
        .row(
            rule,
            "the tag of another file",
            "GET /alphabet.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: {tag}\r\n\r\n",
        )
        .gives(200);
    theme
        .row(
            rule,
            "an index file",
            "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n",
        )
        .gives(304);
    run(&theme, &[]);
}

#[test]
fn if_modified_since() {
    let mut theme = Theme::default();
    values(
        &mut theme,
        "RFC 9110 §13.1.3, dates of §5.6.7",
        304,
        "If-Modified-Since",
        &[
            ("the same second", CHANGED_DATE),
            ("a second later", LATER),
            ("years later", "Sat, 01 Jan 2022 00:00:00 GMT"),
            ("of RFC 850", "Thursday, 04-Mar-21 05:06:07 GMT"),
            ("of RFC 850, later", "Friday, 05-Mar-21 05:06:07 GMT"),
            ("of asctime", "Thu Mar  4 05:06:07 2021"),
            ("of asctime, with two digits", "Fri Mar 12 05:06:07 2021"),
        ],
    );
    values(
        &mut theme,
        "RFC 9110 §13.1.3, dates of §5.6.7",
        200,
        "If-Modified-Since",
        &[
            ("a second earlier", EARLIER),
            ("years earlier", "Wed, 01 Jan 2020 00:00:00 GMT"),
            ("the beginning of time", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (
                "before the beginning of time",
                "Wed, 31 Dec 1969 23:59:59 GMT",
            ),
            ("of RFC 850, earlier", "Thursday, 04-Mar-21 05:06:06 GMT"),
            (
                "of RFC 850, in the last century",
                "Thursday, 04-Mar-99 05:06:07 GMT",
            ),
            ("of asctime, earlier", "Thu Mar  4 05:06:06 2021"),
            ("nothing", ""),
            ("a word", "yesterday"),
            ("a number", "1614834367"),
            ("another zone", "Thu, 04 Mar 2021 05:06:07 +0000"),
            ("no zone", "Thu, 04 Mar 2021 05:06:07"),
            ("ISO 8601", "2021-03-04T05:06:07Z"),
            ("a day that no month has", "Wed, 31 Feb 2029 05:06:07 GMT"),
            ("an hour that no day has", "Thu, 04 Mar 2027 25:06:07 GMT"),
            (
                "a month in another language",
                "Do, 04 Mär 2027 05:06:07 GMT",
            ),
            (
                "words behind it",
                "Thu, 04 Mar 2027 05:06:07 GMT; length=13",
            ),
            ("cut off", "Thu, 04 Mar 2027 05:06"),
        ],
    );
    theme
        .row(
            "RFC 9110 §13.1.3",
            "HEAD",
            format!(
                "HEAD /hello.txt HTTP/1.1\r\nHost: h\r\nIf-Modified-Since: {CHANGED_DATE}\r\n\r\n"
            ),
        )
        .gives(304);
    theme
        .row(
            "RFC 9110 §13.1.3",
            "OPTIONS",
            format!("OPTIONS /hello.txt HTTP/1.1\r\nHost: h\r\nIf-Modified-Since: {CHANGED_DATE}\r\n\r\n"),
        )
        .gives(204);
    run(&theme, &[]);
}

#[test]
fn if_match_and_if_unmodified_since() {
    let mut theme = Theme::default();
    values(
        &mut theme,
        "RFC 9110 §13.1.1",
        200,
        "If-Match",
        &[
            ("the tag", "{tag}"),
            ("any", "*"),
            ("in a list", "\"a\", {tag}, \"b\""),
            ("in a list with a weak one of the same", "W/{tag}, {tag}"),
            ("on the second line", "\"a\"\r\nIf-Match: {tag}"),
        ],
    );
    values(
        &mut theme,
        "RFC 9110 §13.1.1",
        412,
        "If-Match",
        &[
            ("another tag", "\"other\""),
            ("the tag as a weak one: not strong enough", "W/{tag}"),
            ("several others", "\"a\", \"b\", W/\"c\""),
            ("on two lines", "\"a\"\r\nIf-Match: \"b\""),
            ("an asterisk in quotes", "\"*\""),
        ],
    );
    values(
        &mut theme,
        "RFC 9110 §13.1.4",
        200,
        "If-Unmodified-Since",
        &[
            ("the same second", CHANGED_DATE),
            ("later", LATER),
            ("of RFC 850", "Thursday, 04-Mar-21 05:06:07 GMT"),
            ("of asctime", "Thu Mar  4 05:06:07 2021"),
            ("nothing", ""),
            ("a word: no date is no condition", "yesterday"),
        ],
    );
    values(
        &mut theme,
        "RFC 9110 §13.1.4",
        412,
        "If-Unmodified-Since",
        &[
            ("a second earlier", EARLIER),
            ("years earlier", "Wed, 01 Jan 2020 00:00:00 GMT"),
            ("of asctime, earlier", "Thu Mar  4 05:06:06 2021"),
            ("of RFC 850, earlier", "Thursday, 04-Mar-21 05:06:06 GMT"),
        ],
    );
    theme
        .row(
            "RFC 9110 §13.1.1",
            "HEAD",
            "HEAD /hello.txt HTTP/1.1\r\nHost: h\r\nIf-Match: \"other\"\r\n\r\n",
        )
        .gives(412);
    run(&theme, &[]);
}

/// A name, the status of the answer, and the conditions in the order in which they are sent.
type Combination<'a> = (&'a str, u16, &'a [(&'a str, &'a str)]);

#[test]
fn precedence() {
    let mut theme = Theme::default();
    let same = CHANGED_DATE;
    let rows: [Combination<'_>; 22] = [
        (
            "a tag that differs stands above a date that does not",
            200,
            &[("If-None-Match", "\"other\""), ("If-Modified-Since", same)],
        ),
        (
            "a tag that matches stands above a date that differs",
            304,
            &[("If-None-Match", "{tag}"), ("If-Modified-Since", EARLIER)],
        ),
        (
            "both match",
            304,
            &[("If-None-Match", "{tag}"), ("If-Modified-Since", same)],
        ),
        (
            "neither matches",
            200,
            &[
                ("If-None-Match", "\"other\""),
                ("If-Modified-Since", EARLIER),
            ],
        ),
        (
            "the date comes first on the wire",
            200,
            &[("If-Modified-Since", same), ("If-None-Match", "\"other\"")],
        ),
        (
            "If-Match holds, so the date is not asked",
            200,
            &[("If-Match", "{tag}"), ("If-Unmodified-Since", EARLIER)],
        ),
        (
            "If-Match fails, so the date is not asked",
            412,
            &[("If-Match", "\"other\""), ("If-Unmodified-Since", LATER)],
        ),
        (
            "any If-Match, an earlier date",
            200,
            &[("If-Match", "*"), ("If-Unmodified-Since", EARLIER)],
        ),
        (
            "If-Match holds, then If-None-Match",
            304,
            &[("If-Match", "{tag}"), ("If-None-Match", "{tag}")],
        ),
        (
            "If-Match fails before If-None-Match",
            412,
            &[("If-Match", "\"other\""), ("If-None-Match", "{tag}")],
        ),
        (
            "If-None-Match comes first on the wire",
            412,
            &[("If-None-Match", "{tag}"), ("If-Match", "\"other\"")],
        ),
        (
            "If-Match holds, If-None-Match does not match",
            200,
            &[("If-Match", "{tag}"), ("If-None-Match", "\"other\"")],
        ),
        (
            "If-Match holds, then the date",
            304,
            &[("If-Match", "{tag}"), ("If-Modified-Since", same)],
        ),
        (
            "unmodified, then the tag",
            304,
            &[("If-Unmodified-Since", same), ("If-None-Match", "{tag}")],
        ),
        (
            "modified before the tag",
            412,
            &[("If-Unmodified-Since", EARLIER), ("If-None-Match", "{tag}")],
        ),
        (
            "unmodified, then unmodified",
            304,
            &[("If-Unmodified-Since", same), ("If-Modified-Since", same)],
        ),
        (
            "modified, then unmodified",
            412,
            &[
                ("If-Unmodified-Since", EARLIER),
                ("If-Modified-Since", same),
            ],
        ),
        (
            "all four hold",
            304,
            &[
                ("If-Match", "{tag}"),
                ("If-Unmodified-Since", same),
                ("If-None-Match", "{tag}"),
                ("If-Modified-Since", same),
            ],
        ),
        (
            "all four, the first fails",
            412,
            &[
                ("If-Match", "\"x\""),
                ("If-Unmodified-Since", same),
                ("If-None-Match", "{tag}"),
                ("If-Modified-Since", same),
            ],
        ),
        (
            "all four, the tag differs",
            200,
            &[
                ("If-Match", "*"),
                ("If-Unmodified-Since", same),
                ("If-None-Match", "\"x\""),
                ("If-Modified-Since", same),
            ],
        ),
        (
            "a range is not looked at before the tag",
            304,
            &[("Range", "bytes=0-1"), ("If-None-Match", "{tag}")],
        ),
        (
            "a range is not looked at before If-Match",
            412,
            &[("Range", "bytes=99-"), ("If-Match", "\"other\"")],
        ),
    ];
    for (name, status, fields) in rows {
        let lines: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        theme
            .row("RFC 9110 §13.2.2", name, with(lines))
            .gives(status);
    }
    let rule = "RFC 9110 §13.2.1: no condition on a reply that is not a success";
    for (name, line) in [
        ("any If-Match", "If-Match: *"),
        ("another If-Match", "If-Match: \"x\""),
        ("If-None-Match", "If-None-Match: *"),
    ] {
        theme
            .row(
                rule,
                format!("{name}, a missing file"),
                format!("GET /missing HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n"),
            )
            .gives(404);
        theme
            .row(
                rule,
                format!("{name}, a folder"),
                format!("GET /docs HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n"),
            )
            .gives(308);
        theme
            .row(
                rule,
                format!("{name}, POST"),
                format!("POST /hello.txt HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n"),
            )
            .gives(405);
    }
    let rule = "RFC 9110 §8.8.3.3: each coding has a tag of its own";
    let page = |lines: &str| {
        format!("GET /page.html HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n{lines}\r\n")
    };
    theme
        .row(rule, "no condition", page(""))
        .body(PAGE_GZ)
        .has("ETag", "{gz-tag}");
    theme
        .row(
            rule,
            "the tag of the coding",
            page("If-None-Match: {gz-tag}\r\n"),
        )
        .gives(304)
        .has("ETag", "{gz-tag}")
        .lists("Vary", &["Accept-Encoding"]);
    theme
        .row(
            rule,
            "the tag of the plain file",
            page("If-None-Match: {page-tag}\r\n"),
        )
        .body(PAGE_GZ);
    theme
        .row(
            rule,
            "If-Match with the tag of the coding",
            page("If-Match: {gz-tag}\r\n"),
        )
        .body(PAGE_GZ);
    run(&theme, &[]);
}
