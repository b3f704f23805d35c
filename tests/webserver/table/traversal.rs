//! Nothing outside the root, however it is spelt. What lies there has a marker in it, which no reply may have.

use super::run::run;
use super::{Theme, path};

#[test]
fn climbing() {
    let mut theme = Theme::default();
    let rule = "RFC 3986 §5.2.4, §6.2.2.3: refused, whether it would lead out or not";
    for up in ["..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", ".%2E", "%2E."] {
        for place in [
            format!("/{up}"),
            format!("/{up}/"),
            format!("/{up}/outside/secret.txt"),
            format!("//{up}/outside/secret.txt"),
            format!("/./{up}/outside/secret.txt"),
            format!("/docs/{up}/{up}/outside/secret.txt"),
            format!("/docs/{up}/hello.txt"),
            format!("/docs/{up}"),
            format!("/missing/{up}/hello.txt"),
            format!("/hello.txt/{up}/hello.txt"),
            format!("/{up}/root/hello.txt"),
            format!("/{up}?a=b"),
        ] {
            theme.row(rule, place.clone(), path(&place)).gives(400);
        }
    }
    let deep = format!("{}etc/passwd", "/..".repeat(40) + "/");
    theme.row(rule, "forty levels", path(&deep)).gives(400);
    theme
        .row(
            rule,
            "forty levels, escaped",
            path(deep.replace('.', "%2e")),
        )
        .gives(400);
    theme.gives(
        400,
        rule,
        &[
            ("an escaped slash", &path("/..%2foutside/secret.txt")),
            (
                "an escaped slash in capitals",
                &path("/..%2Foutside/secret.txt"),
            ),
            ("all escaped", &path("/%2e%2e%2foutside%2fsecret.txt")),
            (
                "a slash escaped twice over",
                &path("/docs%2f..%2f..%2foutside/secret.txt"),
            ),
            ("NUL behind it", &path("/..%00/outside/secret.txt")),
            ("NUL within", &path("/.%00./outside/secret.txt")),
            ("absolute", &path("http://h/../outside/secret.txt")),
            (
                "absolute, escaped",
                &path("http://h/%2e%2e/outside/secret.txt"),
            ),
            (
                "absolute, to a root that climbs",
                &path("http://h//../outside/secret.txt"),
            ),
            ("no slash before it", &path("../outside/secret.txt")),
            (
                "escaped, and no slash before it",
                &path("%2e%2e/outside/secret.txt"),
            ),
            ("half an escape", &path("/%2e%2/outside/secret.txt")),
            (
                "an escape of old browsers",
                &path("/%u002e%u002e/outside/secret.txt"),
            ),
        ],
    );
    theme.gives(
        404,
        "only a name, and of no file",
        &[
            (
                "an escape of an escape",
                &path("/%252e%252e/outside/secret.txt"),
            ),
            (
                "an escape of an escape of a slash",
                &path("/..%252foutside%252fsecret.txt"),
            ),
            (
                "an escape of an escape of an escape",
                &path("/%25252e%25252e/outside/secret.txt"),
            ),
            (
                "a dot in too many bytes",
                &path("/%c0%ae%c0%ae/outside/secret.txt"),
            ),
            (
                "a dot in far too many bytes",
                &path("/%e0%80%ae%e0%80%ae/outside/secret.txt"),
            ),
            (
                "a slash in too many bytes",
                &path("/..%c0%afoutside/secret.txt"),
            ),
            (
                "full-width dots",
                &path("/%ef%bc%8e%ef%bc%8e/outside/secret.txt"),
            ),
            ("a two-dot leader", &path("/%e2%80%a5/outside/secret.txt")),
            ("three dots", &path("/.../outside/secret.txt")),
            (
                "a parameter behind the dots",
                &path("/..;/outside/secret.txt"),
            ),
            (
                "a space behind the dots",
                &path("/..%20/outside/secret.txt"),
            ),
            (
                "a line end behind the dots",
                &path("/..%0a/outside/secret.txt"),
            ),
            ("dots with a space", &path("/.%20./outside/secret.txt")),
            ("/etc/passwd", &path("/etc/passwd")),
            ("//etc/passwd", &path("//etc/passwd")),
            ("/proc/self/environ", &path("/proc/self/environ")),
            ("a drive", &path("/C:/Windows/win.ini")),
            ("a home", &path("/~root/.profile")),
            ("a query does not climb", &path("/missing?/../hello.txt")),
        ],
    );
    for place in [
        "/..\\outside\\secret.txt",
        "/..%5coutside%5csecret.txt",
        "/..%5C..%5Coutside/secret.txt",
        "/docs\\..\\..\\outside\\secret.txt",
        "/%5c..%5coutside/secret.txt",
        "/%2e%2e%5coutside%5csecret.txt",
        "/..\\/outside/secret.txt",
        "\\..\\outside\\secret.txt",
    ] {
        theme
            .row("a backslash is no slash here", place, path(place))
            .gives_one_of(&[404, 400]);
    }
    run(&theme, &[]);
}

/// Links that lead out, and files that are none. The reply does not have to say which of the two it was.
const REFUSED: [(&str, &str); 17] = [
    ("to a file outside", "/out.txt"),
    ("to a folder outside", "/outdir/secret.txt"),
    ("to a folder outside, itself", "/outdir/"),
    ("to a folder outside, without slash", "/outdir"),
    ("to a link to a file outside", "/chain.txt"),
    ("to a file outside, from the top", "/absolute.txt"),
    ("to the top", "/slash/etc/passwd"),
    ("to the top, itself", "/slash/"),
    ("into the system's own files", "/environ"),
    ("through a folder and out", "/docs/../outdir/secret.txt"),
    ("to itself", "/loop"),
    ("to itself, as a folder", "/loop/hello.txt"),
    ("to nothing", "/dangling"),
    ("a pipe", "/pipe"),
    ("a socket", "/socket"),
    ("a pipe as a folder", "/pipe/hello.txt"),
    ("a file outside, escaped", "/%6fut.txt"),
];

#[test]
fn links() {
    let mut theme = Theme::default();
    for method in ["GET", "HEAD"] {
        for (name, place) in REFUSED {
            let statuses: &[u16] = if place.contains("..") {
                &[400]
            } else {
                &[403, 404]
            };
            theme
                .row(
                    "openat2(2) RESOLVE_BENEATH",
                    format!("{method} a link {name}"),
                    format!("{method} {place} HTTP/1.1\r\nHost: h\r\n\r\n"),
                )
                .gives_one_of(statuses);
        }
    }
    theme
        .row(
            "a sidecar is held to the same",
            "a sidecar that leads outside",
            "GET /leading.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n",
        )
        .lacks("Content-Encoding")
        .body("its sidecar leads outside\n");
    run(&theme, &[]);
}
