//! `--basic-auth` (RFC 7617): nothing is served, and nothing told, to who does not sign in.

use std::time::Duration;

use harness::{Sandbox, Stopwatch};

use crate::client::{get, request};
use crate::server::Server;
use crate::site::MARKER;

/// Made by `htpasswd -nbB`, as cheap as it gets.
const USER: &str = "alice:$2b$04$RE0ScvyPGfNzU5DOa1r9heHeoDonxjmgjKIUIH3kGxaVhSkyyzlJu";
/// `alice` and `open sesame`, in base64.
const SIGNED: &str = "YWxpY2U6b3BlbiBzZXNhbWU=";

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("root/hello.txt", MARKER).dir("root/folder");
    sandbox
}

#[test]
fn who_does_not_sign_in_gets_nothing() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--basic-auth", USER]);
    let mut client = server.connect();
    for path in ["/hello.txt", "/missing", "/folder", "/", "/.hidden"] {
        let reply = client.get(path);
        reply.is(401);
        let challenge = reply.field("WWW-Authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
        assert!(
            !reply.text().contains(MARKER) && !reply.text().contains(path.trim_matches('/'))
                || path == "/"
        );
        reply.lacks("ETag").lacks("Last-Modified");
    }
    let reply = client.ask(&request("HEAD", "/hello.txt", &[]));
    reply.is(401).lacks("ETag");
    client
        .get_with("/hello.txt", &[("If-None-Match", "*")])
        .is(401);
    client
        .get_with("/hello.txt", &[("Range", "bytes=0-1")])
        .is(401);
    for wrong in [
        "",
        "Basic",
        "Basic ",
        "Basic  ",
        "Basic !!!!",
        "Basic YWxpY2U6b3BlbiBzZXNhbWU",
        "Basic YWxpY2U6b3BlbiBzZXNhbWU==",
        "Basic YWxpY2U6b3BlbiBzZXNhbWU= x",
        "Basic YWxpY2U=",
        "Basic Og==",
        "Basic YWxpY2U6",
        // Another password, another user, the user in capitals, and the hash for a password.
        "Basic YWxpY2U6b3BlbiBzZXNhbQ==",
        "Basic Ym9iOm9wZW4gc2VzYW1l",
        "Basic QUxJQ0U6b3BlbiBzZXNhbWU=",
        "Basic YWxpY2U6JDJiJDA0JFJFMFNjdnlQR2ZOelU1RE9hMXI5aGVIZW9Eb254am1namtJVUlIM2tHeGFWaFNreXl6bEp1",
        "Bearer YWxpY2U6b3BlbiBzZXNhbWU=",
        "YWxpY2U6b3BlbiBzZXNhbWU=",
        "Basic:YWxpY2U6b3BlbiBzZXNhbWU=",
    ] {
        client
            .get_with("/hello.txt", &[("Authorization", wrong)])
            .is(401);
    }
    // NUL would end a password early for some: "open sesame\0x".
    client
        .get_with(
            "/hello.txt",
            &[("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWUAeA==")],
        )
        .is(401);
    let long = "A".repeat(8000);
    client
        .get_with("/hello.txt", &[("Authorization", &format!("Basic {long}"))])
        .is(401);
    // Framing and methods are judged before.
    server.ask(&request("POST", "/hello.txt", &[])).is(405);
    server.ask(b"GET /hello.txt HTTP/1.1\r\n\r\n").is(400);
}

#[test]
fn who_signs_in_gets_all() {
    let sandbox = scene();
    let server = Server::start(
        &sandbox.join("root"),
        &[
            "--basic-auth",
            USER,
            "--basic-auth",
            &USER.replace("alice", "bob"),
        ],
    );
    let mut client = server.connect();
    for right in [
        format!("Basic {SIGNED}"),
        format!("basic {SIGNED}"),
        format!("BASIC {SIGNED}"),
        format!("Basic   {SIGNED}"),
        "Basic Ym9iOm9wZW4gc2VzYW1l".into(),
    ] {
        client
            .get_with("/hello.txt", &[("Authorization", &right)])
            .is(200)
            .body_is(MARKER);
    }
    let signed = format!("Basic {SIGNED}");
    client
        .get_with("/missing", &[("Authorization", &signed)])
        .is(404);
    // One request's word does not hold for the next on the connection.
    client.get("/hello.txt").is(401);
    let both = [
        get("/hello.txt", &[("Authorization", &signed)]),
        get("/hello.txt", &[]),
    ]
    .concat();
    client.send(&both).expect("two requests");
    let first = client.reply(crate::reply::Asked::Body).expect("a reply");
    let second = client.reply(crate::reply::Asked::Body).expect("a reply");
    assert_eq!((first.status, second.status), (200, 401));
}

/// A password costs time to check; who needs none of it is not made to wait.
#[test]
fn many_wrong_passwords_do_not_hold_up_others() {
    let sandbox = scene();
    // A dearer hash than the others': a moment of work each, and more when the server is not optimised.
    let dear = "carol:$2b$08$RE0ScvyPGfNzU5DOa1r9heHeoDonxjmgjKIUIH3kGxaVhSkyyzlJu";
    let server = Server::start(
        &sandbox.join("root"),
        &["--basic-auth", USER, "--basic-auth", dear],
    );
    let mut guessers: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for (number, guesser) in guessers.iter_mut().enumerate() {
        // carol:guess0, carol:guess1 …
        let word = ["Y2Fyb2w6Z3Vlc3Mw", "Y2Fyb2w6Z3Vlc3Mx", "Y2Fyb2w6Z3Vlc3My"][number % 3];
        guesser
            .send(&get(
                "/hello.txt",
                &[("Authorization", &format!("Basic {word}"))],
            ))
            .expect("a request");
    }
    let since = Stopwatch::start();
    let mut client = server.connect();
    for _ in 0..20 {
        client.get("/hello.txt").is(401);
    }
    let elapsed = since.elapsed();
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    client
        .get_with(
            "/hello.txt",
            &[("Authorization", &format!("Basic {SIGNED}"))],
        )
        .is(200);
    let limit = Duration::from_secs(60);
    for mut guesser in guessers {
        let reply = guesser
            .reply_within(crate::reply::Asked::Body, limit)
            .expect("a reply");
        assert!([401, 429, 503].contains(&reply.status), "{reply}");
    }
}
