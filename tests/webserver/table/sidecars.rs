//! Files that were compressed beforehand, and who gets them (RFC 9110 §12.5.3).

use super::run::run;
use super::{Row, Theme};
use crate::site::{PAGE, PAGE_BR, PAGE_GZ, PAGE_ZST};

/// What a reply may be coded in, with the page's content.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Plain,
    Gzip,
    Brotli,
    Zstd,
}

impl Sent {
    fn expect(self, row: &mut Row) {
        let (body, coding) = match self {
            Self::Plain => (PAGE, None),
            Self::Gzip => (PAGE_GZ, Some("gzip")),
            Self::Brotli => (PAGE_BR, Some("br")),
            Self::Zstd => (PAGE_ZST, Some("zstd")),
        };
        row.body(body)
            .lists("Vary", &["Accept-Encoding"])
            .has("Content-Type", "text/html; charset=utf-8");
        match coding {
            Some(coding) => row.has("Content-Encoding", coding),
            None => row.lacks("Content-Encoding"),
        };
    }
}

fn page(lines: &str) -> String {
    format!("GET /page.html HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

#[test]
fn accept_encoding() {
    use Sent::{Brotli, Gzip, Plain, Zstd};
    let mut theme = Theme::default();
    let rows = [
        ("gzip", Gzip),
        ("br", Brotli),
        ("zstd", Zstd),
        ("GZIP", Gzip),
        ("Br", Brotli),
        ("gzip, deflate", Gzip),
        ("deflate, gzip", Gzip),
        ("gzip,deflate,br", Brotli),
        ("gzip, deflate, br, zstd", Zstd),
        ("zstd, br", Zstd),
        ("br, zstd", Zstd),
        ("gzip, br", Brotli),
        (" \t gzip \t ,\t br ", Brotli),
        (",,gzip,,", Gzip),
        ("gzip;q=1, br;q=0.5", Gzip),
        ("gzip;q=0.5, br;q=0.6", Brotli),
        ("zstd;q=0.1, br;q=0.2, gzip;q=0.3", Gzip),
        ("zstd;q=0.333, br;q=0.334", Brotli),
        ("gzip;q=0.001", Gzip),
        ("gzip;q=1.000", Gzip),
        ("gzip;q=1.", Gzip),
        ("gzip ; q=0.5", Gzip),
        ("gzip;\tq=0.5", Gzip),
        ("gzip;Q=0.5, br;Q=0.4", Gzip),
        ("gzip;q=0", Plain),
        ("gzip;q=0.0", Plain),
        ("gzip;q=0.000", Plain),
        ("gzip;q=0.", Plain),
        ("gzip;Q=0", Plain),
        ("gzip ;\tq=0", Plain),
        ("gzip;q=0, br;q=0, zstd;q=0", Plain),
        ("gzip;q=0, br", Brotli),
        ("zstd;q=0, br;q=0, gzip", Gzip),
        ("*", Zstd),
        ("*;q=0.5", Zstd),
        ("*;q=0", Plain),
        ("zstd;q=0, *", Brotli),
        ("zstd;q=0, br;q=0, *", Gzip),
        ("zstd;q=0, br;q=0, gzip;q=0, *", Plain),
        ("gzip;q=1, *;q=0", Gzip),
        ("gzip;q=0.9, *;q=0.1", Gzip),
        ("br;q=0.1, *;q=0.9", Zstd),
        ("identity", Plain),
        ("identity;q=1, gzip;q=0.5", Plain),
        ("identity;q=0.5, gzip;q=0.4, br;q=0.3", Plain),
        ("identity;q=0.5, gzip", Gzip),
        ("identity;q=0, gzip", Gzip),
        ("identity;q=0, gzip;q=0.1", Gzip),
        ("identity;q=0, *", Zstd),
        ("identity;q=0", Plain),
        ("identity;q=0, deflate", Plain),
        ("*;q=0, identity", Plain),
        ("", Plain),
        ("deflate", Plain),
        ("compress, deflate", Plain),
        ("gzipped", Plain),
        ("zip", Plain),
        ("brotli", Plain),
        ("zst", Plain),
        ("gz", Plain),
        ("\"gzip\"", Plain),
    ];
    for (value, sent) in rows {
        let row = theme.row(
            "RFC 9110 §12.5.3",
            format!("accepts {value:?}"),
            page(&format!("Accept-Encoding: {value}\r\n")),
        );
        sent.expect(row);
    }
    Plain.expect(theme.row(
        "RFC 9110 §12.5.3: nothing said",
        "accepts nothing in particular",
        page(""),
    ));
    Brotli.expect(theme.row(
        "RFC 9110 §5.3",
        "two lines",
        page("Accept-Encoding: gzip;q=0.4\r\nAccept-Encoding: br;q=0.5\r\n"),
    ));
    Gzip.expect(theme.row(
        "RFC 9110 §5.3",
        "two lines, the second in capitals",
        page("Accept-Encoding: deflate\r\nACCEPT-ENCODING: gzip\r\n"),
    ));
    Gzip.expect(theme.row(
        "RFC 9110 §12.4.2",
        "a hundred others before it",
        page(&format!("Accept-Encoding: {}gzip\r\n", "a, ".repeat(100))),
    ));
    for value in [
        "gzip;q=2",
        "gzip;q=-1",
        "gzip;q=x",
        "gzip;q=",
        "gzip;q",
        "gzip;",
        "gzip;level=9",
        "gzip;q=0.5;x=y",
        "x-gzip",
        "gzip br",
        "gzip;q=0.12345",
        ";q=1",
        "*;q=x",
        "gzip=1",
    ] {
        theme
            .row(
                "RFC 9110 §12.4.2: whatever is made of it",
                format!("accepts {value:?}"),
                page(&format!("Accept-Encoding: {value}\r\n")),
            )
            .gives(200)
            .lists("Vary", &["Accept-Encoding"]);
    }
    run(&theme, &[]);
}

#[test]
fn which_files_have_one() {
    let mut theme = Theme::default();
    let ask = |path: &str, value: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {value}\r\n\r\n")
    };
    theme
        .row(
            "RFC 9110 §8.4",
            "the only one",
            ask("/single.css", "br, gzip;q=0.1"),
        )
        .body("(single by gzip)")
        .has("Content-Encoding", "gzip")
        .has("Content-Type", "text/css; charset=utf-8")
        .lists("Vary", &["Accept-Encoding"]);
    theme
        .row(
            "RFC 9110 §8.4",
            "another than the only one",
            ask("/single.css", "br, zstd"),
        )
        .body("p { color: teal }\n")
        .lacks("Content-Encoding")
        .lists("Vary", &["Accept-Encoding"]);
    theme
        .row(
            "one older than its source",
            "a stale one",
            ask("/stale.txt", "gzip, br"),
        )
        .body("newer than what is beside it\n")
        .lacks("Content-Encoding");
    theme
        .row(
            "one without a source",
            "nothing behind it",
            ask("/ghost.txt", "gzip"),
        )
        .gives(404);
    theme
        .row(
            "RFC 9110 §8.4",
            "the index file's",
            ask("/covered/", "gzip"),
        )
        .body("(covered by gzip)")
        .has("Content-Encoding", "gzip");
    theme
        .row(
            "no sidecar of a sidecar",
            "by its own name",
            ask("/page.html.gz", "gzip"),
        )
        .body(PAGE_GZ)
        .lacks("Content-Encoding");
    theme
        .row(
            "RFC 9110 §9.3.2",
            "HEAD",
            "HEAD /page.html HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n",
        )
        .has("Content-Encoding", "gzip")
        .has("Content-Length", PAGE_GZ.len().to_string())
        .has("ETag", "{gz-tag}");
    theme
        .row(
            "RFC 9110 §13.1.2",
            "any condition",
            page("Accept-Encoding: gzip\r\nIf-None-Match: *\r\n"),
        )
        .gives(304)
        .has("ETag", "{gz-tag}")
        .lists("Vary", &["Accept-Encoding"]);
    theme
        .row(
            "RFC 9110 §13.1.5",
            "If-Range with the tag of another coding",
            page("Accept-Encoding: gzip\r\nRange: bytes=0-3\r\nIf-Range: {page-tag}\r\n"),
        )
        .gives(200)
        .lacks("Content-Range");
    run(&theme, &[]);
}
