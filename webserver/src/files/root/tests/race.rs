//! Nothing outside is ever opened, whatever is renamed while paths are followed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::fixture::{Answer, Fixture, OUTSIDE, ask_only};
use crate::files::root::{Links, Root};

/// How often each path is asked for during a race.
const QUESTIONS: usize = 4_000;

#[test]
fn folder_swapped_for_a_link_out() {
    let fixture = Fixture::new();
    fixture.file("swap/marker.txt", "inside");
    fixture.link("other", "../outside");
    fixture.link("through", "swap/marker.txt");
    fixture.link(
        "absolute",
        &format!("{}/swap/marker.txt", fixture.root_path()),
    );
    let (here, there) = (fixture.beside("root/swap"), fixture.beside("root/other"));
    for (way, root) in fixture.roots(Links::Within) {
        race(
            way,
            &root,
            ["/swap/marker.txt", "/through", "/absolute"],
            || {
                exchange(&here, &there);
            },
        );
    }
}

/// A link that goes down into a folder and up again: while the folder is elsewhere, up leads elsewhere too.
#[test]
fn folder_moved_out_under_a_link_that_goes_up() {
    let fixture = Fixture::new();
    fixture.file("marker.txt", "inside");
    fixture.folder("swap/deep");
    fixture.folder("../outside/swap");
    fixture.link("up", "swap/../marker.txt");
    fixture.link("up-twice", "swap/deep/../../marker.txt");
    fixture.link(
        "absolute",
        &format!("{}/swap/deep/../../marker.txt", fixture.root_path()),
    );
    let (here, there) = (fixture.beside("root/swap"), fixture.beside("outside/swap"));
    for (way, root) in fixture.roots(Links::Within) {
        race(way, &root, ["/up", "/up-twice", "/absolute"], || {
            exchange(&here, &there);
        });
    }
}

#[test]
fn folder_that_is_read_swapped_for_a_link_out() {
    let fixture = Fixture::new();
    fixture.file("swap/inside.txt", "");
    fixture.link("other", "../outside");
    let (here, there) = (fixture.beside("root/swap"), fixture.beside("root/other"));
    for (way, root) in fixture.roots(Links::Within) {
        while_changing(
            || exchange(&here, &there),
            || {
                for _ in 0..QUESTIONS {
                    if let Some(folder) = root.read_folder(b"/swap/").unwrap() {
                        for entry in folder.entries {
                            assert_eq!(entry.name, b"inside.txt", "{way}");
                        }
                    }
                }
            },
        );
    }
}

/// Asks for each path while `change` runs again and again. The file inside must be seen, the one outside never.
fn race(way: &str, root: &Root, paths: [&str; 3], change: impl Fn() + Sync) {
    while_changing(change, || {
        let mut seen = 0;
        for _ in 0..QUESTIONS {
            for path in paths {
                match ask_only(root, path.as_bytes()) {
                    Answer::File(content) => {
                        assert_ne!(content, OUTSIDE, "{way}: {path}");
                        seen += 1;
                    }
                    Answer::Missing | Answer::Refused => {}
                    Answer::Folder => panic!("{way}: {path} is a folder"),
                }
            }
        }
        assert!(seen > 0, "{way}: never found");
    });
}

fn while_changing(change: impl Fn() + Sync, run: impl FnOnce()) {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        // Ends the other thread also when an assertion fails here.
        let _end = EndOnDrop(&ended);
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                change();
            }
        });
        run();
    });
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn exchange(here: &PathBuf, there: &PathBuf) {
    renameat_with(CWD, here, CWD, there, RenameFlags::EXCHANGE).unwrap();
}
