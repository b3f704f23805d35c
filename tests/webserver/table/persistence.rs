//! Connections that are kept (RFC 9112 §9.3) and expectations (RFC 9110 §10.1.1).

use super::run::run;
use super::{After, Theme, carrying, with};
use crate::site::HELLO;

#[test]
fn connection() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9112 §9.3: kept unless one side says otherwise",
        &[
            ("nothing said", &with("")),
            ("keep-alive", &with("Connection: keep-alive\r\n")),
            ("Keep-Alive", &with("Connection: Keep-Alive\r\n")),
            ("an empty one", &with("Connection:\r\n")),
            ("only commas", &with("Connection: ,,\r\n")),
            ("another option", &with("Connection: token\r\n")),
            ("several options", &with("Connection: a, b ,c\r\n")),
            ("a word with close in it", &with("Connection: closed, not-close, close2\r\n")),
            ("close of a proxy", &with("Proxy-Connection: close\r\n")),
            ("close in another field", &with("X-Connection: close\r\nKeep-Alive: close\r\n")),
            ("a wish for HTTP/2", &with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n")),
            (
                "a wish for a web socket",
                &with("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\nSec-WebSocket-Version: 13\r\n"),
            ),
            ("TE", &with("Connection: TE\r\nTE: trailers, deflate;q=0.5\r\n")),
        ],
    );
    for (name, lines) in [
        ("close", "Connection: close\r\n"),
        ("Close", "Connection: Close\r\n"),
        ("CLOSE", "Connection: CLOSE\r\n"),
        ("close with blanks", "Connection: \tclose \r\n"),
        ("close without space", "Connection:close\r\n"),
        (
            "close first of a list",
            "Connection: close, token, upgrade, token, keep-alive\r\n",
        ),
        (
            "close last of a list",
            "Connection: keep-alive, x ,close\r\n",
        ),
        ("close behind empty elements", "Connection: ,, close\r\n"),
        (
            "close on the second line",
            "Connection: keep-alive\r\nConnection: close\r\n",
        ),
        (
            "close on the first line",
            "Connection: close\r\nConnection: keep-alive\r\n",
        ),
        ("close in another case of the name", "cOnNeCtIoN: close\r\n"),
    ] {
        theme
            .row(
                "RFC 9112 §9.6: nothing behind it is answered",
                name,
                with(lines),
            )
            .then(After::Closed);
    }
    let closing = [
        ("a missing file", "/missing", 404),
        ("a folder", "/docs", 308),
        ("an asterisk", "*", 400),
    ];
    for (name, target, status) in closing {
        theme
            .row(
                "RFC 9112 §9.6",
                format!("close, {name}"),
                format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            )
            .gives(status)
            .then(After::Closed);
    }
    theme
        .row(
            "RFC 9112 §9.6",
            "close, POST",
            carrying("POST", "Connection: close\r\nContent-Length: 3\r\n", "abc"),
        )
        .gives(405)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, HEAD",
            "HEAD /hello.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, OPTIONS",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .gives(204)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, 304",
            with("If-None-Match: *\r\nConnection: close\r\n"),
        )
        .gives(304)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, 412",
            with("If-Match: \"x\"\r\nConnection: close\r\n"),
        )
        .gives(412)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, 416",
            with("Range: bytes=99-\r\nConnection: close\r\n"),
        )
        .gives(416)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, 206",
            with("Range: bytes=0-1\r\nConnection: close\r\n"),
        )
        .gives(206)
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.6",
            "close, a big file",
            "GET /big.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        .body(crate::site::pattern(300_000))
        .then(After::Closed);
    theme
        .row(
            "RFC 9112 §9.3",
            "kept, a big file",
            "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n",
        )
        .body(crate::site::pattern(300_000));
    theme
        .row(
            "RFC 9112 §9.3",
            "kept, an empty file",
            "GET /empty.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        )
        .body("");
    run(&theme, &[]);
}

#[test]
fn expectations() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9110 §10.1.1: no body to wait for",
        &[
            (
                "100-continue without a body",
                &with("Expect: 100-continue\r\n"),
            ),
            (
                "100-continue in another case",
                &with("Expect: 100-CONTINUE\r\n"),
            ),
            (
                "100-continue and a length of nothing",
                &with("Expect: 100-continue\r\nContent-Length: 0\r\n"),
            ),
        ],
    );
    let rule = "RFC 9110 §10.1.1: the final answer at once; whether the body counts is for the reply to say";
    for (method, status) in [
        ("GET", 200),
        ("POST", 405),
        ("BREW", 501),
        ("HEAD", 200),
        ("OPTIONS", 204),
    ] {
        for (name, request) in [
            (
                "a length",
                carrying(
                    method,
                    "Expect: 100-continue\r\nContent-Length: 5\r\n",
                    "hello",
                ),
            ),
            (
                "chunks",
                carrying(
                    method,
                    "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
                    "5\r\nhello\r\n0\r\n\r\n",
                ),
            ),
        ] {
            theme
                .row(rule, format!("{method}, 100-continue and {name}"), request)
                .gives(status)
                .then(After::AsSaid);
        }
    }
    for value in [
        "100-continued",
        "200-ok",
        "100-continue, other",
        "x=y",
        "continue",
        "100 continue",
    ] {
        theme
            .row(
                "RFC 9110 §15.5.18",
                format!("expects {value}"),
                with(format!("Expect: {value}\r\n")),
            )
            .gives(417)
            .then(After::AsSaid);
    }
    theme
        .row("RFC 9112 §9.3", "no expectation in the end", with(""))
        .body(HELLO);
    run(&theme, &[]);
}
