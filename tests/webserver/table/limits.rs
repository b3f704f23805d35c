//! Bounds: 16 KB of head, 100 fields, 64 KB of body, unless flags say otherwise.

use super::run::run;
use super::{After, Theme, carrying, with};

const HEAD_LEN: usize = 16 * 1024;

/// A request whose head is exactly so long, by a field.
fn head_of(len: usize) -> Vec<u8> {
    let bare = with("X: \r\n").len();
    with(format!("X: {}\r\n", "x".repeat(len - bare)))
}

/// A request whose first line is exactly so long, by its query.
fn line_of(len: usize) -> Vec<u8> {
    let bare = "GET /hello.txt? HTTP/1.1\r\n".len();
    format!(
        "GET /hello.txt?{} HTTP/1.1\r\nHost: h\r\n\r\n",
        "q".repeat(len - bare)
    )
    .into_bytes()
}

/// A request with so many fields, Host included.
fn fields(count: usize) -> Vec<u8> {
    with("A: b\r\n".repeat(count - 1))
}

#[test]
fn heads() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9110 §5.4",
        &[
            ("a field of 8,000 bytes", &head_of(8_000)),
            ("a head of 16 KB", &head_of(HEAD_LEN)),
            ("a first line of 8,000 bytes", &line_of(8_000)),
            ("a first line of nearly 16 KB", &line_of(HEAD_LEN - 100)),
            ("100 fields", &fields(100)),
            ("99 fields", &fields(99)),
        ],
    );
    for (name, request) in [
        ("a head of 16 KB and a byte", head_of(HEAD_LEN + 1)),
        ("a head of 20 KB", head_of(20_000)),
        ("a head of 70 KB", head_of(70_000)),
        ("many short fields", with("A: b\r\n".repeat(10_000))),
        (
            "a name of 20 KB",
            with(format!("{}: b\r\n", "n".repeat(20_000))),
        ),
        ("101 fields", fields(101)),
        ("102 fields", fields(102)),
        ("1,000 fields", fields(1000)),
    ] {
        theme.row("RFC 6585 §5", name, request).gives(431);
    }
    for (name, request) in [
        ("a first line of 16 KB and more", line_of(HEAD_LEN + 100)),
        ("a first line of 70 KB", line_of(70_000)),
        (
            "a path of 70 KB",
            format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "p".repeat(70_000)).into_bytes(),
        ),
        (
            "a path of 20,000 slashes",
            format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", "/".repeat(20_000)).into_bytes(),
        ),
    ] {
        theme.row("RFC 9110 §15.5.15", name, request).gives(414);
    }
    theme
        .row(
            "RFC 9112 §3",
            "a method of 70 KB",
            format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(70_000)),
        )
        .gives_one_of(&[400, 414, 431, 501])
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §2.2",
            "70 KB of empty lines",
            ["\r\n".repeat(35_000).as_bytes(), &with("")].concat(),
        )
        .gives_one_of(&[200, 400, 414, 431]);
    theme
        .row(
            "RFC 9112 §2.2",
            "70 KB that are no HTTP",
            vec![b'x'; 70_000],
        )
        .gives_one_of(&[400, 414])
        .then(After::Closed);
    run(&theme, &[]);
}

#[test]
fn bodies() {
    const BODY_LEN: usize = 64 * 1024;
    let sized = |method: &str, len: usize| {
        carrying(
            method,
            &format!("Content-Length: {len}\r\n"),
            vec![b'b'; len],
        )
    };
    let chunked = |method: &str, count: usize, len: usize| {
        let one = [format!("{len:x}\r\n").as_bytes(), &vec![b'b'; len], b"\r\n"].concat();
        carrying(
            method,
            "Transfer-Encoding: chunked\r\n",
            [&one.repeat(count)[..], b"0\r\n\r\n"].concat(),
        )
    };
    let mut theme = Theme::default();
    theme.serves(
        "a body is read to its end",
        &[
            ("a body of 1,000 bytes", &sized("GET", 1_000)),
            ("a body of 64 KB", &sized("GET", BODY_LEN)),
            ("64 chunks of 1,000 bytes", &chunked("GET", 64, 1_000)),
            ("one chunk of 60,000 bytes", &chunked("GET", 1, 60_000)),
            ("300 chunks of a byte", &chunked("GET", 300, 1)),
        ],
    );
    for (name, request) in [
        ("a body of 64 KB and a byte", sized("GET", BODY_LEN + 1)),
        ("a body of 200 KB", sized("GET", 200_000)),
        ("70 chunks of 1,000 bytes", chunked("GET", 70, 1_000)),
        ("one chunk of 70,000 bytes", chunked("GET", 1, 70_000)),
        (
            "the length of a terabyte",
            carrying("GET", "Content-Length: 1099511627776\r\n", ""),
        ),
        (
            "the length 2^64 - 1",
            carrying("GET", "Content-Length: 18446744073709551615\r\n", ""),
        ),
        (
            "the length 2^63",
            carrying("GET", "Content-Length: 9223372036854775808\r\n", ""),
        ),
    ] {
        theme.row("RFC 9110 §15.5.14", name, request).gives(413);
    }
    for (method, status) in [("POST", 405), ("PUT", 405), ("BREW", 501)] {
        theme
            .row(
                "the method is judged before the size",
                format!("{method} of a terabyte"),
                carrying(method, "Content-Length: 1099511627776\r\n", ""),
            )
            .gives(status)
            .then(After::Closed);
        theme
            .row(
                "a body is read to its end",
                format!("{method} of 60 KB"),
                sized(method, 60_000),
            )
            .gives(status);
    }
    run(&theme, &[]);
}
