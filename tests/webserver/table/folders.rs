//! Folders: the index file, and the slash that has to be there (RFC 9110 §15.4.9).

use super::run::run;
use super::{Theme, path};
use crate::site::{DOCS, FRONT};

#[test]
fn folders() {
    let mut theme = Theme::default();
    for (place, body) in [
        ("/", FRONT),
        ("/?a=b", FRONT),
        ("/index.html", FRONT),
        ("/docs/", DOCS),
        ("/docs/?a=b", DOCS),
        ("/docs/index.html", DOCS),
        ("/dirlink/", DOCS),
        ("/sp%20dir/", DOCS),
    ] {
        theme
            .row("the index file", format!("GET {place}"), path(place))
            .body(body)
            .has("Content-Type", "text/html; charset=utf-8");
    }
    theme
        .row(
            "the index file",
            "HEAD /",
            "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
        )
        .has("Content-Length", FRONT.len().to_string());
    let rule = "RFC 9110 §15.4.9: to the same folder, seen from it, with what was asked";
    for (place, led) in [
        ("/docs", "/docs/"),
        ("/docs?", "/docs/?"),
        ("/docs?a=b&c=d", "/docs/?a=b&c=d"),
        ("/docs?a/b", "/docs/?a/b"),
        (
            "/docs?http://elsewhere.example/",
            "/docs/?http://elsewhere.example/",
        ),
        ("/docs?%0d%0aX:y", "/docs/?%0d%0aX:y"),
        ("/a", "/a/"),
        ("/a/b", "/a/b/"),
        ("/dirlink", "/dirlink/"),
        ("/sp%20dir", "/sp%20dir/"),
        ("/new%0aline", "/new%0Aline/"),
        ("/%ED%8F%B4%EB%8D%94", "/%ED%8F%B4%EB%8D%94/"),
        ("/index-is-a-folder", "/index-is-a-folder/"),
        (
            "/index-is-a-folder/index.html",
            "/index-is-a-folder/index.html/",
        ),
    ] {
        let row = theme
            .row(rule, format!("GET {place}"), path(place))
            .gives(308);
        if place == "/docs?" {
            continue;
        }
        row.leads_to(led);
    }
    theme
        .row(rule, "HEAD /docs", "HEAD /docs HTTP/1.1\r\nHost: h\r\n\r\n")
        .gives(308)
        .leads_to("/docs/");
    theme
        .row(rule, "absolute", path("http://h/docs?a=b"))
        .gives(308);
    for place in [
        "//docs",
        "///docs?a=b",
        "/./docs",
        "//docs//.",
        "//elsewhere.example",
        "//elsewhere.example/docs",
    ] {
        // What a reply may lead to is checked for all of them.
        theme
            .row(
                "RFC 3986 §4.2: two slashes would name another host",
                format!("GET {place}"),
                path(place),
            )
            .gives_one_of(&[200, 308, 404]);
    }
    for place in [
        "/plain/",
        "/a/",
        "/a/b/c/",
        "/index-is-a-folder/",
        "/plain/?a=b",
    ] {
        theme
            .row(
                "nothing is listed unless it is asked for",
                format!("GET {place}"),
                path(place),
            )
            .gives_one_of(&[403, 404]);
    }
    run(&theme, &[]);
}

#[test]
fn folders_that_are_listed() {
    let mut theme = Theme::default();
    theme
        .row(
            "an index file comes before a list",
            "GET /docs/",
            path("/docs/"),
        )
        .body(DOCS);
    theme
        .row("a list", "GET /plain/", path("/plain/"))
        .gives(200)
        .has("Content-Type", "text/html; charset=utf-8")
        .lists("Vary", &["Accept"]);
    theme
        .row(
            "RFC 9110 §12.5.1",
            "GET /plain/ as JSON",
            "GET /plain/ HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n",
        )
        .gives(200)
        .has("Content-Type", "application/json")
        .lists("Vary", &["Accept"]);
    theme
        .row("RFC 9110 §12.5.1", "a browser", "GET /plain/ HTTP/1.1\r\nHost: h\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\r\n")
        .gives(200)
        .has("Content-Type", "text/html; charset=utf-8");
    theme
        .row(
            "RFC 9110 §12.4.2",
            "JSON rather than HTML",
            "GET /plain/ HTTP/1.1\r\nHost: h\r\nAccept: text/html;q=0.5, application/json\r\n\r\n",
        )
        .gives(200)
        .has("Content-Type", "application/json");
    theme
        .row(
            "RFC 9110 §12.4.2",
            "HTML rather than JSON",
            "GET /plain/ HTTP/1.1\r\nHost: h\r\nAccept: text/html, application/json;q=0.9\r\n\r\n",
        )
        .gives(200)
        .has("Content-Type", "text/html; charset=utf-8");
    theme
        .row(
            "RFC 9110 §12.4.2",
            "JSON refused",
            "GET /plain/ HTTP/1.1\r\nHost: h\r\nAccept: application/json;q=0, */*\r\n\r\n",
        )
        .gives(200)
        .has("Content-Type", "text/html; charset=utf-8");
    theme
        .row("a list", "without slash", path("/plain"))
        .gives(308)
        .leads_to("/plain/");
    theme
        .row(
            "a list",
            "with an index that is a folder",
            path("/index-is-a-folder/"),
        )
        .gives(200);
    theme
        .row("a list", "HEAD", "HEAD /plain/ HTTP/1.1\r\nHost: h\r\n\r\n")
        .gives(200);
    theme
        .row("a list", "POST", "POST /plain/ HTTP/1.1\r\nHost: h\r\n\r\n")
        .gives(405);
    theme.gives(
        404,
        "what is not served is not listed",
        &[
            ("a hidden folder", &path("/.git/")),
            ("a missing folder", &path("/missing/")),
        ],
    );
    for place in ["/outdir/", "/slash/", "/slash/etc/"] {
        theme
            .row(
                "openat2(2) RESOLVE_BENEATH",
                format!("GET {place}"),
                path(place),
            )
            .gives_one_of(&[403, 404]);
    }
    run(&theme, &["--list"]);
}
