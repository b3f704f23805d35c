//! Paths: whatever is asked for, nothing outside the root is opened, looked at or named.

use std::io::Read;

use webserver::files::root::{Found, Kind};
use webserver::http::target::{Target, parse};

use super::scene::{MARKER, Scene};

/// `input` is a target as it stands in a request line.
///
/// # Panics
/// If it leads to what is not in the root, or not for everyone.
pub fn check(scene: &Scene, input: &[u8]) {
    if let Ok(Target::Path { path, .. }) = parse(input) {
        look(scene, &path);
        look(scene, &[&path, &b"/"[..]].concat());
    }
    // No target comes this far as it is. Should one, it is stopped here.
    look(scene, input);
}

fn look(scene: &Scene, path: &[u8]) {
    let root = &scene.root;
    let shown = path.escape_ascii();
    let found = root
        .find(path)
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let facts = root
        .facts(path)
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    match found {
        Found::File(mut open) => {
            assert!(scene.has(&open.facts), "{shown} is not in the root");
            assert_eq!(facts, Some((Kind::File, open.facts)), "{shown}");
            let mut content = Vec::new();
            open.file
                .read_to_end(&mut content)
                .unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert!(!holds_marker(&content), "{shown} is from outside");
            assert_eq!(content.len() as u64, open.facts.len, "{shown}");
        }
        Found::Folder(of_folder) => {
            assert!(scene.has(&of_folder), "{shown} is not in the root");
            assert_eq!(facts, Some((Kind::Folder, of_folder)), "{shown}");
            look_inside(scene, path);
        }
        Found::Missing | Found::Refused => assert_eq!(facts, None, "{shown}"),
    }
}

/// What a folder is said to hold can be found in it.
fn look_inside(scene: &Scene, path: &[u8]) {
    let root = &scene.root;
    let folder = root
        .read_folder(path)
        .expect("a folder of ours can be read");
    for entry in folder.expect("it was a folder a moment ago").entries {
        assert!(!entry.name.starts_with(b"."), "a hidden name");
        let mut folder = path;
        while let [before @ .., b'/'] = folder {
            folder = before;
        }
        let inside = [folder, b"/", &entry.name].concat();
        let facts = root
            .facts(&inside)
            .expect("what is listed can be looked at");
        let Some((kind, facts)) = facts else {
            panic!("{} is listed and not there", inside.escape_ascii());
        };
        assert_eq!(kind, entry.kind);
        assert!(scene.has(&facts), "{} is listed", inside.escape_ascii());
    }
}

/// Whether it is, or holds, what is outside.
pub(crate) fn holds_marker(bytes: &[u8]) -> bool {
    let marker = MARKER.as_bytes();
    bytes.windows(marker.len()).any(|window| window == marker)
}
