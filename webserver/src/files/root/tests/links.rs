//! Links: within the root, out of it, in circles.

use std::os::unix::fs::symlink;

use super::fixture::{self, Answer, Fixture, ask};
use super::{check, file};
use crate::files::root::Links;

#[test]
fn links_within_and_out() {
    let fixture = Fixture::new();
    lay_links(&fixture);
    let root = fixture.root_path();
    let outside = fixture.outside();
    check(
        &fixture,
        Links::Within,
        &[
            ("file", "/to-file", file("a")),
            ("file with a slash", "/to-file/", Answer::Missing),
            ("folder", "/to-dir", Answer::Folder),
            ("through a folder", "/to-dir/a.txt", file("a")),
            ("over a folder", "/over", file("index")),
            ("up from below", "/dir/deep/up", file("index")),
            ("up, at the end", "/dir/deep/parent", Answer::Folder),
            (
                "through up, at the end",
                "/dir/deep/parent/a.txt",
                file("a"),
            ),
            ("folder and slash", "/to-dir-slash/a.txt", file("a")),
            ("file and slash", "/to-file-slash", Answer::Missing),
            ("file and dot", "/to-file-dot", Answer::Missing),
            ("slashes and dots", "/untidy", file("a")),
            ("link to a link", "/to-link", file("a")),
            ("absolute file", "/abs-file", file("a")),
            ("absolute folder", "/abs-dir/deep/b.txt", file("b")),
            ("absolute root", "/abs-root/dir/a.txt", file("a")),
            ("absolute and untidy", "/abs-untidy", file("a")),
            ("absolute from below", "/dir/deep/abs", file("index")),
            ("absolute behind relative", "/to-abs", file("a")),
            ("dangling", "/dangling", Answer::Missing),
            ("dangling, absolute", "/abs-dangling", Answer::Missing),
            ("itself", "/self", Answer::Missing),
            ("loop", "/ping", Answer::Missing),
            ("absolute loop", "/abs-self", Answer::Missing),
            ("40 links", "/chain-40", file("index")),
            ("41 links", "/chain-41", Answer::Missing),
            ("40 absolute links", "/abs-chain-40", file("index")),
            ("41 absolute links", "/abs-chain-41", Answer::Missing),
            ("out", "/out-file", Answer::Refused),
            ("out, folder", "/out-dir", Answer::Refused),
            (
                "out, through a folder",
                "/out-dir/marker.txt",
                Answer::Refused,
            ),
            ("out, nothing there", "/out-none", Answer::Refused),
            ("out and in again", "/out-in", Answer::Refused),
            ("out, absolute", "/abs-out", Answer::Refused),
            (
                "out by up behind the root's path",
                "/abs-up",
                Answer::Refused,
            ),
            ("beside, same beginning", "/abs-beside", Answer::Refused),
            (
                "the whole system",
                "/abs-system/etc/passwd",
                Answer::Refused,
            ),
            ("behind /proc", "/magic/outside/marker.txt", Answer::Refused),
            ("link to a link out", "/to-out", Answer::Refused),
            ("out from below", "/dir/deep/out", Answer::Refused),
        ],
    );
    check(
        &fixture,
        Links::Anywhere,
        &[
            ("file", "/to-file", file("a")),
            ("absolute file", "/abs-file", file("a")),
            ("out", "/out-file", file(fixture::OUTSIDE)),
            (
                "out, through a folder",
                "/out-dir/marker.txt",
                file(fixture::OUTSIDE),
            ),
            ("out and in again", "/out-in", file("index")),
            ("out, absolute", "/abs-out", file(fixture::OUTSIDE)),
            (
                "beside, same beginning",
                "/abs-beside",
                file(fixture::OUTSIDE),
            ),
            ("loop", "/ping", Answer::Missing),
            ("dangling", "/dangling", Answer::Missing),
            (
                "spelt, not linked",
                &format!("/..{outside}/marker.txt"),
                Answer::Missing,
            ),
            (
                "spelt, absolute",
                &format!("/{root}/index.txt"),
                Answer::Missing,
            ),
        ],
    );
}

/// Links made with the path that the root was given by, though that path leads through a link itself.
#[test]
fn root_behind_a_link() {
    let fixture = Fixture::new();
    fixture.file("dir/a.txt", "a");
    let alias = fixture.beside("alias");
    symlink(fixture.root_path(), &alias).unwrap();
    fixture.link("by-alias", &format!("{}/dir/a.txt", alias.display()));
    fixture.link("by-root", &format!("{}/dir/a.txt", fixture.root_path()));
    for (way, root) in Fixture::both_ways(&alias, Links::Within) {
        for path in ["/dir/a.txt", "/by-alias", "/by-root"] {
            assert_eq!(ask(&root, path.as_bytes()), file("a"), "{way}: {path}");
        }
    }
    for (way, root) in fixture.roots(Links::Within) {
        assert_eq!(ask(&root, b"/by-alias"), Answer::Refused, "{way}");
    }
}

/// Every kind of link, and what they lead to.
pub(super) fn lay_links(fixture: &Fixture) {
    let root = fixture.root_path();
    let outside = fixture.outside();
    fixture.file("index.txt", "index");
    fixture.file("dir/a.txt", "a");
    fixture.file("dir/deep/b.txt", "b");
    fixture.file("../root-beside/marker.txt", fixture::OUTSIDE);
    for (name, target) in [
        ("to-file", "dir/a.txt"),
        ("to-dir", "dir"),
        ("over", "dir/../index.txt"),
        ("dir/deep/up", "../../index.txt"),
        ("dir/deep/parent", ".."),
        ("to-dir-slash", "dir/"),
        ("to-file-slash", "dir/a.txt/"),
        ("to-file-dot", "dir/a.txt/."),
        ("untidy", ".//dir/././/a.txt"),
        ("to-link", "to-file"),
        ("abs-file", &format!("{root}/dir/a.txt")),
        ("abs-dir", &format!("{root}/dir")),
        ("abs-root", &root),
        ("abs-untidy", &format!("/.//{root}/.//dir/a.txt")),
        ("dir/deep/abs", &format!("{root}/index.txt")),
        ("to-abs", "abs-file"),
        ("dangling", "none"),
        ("abs-dangling", &format!("{root}/none")),
        ("self", "self"),
        ("ping", "pong"),
        ("pong", "ping"),
        ("abs-self", &format!("{root}/abs-self")),
        ("out-file", "../outside/marker.txt"),
        ("out-dir", "../outside"),
        ("out-none", "../outside/none"),
        ("out-in", "../root/index.txt"),
        ("abs-out", &format!("{outside}/marker.txt")),
        ("abs-up", &format!("{root}/../outside/marker.txt")),
        ("abs-beside", &format!("{root}-beside/marker.txt")),
        ("abs-system", "/"),
        ("magic", "/proc/self/cwd"),
        ("to-out", "out-file"),
        ("dir/deep/out", "../../../outside/marker.txt"),
    ] {
        fixture.link(name, target);
    }
    fixture.link("chain-1", "index.txt");
    fixture.link("abs-chain-1", "index.txt");
    for length in 2..=41 {
        let before = length - 1;
        fixture.link(&format!("chain-{length}"), &format!("chain-{before}"));
        fixture.link(
            &format!("abs-chain-{length}"),
            &format!("{root}/abs-chain-{before}"),
        );
    }
}
