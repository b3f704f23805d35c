//! Nothing outside the root is served while what is inside changes under the server's hands: folders become links and
//! back, between any two looks that it may take. What lies outside has a marker in it, and no reply may have that.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use harness::{SOON, Sandbox, Stopwatch};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::reply::Reply;
use crate::server::Server;
use crate::site::MARKER;

/// Requests that each of the clients makes at least, and answers of each kind that all of them have to have seen.
const REQUESTS: usize = 1500;
const SEEN: usize = 20;
const CLIENTS: usize = 3;

/// A root with the folder `inside`, and a secret in a folder beside the root.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/inside/file.txt", "inside\n")
        .file("root/file.txt", "inside\n")
        .file("outside/file.txt", format!("{MARKER}\n"))
        .file("outside/deep/file.txt", format!("{MARKER}\n"));
    sandbox
}

/// Swaps two names over and over while clients get a path, and counts how often it was served and refused.
#[track_caller]
fn swap_and_ask(sandbox: &Sandbox, names: (&str, &str), path: &str, options: &[&str]) {
    let server = Server::start(&sandbox.join("root"), options);
    let (one, other) = (sandbox.join(names.0), sandbox.join(names.1));
    let is_done = AtomicBool::new(false);
    let (served, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                exchange(&one, &other);
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let since = Stopwatch::start();
                    let mut client = server.connect();
                    let mut asked = 0;
                    while asked < REQUESTS
                        || (served.load(Ordering::Relaxed) < SEEN
                            || refused.load(Ordering::Relaxed) < SEEN)
                            && since.elapsed() < SOON
                    {
                        asked += 1;
                        let reply = client.get(path);
                        assert_keeps_the_secret(&reply);
                        let counter = match reply.status {
                            200 => &served,
                            403 | 404 => &refused,
                            _ => panic!("what is this?\n{reply}"),
                        };
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = clients
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_done.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            outcome.expect("a client without a failure");
        }
    });
    // A machine on which the two never met would prove nothing.
    let (served, refused) = (served.into_inner(), refused.into_inner());
    assert!(
        served >= SEEN && refused >= SEEN,
        "{served} served, {refused} refused"
    );
    server.stop();
}

fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("both names are there");
}

#[track_caller]
fn assert_keeps_the_secret(reply: &Reply) {
    assert!(!reply.text().contains(MARKER), "it leads out:\n{reply}");
    if reply.status == 200 {
        reply.body_is("inside\n");
    }
}

#[test]
fn a_folder_that_turns_into_a_link_and_back() {
    let sandbox = scene();
    sandbox.symlink("../outside", "root/link");
    swap_and_ask(
        &sandbox,
        ("root/inside", "root/link"),
        "/inside/file.txt",
        &["--fresh", "0"],
    );
}

#[test]
fn a_folder_that_turns_into_a_link_and_back_while_its_files_are_remembered() {
    let sandbox = scene();
    sandbox.symlink("../outside", "root/link");
    swap_and_ask(
        &sandbox,
        ("root/inside", "root/link"),
        "/inside/file.txt",
        &["--fresh", "20ms"],
    );
}

#[test]
fn a_file_that_turns_into_a_link_and_back() {
    let sandbox = scene();
    sandbox.symlink("../outside/file.txt", "root/link");
    swap_and_ask(
        &sandbox,
        ("root/file.txt", "root/link"),
        "/file.txt",
        &["--fresh", "0"],
    );
}

#[test]
fn a_link_that_turns_round() {
    let sandbox = scene();
    sandbox
        .symlink("inside", "root/good")
        .symlink("../outside", "root/bad");
    swap_and_ask(
        &sandbox,
        ("root/good", "root/bad"),
        "/good/file.txt",
        &["--fresh", "0"],
    );
}

#[test]
fn a_folder_that_changes_places_with_one_outside() {
    let sandbox = scene();
    sandbox
        .file("root/a/b/file.txt", "inside\n")
        .symlink("../../outside", "root/inside/up")
        .file("elsewhere/empty", "");
    swap_and_ask(
        &sandbox,
        ("root/a", "elsewhere"),
        "/a/b/file.txt",
        &["--fresh", "0"],
    );
}

#[test]
fn an_index_file_that_turns_into_a_link_and_back() {
    let sandbox = scene();
    sandbox
        .file("root/folder/index.html", "inside\n")
        .symlink("../../outside/file.txt", "root/folder/link");
    swap_and_ask(
        &sandbox,
        ("root/folder/index.html", "root/folder/link"),
        "/folder/",
        &["--fresh", "0"],
    );
}

#[test]
fn a_listed_folder_that_turns_into_a_link_and_back() {
    let sandbox = scene();
    sandbox
        .symlink("../outside", "root/link")
        .file(format!("outside/{MARKER}"), "x");
    let server = Server::start(&sandbox.join("root"), &["--list", "--fresh", "0"]);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                exchange(&sandbox.join("root/inside"), &sandbox.join("root/link"));
            }
        });
        let mut client = server.connect();
        let outcome = scope
            .spawn(move || {
                for _ in 0..REQUESTS {
                    let reply = client.get("/inside/");
                    assert!(!reply.text().contains(MARKER), "it leads out:\n{reply}");
                }
            })
            .join();
        is_done.store(true, Ordering::Relaxed);
        outcome.expect("a client without a failure");
    });
    server.stop();
}

#[test]
fn a_sidecar_that_turns_into_a_link() {
    let sandbox = scene();
    sandbox.file("root/page.html", "inside\n");
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    for target in ["../outside/file.txt", "/etc/passwd"] {
        for ending in ["gz", "br", "zst"] {
            let name = sandbox.join(format!("root/page.html.{ending}"));
            symlink(target, &name).expect("a link");
            let reply = server.get_with("/page.html", &[("Accept-Encoding", "gzip, br, zstd")]);
            assert_keeps_the_secret(reply.is(200).lacks("Content-Encoding"));
            fs::remove_file(name).expect("remove the link");
        }
    }
}

#[test]
fn pages_of_errors_and_the_one_of_the_application_are_held_to_the_same() {
    let sandbox = scene();
    sandbox
        .file("root/404.html", "inside\n")
        .file("root/app.html", "inside\n");
    let root = sandbox.join("root");
    let options: [&[&str]; 2] = [&["--error-page", "404=404.html"], &["--spa", "app.html"]];
    for (options, name) in options.into_iter().zip(["404.html", "app.html"]) {
        let server = Server::start(&root, &[options, &["--fresh", "0"]].concat());
        assert_eq!(server.get("/missing").text(), "inside\n");
        fs::remove_file(root.join(name)).expect("remove the page");
        symlink("../outside/file.txt", root.join(name)).expect("a link in its place");
        let reply = server.get("/missing");
        assert!(!reply.text().contains(MARKER), "{name} leads out:\n{reply}");
        assert_eq!(reply.status, 404, "{reply}");
    }
}

#[test]
fn a_root_that_is_moved_away_is_not_taken_for_what_stands_in_its_place() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    server.get("/file.txt").is(200);
    fs::rename(sandbox.join("root"), sandbox.join("moved")).expect("move the root");
    symlink("outside", sandbox.join("root")).expect("a link in its place");
    for path in ["/file.txt", "/inside/file.txt", "/deep/file.txt"] {
        assert_keeps_the_secret(&server.get(path));
    }
}

/// What `--follow` is for; still nothing that is hidden, and no climbing.
#[test]
fn links_that_lead_out_are_followed_if_asked_to() {
    let sandbox = scene();
    sandbox
        .symlink("../outside", "root/out")
        .symlink("../outside/file.txt", "root/link.txt")
        .symlink(sandbox.join("outside/file.txt"), "root/absolute.txt")
        .file("outside/.hidden", "hidden\n")
        .symlink("loop", "root/loop");
    let server = Server::start(&sandbox.join("root"), &["--follow"]);
    for path in [
        "/out/file.txt",
        "/link.txt",
        "/absolute.txt",
        "/out/deep/file.txt",
    ] {
        server.get(path).is(200).body_is(format!("{MARKER}\n"));
    }
    server.get("/out/.hidden").is(404);
    server.get("/loop").is(404);
    server.get("/../outside/file.txt").is(400);
    let place = server
        .get("/out")
        .is(308)
        .field("Location")
        .map(str::to_owned);
    assert!(place.is_some_and(|place| ["out/", "/out/"].contains(&place.as_str())));
}
