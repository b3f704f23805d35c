//! Files of every size and kind, whole and in parts, to one client and to several.

use std::thread;

use harness::{Command, Random, Sandbox, needs_tool};

use crate::client::{get, request};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

/// Around the sizes at which a file is sent in another way.
const SIZES: [usize; 20] = [
    0, 1, 2, 4095, 4096, 16_383, 16_384, 32_000, 32_767, 32_768, 32_769, 65_536, 262_143, 262_144,
    262_145, 1_048_575, 1_048_577, 2_097_152, 4_194_305, 9_000_001,
];

fn sizes() -> Sandbox {
    let sandbox = Sandbox::new();
    for size in SIZES {
        sandbox.file(format!("root/{size}.bin"), pattern(size));
    }
    sandbox
}

#[test]
fn every_size_arrives() {
    let sandbox = sizes();
    let options: [&[&str]; 3] = [&[], &["--fresh", "0"], &["--cache-size", "0"]];
    for options in options {
        let server = Server::start(&sandbox.join("root"), options);
        let mut client = server.connect();
        // Twice: from disk, and from what is remembered.
        for _ in 0..2 {
            for size in SIZES {
                let path = format!("/{size}.bin");
                let reply = client.get(&path);
                assert!(reply.is(200).body == pattern(size), "{size} bytes");
                reply.has("Content-Type", "application/octet-stream");
                let reply = client.ask(&request("HEAD", &path, &[]));
                reply.is(200).has("Content-Length", &size.to_string());
            }
        }
        server.stop();
    }
}

#[test]
fn parts_of_every_size_arrive() {
    let sandbox = sizes();
    let server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    let mut random = Random::new(11);
    for size in SIZES.into_iter().filter(|size| *size > 1) {
        let content = pattern(size);
        let mut ranges = vec![
            (0, 0),
            (0, size - 1),
            (size - 1, size - 1),
            (size / 2, size - 1),
        ];
        for _ in 0..6 {
            let first = random.below(size);
            ranges.push((first, first + random.below(size - first)));
        }
        for (first, last) in ranges {
            let value = format!("bytes={first}-{last}");
            let reply = client.get_with(&format!("/{size}.bin"), &[("Range", &value)]);
            assert!(
                reply.is(206).body == content[first..=last],
                "{value} of {size}"
            );
            reply.has("Content-Range", &format!("bytes {first}-{last}/{size}"));
        }
    }
}

#[test]
fn many_requests_in_one_piece_are_answered_in_order() {
    let sandbox = sizes();
    let server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    let mut random = Random::new(3);
    let wanted: Vec<usize> = (0..300).map(|_| *random.pick(&SIZES[..13])).collect();
    let requests: Vec<u8> = wanted
        .iter()
        .flat_map(|size| get(&format!("/{size}.bin"), &[]))
        .collect();
    client.send(&requests).expect("requests");
    for size in wanted {
        let reply = client.reply(Asked::Body).expect("a reply");
        assert!(reply.is(200).body == pattern(size), "{size} bytes");
    }
    // Of every kind, one behind the other.
    let kinds = [
        (get("/1.bin", &[]), 200),
        (get("/missing", &[]), 404),
        (request("POST", "/", &[]), 405),
        (get("/1.bin", &[("If-None-Match", "*")]), 304),
        (get("/4096.bin", &[("Range", "bytes=1-2")]), 206),
        (request("OPTIONS", "*", &[]), 204),
        (get("/2.bin", &[("Range", "bytes=7-")]), 416),
        (request("BREW", "/", &[]), 501),
        (get("/9000001.bin", &[]), 200),
    ];
    let all: Vec<u8> = kinds
        .iter()
        .flat_map(|(request, _)| request.clone())
        .collect();
    for _ in 0..5 {
        client.send(&all).expect("requests");
        for (_, status) in &kinds {
            client.reply(Asked::Body).expect("a reply").is(*status);
        }
    }
}

#[test]
fn several_clients_at_once() {
    let sandbox = sizes();
    let server = Server::start(&sandbox.join("root"), &[]);
    thread::scope(|scope| {
        for seed in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..6 {
                    let mut client = server.connect();
                    for _ in 0..10 {
                        let size = *random.pick(&SIZES);
                        assert!(
                            client.get(&format!("/{size}.bin")).is(200).body == pattern(size),
                            "{size} bytes"
                        );
                    }
                }
            });
        }
    });
    server.stop();
}

/// Who reads slowly, or not at all, is in nobody's way, and a reply cut off by the client hurts no other.
#[test]
fn slow_and_vanishing_clients() {
    let sandbox = sizes();
    let server = Server::alone(&sandbox.join("root"), &[]);
    let mut slow: Vec<_> = (0..20)
        .map(|_| {
            let mut client = server.connect().reads_little_ahead();
            client.send(&get("/9000001.bin", &[])).expect("a request");
            client
        })
        .collect();
    let mut client = server.connect();
    for _ in 0..50 {
        client.get("/4096.bin").is(200);
    }
    for client in &mut slow {
        client.take(50_000).expect("a beginning");
    }
    let last = slow.pop().expect("twenty of them");
    // The others vanish in the middle.
    drop(slow);
    for _ in 0..50 {
        client.get("/4096.bin").is(200);
    }
    let mut last = last;
    let mut rest = 50_000;
    while rest < 9_000_001 {
        rest += last
            .take(10_000.min(9_000_001 - rest))
            .expect("the rest")
            .len();
    }
    client.get("/4096.bin").is(200);
}

#[test]
fn types() {
    let rows = [
        ("a.html", "text/html; charset=utf-8"),
        ("a.htm", "text/html; charset=utf-8"),
        ("a.HTML", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.gif", "image/gif"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.zip", "application/zip"),
        ("a.gz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.html.unheard-of", "application/octet-stream"),
    ];
    let sandbox = Sandbox::new();
    for (name, _) in rows {
        sandbox.file(format!("root/{name}"), "x");
    }
    sandbox
        .file("root/a.md", "x")
        .file("root/a.xml", "x")
        .file("root/a.csv", "x");
    let server = Server::start(&sandbox.join("root"), &[]);
    let mut client = server.connect();
    for (name, kind) in rows {
        let reply = client.get(&format!("/{name}"));
        let found = reply.is(200).field("Content-Type").unwrap_or_default();
        // A type that is not of text may name its character set too.
        assert!(
            found == kind || found == format!("{kind}; charset=utf-8"),
            "{name}: {found}"
        );
        reply
            .has("X-Content-Type-Options", "nosniff")
            .lacks("Content-Encoding");
    }
    for name in ["a.md", "a.csv"] {
        let reply = client.get(&format!("/{name}"));
        assert!(
            reply
                .field("Content-Type")
                .is_some_and(|kind| kind.ends_with("; charset=utf-8")),
            "{reply}"
        );
    }
}

/// A time of change that has not come yet is not told: it would be later than the reply (RFC 9110 §8.8.2.1).
#[test]
fn files_of_the_future_and_of_long_ago() {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/future.txt", "future\n")
        .times("root/future.txt", 4_102_444_800, 0)
        .file("root/past.txt", "past\n")
        .times("root/past.txt", -86_400, 999_999_999)
        .file("root/zero.txt", "zero\n")
        .times("root/zero.txt", 0, 0);
    let server = Server::start(&sandbox.join("root"), &["--fresh", "0"]);
    for (path, body) in [
        ("/future.txt", "future\n"),
        ("/past.txt", "past\n"),
        ("/zero.txt", "zero\n"),
    ] {
        let reply = server.get(path);
        reply.is(200).body_is(body);
        let tag = reply.field("ETag").expect("a tag").to_owned();
        server.get_with(path, &[("If-None-Match", &tag)]).is(304);
        if let Some(changed) = reply.field("Last-Modified").map(str::to_owned) {
            let reply = server.get_with(path, &[("If-Range", &tag), ("Range", "bytes=0-1")]);
            reply.is(206).has("Last-Modified", &changed);
        }
    }
    server
        .get("/zero.txt")
        .has("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT");
}

#[test]
fn curl_and_wget_go_on_where_they_stopped() {
    let (Some(curl), Some(wget)) = (
        needs_tool("resumed downloads", "curl", "curl"),
        needs_tool("resumed downloads", "wget", "wget"),
    ) else {
        return;
    };
    let sandbox = sizes();
    let server = Server::start(&sandbox.join("root"), &[]);
    let address = format!("http://127.0.0.1:{}/9000001.bin", server.port());
    for (tool, arguments) in [
        (
            curl,
            vec![
                "--silent",
                "--show-error",
                "--continue-at",
                "-",
                "--output",
                "part",
            ],
        ),
        (
            wget,
            vec!["--quiet", "--continue", "--output-document", "part"],
        ),
    ] {
        sandbox.file("part", &pattern(9_000_001)[..1_234_567]);
        Command::new(tool)
            .args(arguments)
            .arg(&address)
            .cwd(sandbox.path())
            .run()
            .succeeds();
        assert!(sandbox.read("part") == pattern(9_000_001));
    }
}
