//! Files that change in the middle of a download, and between two requests.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::Sandbox;

use crate::client::{Client, get};
use crate::reply::find;
use crate::server::Server;
use crate::site::pattern;

/// More than all the buffers between two programs hold, bytes.
const BIG: usize = 24 << 20;

/// A download met in its middle: its client has read the head and a little more, and then no further.
struct Download {
    sandbox: Sandbox,
    server: Server,
    client: Client,
    begun: Vec<u8>,
}

impl Download {
    #[track_caller]
    fn begin() -> Self {
        let sandbox = Sandbox::new();
        sandbox
            .file("root/big", pattern(BIG))
            .file("root/small", "small\n");
        let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
        let mut client = server.connect().reads_little_ahead();
        client.send(&get("/big", &[])).expect("a request");
        let begun = client.take(100_000).expect("a beginning");
        Self {
            sandbox,
            server,
            client,
            begun,
        }
    }

    fn file(&self) -> PathBuf {
        self.sandbox.join("root/big")
    }

    /// The body and how long its head said that it would be.
    #[track_caller]
    fn end(&mut self) -> (Vec<u8>, usize) {
        let head_len = find(&self.begun, b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&self.begun[..head_len]).into_owned();
        let said = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .and_then(|length| length.parse().ok())
            .unwrap_or_else(|| panic!("no length in {head}"));
        let mut body = self.begun.split_off(head_len);
        while body.len() < said {
            let left = (said - body.len()).min(1 << 20);
            match self.client.take(left) {
                Ok(piece) => body.extend(piece),
                Err(_) => {
                    body.extend(self.client.rest().expect("an end").0);
                    break;
                }
            }
        }
        if body.len() == said {
            // Still in step: the connection is good for another.
            self.client.get("/small").is(200).body_is("small\n");
        }
        self.server.get("/small").is(200).body_is("small\n");
        (body, said)
    }
}

#[test]
fn a_file_that_is_replaced_is_sent_as_it_was() {
    let mut download = Download::begin();
    download.sandbox.file("new", vec![b'n'; BIG]);
    fs::rename(download.sandbox.join("new"), download.file()).expect("replace it");
    let (body, said) = download.end();
    assert_eq!(said, BIG);
    assert!(body == pattern(BIG), "the old content");
    assert!(
        download.server.get("/big").is(200).body == vec![b'n'; BIG],
        "then the new"
    );
}

#[test]
fn a_file_that_is_deleted_is_sent_to_its_end() {
    let mut download = Download::begin();
    fs::remove_file(download.file()).expect("delete it");
    let (body, said) = download.end();
    assert_eq!(said, BIG);
    assert!(body == pattern(BIG));
    download.server.get("/big").is(404);
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_was_said() {
    let mut download = Download::begin();
    let mut file = OpenOptions::new()
        .append(true)
        .open(download.file())
        .expect("open it");
    file.write_all(&vec![b'g'; 1 << 20]).expect("append to it");
    let (body, said) = download.end();
    assert_eq!(said, BIG);
    assert!(body == pattern(BIG));
    assert_eq!(
        download.server.get("/big").is(200).body.len(),
        BIG + (1 << 20)
    );
}

#[test]
fn a_file_that_is_cut_ends_its_connection_and_no_other() {
    let mut download = Download::begin();
    let file = OpenOptions::new()
        .write(true)
        .open(download.file())
        .expect("open it");
    file.set_len(1 << 20).expect("cut it");
    let (body, said) = download.end();
    assert_eq!(said, BIG);
    assert!(body.len() < said, "nothing is made up to fill it");
    assert!(body[..100_000 - 1000] == pattern(BIG)[..100_000 - 1000]);
    assert_eq!(download.server.get("/big").is(200).body.len(), 1 << 20);
}

#[test]
fn a_file_that_is_emptied_ends_its_connection_and_no_other() {
    let mut download = Download::begin();
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(download.file())
        .expect("empty it");
    let (body, said) = download.end();
    assert!(body.len() < said);
    download.server.get("/big").is(200).body_is("");
}

#[test]
fn a_folder_that_is_moved_away_changes_nothing_for_a_download() {
    let mut download = Download::begin();
    let moved = download.sandbox.join("moved");
    fs::rename(download.file(), moved).expect("move it");
    download.sandbox.dir("root/big");
    let (body, _) = download.end();
    assert!(body == pattern(BIG));
}

/// Versions of a file, each of a length and content of its own.
fn version(number: usize) -> Vec<u8> {
    format!("version {number};")
        .into_bytes()
        .repeat(1 + number * number * 37 % 9000)
}

/// A reply is of one version from its tag to its last byte, and a tag is of one version.
#[test]
fn replies_are_of_one_version_while_a_file_is_replaced_over_and_over() {
    const VERSIONS: usize = 40;
    for fresh in ["0", "1ms", "1s"] {
        let sandbox = Sandbox::new();
        let root = sandbox.join("root");
        sandbox.file("root/file", version(0));
        let server = Server::start(&root, &["--fresh", fresh]);
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 0;
                while !is_done.load(Ordering::Relaxed) {
                    number = (number + 1) % VERSIONS;
                    fs::write(root.join("new"), version(number)).expect("write a version");
                    fs::rename(root.join("new"), root.join("file")).expect("replace it");
                }
            });
            let outcome = scope
                .spawn(|| {
                    let mut client = server.connect();
                    let mut known: Vec<(String, Vec<u8>)> = Vec::new();
                    for _ in 0..1500 {
                        let reply = client.get("/file");
                        reply.is(200);
                        assert!(
                            (0..VERSIONS).any(|number| version(number) == reply.body),
                            "half of each:\n{reply}"
                        );
                        let tag = reply.field("ETag").unwrap_or_default().to_owned();
                        match known.iter().find(|(other, _)| *other == tag) {
                            Some((_, body)) => {
                                assert!(*body == reply.body, "two versions of {tag}")
                            }
                            None => known.push((tag, reply.body)),
                        }
                    }
                })
                .join();
            is_done.store(true, Ordering::Relaxed);
            outcome.expect("a client without a failure");
        });
        server.stop();
    }
}

/// A file written in place can be met half written; then the connection may end, but never be out of step.
#[test]
fn replies_stay_framed_while_a_file_is_rewritten_in_place() {
    let sandbox = Sandbox::new();
    let file = sandbox.join("root/file");
    sandbox.file("root/file", "").file("root/next", "next\n");
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0usize;
            while !is_done.load(Ordering::Relaxed) {
                number += 1;
                fs::write(&file, vec![b'w'; number * 7919 % 600_000]).expect("rewrite it");
            }
        });
        let outcome = scope
            .spawn(|| {
                for _ in 0..400 {
                    let mut client = server.connect();
                    for _ in 0..4 {
                        client
                            .send(&[get("/file", &[]), get("/next", &[])].concat())
                            .expect("two requests");
                        let Ok(reply) = client.reply(crate::reply::Asked::Body) else {
                            break;
                        };
                        assert!(
                            reply.status == 200
                                && reply.body.iter().all(|byte| matches!(byte, b'w' | 0)),
                            "{reply}"
                        );
                        let next = client
                            .reply(crate::reply::Asked::Body)
                            .expect("still in step");
                        next.is(200).body_is("next\n");
                    }
                }
            })
            .join();
        is_done.store(true, Ordering::Relaxed);
        outcome.expect("a client without a failure");
    });
    server.stop();
}
