//! What is sent where nothing is found: `--spa` and `--error-page`.

use harness::Sandbox;

use crate::client::{get, request};
use crate::server::Server;
use crate::site::MARKER;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/app.html", "<title>app</title>\n")
        .file("root/hello.txt", "hello\n")
        .file("root/pages/404.html", "<title>gone</title>\n")
        .file("root/pages/bad.txt", "what was that?\n")
        .file("root/.hidden", MARKER)
        .dir("root/folder");
    sandbox
}

#[test]
fn an_application_answers_where_nothing_is_found() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &["--spa", "app.html"]);
    for path in [
        "/missing",
        "/deep/down/missing",
        "/missing/",
        "/missing.js",
        "/missing?a=b",
        "/%ED%95%9C",
    ] {
        server
            .get(path)
            .is(200)
            .has("Content-Type", "text/html; charset=utf-8")
            .body_is("<title>app</title>\n");
    }
    server.get("/hello.txt").is(200).body_is("hello\n");
    let reply = server.get("/.hidden");
    assert!(!reply.text().contains(MARKER), "{reply}");
    server.get("/../hello.txt").is(400);
    server.get("/%00").is(400);
    server.ask(&request("POST", "/missing", &[])).is(405);
    server
        .ask(&request("HEAD", "/missing", &[]))
        .is(200)
        .has("Content-Length", "19");
    let tag = server
        .get("/missing")
        .field("ETag")
        .expect("a tag")
        .to_owned();
    server
        .get_with("/other", &[("If-None-Match", &tag)])
        .is(304);
    server
        .get_with("/other", &[("Range", "bytes=0-6")])
        .is(206)
        .body_is("<title>");
    // It is a success, so the connection and what comes behind it are as ever.
    let mut client = server.connect();
    client.get("/missing").is(200);
    client.get("/hello.txt").is(200);
}

#[test]
fn an_application_that_is_not_there_is_not_found() {
    let sandbox = scene();
    let server = Server::start(
        &sandbox.join("root"),
        &["--spa", "app.html", "--fresh", "0"],
    );
    server.get("/missing").is(200);
    std::fs::remove_file(sandbox.join("root/app.html")).expect("delete it");
    server.get("/missing").is(404);
    sandbox.file("root/app.html", "again\n");
    server.get("/missing").is(200).body_is("again\n");
}

#[test]
fn pages_of_errors() {
    let sandbox = scene();
    let options = [
        "--error-page",
        "404=pages/404.html",
        "--error-page",
        "400=/pages/bad.txt",
        "--fresh",
        "0",
    ];
    let server = Server::start(&sandbox.join("root"), &options);
    let mut client = server.connect();
    for path in ["/missing", "/missing/", "/.hidden", "/hello.txt/"] {
        client
            .get(path)
            .is(404)
            .has("Content-Type", "text/html; charset=utf-8")
            .body_is("<title>gone</title>\n");
    }
    client.get("/hello.txt").is(200).body_is("hello\n");
    let reply = client.ask(&request("HEAD", "/missing", &[]));
    reply.is(404).has("Content-Length", "20");
    // The page is not what was asked for: no condition and no range is about it, and nobody is to keep it as such.
    for field in [
        ("If-None-Match", "*"),
        ("Range", "bytes=0-3"),
        ("If-Match", "\"x\""),
    ] {
        client
            .get_with("/missing", &[field])
            .is(404)
            .body_is("<title>gone</title>\n")
            .lacks("Content-Range");
    }
    client.get("/missing").lacks("Last-Modified").lacks("ETag");
    server.get("/%zz").is(400).body_is("what was that?\n");
    let mut broken = server.connect();
    let reply = broken.ask(b"GET / HTTP/1.1\r\nno colon\r\n\r\n");
    reply.is(400).body_is("what was that?\n");
    assert!(reply.says_close());
    client.ask(&request("POST", "/missing", &[])).is(405);

    sandbox.file("root/pages/404.html", "edited\n");
    client.get("/missing").is(404).body_is("edited\n");
    std::fs::remove_file(sandbox.join("root/pages/404.html")).expect("delete it");
    let reply = client.get("/missing");
    assert!(
        reply.status == 404 && !reply.body.is_empty(),
        "the plain page then:\n{reply}"
    );
}

#[test]
fn plain_pages_of_errors_say_what_it_is() {
    let sandbox = scene();
    let server = Server::start(&sandbox.join("root"), &[]);
    for (request, status) in [
        (get("/missing", &[]), 404),
        (get("/%zz", &[]), 400),
        (request("POST", "/", &[]), 405),
        (request("BREW", "/", &[]), 501),
        (get("/hello.txt", &[("Range", "bytes=99-")]), 416),
        (get("/hello.txt", &[("If-Match", "\"x\"")]), 412),
        (get("/hello.txt", &[("Expect", "wonders")]), 417),
        (b"GET / HTTP/4.2\r\nHost: h\r\n\r\n".to_vec(), 505),
    ] {
        let reply = server.ask(&request);
        reply.is(status);
        // Who asked for a part of a file, or on a condition, is a program.
        assert!(
            [412, 416].contains(&status) || reply.text().contains(&status.to_string()),
            "a body that says so:\n{reply}"
        );
        reply.has("X-Content-Type-Options", "nosniff");
    }
    // What was asked is not said back.
    let reply = server.get("/%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!reply.text().contains("<script>"), "{reply}");
    let reply = server.get("/<script>alert(1)</script>");
    assert!(!reply.text().contains("<script>"), "{reply}");
}
