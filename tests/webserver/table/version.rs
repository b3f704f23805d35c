//! The protocol's version (RFC 9112 §2.3, RFC 9110 §2.5) and what HTTP/1.0 means (RFC 9112 §9.3, RFC 9110 §15.6.6).

use super::run::run;
use super::{After, Theme};
use crate::site::HELLO;

fn spoken(version: &str, lines: &str) -> String {
    format!("GET /hello.txt {version}\r\n{lines}\r\n")
}

#[test]
fn versions() {
    let mut theme = Theme::default();
    for version in ["HTTP/1.1", "HTTP/1.2", "HTTP/1.3", "HTTP/1.9"] {
        let rule = "RFC 9110 §2.5: a higher minor version is the highest that is known";
        theme.row(rule, version, spoken(version, "Host: h\r\n"));
        theme
            .row(rule, format!("{version} without Host"), spoken(version, ""))
            .gives(400);
        theme
            .row(
                rule,
                format!("{version} with close"),
                spoken(version, "Host: h\r\nConnection: close\r\n"),
            )
            .then(After::Closed);
        theme.row(
            rule,
            format!("{version} with a body"),
            spoken(version, "Host: h\r\nTransfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\n\r\n",
        );
    }
    for version in [
        "HTTP/2.0", "HTTP/0.9", "HTTP/0.0", "HTTP/3.0", "HTTP/2.1", "HTTP/6.5", "HTTP/9.9",
    ] {
        theme
            .row("RFC 9110 §15.6.6", version, spoken(version, "Host: h\r\n"))
            .gives(505);
    }
    theme
        .row(
            "RFC 9113 §3.4: the first bytes of HTTP/2",
            "a preface",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        )
        .gives_one_of(&[400, 505]);
    let words = [
        "HTTP/1",
        "HTTP/11",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1.01",
        "HTTP/1.1.1",
        "HTTP/1,1",
        "HTTP/1.x",
        "HTTP/1.2z",
        "HTTP/a.b",
        "HTTP/-1.1",
        "HTTP/1.+1",
        "HTTP/",
        "HTTP",
        "HTTP1.1",
        "HTTP\\1.1",
        "HTTP/1!",
        "http/1.1",
        "Http/1.1",
        "HTTPS/1.1",
        "XHTTP/1.1",
        "XTTP/1.1",
        "CIE/1.0",
        "RTSP/1.0",
        "1.1",
        "HTTP/1.1;x",
        "HTTP/1.1,",
        "HTTP/1.1x",
        "HTTP/ 1.1",
        "HTTP /1.1",
        "HTTP/1. 1",
        "HTTP/1 .1",
    ];
    for word in words {
        theme
            .row(
                "RFC 9112 §2.3",
                format!("version {word}"),
                spoken(word, "Host: h\r\n"),
            )
            .gives(400);
    }
    theme.gives(
        400,
        "RFC 9112 §2.3",
        &[
            ("no version", b"GET /hello.txt\r\n\r\n"),
            ("no version but a space", b"GET /hello.txt \r\n\r\n"),
            (
                "no version, with fields",
                b"GET /hello.txt\r\nHost: h\r\n\r\n",
            ),
            (
                "a byte above ASCII in the version",
                b"GET /hello.txt HTTP/\xb9.1\r\nHost: h\r\n\r\n",
            ),
            (
                "NUL in the version",
                b"GET /hello.txt HTTP/1\0.1\r\nHost: h\r\n\r\n",
            ),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn http_1_0() {
    let mut theme = Theme::default();
    let closed = [
        ("alone", ""),
        ("with Host", "Host: h\r\n"),
        ("with close", "Connection: close\r\n"),
        ("with another option", "Connection: upgrade\r\n"),
        ("with a proxy's field", "Proxy-Connection: keep-alive\r\n"),
        ("with a Keep-Alive field", "Keep-Alive: timeout=5\r\n"),
        (
            "with keep-alive and close",
            "Connection: keep-alive, close\r\n",
        ),
        (
            "with keep-alive, and close on a line of its own",
            "Connection: keep-alive\r\nConnection: close\r\n",
        ),
        (
            "with an expectation, which is not of its time",
            "Expect: 100-continue\r\n",
        ),
        ("with an empty Host", "Host:\r\n"),
    ];
    for (name, lines) in closed {
        theme
            .row("RFC 9112 §9.3", name, spoken("HTTP/1.0", lines))
            .then(After::Closed);
    }
    let kept = [
        ("with keep-alive", "Connection: keep-alive\r\n"),
        ("with Keep-Alive", "Connection: Keep-Alive\r\n"),
        (
            "with KEEP-ALIVE among others",
            "Connection: te ,KEEP-ALIVE\t, x\r\n",
        ),
        (
            "with keep-alive on the second line",
            "Connection: x\r\nHost: h\r\nConnection: keep-alive\r\n",
        ),
    ];
    for (name, lines) in kept {
        theme
            .row(
                "RFC 9112 §9.3: it is told that its wish is granted",
                name,
                spoken("HTTP/1.0", lines),
            )
            .lists("Connection", &["keep-alive"]);
    }
    theme
        .row(
            "RFC 9112 §6",
            "with a body",
            spoken(
                "HTTP/1.0",
                "Connection: keep-alive\r\nconTent-lEngth: 5\r\n",
            ) + "howdy",
        )
        .body(HELLO);
    theme.gives(
        400,
        "RFC 9112 §6.1: chunks are not of its time",
        &[
            ("with chunks", b"GET /hello.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            (
                "with chunks and keep-alive",
                b"GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §3.2: its Host is held to the same form",
        &[
            (
                "with a bad Host",
                b"GET /hello.txt HTTP/1.0\r\nHost: h/\r\n\r\n",
            ),
            (
                "with two Hosts",
                b"GET /hello.txt HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n",
            ),
        ],
    );
    theme
        .row("RFC 9112 §9.3", "HEAD", "HEAD /hello.txt HTTP/1.0\r\n\r\n")
        .then(After::Closed)
        .has("Content-Length", "13");
    theme
        .row(
            "RFC 9110 §15.5.5",
            "a missing file",
            "GET /missing HTTP/1.0\r\n\r\n",
        )
        .gives(404)
        .then(After::Closed);
    theme
        .row(
            "RFC 9110 §15.5.6",
            "POST",
            "POST /hello.txt HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
        )
        .gives(405)
        .then(After::Closed);
    theme
        .row(
            "RFC 9110 §14.2",
            "a range",
            "GET /alphabet.txt HTTP/1.0\r\nRange: bytes=0-2\r\n\r\n",
        )
        .gives(206)
        .then(After::Closed)
        .body("abc");
    run(&theme, &[]);
}
