//! The content type of a file, by its name alone.
//!
//! `mime_guess` knows most names; what it does not know, or tells in a way that browsers do not understand, is in the
//! tables here. Never by looking at content: the same name always has the same type, and with
//! `X-Content-Type-Options: nosniff` nobody guesses further.

use mime_guess::MimeGuess;

/// What is said of a file about which nothing is known: a browser saves it and shows nothing.
const UNKNOWN: &str = "application/octet-stream";

/// Text of no type that a browser has a use for: shown as it is.
const PLAIN: &str = "text/plain; charset=utf-8";

/// The content type of the file at `path`, with its charset where the type needs one.
///
/// Text is told to be UTF-8, without which browsers take it for the encoding usual where they were sold. XML is not
/// (SVG and feeds neither): it names its encoding itself, and a charset here would overrule it (RFC 7303 §3.2).
#[must_use]
pub fn content_type(path: &[u8]) -> &'static str {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    if let Some(known) = lookup(WHOLE_NAMES, name) {
        return known;
    }
    let Some(dot) = memchr::memrchr(b'.', name) else {
        return UNKNOWN;
    };
    let extension = name[dot + 1..].to_ascii_lowercase();
    if let Some(known) = lookup(EXTENSIONS, &extension) {
        return known;
    }
    if SOURCE_CODE.contains(&extension.as_slice()) {
        return PLAIN;
    }
    let Ok(extension) = std::str::from_utf8(&extension) else {
        return UNKNOWN;
    };
    let guess = MimeGuess::from_ext(extension).first_raw();
    guess.map_or(UNKNOWN, with_charset)
}

/// Whether content of this type gets smaller when it is compressed. Parameters such as a charset do not matter.
#[must_use]
pub fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || COMPRESSIBLE.contains(&essence)
}

/// The same type with its charset, if it needs one.
fn with_charset(essence: &'static str) -> &'static str {
    let with_charset = TEXTS.iter().find(|known| {
        known
            .strip_prefix(essence)
            .is_some_and(|rest| rest.starts_with(';'))
    });
    match with_charset {
        Some(known) => known,
        None if essence == "text/xml" => essence,
        // Types of somebody's own making (text/x-rust, text/x-yaml). Not every browser shows them; all show plain text.
        None if essence.starts_with("text/") => PLAIN,
        None => essence,
    }
}

fn lookup(table: &[(&[u8], &'static str)], wanted: &[u8]) -> Option<&'static str> {
    let found = table.iter().find(|(name, _)| *name == wanted)?;
    Some(found.1)
}

/// Types of text that browsers or programs tell apart.
const TEXTS: &[&str] = &[
    "application/geo+json; charset=utf-8",
    "application/json; charset=utf-8",
    "application/ld+json; charset=utf-8",
    "application/manifest+json; charset=utf-8",
    "text/cache-manifest; charset=utf-8",
    "text/calendar; charset=utf-8",
    "text/css; charset=utf-8",
    "text/csv; charset=utf-8",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
    "text/markdown; charset=utf-8",
    "text/tab-separated-values; charset=utf-8",
    "text/turtle; charset=utf-8",
    "text/vtt; charset=utf-8",
];

/// Files that are known by their whole name. Any other name without an extension is [`UNKNOWN`]: a program that is
/// saved does no harm, one that is shown as text fills the page with rubbish.
const WHOLE_NAMES: &[(&[u8], &str)] = &[
    (b"AUTHORS", PLAIN),
    (b"CHANGELOG", PLAIN),
    (b"CHANGES", PLAIN),
    (b"CONTRIBUTING", PLAIN),
    (b"COPYING", PLAIN),
    (b"Dockerfile", PLAIN),
    (b"INSTALL", PLAIN),
    (b"LICENSE", PLAIN),
    (b"Makefile", PLAIN),
    (b"NEWS", PLAIN),
    (b"NOTICE", PLAIN),
    (b"README", PLAIN),
    (b"TODO", PLAIN),
    (b"justfile", PLAIN),
    // Fetched from /.well-known; read only if it is JSON by type.
    (
        b"apple-app-site-association",
        "application/json; charset=utf-8",
    ),
];

/// Extensions that `mime_guess` does not know, or knows by a name that is out of date.
const EXTENSIONS: &[(&[u8], &str)] = &[
    (b"cjs", "text/javascript; charset=utf-8"),
    (b"deb", "application/vnd.debian.binary-package"),
    (b"hwp", "application/x-hwp"),
    (b"hwpx", "application/hwp+zip"),
    (b"ipynb", "application/x-ipynb+json"),
    (b"m3u8", "application/vnd.apple.mpegurl"),
    (b"m4a", "audio/mp4"),
    (b"m4s", "video/iso.segment"),
    // A browser runs a module only if its type is JavaScript (RFC 9239).
    (b"mjs", "text/javascript; charset=utf-8"),
    (b"otf", "font/otf"),
    (b"rpm", "application/x-rpm"),
    // A part of a stream, as registered, rather than TypeScript: players need the type, while no browser runs
    // TypeScript and a compiler that fetches it does not ask.
    (b"m2ts", "video/mp2t"),
    (b"mts", "video/mp2t"),
    (b"ts", "video/mp2t"),
    (b"usdz", "model/vnd.usdz+zip"),
    (b"vcf", "text/vcard; charset=utf-8"),
    (b"woff", "font/woff"),
    (b"zst", "application/zstd"),
];

/// Extensions of text that people read in a browser and that has no type, or one that makes browsers save it.
const SOURCE_CODE: &[&[u8]] = &[
    b"adoc",
    b"asm",
    b"clj",
    b"cmake",
    b"cts",
    b"dart",
    b"diff",
    b"erl",
    b"ex",
    b"exs",
    b"go",
    b"gradle",
    b"graphql",
    b"hcl",
    b"hs",
    b"java",
    b"jl",
    b"jsonl",
    b"kt",
    b"kts",
    b"lock",
    b"ml",
    b"ndjson",
    b"nix",
    b"patch",
    b"properties",
    b"proto",
    b"ps1",
    b"r",
    b"rb",
    b"rst",
    b"scala",
    b"sha256",
    b"srt",
    b"swift",
    b"tf",
    b"tsx",
    b"vue",
    b"zig",
];

/// What is compressible beside text, JSON and XML.
const COMPRESSIBLE: &[&str] = &[
    "application/font-sfnt",
    "application/javascript",
    "application/json",
    "application/postscript",
    "application/rtf",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-httpd-php",
    "application/x-perl",
    "application/x-sh",
    "application/x-sql",
    "application/x-tex",
    "application/xml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/x-icon",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_name() {
        for (path, expected) in [
            ("/index.html", "text/html; charset=utf-8"),
            ("/INDEX.HTM", "text/html; charset=utf-8"),
            ("/a.css", "text/css; charset=utf-8"),
            ("/a.js", "text/javascript; charset=utf-8"),
            ("/a.mjs", "text/javascript; charset=utf-8"),
            ("/a.MJS", "text/javascript; charset=utf-8"),
            ("/a.json", "application/json; charset=utf-8"),
            ("/a.webmanifest", "application/manifest+json; charset=utf-8"),
            ("/a.geojson", "application/geo+json; charset=utf-8"),
            ("/a.txt", "text/plain; charset=utf-8"),
            ("/a.md", "text/markdown; charset=utf-8"),
            ("/a.csv", "text/csv; charset=utf-8"),
            ("/a.vtt", "text/vtt; charset=utf-8"),
            ("/src/main.rs", "text/plain; charset=utf-8"),
            ("/Cargo.toml", "text/plain; charset=utf-8"),
            ("/a.yaml", "text/plain; charset=utf-8"),
            ("/a.less", "text/plain; charset=utf-8"),
            ("/a.vcf", "text/vcard; charset=utf-8"),
            ("/Main.java", "text/plain; charset=utf-8"),
            ("/app.tsx", "text/plain; charset=utf-8"),
            ("/README", "text/plain; charset=utf-8"),
            // XML says itself how it is encoded.
            ("/a.xml", "text/xml"),
            ("/a.svg", "image/svg+xml"),
            ("/a.xhtml", "application/xhtml+xml"),
            ("/feed.atom", "application/atom+xml"),
            ("/a.wasm", "application/wasm"),
            ("/a.png", "image/png"),
            ("/a.jpg", "image/jpeg"),
            ("/a.avif", "image/avif"),
            ("/a.webp", "image/webp"),
            ("/favicon.ico", "image/x-icon"),
            ("/a.woff2", "font/woff2"),
            ("/a.woff", "font/woff"),
            ("/a.mp4", "video/mp4"),
            ("/a.webm", "video/webm"),
            ("/live.m3u8", "application/vnd.apple.mpegurl"),
            ("/live.ts", "video/mp2t"),
            ("/a.pdf", "application/pdf"),
            ("/a.zip", "application/zip"),
            ("/a.tar.gz", "application/gzip"),
            ("/문서.hwp", "application/x-hwp"),
            // Nothing known: saved, not shown.
            ("/a.unheard-of", UNKNOWN),
            ("/program", UNKNOWN),
            ("/readme", UNKNOWN),
            ("/a.", UNKNOWN),
            ("/html", UNKNOWN),
            ("/a.html/b", UNKNOWN),
            ("/", UNKNOWN),
            ("", UNKNOWN),
        ] {
            assert_eq!(content_type(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn names_of_any_bytes_have_a_type() {
        for (path, expected) in [
            (&b"/\xff\xfe.png"[..], "image/png"),
            (b"/a.\xff", UNKNOWN),
            (b"/a.png\xff", UNKNOWN),
        ] {
            assert_eq!(content_type(path), expected, "{path:?}");
        }
    }

    #[test]
    fn what_gets_smaller() {
        for (content_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("text/plain", true),
            ("application/json; charset=utf-8", true),
            ("application/manifest+json", true),
            ("image/svg+xml", true),
            ("application/wasm", true),
            ("font/ttf", true),
            ("font/woff2", false),
            ("image/png", false),
            ("video/mp4", false),
            ("application/gzip", false),
            ("application/zstd", false),
            (UNKNOWN, false),
            ("", false),
        ] {
            assert_eq!(is_compressible(content_type), expected, "{content_type}");
        }
    }
}
