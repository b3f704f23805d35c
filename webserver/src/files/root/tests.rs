//! Paths and what they lead to, the kernel's way and the walk's alike.

mod fixture;
mod kinds;
mod links;
mod race;
mod same;

use std::path::PathBuf;

use super::*;
use fixture::{Answer, Fixture, ask};

/// Paths that lead somewhere, with nothing in the way.
#[test]
fn plain_paths() {
    let fixture = Fixture::new();
    for name in ["index.txt", "dir/a.txt", "dir/deep/b.txt", "한글 이름.txt"] {
        fixture.file(name, name);
    }
    for name in [
        "%2e%2e",
        " ",
        "-",
        "back\\slash",
        "a..",
        "new\nline",
        "a:b*?",
    ] {
        fixture.file(name, name);
    }
    fixture.folder("empty");
    check(
        &fixture,
        Links::Within,
        &[
            ("the root", "/", Answer::Folder),
            ("file", "/index.txt", file("index.txt")),
            ("file in a folder", "/dir/a.txt", file("dir/a.txt")),
            ("deeper", "/dir/deep/b.txt", file("dir/deep/b.txt")),
            ("folder", "/dir", Answer::Folder),
            ("folder with a slash", "/dir/", Answer::Folder),
            ("empty folder", "/empty/", Answer::Folder),
            ("Korean", "/한글 이름.txt", file("한글 이름.txt")),
            ("what looks like an escape", "/%2e%2e", file("%2e%2e")),
            ("space", "/ ", file(" ")),
            ("dash", "/-", file("-")),
            ("backslash", "/back\\slash", file("back\\slash")),
            ("dots behind", "/a..", file("a..")),
            ("line feed", "/new\nline", file("new\nline")),
            ("what other systems forbid", "/a:b*?", file("a:b*?")),
            ("nothing", "/none", Answer::Missing),
            ("other case", "/INDEX.TXT", Answer::Missing),
            ("nothing in a folder", "/dir/none", Answer::Missing),
            ("file with a slash", "/index.txt/", Answer::Missing),
            ("file as a folder", "/index.txt/a", Answer::Missing),
            (
                "name too long",
                &format!("/{}", "x".repeat(256)),
                Answer::Missing,
            ),
            ("path too long", &"/x".repeat(4000), Answer::Missing),
        ],
    );
}

#[test]
fn names_of_any_bytes() {
    let fixture = Fixture::new();
    for byte in (1..=255_u8).filter(|&byte| byte != b'/' && byte != b'.') {
        let name = [byte, b'x', byte];
        fixture.file_of_bytes(&name, "any");
        for (way, root) in fixture.roots(Links::Within) {
            let path = [b"/".as_slice(), &name].concat();
            assert_eq!(ask(&root, &path), file("any"), "{way}: {name:?}");
        }
    }
}

#[test]
fn hidden_names() {
    let fixture = Fixture::new();
    for name in [
        ".secret",
        ".git/config",
        "dir/.secret",
        "dir/...",
        "..a",
        ".well-known/acme/token",
        ".well-known/.secret",
        ".well-known/dir/.secret",
        ".well-knownish",
        "dir/.well-known/a",
    ] {
        fixture.file(name, name);
    }
    fixture.link("shown", "dir/.secret");
    check(
        &fixture,
        Links::Within,
        &[
            ("hidden file", "/.secret", Answer::Missing),
            ("hidden folder", "/.git", Answer::Missing),
            ("in a hidden folder", "/.git/config", Answer::Missing),
            ("hidden in a folder", "/dir/.secret", Answer::Missing),
            ("three dots", "/dir/...", Answer::Missing),
            ("two dots and more", "/..a", Answer::Missing),
            ("well-known", "/.well-known", Answer::Folder),
            ("well-known with a slash", "/.well-known/", Answer::Folder),
            (
                "in well-known",
                "/.well-known/acme/token",
                file(".well-known/acme/token"),
            ),
            (
                "hidden in well-known",
                "/.well-known/.secret",
                Answer::Missing,
            ),
            ("deeper", "/.well-known/dir/.secret", Answer::Missing),
            ("nearly well-known", "/.well-knownish", Answer::Missing),
            (
                "well-known elsewhere",
                "/dir/.well-known/a",
                Answer::Missing,
            ),
            // Whoever can make links here decides what is shown.
            ("link to a hidden file", "/shown", file("dir/.secret")),
        ],
    );
}

/// Nothing that is not normalised should come here. If it does, it leads nowhere.
#[test]
fn traversal_however_spelt() {
    let fixture = Fixture::new();
    fixture.file("dir/a.txt", "a");
    let outside = fixture.outside();
    for links in [Links::Within, Links::Anywhere] {
        check(
            &fixture,
            links,
            &[
                ("up", "/..", Answer::Missing),
                ("up with a slash", "/../", Answer::Missing),
                ("up and over", "/../outside/marker.txt", Answer::Missing),
                (
                    "down, up, up",
                    "/dir/../../outside/marker.txt",
                    Answer::Missing,
                ),
                (
                    "up behind well-known",
                    "/.well-known/../../outside/marker.txt",
                    Answer::Missing,
                ),
                ("dot", "/./dir/a.txt", Answer::Missing),
                (
                    "no slash in front",
                    "../outside/marker.txt",
                    Answer::Missing,
                ),
                (
                    "absolute",
                    &format!("/{outside}/marker.txt"),
                    Answer::Missing,
                ),
                ("absolute, three slashes", "///etc/passwd", Answer::Missing),
                (
                    "backslashes",
                    "/..\\..\\outside\\marker.txt",
                    Answer::Missing,
                ),
                ("escaped", "/%2e%2e/outside/marker.txt", Answer::Missing),
                (
                    "escaped slash",
                    "/..%2foutside%2fmarker.txt",
                    Answer::Missing,
                ),
                (
                    "escaped twice",
                    "/%252e%252e/outside/marker.txt",
                    Answer::Missing,
                ),
                (
                    "overlong UTF-8 slash",
                    "/..\u{c0}\u{af}outside",
                    Answer::Missing,
                ),
                ("NUL", "/dir/a.txt\0", Answer::Missing),
                (
                    "NUL before an extension",
                    "/dir/a.txt\0.html",
                    Answer::Missing,
                ),
                ("empty", "", Answer::Folder),
            ],
        );
    }
}

#[test]
fn roots_that_cannot_be_opened() {
    let fixture = Fixture::new();
    fixture.file("a.txt", "a");
    let path = PathBuf::from(fixture.root_path());
    for (name, given, expected) in [
        ("nothing", path.join("none"), io::ErrorKind::NotFound),
        ("file", path.join("a.txt"), io::ErrorKind::NotADirectory),
        (
            "in a file",
            path.join("a.txt/b"),
            io::ErrorKind::NotADirectory,
        ),
        ("empty", PathBuf::new(), io::ErrorKind::InvalidInput),
    ] {
        let error = Root::open(&given, Links::Within).unwrap_err();
        assert_eq!(error.kind(), expected, "{name}: {error}");
    }
    assert!(Root::open(Path::new("."), Links::Within).is_ok());
}

#[test]
fn errors_that_are_no_answer() {
    for (error, expected) in [
        (Errno::NOENT, Some(Absence::Missing)),
        (Errno::NAMETOOLONG, Some(Absence::Missing)),
        (Errno::ACCESS, Some(Absence::Refused)),
        (Errno::XDEV, Some(Absence::Refused)),
        (Errno::MFILE, None),
        (Errno::NFILE, None),
        (Errno::NOMEM, None),
        (Errno::IO, None),
        (Errno::STALE, None),
    ] {
        assert_eq!(Absence::of(error), expected, "{error}");
    }
}

fn file(content: &str) -> Answer {
    Answer::File(content.to_owned())
}

/// Asks each path both ways, opened and only looked at.
fn check(fixture: &Fixture, links: Links, rows: &[(&str, &str, Answer)]) {
    for (way, root) in fixture.roots(links) {
        for (name, path, expected) in rows {
            assert_eq!(
                ask(&root, path.as_bytes()),
                *expected,
                "{way}, {links:?}: {name}: {path}"
            );
        }
    }
}
