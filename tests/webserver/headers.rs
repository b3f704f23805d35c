//! Fields that the server's user asked for: `--cache-control`, `--header` and `--cors`.

use harness::Sandbox;

use crate::client::{get, request};
use crate::reply::Reply;
use crate::server::Server;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/index.html", "index\n")
        .file("root/a.css", "a\n")
        .file("root/deep/b.css", "b\n")
        .file("root/assets/c.css", "c\n")
        .file("root/assets/deep/d.js", "d\n")
        .file("root/e.txt", "e\n");
    sandbox
}

#[test]
fn cache_control_by_the_first_pattern() {
    let sandbox = scene();
    let options = [
        "--cache-control",
        "assets/**=public, max-age=31536000, immutable",
        "--cache-control",
        "*.css=max-age=60",
        "--cache-control",
        "*.html=no-cache",
    ];
    let server = Server::start(&sandbox.join("root"), &options);
    let mut client = server.connect();
    let rows = [
        ("/a.css", Some("max-age=60")),
        ("/deep/b.css", Some("max-age=60")),
        ("/assets/c.css", Some("public, max-age=31536000, immutable")),
        (
            "/assets/deep/d.js",
            Some("public, max-age=31536000, immutable"),
        ),
        ("/index.html", Some("no-cache")),
        ("/", Some("no-cache")),
        ("/e.txt", None),
        ("//a.css", Some("max-age=60")),
        ("/%61.css", Some("max-age=60")),
        ("/a.css?v=1", Some("max-age=60")),
    ];
    for (path, value) in rows {
        let reply = client.get(path);
        assert_eq!(reply.is(200).field("Cache-Control"), value, "{path}");
        let tag = reply.field("ETag").expect("a tag").to_owned();
        let reply = client.get_with(path, &[("If-None-Match", &tag)]);
        assert_eq!(
            reply.is(304).field("Cache-Control"),
            value,
            "{path}, unchanged (RFC 9110 §15.4.5)"
        );
        let reply = client.ask(&request("HEAD", path, &[]));
        assert_eq!(reply.is(200).field("Cache-Control"), value, "HEAD {path}");
        let reply = client.get_with(path, &[("Range", "bytes=0-0")]);
        assert_eq!(
            reply.is(206).field("Cache-Control"),
            value,
            "a part of {path}"
        );
    }
    // A mistyped address must not be kept as a missing file for a year.
    client
        .get("/assets/missing.css")
        .is(404)
        .lacks("Cache-Control");
}

#[test]
fn further_fields_are_in_every_reply() {
    let sandbox = scene();
    let options = [
        "--header",
        "X-Frame-Options=DENY",
        "--header",
        "Referrer-Policy: no-referrer",
    ];
    let server = Server::start(&sandbox.join("root"), &options);
    for (name, request) in [
        ("200", get("/e.txt", &[])),
        ("HEAD", request("HEAD", "/e.txt", &[])),
        ("204", request("OPTIONS", "*", &[])),
        ("206", get("/e.txt", &[("Range", "bytes=0-0")])),
        ("304", get("/e.txt", &[("If-None-Match", "*")])),
        ("308", get("/deep", &[])),
        ("400", get("/%zz", &[])),
        ("400, not even a request", b"what?\r\n\r\n".to_vec()),
        ("404", get("/missing", &[])),
        ("405", request("POST", "/", &[])),
        ("412", get("/e.txt", &[("If-Match", "\"x\"")])),
        ("416", get("/e.txt", &[("Range", "bytes=9-")])),
        ("501", request("BREW", "/", &[])),
    ] {
        let reply = server.ask(&request);
        assert_eq!(
            reply.field("X-Frame-Options"),
            Some("DENY"),
            "{name}:\n{reply}"
        );
        assert_eq!(
            reply.field("Referrer-Policy"),
            Some("no-referrer"),
            "{name}:\n{reply}"
        );
    }
}

#[test]
fn pages_of_other_origins_may_read() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--cors"]);
    let origin = ("Origin", "https://elsewhere.example");
    let allowed = |reply: &Reply| reply.field("Access-Control-Allow-Origin") == Some("*");
    for request in [
        get("/e.txt", &[origin]),
        get("/e.txt", &[origin, ("Range", "bytes=0-0")]),
        get("/e.txt", &[origin, ("If-None-Match", "*")]),
        get("/missing", &[origin]),
        request("HEAD", "/e.txt", &[origin]),
    ] {
        let reply = server.ask(&request);
        assert!(allowed(&reply), "{reply}");
    }
    let asked = ("Access-Control-Request-Method", "GET");
    let reply = server.ask(&request("OPTIONS", "/e.txt", &[origin, asked]));
    assert!(allowed(reply.is(204)), "{reply}");
    assert!(
        reply.lists("Access-Control-Allow-Methods", "GET"),
        "{reply}"
    );
    let wished = ("Access-Control-Request-Headers", "range, if-none-match");
    let reply = server.ask(&request("OPTIONS", "/e.txt", &[origin, asked, wished]));
    let names = reply
        .field("Access-Control-Allow-Headers")
        .unwrap_or_default()
        .to_lowercase();
    assert!(
        names == "*" || (names.contains("range") && names.contains("if-none-match")),
        "{reply}"
    );
    // What a page needs to read in parts is not among what it may read unasked.
    let reply = server.ask(&get("/e.txt", &[origin, ("Range", "bytes=0-0")]));
    let exposed = reply
        .field("Access-Control-Expose-Headers")
        .unwrap_or_default()
        .to_lowercase();
    assert!(
        exposed == "*" || (exposed.contains("content-range") && exposed.contains("etag")),
        "{reply}"
    );

    let closed = Server::start(&sandbox.join("root"), &[]);
    closed
        .get_with("/e.txt", &[origin])
        .is(200)
        .lacks("Access-Control-Allow-Origin");
    let reply = closed.ask(&request("OPTIONS", "/e.txt", &[origin, asked]));
    reply
        .is(204)
        .lacks("Access-Control-Allow-Origin")
        .lacks("Access-Control-Allow-Methods");
}

/// What a client sends as the fields of a preflight does not come back as fields of its own.
#[test]
fn a_preflight_cannot_write_fields() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--cors"]);
    let fields = [
        ("Origin", "https://e\tx"),
        ("Access-Control-Request-Method", "GET\tX"),
        ("Access-Control-Request-Headers", "a\tb, \u{ff}, \"c"),
    ];
    server.ask(&request("OPTIONS", "/e.txt", &fields)).is(204);
}
