//! Who the access log says that asked: users who signed in, and clients behind proxies that are trusted.

use std::fs;

use crate::client::get;
use crate::log::{lines, logging, scene};

#[test]
fn a_user_is_named() {
    let sandbox = scene();
    let hash = "alice:$2b$04$RE0ScvyPGfNzU5DOa1r9heHeoDonxjmgjKIUIH3kGxaVhSkyyzlJu";
    let server = logging(&sandbox, &["--log", "common", "--basic-auth", hash]);
    let mut client = server.connect();
    client
        .get_with(
            "/hello.txt",
            &[("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWU=")],
        )
        .is(200);
    client
        .get_with("/hello.txt", &[("Authorization", "Basic YWxpY2U6d3Jvbmc=")])
        .is(401);
    let lines = lines(&sandbox, 2);
    assert!(lines[0].starts_with("127.0.0.1 - alice ["), "{}", lines[0]);
    // Who is named without having signed in is told apart by the status, as everywhere.
    assert!(lines[1].contains("\" 401 "), "{}", lines[1]);
}

/// A name, the fields of a request, and the address that is logged for it.
type Told<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn the_address_that_a_trusted_proxy_tells() {
    const ROWS: [Told<'_>; 16] = [
        ("nothing told", &[], "127.0.0.1"),
        ("one", &[("X-Forwarded-For", "203.0.113.7")], "203.0.113.7"),
        (
            "what a client claims stands on the left",
            &[("X-Forwarded-For", "6.6.6.6, 203.0.113.7")],
            "203.0.113.7",
        ),
        (
            "another trusted proxy on the way",
            &[("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.0.0.3")],
            "203.0.113.7",
        ),
        (
            "on two lines",
            &[
                ("X-Forwarded-For", "6.6.6.6"),
                ("X-Forwarded-For", "203.0.113.7"),
            ],
            "203.0.113.7",
        ),
        ("IPv6", &[("X-Forwarded-For", "2001:db8::7")], "2001:db8::7"),
        (
            "with a port",
            &[("X-Forwarded-For", "203.0.113.7:4711")],
            "203.0.113.7",
        ),
        ("no address", &[("X-Forwarded-For", "unknown")], "127.0.0.1"),
        (
            "a word behind an address",
            &[("X-Forwarded-For", "203.0.113.7, nonsense")],
            "127.0.0.1",
        ),
        ("nothing", &[("X-Forwarded-For", "")], "127.0.0.1"),
        (
            "all trusted",
            &[("X-Forwarded-For", "10.0.0.1, 10.0.0.2")],
            "10.0.0.1",
        ),
        (
            "RFC 7239",
            &[("Forwarded", "for=203.0.113.7;proto=https;by=10.0.0.1")],
            "203.0.113.7",
        ),
        (
            "RFC 7239, IPv6",
            &[("Forwarded", "For=\"[2001:db8:cafe::17]:4711\"")],
            "2001:db8:cafe::17",
        ),
        (
            "RFC 7239, a list",
            &[("Forwarded", "for=6.6.6.6, for=203.0.113.7")],
            "203.0.113.7",
        ),
        (
            "RFC 7239, hidden",
            &[("Forwarded", "for=_hidden")],
            "127.0.0.1",
        ),
        (
            "a field's end within",
            &[("X-Forwarded-For", "1.2.3.4\" 200 1")],
            "127.0.0.1",
        ),
    ];
    let sandbox = scene();
    let server = logging(
        &sandbox,
        &[
            "--log",
            "common",
            "--trust-proxy",
            "127.0.0.0/8",
            "--trust-proxy",
            "10.0.0.0/8",
        ],
    );
    let mut client = server.connect();
    for (number, (_, fields, _)) in ROWS.iter().enumerate() {
        client
            .ask(&get(&format!("/hello.txt?{number}."), fields))
            .is(200);
    }
    for ((name, _, client), line) in ROWS.iter().zip(lines(&sandbox, ROWS.len())) {
        assert_eq!(line.split(' ').next(), Some(*client), "{name}: {line}");
    }
    server.stop();

    fs::remove_file(sandbox.join("access.log")).expect("begin anew");
    for options in [&[][..], &["--trust-proxy", "10.0.0.0/8"]] {
        let server = logging(&sandbox, &[&["--log", "common"], options].concat());
        server.get_with(
            "/hello.txt",
            &[
                ("X-Forwarded-For", "203.0.113.7"),
                ("Forwarded", "for=203.0.113.7"),
            ],
        );
        server.stop();
    }
    for line in lines(&sandbox, 2) {
        assert!(
            line.starts_with("127.0.0.1 "),
            "who is not trusted is not believed: {line}"
        );
    }
}
