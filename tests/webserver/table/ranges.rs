//! Parts of a file (RFC 9110 §14).

use super::run::run;
use super::{Row, Theme};
use crate::site::{ALPHABET, CHANGED_DATE, pattern};

fn ranged(lines: &str) -> String {
    format!("GET /alphabet.txt HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

/// The row of a Range that is answered by the letters from `first` to `last`.
fn part<'t>(
    theme: &'t mut Theme,
    rule: &'static str,
    value: &str,
    first: usize,
    last: usize,
) -> &'t mut Row {
    theme
        .row(
            rule,
            format!("Range {value}"),
            ranged(&format!("Range: {value}\r\n")),
        )
        .gives(206)
        .body(&ALPHABET[first..=last])
        .has("Content-Range", format!("bytes {first}-{last}/26"))
        .has("ETag", "{letters-tag}")
        .has("Last-Modified", CHANGED_DATE)
}

/// The row of a Range that is answered by the whole file.
fn whole<'t>(theme: &'t mut Theme, rule: &'static str, value: &str) -> &'t mut Row {
    theme
        .row(
            rule,
            format!("Range {value}"),
            ranged(&format!("Range: {value}\r\n")),
        )
        .body(ALPHABET)
        .lacks("Content-Range")
}

#[test]
fn one_part() {
    let mut theme = Theme::default();
    for (value, first, last) in [
        ("bytes=0-4", 0, 4),
        ("bytes=0-0", 0, 0),
        ("bytes=25-25", 25, 25),
        ("bytes=3-9", 3, 9),
        ("bytes=0-25", 0, 25),
        ("bytes=0-", 0, 25),
        ("bytes=10-", 10, 25),
        ("bytes=25-", 25, 25),
        ("bytes=0-26", 0, 25),
        ("bytes=20-999", 20, 25),
        ("bytes=0-18446744073709551615", 0, 25),
        ("bytes=20-99999999999999999999999999", 20, 25),
        ("bytes=-1", 25, 25),
        ("bytes=-5", 21, 25),
        ("bytes=-26", 0, 25),
        ("bytes=-27", 0, 25),
        ("bytes=-99999999999999999999999999", 0, 25),
        ("bytes=00-04", 0, 4),
        ("Bytes=0-4", 0, 4),
        ("BYTES=-5", 21, 25),
    ] {
        part(&mut theme, "RFC 9110 §14.1.2", value, first, last);
    }
    part(&mut theme, "RFC 9110 §5.5", "\t bytes=0-4 \t", 0, 4);
    for value in [
        "bytes=26-",
        "bytes=26-26",
        "bytes=26-30",
        "bytes=1000-2000",
        "bytes=-0",
        "bytes=99999999999999999999-",
    ] {
        theme
            .row(
                "RFC 9110 §15.5.17",
                format!("Range {value}"),
                ranged(&format!("Range: {value}\r\n")),
            )
            .gives(416)
            .has("Content-Range", "bytes */26");
    }
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-b",
        "bytes=a-4",
        "bytes=5-4",
        "bytes=0-4x",
        "bytes=x0-4",
        "bytes=0--4",
        "bytes=--5",
        "bytes=0-4-5",
        "bytes=+0-4",
        "bytes=0-+4",
        "bytes=-+4",
        "bytes=0x0-4",
        "bytes=1.5-4",
        "bytes=0 - 4",
        "bytes=0 -4",
        "bytes=0-4;q=1",
        "bytes=0-4 6-7",
        "bytes 0-4",
        "bytes:0-4",
        "bytes = 0-4",
        "=0-4",
        "0-4",
        "bytes=0-4, a-b",
        "bytes=5-4, 0-1",
        "bytes==0-4",
        "bytes=0-4=",
        "bytes=\"0-4\"",
        "bytes=*",
        "bytes=0-*",
        "items=0-4",
        "bits=0-4",
        "none",
        "byte=0-4",
        "bytess=0-4",
        "seconds=1-2",
        "bytes=０-４",
    ] {
        whole(
            &mut theme,
            "RFC 9110 §14.2: what is malformed or of another unit is ignored",
            value,
        );
    }
    run(&theme, &[]);
}

#[test]
fn with_other_fields_and_methods() {
    let mut theme = Theme::default();
    let rule = "RFC 9110 §13.1.5";
    for (name, value) in [
        ("the tag", "{letters-tag}"),
        ("the date", CHANGED_DATE),
        ("the date of RFC 850", "Thursday, 04-Mar-21 05:06:07 GMT"),
        ("the date of asctime", "Thu Mar  4 05:06:07 2021"),
    ] {
        theme
            .row(
                rule,
                format!("If-Range with {name}"),
                ranged(&format!("Range: bytes=0-4\r\nIf-Range: {value}\r\n")),
            )
            .gives(206)
            .body("abcde");
    }
    for (name, value) in [
        ("another tag", "\"other\""),
        ("the tag as a weak one", "W/{letters-tag}"),
        ("an earlier date", "Thu, 04 Mar 2021 05:06:06 GMT"),
        (
            "a later date: it must be exact",
            "Thu, 04 Mar 2021 05:06:08 GMT",
        ),
        ("a word", "other"),
        ("nothing", ""),
        ("an asterisk", "*"),
        ("a list", "{letters-tag}, \"other\""),
        ("a quote left open", "\"other"),
    ] {
        theme
            .row(
                rule,
                format!("If-Range with {name}"),
                ranged(&format!("Range: bytes=0-4\r\nIf-Range: {value}\r\n")),
            )
            .body(ALPHABET)
            .lacks("Content-Range");
    }
    theme
        .row(
            rule,
            "If-Range of the file before, beyond its end",
            ranged("Range: bytes=90-\r\nIf-Range: \"other\"\r\n"),
        )
        .body(ALPHABET);
    theme
        .row(
            rule,
            "If-Range beyond the end",
            ranged("Range: bytes=90-\r\nIf-Range: {letters-tag}\r\n"),
        )
        .gives(416);
    theme
        .row(
            rule,
            "If-Range without Range",
            ranged("If-Range: {letters-tag}\r\n"),
        )
        .body(ALPHABET);
    theme
        .row(
            "RFC 9110 §13.2.2",
            "If-Match holds",
            ranged("Range: bytes=0-4\r\nIf-Match: {letters-tag}\r\n"),
        )
        .gives(206)
        .body("abcde");
    theme
        .row(
            "RFC 9110 §13.2.2",
            "If-None-Match does not match",
            ranged("Range: bytes=0-4\r\nIf-None-Match: \"x\"\r\n"),
        )
        .gives(206)
        .body("abcde");
    theme
        .row("RFC 9110 §14.3", "no Range", ranged(""))
        .body(ALPHABET)
        .has("Accept-Ranges", "bytes");
    for value in ["bytes=0-4", "bytes=99-", "bytes=0-1,5-6"] {
        theme
            .row(
                "RFC 9110 §14.2: defined for GET",
                format!("HEAD with {value}"),
                format!("HEAD /alphabet.txt HTTP/1.1\r\nHost: h\r\nRange: {value}\r\n\r\n"),
            )
            .gives(200)
            .has("Content-Length", "26")
            .lacks("Content-Range");
    }
    theme
        .row(
            "RFC 9110 §14.2",
            "a missing file",
            "GET /missing HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4\r\n\r\n",
        )
        .gives(404)
        .lacks("Content-Range");
    theme
        .row(
            "RFC 9110 §14.2",
            "a folder",
            "GET /docs HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4\r\n\r\n",
        )
        .gives(308);
    theme
        .row(
            "RFC 9110 §15.5.17",
            "an empty file",
            "GET /empty.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-\r\n\r\n",
        )
        .gives(416)
        .has("Content-Range", "bytes */0");
    theme
        .row(
            "RFC 9110 §14.1.2: nothing to choose from",
            "the end of an empty file",
            "GET /empty.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=-5\r\n\r\n",
        )
        .gives_one_of(&[200, 416]);
    theme
        .row(
            "RFC 9110 §14.2",
            "a Range that is ignored, of an empty file",
            "GET /empty.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=x\r\n\r\n",
        )
        .body("");
    run(&theme, &[]);
}

#[test]
fn several_parts() {
    let mut theme = Theme::default();
    let rule = "RFC 9110 §15.3.7.2: parts that touch are one";
    for (value, first, last) in [
        ("bytes=0-4,5-9", 0, 9),
        ("bytes=0-4,2-8", 0, 8),
        ("bytes=0-9,2-3", 0, 9),
        ("bytes=0-4,0-4", 0, 4),
        ("bytes=0-,5-", 0, 25),
        ("bytes=0-9, 5-14, 10-19", 0, 19),
        ("bytes=-5,20-25", 20, 25),
        ("bytes=0-1,99-", 0, 1),
        ("bytes=99-,0-1", 0, 1),
        ("bytes=-0,0-1", 0, 1),
    ] {
        part(&mut theme, rule, value, first, last);
    }
    theme
        .row(
            "RFC 9110 §15.5.17",
            "all beyond the end",
            ranged("Range: bytes=30-,40-50\r\n"),
        )
        .gives(416)
        .has("Content-Range", "bytes */26");
    for value in [
        "bytes=0-1,50000-50001",
        "bytes=0-1, 50000-50001",
        "bytes=0-1\t,\t50000-50001",
        "bytes=0-0,-1",
        "bytes=200000-200001,0-1",
        "bytes=0-1,50000-50001,999999-",
        "bytes=0-1,50000-50001,100000-100001,150000-150001",
    ] {
        theme
            .row(
                "RFC 9110 §14.6",
                format!("Range {value}"),
                format!("GET /big.bin HTTP/1.1\r\nHost: h\r\nRange: {value}\r\n\r\n"),
            )
            .gives(206)
            .lacks("Content-Range")
            .has("Last-Modified", CHANGED_DATE);
    }
    for value in ["bytes=0-4,", "bytes=,0-4", "bytes=0-4, ,"] {
        theme
            .row(
                "RFC 9110 §5.6.1.2: empty elements of a list",
                format!("Range {value}"),
                ranged(&format!("Range: {value}\r\n")),
            )
            .gives_one_of(&[200, 206]);
    }
    let apart = |count: usize| {
        let parts: Vec<_> = (0..count)
            .map(|number| format!("{}-{}", number * 290, number * 290 + 1))
            .collect();
        format!(
            "GET /big.bin HTTP/1.1\r\nHost: h\r\nRange: bytes={}\r\n\r\n",
            parts.join(",")
        )
    };
    theme
        .row("RFC 9110 §14.2", "sixteen parts", apart(16))
        .gives(206);
    for count in [17, 100, 1000] {
        theme
            .row(
                "RFC 9110 §14.2: too many are not worth an answer",
                format!("{count} parts"),
                apart(count),
            )
            .body(pattern(300_000));
    }
    let covering = format!(
        "GET /alphabet.txt HTTP/1.1\r\nHost: h\r\nRange: bytes={}0-1\r\n\r\n",
        "0-,".repeat(1000)
    );
    theme
        .row(
            "RFC 9110 §17.15",
            "the whole file a thousand times",
            covering,
        )
        .gives_one_of(&[200, 206])
        .has("Content-Length", "26");
    run(&theme, &[]);
}
