//! Fields of requests, made by chance. Where a tag or a date is that of the file that is asked for, a word stands for
//! it until that is known ([`about`]).

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use webserver::http::date::HttpDate;

use crate::bodies::scene::{CREDENTIALS, tag};

/// One line of a head, with its line end.
pub(crate) fn line() -> impl Strategy<Value = String> {
    let named = |names: &'static [&'static str], value: BoxedStrategy<String>| {
        (select(names), value).prop_map(|(name, value)| format!("{name}: {value}"))
    };
    let line = prop_oneof![
        12 => named(&["Range", "Range", "range"], ranges().boxed()),
        5 => named(&["If-None-Match", "If-Match", "If-Range"], tags().boxed()),
        4 => named(&["If-Modified-Since", "If-Unmodified-Since", "If-Range"], dates().boxed()),
        8 => named(&["Accept-Encoding"], codings().boxed()),
        8 => select(PLAIN).prop_map(str::to_owned),
        1 => select(ODD).prop_map(str::to_owned),
        1 => Just(format!("Authorization: {CREDENTIALS}")),
    ];
    line.prop_map(|line| line + "\r\n")
}

/// Puts the tag and the date of a file where they are to stand.
pub(crate) fn about(lines: &str, file: &str) -> String {
    let (tag, modified) = tag(file);
    let date = |off: i64| HttpDate::from_secs(HttpDate::from(modified).secs() + off).to_string();
    lines
        .replace("{tag}", &tag)
        .replace("{before}", &date(-1))
        .replace("{date}", &date(0))
        .replace("{after}", &date(1))
}

#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "Accept: application/json", "Accept: text/html", "Accept: */*", "Cookie: a=b", "Connection: keep-alive",
    "Content-Length: 0", "A:", "A:\tb\t", "Access-Control-Request-Method: GET", "Origin: http://b", "A: \u{e9}",
    "Connection: x, close", "Authorization: Basic eDp5", "Authorization: Bearer x",
];

#[rustfmt::skip]
const ODD: &[&str] = &[
    "Expect: 100-continue", "Expect: more", "Content-Length: 5, 5", "Content-Length: +1", "Transfer-Encoding: gzip",
    "Host: b", "A : b", " folded", "A: \u{7f}",
];

/// The value of a `Range`.
fn ranges() -> impl Strategy<Value = String> {
    let unit = prop_oneof![20 => Just("bytes"), 1 => select(&["Bytes", "lines", "bytes ", ""][..])];
    // Many, and some of them far enough from one another to stay apart.
    let spread = (1..20_u64, 85..3000_u64).prop_map(|(count, step)| {
        let starts = (0..count).map(|place| place * step);
        starts
            .map(|start| format!("{start}-{}", start + 3))
            .collect()
    });
    let members = prop_oneof![3 => vec(range(), 1..5), 1 => spread];
    (unit, members).prop_map(|(unit, members)| format!("{unit}={}", members.join(",")))
}

fn range() -> impl Strategy<Value = String> {
    const EDGES: &[u64] = &[
        0,
        12,
        13,
        399,
        400,
        999,
        1000,
        32_768,
        262_144,
        u64::MAX - 1,
        u64::MAX,
    ];
    const ODD: &[&str] = &[
        "",
        " ",
        "5-4",
        "-",
        "a-b",
        "99999999999999999999-",
        "-0",
        "0-0",
        "1 - 2",
    ];
    let place = || {
        prop_oneof![
            6 => 0..1100_u64,
            2 => 299_900..300_100_u64,
            1 => 0..300_000_u64,
            1 => select(EDGES),
        ]
    };
    prop_oneof![
        20 => (place(), place()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        5 => place().prop_map(|first| format!("{first}-")),
        5 => place().prop_map(|len| format!("-{len}")),
        1 => select(ODD).prop_map(str::to_owned),
    ]
}

fn tags() -> impl Strategy<Value = String> {
    const OTHERS: &[&str] = &["\"\"", "\"x,y\"", "*", "", "x", "\"", "W/", "\"a\" \"b\""];
    let one = prop_oneof![4 => Just("{tag}"), 1 => Just("W/{tag}"), 2 => select(OTHERS)];
    prop_oneof![2 => Just("{tag}".to_owned()), 3 => vec(one, 1..4).prop_map(|tags| tags.join(", "))]
}

fn dates() -> impl Strategy<Value = String> {
    const OTHERS: &[&str] = &[
        "Thu, 04 Mar 2021 05:06:07 GMT",
        "Thursday, 04-Mar-21 05:06:07 GMT",
        "Thu Mar  4 05:06:07 2021",
        "Fri, 04 Mar 2021 05:06:07 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "yesterday",
        "",
    ];
    prop_oneof![3 => select(&["{before}", "{date}", "{after}"][..]), 1 => select(OTHERS)]
        .prop_map(str::to_owned)
}

/// The value of an `Accept-Encoding`.
fn codings() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "gzip", "br", "zstd", "identity", "*", "x-gzip", "GZIP", "deflate", "",
    ];
    const WEIGHTS: &[&str] = &[
        "",
        "",
        "",
        ";q=0",
        ";q=0.5",
        "; q=1.000",
        ";q=2",
        ";q=",
        ";a=\"q=0,\"",
    ];
    let one = (select(NAMES), select(WEIGHTS)).prop_map(|(name, weight)| format!("{name}{weight}"));
    vec(one, 1..5).prop_map(|codings| codings.join(", "))
}
