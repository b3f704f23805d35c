//! Methods (RFC 9110 §9). A known one that does nothing here is 405 and told what does; one that nobody knows is 501.

use super::run::run;
use super::{After, Theme};
use crate::site::{CHANGED_DATE, HELLO};

fn asked(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

const ALLOWED: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

#[test]
fn methods() {
    let mut theme = Theme::default();
    theme
        .row("RFC 9110 §9.3.1", "GET", asked("GET", "/hello.txt"))
        .has("Content-Type", "text/plain; charset=utf-8")
        .has("Content-Length", "13")
        .has("Last-Modified", CHANGED_DATE)
        .has("X-Content-Type-Options", "nosniff")
        .has("ETag", "{tag}")
        .has("Accept-Ranges", "bytes");
    theme
        .row("RFC 9110 §9.3.2", "HEAD", asked("HEAD", "/hello.txt"))
        .has("Content-Type", "text/plain; charset=utf-8")
        .has("Content-Length", "13")
        .has("Last-Modified", CHANGED_DATE)
        .has("X-Content-Type-Options", "nosniff")
        .has("ETag", "{tag}")
        .has("Accept-Ranges", "bytes");
    for (place, status) in [
        ("/missing", 404),
        ("/docs", 308),
        ("/.hidden", 404),
        ("/..", 400),
        ("/%zz", 400),
        ("/hello.txt/", 404),
    ] {
        theme
            .row(
                "RFC 9110 §9.3.2",
                format!("HEAD {place}"),
                asked("HEAD", place),
            )
            .gives(status);
    }
    for target in ["*", "/hello.txt", "/", "/docs/", "/docs"] {
        theme
            .row(
                "RFC 9110 §9.3.7",
                format!("OPTIONS {target}"),
                asked("OPTIONS", target),
            )
            .gives(204)
            .lists("Allow", &ALLOWED)
            .lacks("Content-Length");
    }
    theme
        .row(
            "RFC 9110 §9.3.7",
            "OPTIONS of a missing file",
            asked("OPTIONS", "/missing"),
        )
        .gives_one_of(&[204, 404]);
    theme
        .row(
            "RFC 9110 §9.3.7",
            "OPTIONS of a path that climbs",
            asked("OPTIONS", "/../x"),
        )
        .gives(400);
    theme
        .row(
            "RFC 9110 §9.3.7",
            "OPTIONS, absolute",
            asked("OPTIONS", "http://h/hello.txt"),
        )
        .gives(204);
    theme
        .row(
            "RFC 9110 §9.3.7",
            "OPTIONS with Max-Forwards",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n",
        )
        .gives(204);
    for method in ["POST", "PUT", "DELETE", "TRACE", "PATCH"] {
        for target in ["/hello.txt", "/missing", "/", "/docs", "*"] {
            theme
                .row(
                    "RFC 9110 §15.5.6",
                    format!("{method} {target}"),
                    asked(method, target),
                )
                .gives(405)
                .lists("Allow", &ALLOWED);
        }
        theme
            .row(
                "the method is judged before the path",
                format!("{method} /../x"),
                asked(method, "/../x"),
            )
            .gives(405);
    }
    for target in [
        "h:443",
        "under_score.example:443",
        "0-1.example:443",
        "CAPITALS.EXAMPLE:443",
    ] {
        theme
            .row(
                "RFC 9110 §9.3.6",
                format!("CONNECT {target}"),
                asked("CONNECT", target),
            )
            .gives_one_of(&[405, 501])
            .then(After::AsSaid);
    }
    for (method, target) in [
        ("PROPFIND", "/"),
        ("PROPPATCH", "/"),
        ("MKCOL", "/new"),
        ("COPY", "/hello.txt"),
        ("MOVE", "/hello.txt"),
        ("LOCK", "/"),
        ("UNLOCK", "/"),
        ("REPORT", "/test"),
        ("SEARCH", "/"),
        ("PURGE", "/hello.txt"),
        ("LINK", "/cat.png"),
        ("UNLINK", "/cat.png"),
        ("M-SEARCH", "*"),
        ("SOURCE", "/song"),
        ("QUERY", "/hello.txt"),
        ("BIND", "/"),
        ("ACL", "/"),
        ("ANNOUNCE", "/song"),
    ] {
        theme
            .row(
                "RFC 9110 §15.5.6, §15.6.2: of other protocols and extensions",
                format!("{method} {target}"),
                asked(method, target),
            )
            .gives_one_of(&[405, 501]);
    }
    for method in [
        "BREW",
        "get",
        "Get",
        "gET",
        "head",
        "options",
        "GETT",
        "GE",
        "G",
        "XGET",
        "HEADER",
        "GET-",
        "-GET",
        "_",
        "!",
        "G.E.T",
        "MOVER",
        "0",
        "~",
        &"M".repeat(32),
    ] {
        theme
            .row(
                "RFC 9110 §9.1: case-sensitive; §15.6.2",
                format!("method {method}"),
                asked(method, "/hello.txt"),
            )
            .gives(501);
        theme
            .row(
                "the method is judged before the path",
                format!("method {method}, a path that climbs"),
                asked(method, "/../x"),
            )
            .gives(501);
    }
    theme
        .row(
            "RFC 9110 §15.6.2",
            "a method of 1,000 letters",
            asked(&"M".repeat(1000), "/hello.txt"),
        )
        .gives(501);
    theme.gives(
        400,
        "RFC 9112 §3.2.4: an asterisk is for OPTIONS",
        &[
            ("GET *", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("HEAD *", b"HEAD * HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("OPTIONS **", b"OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("OPTIONS */", b"OPTIONS */ HTTP/1.1\r\nHost: h\r\n\r\n"),
        ],
    );
    theme
        .row(
            "RFC 9110 §9.1",
            "a method said again in a field",
            "GET /hello.txt HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
        )
        .body(HELLO);
    run(&theme, &[]);
}
