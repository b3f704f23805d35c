//! From a target's path to a file: escapes, slashes, names that are not served (RFC 3986 §2, §3.3, §6.2).

use super::run::run;
use super::{Theme, path};
use crate::site::{DOCS, FRONT, HELLO, NAMES, PAGE_GZ};

/// Bytes that stand for themselves in a path (RFC 3986 §3.3), and those that clients send all the same.
const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@";

fn escaped(name: &[u8]) -> String {
    let each = name.iter().map(|byte| {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    each.collect()
}

#[test]
fn names() {
    let mut theme = Theme::default();
    for name in NAMES {
        let shown = name.escape_ascii().to_string();
        theme
            .row(
                "RFC 3986 §2.1",
                format!("{shown}, escaped"),
                path(format!("/{}", escaped(name))),
            )
            .body(name);
        theme
            .row(
                "RFC 3986 §6.2.2.1",
                format!("{shown}, in small letters"),
                path(format!("/{}", escaped(name).to_lowercase())),
            )
            .body(name);
        let all: String = name.iter().map(|byte| format!("%{byte:02x}")).collect();
        theme
            .row(
                "RFC 3986 §6.2.2.2",
                format!("{shown}, escaped throughout"),
                path(format!("/{all}")),
            )
            .body(name);
    }
    for name in [
        &b"plus+plus.txt"[..],
        b"semi;colon.txt",
        b"it's.txt",
        b"a&b=c.txt",
        b"tilde~.txt",
        b"a..b.txt",
        b"dots..",
        b"col:on@at.txt",
    ] {
        theme
            .row(
                "RFC 3986 §3.3",
                format!("{} as it is", name.escape_ascii()),
                path([b"/", name].concat()),
            )
            .body(name);
    }
    for name in ["한글.txt".as_bytes(), b"back\\slash.txt", b"quote\"s.txt"] {
        theme
            .row(
                "not of RFC 3986, but sent by clients",
                format!("{} raw", name.escape_ascii()),
                path([b"/", name].concat()),
            )
            .body(name);
    }
    theme
        .row(
            "RFC 3986 §2: raw, and not even UTF-8",
            "a byte above ASCII alone",
            path(b"/latin\xff.txt"),
        )
        .gives_one_of(&[200, 400]);
    theme.gives(
        404,
        "RFC 9110 §15.5.5",
        &[
            ("no such file", &path("/missing")),
            ("no such folder", &path("/missing/hello.txt")),
            ("no such folder, with a slash", &path("/missing/")),
            ("another case", &path("/HELLO.TXT")),
            ("a plus is no space", &path("/sp+ace.txt")),
            ("an escape of an escape", &path("/sp%2520ace.txt")),
            ("a part of a name", &path("/hello")),
            ("a name and more", &path("/hello.txtx")),
            ("a name and a space", &path("/hello.txt%20")),
            ("a name and a tab", &path("/hello.txt%09")),
            ("a name and a dot", &path("/hello.txt.")),
            ("a parameter is a part of the name", &path("/hello.txt;a=b")),
            (
                "an escaped question mark is no query",
                &path("/hello.txt%3Fa=b"),
            ),
            ("an escaped hash is no fragment", &path("/hello.txt%23a")),
            (
                "line ends in a name",
                &path("/hello.txt%0d%0aX-Evil:%20yes"),
            ),
            ("an escape character in a name", &path("/%1b%5b31mred")),
            (
                "a name of 255 bytes",
                &path(format!("/{}", "n".repeat(255))),
            ),
            (
                "a name of 256 bytes",
                &path(format!("/{}", "n".repeat(256))),
            ),
            (
                "a name of 4,096 bytes",
                &path(format!("/{}", "n".repeat(4096))),
            ),
            (
                "a name of 5,000 escaped bytes",
                &path(format!("/{}", "%6e".repeat(5000))),
            ),
            ("2,000 folders", &path("/n".repeat(2000))),
            ("bytes that are no UTF-8", &path("/%ff%fe%80")),
            ("a file that is only there compressed", &path("/ghost.txt")),
        ],
    );
    theme.gives(
        404,
        "a file is no folder",
        &[
            ("a slash behind it", &path("/hello.txt/")),
            ("two slashes behind it", &path("/hello.txt//")),
            ("a slash and a query behind it", &path("/hello.txt/?a=b")),
            ("a file in it", &path("/hello.txt/hello.txt")),
            ("an index in it", &path("/page.html/index.html")),
            ("a slash behind a link to it", &path("/link.txt/")),
        ],
    );
    theme
        .row(
            "a sidecar is a file too",
            "page.html.gz by its name",
            path("/page.html.gz"),
        )
        .body(PAGE_GZ)
        .lacks("Content-Encoding");
    run(&theme, &[]);
}

#[test]
fn escapes_and_slashes() {
    let mut theme = Theme::default();
    theme.serves(
        "RFC 3986 §6.2.2",
        &[
            ("a letter escaped", &path("/%68ello.txt")),
            ("all escaped", &path("/%68%65%6c%6c%6f%2e%74%78%74")),
            ("in capitals", &path("/%68%65%6C%6C%6F%2E%74%78%74")),
            ("a dot escaped", &path("/hello%2etxt")),
            ("two slashes", &path("//hello.txt")),
            ("many slashes", &path("///////hello.txt")),
            ("a dot as a folder", &path("/./hello.txt")),
            ("dots as folders", &path("/././././hello.txt")),
            ("an escaped dot as a folder", &path("/%2e/hello.txt")),
            ("dots and slashes", &path("/.//.///./hello.txt")),
            ("a link within", &path("/link.txt")),
            ("a link that climbs and stays within", &path("/docs/up.txt")),
            ("a link to a folder, then a link", &path("/dirlink/up.txt")),
        ],
    );
    for (name, place, body) in [
        ("slashes only", "///////", FRONT),
        ("a dot", "/.", FRONT),
        ("a dot and a slash", "/./", FRONT),
        ("two slashes in the middle", "/docs//guide.txt", b"guide\n"),
        ("a dot in the middle", "/docs/./guide.txt", b"guide\n"),
        ("a folder and a dot", "/docs/.", DOCS),
        ("a folder and two slashes", "/docs//", DOCS),
        ("a link to a folder", "/dirlink/guide.txt", b"guide\n"),
        ("a folder with a space", "/sp%20dir/", DOCS),
        ("a folder with a line end", "/new%0aline/", DOCS),
        ("a folder deep down", "/a/b/c/leaf.txt", b"leaf\n"),
        (
            "a folder whose name is not ASCII",
            "/%ED%8F%B4%EB%8D%94/",
            DOCS,
        ),
    ] {
        theme.row("RFC 3986 §6.2.2.3", name, path(place)).body(body);
    }
    for escape in [
        "%",
        "%4",
        "%zz",
        "%g0",
        "%0g",
        "%%",
        "%2",
        "%u0068",
        "%uff0e",
        "%x41",
        "% 41",
        "%-1",
        "%+1",
        "%0x",
        "%\u{ff14}1",
    ] {
        if escape.contains(' ') {
            continue;
        }
        for place in [
            format!("/{escape}"),
            format!("/hello{escape}"),
            format!("/{escape}/hello.txt"),
        ] {
            theme
                .row("RFC 3986 §2.1", format!("escape in {place}"), path(&place))
                .gives(400);
        }
    }
    theme.gives(
        400,
        "RFC 3986 §7.3",
        &[
            ("NUL", &path("/%00")),
            ("NUL behind a name", &path("/hello.txt%00")),
            ("NUL and another ending", &path("/hello.txt%00.html")),
            ("NUL within a name", &path("/hel%00lo.txt")),
            ("NUL before a name", &path("/%00hello.txt")),
            ("NUL in a folder", &path("/do%00cs/guide.txt")),
        ],
    );
    theme.gives(
        400,
        "RFC 3986 §2.2: an escaped slash is not a slash",
        &[
            ("in a path", &path("/docs%2fguide.txt")),
            ("in capitals", &path("/docs%2Fguide.txt")),
            ("before a name", &path("/%2fhello.txt")),
            ("behind a folder", &path("/docs%2f")),
            ("alone", &path("/%2f")),
        ],
    );
    run(&theme, &[]);
}

#[test]
fn names_with_a_dot() {
    let mut theme = Theme::default();
    theme.gives(
        404,
        "RFC 8615: none but the well-known",
        &[
            ("a file", &path("/.hidden")),
            ("a file, escaped", &path("/%2ehidden")),
            ("a file, escaped in capitals", &path("/%2Ehidden")),
            ("a file behind two slashes", &path("//.hidden")),
            ("a file behind a dot", &path("/./.hidden")),
            ("a file with a slash", &path("/.hidden/")),
            ("one that is not there", &path("/.missing")),
            ("a folder", &path("/.git")),
            ("a folder with a slash", &path("/.git/")),
            ("a file in a folder", &path("/.git/config")),
            ("a file in a folder, escaped", &path("/%2egit/config")),
            (
                "a file in a folder with two slashes",
                &path("/.git//config"),
            ),
            ("a file further down", &path("/docs/.secret")),
            ("a file behind a link", &path("/dirlink/.secret")),
            (
                "the well-known further down",
                &path("/docs/.well-known/inner.txt"),
            ),
            ("a file among the well-known", &path("/.well-known/.inner")),
            ("nearly the well-known", &path("/.well-known2/acme.txt")),
            (
                "nearly the well-known, in capitals",
                &path("/.WELL-KNOWN/acme.txt"),
            ),
            ("three dots", &path("/...")),
            ("three dots, escaped", &path("/%2e%2e%2e")),
            ("four dots", &path("/..../")),
        ],
    );
    for place in [
        "/.well-known/acme.txt",
        "/%2ewell-known/acme.txt",
        "//.well-known//acme.txt",
        "/.well-known/./acme.txt",
    ] {
        theme.row("RFC 8615", place, path(place)).body("token\n");
    }
    theme
        .row(
            "RFC 3986 §6.2.2.3",
            "still the plain file",
            path("/hello.txt"),
        )
        .body(HELLO);
    run(&theme, &[]);
}
