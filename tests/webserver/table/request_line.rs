//! The first line (RFC 9112 §3) and the forms of its target (§3.2).

use super::run::run;
use super::{Theme, path};
use crate::site::FRONT;

#[test]
fn the_first_line() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9112 §3",
        &[
            ("plain", b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n"),
            (
                "an empty line before",
                b"\r\nGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "three empty lines before",
                b"\r\n\r\n\r\nGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §2.2: only CRLF ends a line here",
        &[
            (
                "a bare LF before",
                b"\nGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a bare LF among empty lines",
                b"\r\n\nGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a bare CR before",
                b"\rGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "two CR before",
                b"\r\r\nGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            ("ended by LF", b"GET /hello.txt HTTP/1.1\nHost: h\r\n\r\n"),
            ("LF everywhere", b"GET /hello.txt HTTP/1.1\nHost: h\n\n"),
            (
                "LF everywhere, and before",
                b"\n\nGET /hello.txt HTTP/1.1\nHost: h\n\n",
            ),
            (
                "ended by CR CR LF",
                b"GET /hello.txt HTTP/1.1\r\r\nHost: h\r\n\r\n",
            ),
            ("ended by CR", b"GET /hello.txt HTTP/1.1\rHost: h\r\n\r\n"),
        ],
    );
    theme.gives(
        400,
        "RFC 9112 §3: single spaces between three words",
        &[
            (
                "a space before",
                b" GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "an empty line and a space before",
                b"\r\n GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a tab before",
                b"\tGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "two spaces behind the method",
                b"GET  /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "two spaces behind the target",
                b"GET /hello.txt  HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "many spaces everywhere",
                b"GET   /hello.txt    HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a tab behind the method",
                b"GET\t/hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a tab behind the target",
                b"GET /hello.txt\tHTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a form feed behind the method",
                b"GET\x0c/hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "CRs for spaces",
                b"GET\r/hello.txt\rHTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "an LF for a space",
                b"GET\n/hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a space behind the version",
                b"GET /hello.txt HTTP/1.1 \r\nHost: h\r\n\r\n",
            ),
            (
                "a tab behind the version",
                b"GET /hello.txt HTTP/1.1\t\r\nHost: h\r\n\r\n",
            ),
            (
                "a fourth word",
                b"GET /hello.txt HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a space in the target",
                b"GET /sp ace.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a space at the target's end",
                b"GET /hello.txt ?x HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            ("no target", b"GET HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("an empty target", b"GET  HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("no method", b"/hello.txt HTTP/1.1\r\nHost: h\r\n\r\n"),
            (
                "an empty method",
                b" /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            ("only a version", b"HTTP/1.1\r\nHost: h\r\n\r\n"),
            ("only a method", b"GET\r\nHost: h\r\n\r\n"),
            ("only spaces", b"   \r\nHost: h\r\n\r\n"),
            (
                "a line folded",
                b"GET /hello.txt\r\n HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
        ],
    );
    theme.gives(
        400,
        "RFC 9110 §5.6.2: a method is a token",
        &[
            (
                "brackets in the method",
                b"G()T /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "NUL in the method",
                b"GE\0T /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a slash in the method",
                b"GET/ /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a colon in the method",
                b"GET: /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a quote before the method",
                b"\"GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a byte above ASCII in the method",
                b"G\xcbT /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a byte order mark",
                b"\xef\xbb\xbfGET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "DEL in the method",
                b"GE\x7fT /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "a hello of TLS",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            ),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn the_forms_of_a_target() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 9112 §3.2",
        &[
            ("a path", &path("/hello.txt")),
            ("an empty query", &path("/hello.txt?")),
            ("a query", &path("/hello.txt?a=b&c")),
            ("a question mark in a query", &path("/hello.txt?a=b?c")),
            ("a slash in a query", &path("/hello.txt?/../etc/passwd")),
            (
                "an absolute address in a query",
                &path("/hello.txt?http://g/x"),
            ),
            (
                "browsers leave these in a query",
                &path("/hello.txt?a^b|c`d{e}"),
            ),
            ("a backslash in a query", &path("/hello.txt?a\\b")),
            ("a quote in a query", &path("/hello.txt?\"a\"")),
            ("UTF-8 in a query", &path("/hello.txt?\u{2019}")),
            ("a bad escape in a query", &path("/hello.txt?100%&%zz")),
            ("absolute", &path("http://h/hello.txt")),
            (
                "absolute with another host",
                &path("http://elsewhere.example/hello.txt"),
            ),
            ("absolute with a port", &path("http://h:8080/hello.txt")),
            ("absolute with an empty port", &path("http://h:/hello.txt")),
            (
                "absolute with an IPv6 address",
                &path("http://[::1]:80/hello.txt"),
            ),
            ("absolute with a query", &path("http://h/hello.txt?a=b")),
            ("a scheme in capitals", &path("HTTP://h/hello.txt")),
            (
                "https, as a proxy may send it",
                &path("https://h/hello.txt"),
            ),
        ],
    );
    for target in ["http://h", "http://h/", "http://h?a=b", "http://h:80?a=b"] {
        theme
            .row(
                "RFC 9112 §3.2.2",
                format!("absolute: {target}"),
                path(target),
            )
            .body(FRONT);
    }
    theme.gives(
        400,
        "RFC 9112 §3.2",
        &[
            ("no leading slash", &path("hello.txt")),
            ("a lone dot", &path(".")),
            ("a lone query", &path("?a=b")),
            ("a lone fragment", &path("#a")),
            ("a fragment", &path("/hello.txt#part")),
            ("a fragment behind a query", &path("/hello.txt?a#part")),
            ("a leading backslash", &path("\\hello.txt")),
            ("an asterisk for GET", &path("*")),
            ("two asterisks", &path("**")),
            ("an asterisk and a path", &path("*/hello.txt")),
            ("an authority for GET", &path("h:80")),
            ("another scheme", &path("ftp://h/hello.txt")),
            ("a file address", &path("file:///etc/passwd")),
            ("a scheme alone", &path("http:")),
            ("a scheme and one slash", &path("http:/hello.txt")),
            ("a scheme and no slash", &path("http:hello.txt")),
        ],
    );
    theme.gives(
        400,
        "RFC 9110 §4.2: the authority of an absolute target",
        &[
            ("no host", &path("http:///hello.txt")),
            ("a port alone", &path("http://:80/hello.txt")),
            ("a user", &path("http://user@h/hello.txt")),
            (
                "a user and a password",
                &path("http://me%40home:pa$$@h:81/hello.txt"),
            ),
            ("a port that is no number", &path("http://h:http/hello.txt")),
            ("a signed port", &path("http://h:-80/hello.txt")),
            ("a bracket left open", &path("http://[::1/hello.txt")),
            ("a bracket within", &path("http://h]/hello.txt")),
            ("a bad escape in the host", &path("http://h%zz/hello.txt")),
            ("a backslash in the host", &path("http://h\\@g/hello.txt")),
        ],
    );
    let controls = (1u8..=0x1f).chain([0x7f]);
    for control in controls.filter(|byte| *byte != b'\r' && *byte != b'\n') {
        let target = [b"/hel", &[control][..], b"lo.txt"].concat();
        theme
            .row(
                "RFC 9112 §3.2",
                format!("control {control:#04x} in a path"),
                path(target),
            )
            .gives(400);
    }
    theme.gives(
        400,
        "RFC 9112 §3.2",
        &[
            (
                "NUL in a path",
                b"GET /hello\0.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "NUL in a query",
                b"GET /hello.txt?\0 HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "DEL in a query",
                b"GET /hello.txt?\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            (
                "CR in a path",
                b"GET /hel\rlo.txt HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
        ],
    );
    theme
        .row(
            "RFC 9112 §3.2.2: the target's authority stands above a Host that differs, not above one that is missing",
            "absolute without Host",
            "GET http://h/hello.txt HTTP/1.1\r\n\r\n",
        )
        .gives(400);
    run(&theme, &[]);
}
