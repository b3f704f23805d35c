//! Bodies of every method (RFC 9110 §6.4): read and thrown away, whatever becomes of the request.

use super::run::run;
use super::{After, Theme, carrying};

/// A request within a body: never to be answered.
const WITHIN: &str = "GET /alphabet.txt HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn bodies_of_every_method() {
    let mut theme = Theme::default();
    let rule = "RFC 9110 §6.4: any request may have a body";
    for (method, status) in [
        ("GET", 200),
        ("POST", 405),
        ("PUT", 405),
        ("DELETE", 405),
        ("BREW", 501),
        ("OPTIONS", 204),
        ("HEAD", 200),
    ] {
        for (name, request) in [
            (
                "a length",
                carrying(method, "Content-Length: 15\r\n", "fifteen letters"),
            ),
            (
                "chunks",
                carrying(
                    method,
                    "Transfer-Encoding: chunked\r\n",
                    "5\r\ntwice\r\n5\r\n five\r\n0\r\n\r\n",
                ),
            ),
            (
                "a request as its body",
                carrying(
                    method,
                    &format!("Content-Length: {}\r\n", WITHIN.len()),
                    WITHIN,
                ),
            ),
            (
                "a form",
                carrying(
                    method,
                    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n",
                    "a=10",
                ),
            ),
        ] {
            theme
                .row(rule, format!("{method} with {name}"), request)
                .gives(status);
        }
        for (name, request) in [
            (
                "two lengths",
                carrying(method, "Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
            ),
            (
                "a length and chunks",
                carrying(
                    method,
                    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                    "0\r\n\r\n",
                ),
            ),
            (
                "a bad chunk",
                carrying(method, "Transfer-Encoding: chunked\r\n", "x\r\n"),
            ),
        ] {
            theme
                .row(
                    "framing is judged before the method",
                    format!("{method} with {name}"),
                    request,
                )
                .gives(400);
        }
    }
    theme
        .row(
            rule,
            "POST to be upgraded",
            carrying(
                "POST",
                "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\nContent-Length: 15\r\n",
                "fifteen letters",
            ),
        )
        .gives(405);
    theme
        .row(
            rule,
            "a missing file with a body",
            b"GET /missing HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        )
        .gives(404);
    theme
        .row(
            rule,
            "a folder with a body",
            b"GET /docs HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        )
        .gives(308);
    theme
        .row(
            rule,
            "close with a body",
            carrying("GET", "Connection: close\r\nContent-Length: 3\r\n", "abc"),
        )
        .then(After::Closed);
    run(&theme, &[]);
}
