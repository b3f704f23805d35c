//! Chunked bodies, to the byte (RFC 9112 §7.1), before a GET that is answered like any other.

use super::run::run;
use super::{After, Theme, carrying};

fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    carrying("GET", "Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn well_formed() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9112 §7.1",
        &[
            ("none but the last", &chunked("0\r\n\r\n")),
            ("one", &chunked("b\r\nhello world\r\n0\r\n\r\n")),
            ("two", &chunked("6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")),
            (
                "of one byte each",
                &chunked("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
            ),
            (
                "a small letter as size",
                &chunked("a\r\n0123456789\r\n0\r\n\r\n"),
            ),
            (
                "a capital as size",
                &chunked("A\r\n0123456789\r\n0\r\n\r\n"),
            ),
            (
                "two digits",
                &chunked("1e\r\nthirty bytes, neither more nor\r\n0\r\n\r\n"),
            ),
            (
                "mixed digits",
                &chunked("1E\r\nthirty bytes, neither more nor\r\n0\r\n\r\n"),
            ),
            ("leading zeros", &chunked("0005\r\nhello\r\n0\r\n\r\n")),
            (
                "a last chunk of three zeros",
                &chunked("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n"),
            ),
            (
                "data that look like a chunk",
                &chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
            ),
            (
                "data that are line ends",
                &chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
            ),
            ("data of any bytes", &chunked(b"3\r\n\0\xff\n\r\n0\r\n\r\n")),
            (
                "data that are a request",
                &chunked("1c\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n"),
            ),
        ],
    );
    theme.serves(
        "RFC 9112 §7.1.1: extensions are ignored",
        &[
            ("a name", &chunked("5;ext\r\nhello\r\n0\r\n\r\n")),
            (
                "a name and a value",
                &chunked("6;note=first\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"),
            ),
            (
                "several",
                &chunked("5;part;from=river;to=sea\r\nhello\r\n6;last;one\r\n world\r\n0\r\n\r\n"),
            ),
            (
                "on the last chunk",
                &chunked("5\r\nhello\r\n0;last=yes\r\n\r\n"),
            ),
            (
                "a quoted value",
                &chunked("5;a=\"b c\"\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "a quoted value with escapes",
                &chunked("5;said=\"a \\\"b\\\"; c\\\\\";d;e=f\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "a quoted value with a semicolon",
                &chunked("5;a=\";\"\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "an empty quoted value",
                &chunked("5;a=\"\"\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "a quoted value of bytes above ASCII",
                &chunked(b"5;a=\"\x80\xff\"\r\nhello\r\n0\r\n\r\n"),
            ),
        ],
    );
    theme.serves(
        "RFC 9112 §7.1.2: trailers are ignored, and never framing",
        &[
            ("one", &chunked("5\r\nhello\r\n0\r\nA: b\r\n\r\n")),
            (
                "two",
                &chunked("6\r\nhello \r\n5\r\nworld\r\n0\r\na: b\r\nc: d\r\n\r\n"),
            ),
            (
                "without chunks",
                &chunked("0\r\nServer-Timing: a\r\nContent-Language: ko\r\n\r\n"),
            ),
            ("an empty value", &chunked("0\r\nA:\r\n\r\n")),
            ("a length", &chunked("0\r\nContent-Length: 50\r\n\r\n")),
            (
                "a coding",
                &chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ),
            ("a Host", &chunked("0\r\nHost: other\r\n\r\n")),
            ("close", &chunked("0\r\nConnection: close\r\n\r\n")),
            ("a condition", &chunked("0\r\nIf-None-Match: *\r\n\r\n")),
            ("a range", &chunked("0\r\nRange: bytes=0-1\r\n\r\n")),
        ],
    );
    for (name, size) in [
        ("a space before the semicolon", "5 ;a=b"),
        ("a space behind the semicolon", "5; a=b"),
        ("a tab before the semicolon", "5\t;a=b"),
        ("spaces around the equals sign", "5;a = b"),
        ("spaces everywhere", "5 ; a = \"b\" ; c"),
    ] {
        theme
            .row(
                "RFC 9112 §7.1.1: blanks there are bad, though a lenient reader takes them",
                name,
                chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")),
            )
            .gives_one_of(&[200, 400]);
    }
    run(&theme, &[]);
}

#[test]
fn malformed_sizes() {
    let mut theme = Theme::default();
    let sizes: [&[u8]; 40] = [
        b"",
        b"x",
        b"g",
        b"z",
        b"-1",
        b"-5",
        b"+5",
        b"0x5",
        b"0X5",
        b"5h",
        b"h5",
        b"5x5",
        b"1f3xe0",
        b"5.0",
        b"5,",
        b"5=",
        b" 5",
        b"\t5",
        b"5 ",
        b"5\t",
        b"5 5",
        b"5  ",
        b" ",
        b"5 and more",
        b";a",
        b" ;a",
        b"\t;a",
        b"=",
        b"\"5\"",
        b"'5'",
        b"\0",
        b"5\0",
        b"\x0b5",
        b"5\x0b",
        b"5\x7f",
        b"5\x80",
        b"\xef\xbc\x95",
        b"5\xa0",
        b"#5",
        b"5#",
    ];
    for size in sizes {
        let name = format!("size {}", size.escape_ascii());
        theme
            .row(
                "RFC 9112 §7.1",
                name,
                chunked([size, b"\r\nhello\r\n0\r\n\r\n"].concat()),
            )
            .gives(400);
    }
    for (name, size) in [
        ("17 digits", "fffffffffffffffff"),
        ("2^64", "10000000000000000"),
        ("2^64 + 5", "10000000000000005"),
        (
            "more than any number has",
            "123456789012345678901234567890123456789012345678901234567890",
        ),
    ] {
        theme
            .row(
                "RFC 9112 §7.1: a size must not overflow",
                name,
                chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")),
            )
            .gives_one_of(&[400, 413])
            .then(After::Closed);
    }
    for (name, size) in [
        ("2^64 - 1", "ffffffffffffffff"),
        ("2^63", "8000000000000000"),
        ("2^32", "100000000"),
        ("2^24", "1000000"),
    ] {
        theme
            .row(
                "RFC 9110 §15.5.14",
                name,
                chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")),
            )
            .gives(413);
    }
    theme.gives(
        400,
        "RFC 9112 §7.1",
        &[
            (
                "the second is bad",
                &chunked("5\r\nhello\r\nx\r\n0\r\n\r\n"),
            ),
            ("the last is missing", &chunked("3\r\nfoo\r\n\r\n\r\n")),
            ("a field where a size should be", &chunked("A: b\r\n\r\n")),
            (
                "a request where a size should be",
                &chunked("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
            ),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn malformed_lines() {
    let mut theme = Theme::default();
    theme.gives(
        400,
        "RFC 9112 §7.1: CRLF and nothing else",
        &[
            ("LF behind the size", &chunked("5\nhello\r\n0\r\n\r\n")),
            ("CR behind the size", &chunked("5\rhello\r\n0\r\n\r\n")),
            (
                "CR CR LF behind the size",
                &chunked("5\r\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "CR CR and a semicolon behind the size",
                &chunked("5\r\r;wxyz\r\n2f\r\nv\r\n0\r\n\r\n"),
            ),
            (
                "a space and LF behind the size",
                &chunked("3 \n  \r\nfoo\r\n0\r\n\r\n"),
            ),
            ("LF behind the data", &chunked("5\r\nhello\n0\r\n\r\n")),
            ("CR behind the data", &chunked("5\r\nhello\r0\r\n\r\n")),
            ("nothing behind the data", &chunked("5\r\nhello0\r\n\r\n")),
            (
                "two letters behind the data",
                &chunked("5\r\nhelloXX0\r\n\r\n"),
            ),
            ("LF CR behind the data", &chunked("5\r\nhello\n\r0\r\n\r\n")),
            ("data too long", &chunked("4\r\nhello\r\n0\r\n\r\n")),
            ("data too short", &chunked("6\r\nhello\r\n0\r\n\r\n")),
            ("LF behind the last size", &chunked("0\n\r\n")),
            ("LF for the last line", &chunked("0\r\n\n")),
            ("LF everywhere", &chunked("5\nhello\n0\n\n")),
            ("CR CR LF for the last line", &chunked("0\r\n\r\r\n")),
            ("CR and a letter for the last line", &chunked("0\r\n\rX")),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §7.1.1",
        &[
            (
                "LF in an extension",
                &chunked("4;a\nX\r\nwxyz\r\n0\r\n\r\n"),
            ),
            (
                "LF in a quoted value",
                &chunked("4;a=\"\nX\"\r\nwxyz\r\n0\r\n\r\n"),
            ),
            ("LF behind a semicolon", &chunked("4;\nwxyz\r\n0\r\n\r\n")),
            (
                "CR in an extension",
                &chunked("4;a\rb\r\nwxyz\r\n0\r\n\r\n"),
            ),
            (
                "NUL in an extension",
                &chunked("4;a\0\r\nwxyz\r\n0\r\n\r\n"),
            ),
            (
                "DEL in an extension",
                &chunked("4;a\x7f\r\nwxyz\r\n0\r\n\r\n"),
            ),
            (
                "a control in a quoted value",
                &chunked("4;a=\"\x01\"\r\nwxyz\r\n0\r\n\r\n"),
            ),
            ("an extension left empty", &chunked("2;\r\naa\r\n0\r\n\r\n")),
            (
                "an extension left empty, and another",
                &chunked("2;;a\r\naa\r\n0\r\n\r\n"),
            ),
            ("a value left empty", &chunked("2;a=\r\naa\r\n0\r\n\r\n")),
            (
                "a value without a name",
                &chunked("2;=b\r\naa\r\n0\r\n\r\n"),
            ),
            (
                "a quote left open",
                &chunked("5;a=\"b c\";d=\"e; f\r\nhello\r\n0\r\n\r\n"),
            ),
            (
                "words behind a quoted value",
                &chunked("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"),
            ),
            ("a quoted name", &chunked("5;\"a\"=b\r\nhello\r\n0\r\n\r\n")),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §7.1.2: a trailer is a field line",
        &[
            ("no colon", &chunked("0\r\nName\r\n\r\n")),
            ("no name", &chunked("0\r\n: b\r\n\r\n")),
            ("a space before the colon", &chunked("0\r\nA : b\r\n\r\n")),
            ("a space before the name", &chunked("0\r\n A: b\r\n\r\n")),
            ("a fold", &chunked("0\r\nA: b\r\n c\r\n\r\n")),
            ("LF", &chunked("0\r\nA: b\n\r\n")),
            ("LF for the last line", &chunked("0\r\nA: b\r\n\n")),
            ("CR within", &chunked("0\r\nA: b\rc\r\n\r\n")),
            ("NUL within", &chunked("0\r\nA: \0\r\n\r\n")),
            ("a bracket in the name", &chunked("0\r\nA(: b\r\n\r\n")),
            (
                "a request",
                &chunked("0\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
            ),
        ],
    );
    theme
        .row(
            "bounds that a body has too",
            "an extension of 70,000 bytes",
            chunked(format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(70_000))),
        )
        .gives_one_of(&[400, 413, 431])
        .then(After::Closed);
    theme
        .row(
            "bounds that a body has too",
            "trailers of 70,000 bytes",
            chunked(format!("0\r\n{}\r\n", "A: b\r\n".repeat(12_000))),
        )
        .gives_one_of(&[400, 413, 431])
        .then(After::Closed);
    run(&theme, &[]);
}
