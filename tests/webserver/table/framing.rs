//! Where a request ends: Content-Length and Transfer-Encoding (RFC 9112 §6). A body is read and thrown away, so that
//! the request behind it is the next one; what could be read in two ways is refused.

use super::run::run;
use super::{After, Theme, carrying, with};

/// A request within a body: never to be answered.
const WITHIN: &str = "GET /alphabet.txt HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn content_length() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9112 §6.2",
        &[
            ("zero", &with("Content-Length: 0\r\n")),
            ("five", &carrying("GET", "Content-Length: 5\r\n", "hello")),
            (
                "in another case",
                &carrying("GET", "cOnTeNt-LeNgTh: 5\r\n", "howdy"),
            ),
            (
                "leading zeros",
                &carrying("GET", "Content-Length: 0005\r\n", "hello"),
            ),
            (
                "leading zeros and a field behind",
                &carrying("GET", "Content-Length: 003\r\nX-After: yes\r\n", "abc"),
            ),
            (
                "very many leading zeros",
                &carrying("GET", &format!("Content-Length: {:040}\r\n", 3), "abc"),
            ),
            (
                "blanks around it",
                &carrying("GET", "Content-Length: \t 3 \r\n", "abc"),
            ),
            ("no space", &carrying("GET", "Content-Length:3\r\n", "abc")),
            (
                "a body of line ends",
                &carrying("GET", "Content-Length: 4\r\n", "\r\n\r\n"),
            ),
            (
                "a body of NUL and 0xff",
                &carrying("GET", "Content-Length: 2\r\n", b"\0\xff"),
            ),
            (
                "a body that is a request",
                &carrying(
                    "GET",
                    &format!("Content-Length: {}\r\n", WITHIN.len()),
                    WITHIN,
                ),
            ),
        ],
    );
    theme.serves(
        "RFC 9112 §6.3: the same length said twice is one length",
        &[
            (
                "two the same",
                &carrying("GET", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
            ),
            (
                "a list of two the same",
                &carrying("GET", "Content-Length: 3, 3\r\n", "abc"),
            ),
            (
                "two zeros",
                &with("Content-Length: 0\r\nContent-Length: 0\r\n"),
            ),
        ],
    );
    let bad = [
        "",
        "+5",
        "-5",
        "-0",
        "+0",
        "-1",
        "5-",
        "0x5",
        "5.0",
        "5e0",
        "1e3",
        "five",
        "5 5",
        "10 24",
        "5;",
        "5; a=b",
        "5;5",
        "\"5\"",
        "'5'",
        "(5)",
        "5_000",
        "5'000",
        "5\t5",
        "٥",
        "５",
        "nan",
        "0b1",
        "5h",
        "h5",
        "*",
        "00 5",
        ",",
        "5,x",
        "99999999999999999999",
        "18446744073709551616",
        "1000000000000000000000",
        "340282366920938463463374607431768211456",
    ];
    for value in bad {
        theme
            .row(
                "RFC 9112 §6.3",
                format!("Content-Length {value}"),
                carrying("GET", &format!("Content-Length: {value}\r\n"), "hello"),
            )
            .gives(400);
    }
    theme.gives(
        400,
        "RFC 9112 §6.3: lengths that differ",
        &[
            (
                "two",
                &carrying("GET", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
            ),
            (
                "two, the first zero",
                &carrying("GET", "Content-Length: 0\r\nContent-Length: 5\r\n", "hello"),
            ),
            (
                "two, the second zero",
                &carrying("GET", "Content-Length: 5\r\nContent-Length: 0\r\n", "hello"),
            ),
            (
                "far apart",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nA: b\r\nC: d\r\ncontent-length: 4\r\n",
                    "hello",
                ),
            ),
            (
                "a list",
                &carrying("GET", "Content-Length: 5, 6\r\n", "hello"),
            ),
            (
                "a list without space",
                &carrying("GET", "Content-Length: 5,6\r\n", "hello"),
            ),
            (
                "three",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
                    "hello",
                ),
            ),
            (
                "one empty",
                &carrying("GET", "Content-Length: 5\r\nContent-Length:\r\n", "hello"),
            ),
            (
                "one signed",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nContent-Length: +5\r\n",
                    "hello",
                ),
            ),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn transfer_encoding() {
    let mut theme = Theme::default();
    let last = "0\r\n\r\n";
    theme.serves(
        "RFC 9112 §6.1",
        &[
            ("chunked", &carrying("GET", "Transfer-Encoding: chunked\r\n", last)),
            ("in another case", &carrying("GET", "transfer-ENCODING: Chunked\r\n", last)),
            ("in capitals", &carrying("GET", "Transfer-Encoding: CHUNKED\r\n", last)),
            ("blanks around it", &carrying("GET", "Transfer-Encoding: \t chunked \t\r\n", last)),
            ("no space", &carrying("GET", "Transfer-Encoding:chunked\r\n", last)),
            ("before Host", b"GET /hello.txt HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n0\r\n\r\n"),
            ("with Trailer and TE", &carrying("GET", "Transfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: A\r\n", "0\r\nA: b\r\n\r\n")),
            ("a field that is called nearly so", &with("Transfer-Encodin: gzip\r\n")),
            ("a field that is called so with an underscore", &with("Transfer_Encoding: gzip\r\n")),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §6.1: with a length it is an attack or an error",
        &[
            (
                "before it",
                &carrying(
                    "GET",
                    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                    last,
                ),
            ),
            (
                "behind it",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "of nothing",
                &carrying(
                    "GET",
                    "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "that is right by chance",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "far apart",
                &carrying(
                    "GET",
                    "Content-Length: 5\r\nA: b\r\nC: d\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "with POST",
                &carrying(
                    "POST",
                    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "identity and a length",
                &carrying(
                    "POST",
                    "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
                    "tide!",
                ),
            ),
            (
                "an empty one and a length",
                &carrying(
                    "POST",
                    "Transfer-Encoding:\r\nContent-Length: 5\r\n",
                    "hello",
                ),
            ),
            (
                "in different cases",
                &carrying(
                    "GET",
                    "CONTENT-LENGTH: 5\r\ntransfer-encoding: CHUNKED\r\n",
                    last,
                ),
            ),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §6.3: chunked once, and last",
        &[
            (
                "twice",
                &carrying("GET", "Transfer-Encoding: chunked, chunked\r\n", last),
            ),
            (
                "twice on two lines",
                &carrying(
                    "GET",
                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                    last,
                ),
            ),
            (
                "before another",
                &carrying("POST", "Transfer-Encoding: chunked, deflate\r\n", "tide!"),
            ),
            (
                "before another on its own line",
                &carrying(
                    "POST",
                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: deflate\r\n",
                    "tide!",
                ),
            ),
            (
                "before identity",
                &carrying("GET", "Transfer-Encoding: chunked, identity\r\n", last),
            ),
        ],
    );
    for (name, value) in [
        ("gzip before chunked", "gzip, chunked"),
        (
            "deflate before chunked on two lines",
            "deflate\r\nTransfer-Encoding: chunked",
        ),
        ("gzip alone", "gzip"),
        ("one that nobody knows", "carrier-dove"),
        ("a word around it", "xchunked"),
        ("twice in a word", "chunkedchunked"),
        ("a part of it", "chunke"),
        ("identity", "identity"),
    ] {
        theme
            .row(
                "RFC 9112 §6.1: 501 for a coding that is not known",
                name,
                carrying("GET", &format!("Transfer-Encoding: {value}\r\n"), last),
            )
            .gives_one_of(&[501, 400])
            .then(After::Closed);
    }
    for (name, value) in [
        ("empty", ""),
        ("only commas", ",,"),
        ("in quotes", "\"chunked\""),
        ("with a parameter", "chunked;q=1"),
        ("with an empty parameter", "chunked;"),
        ("with a space within", "chun ked"),
        ("two words", "chunked chunked"),
        ("a letter before, without comma", "x chunked"),
        ("with a soft hyphen", "chunked\u{ad}"),
        ("with a no-break space before it", "\u{a0}chunked"),
        ("with a letter from elsewhere", "chun\u{212a}ed"),
    ] {
        theme
            .row(
                "RFC 9112 §6.1, §7",
                format!("coding {name}"),
                carrying("GET", &format!("Transfer-Encoding: {value}\r\n"), last),
            )
            .gives_one_of(&[400, 501])
            .then(After::Closed);
    }
    theme.gives(
        400,
        "RFC 9112 §5",
        &[
            (
                "a vertical tab before it",
                &carrying("GET", "Transfer-Encoding: \x0bchunked\r\n", last),
            ),
            (
                "a form feed behind it",
                &carrying("GET", "Transfer-Encoding: chunked\x0c\r\n", last),
            ),
            (
                "NUL behind it",
                &carrying("GET", "Transfer-Encoding: chunked\0\r\n", last),
            ),
            (
                "CR before it",
                &carrying("GET", "Transfer-Encoding: \rchunked\r\n", last),
            ),
            (
                "a space before the colon",
                &carrying("GET", "Transfer-Encoding : chunked\r\n", last),
            ),
            (
                "a line folded",
                &carrying("GET", "Transfer-Encoding:\r\n chunked\r\n", last),
            ),
            (
                "behind LF",
                &carrying("GET", "A: b\nTransfer-Encoding: chunked\r\n", last),
            ),
        ],
    );
    run(&theme, &[]);
}
