//! `--vhost`: one server, a folder for each name (RFC 9110 §7.2).

use harness::{Command, Sandbox};

use crate::client::request;
use crate::reply::Asked;
use crate::server::{Server, command};
use crate::site::MARKER;

#[test]
fn each_name_has_its_folder() {
    let sandbox = Sandbox::new();
    sandbox
        .file("main/file.txt", "main\n")
        .file("main/only-main.txt", MARKER)
        .file("blog/file.txt", "blog\n")
        .file("shop/file.txt", "shop, longer\n")
        .file("shop/folder/index.html", "shop's\n");
    let vhosts = [
        format!("blog.example={}", sandbox.join("blog").display()),
        format!("Shop.Example={}", sandbox.join("shop").display()),
    ];
    let server = Server::start(
        &sandbox.join("main"),
        &["--vhost", &vhosts[0], "--vhost", &vhosts[1]],
    );
    let mut client = server.connect();
    let rows = [
        ("blog.example", "blog\n"),
        ("BLOG.example", "blog\n"),
        ("blog.example:80", "blog\n"),
        ("blog.example:", "blog\n"),
        ("shop.example", "shop, longer\n"),
        ("other.example", "main\n"),
        ("sub.blog.example", "main\n"),
        ("blog.example.other", "main\n"),
        ("127.0.0.1", "main\n"),
        ("[::1]:80", "main\n"),
        ("", "main\n"),
    ];
    // Twice, for what is remembered of a path is remembered of a host.
    for _ in 0..2 {
        for (host, body) in rows {
            let reply =
                client.ask(format!("GET /file.txt HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
            assert_eq!(reply.is(200).text(), body, "Host: {host}");
        }
    }
    // Tags of one host mean nothing to another.
    let ask = |host: &str, lines: &str| {
        server.ask(format!("GET /file.txt HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").as_bytes())
    };
    let tag = ask("blog.example", "")
        .field("ETag")
        .expect("a tag")
        .to_owned();
    ask("shop.example", &format!("If-None-Match: {tag}\r\n")).is(200);
    ask("blog.example", &format!("If-None-Match: {tag}\r\n")).is(304);
    // The target's authority stands above Host (RFC 9112 §3.2.2).
    let reply =
        server.ask(b"GET http://blog.example:99/file.txt HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    reply.is(200).body_is("blog\n");
    server
        .ask(b"GET /file.txt HTTP/1.0\r\n\r\n")
        .is(200)
        .body_is("main\n");
    server
        .ask(b"GET /only-main.txt HTTP/1.1\r\nHost: blog.example\r\n\r\n")
        .is(404);
    server
        .ask(b"GET /../main/only-main.txt HTTP/1.1\r\nHost: blog.example\r\n\r\n")
        .is(400);
    server
        .ask(b"GET /folder HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .is(308);
    server
        .ask(b"GET /folder HTTP/1.1\r\nHost: blog.example\r\n\r\n")
        .is(404);
    server.ask(&request("OPTIONS", "*", &[])).is(204);
}

#[test]
fn a_folder_that_is_missing_is_told_before_anything_is_served() {
    let sandbox = Sandbox::new();
    sandbox.dir("main").file("file", "");
    let serve = |vhost: &str| -> Command {
        command(&sandbox.join("main"))
            .args(["--vhost", vhost])
            .cwd(sandbox.path())
    };
    for (vhost, told) in [
        ("a.example=missing", "missing"),
        ("a.example=file", "file"),
        ("a.example", "--vhost"),
        ("a/b=main", "--vhost"),
        ("=main", "--vhost"),
    ] {
        let output = serve(vhost).run();
        println!("{output}");
        output
            .exits_with(2)
            .stdout_is("")
            .stderr_is_one_line()
            .stderr_has(told);
    }
}

/// Lists of several folders that are asked for at the same moment, none of which is known yet.
#[test]
fn each_name_has_its_list() {
    let sandbox = Sandbox::new();
    sandbox.file("main/of-main", "");
    let names: Vec<String> = (0..6)
        .map(|number| format!("host-{number}.example"))
        .collect();
    let mut options = vec!["--list".to_owned(), "--workers=1".to_owned()];
    for name in &names {
        sandbox.file(format!("{name}/of-{name}"), "");
        options.push(format!("--vhost={name}={}", sandbox.join(name).display()));
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let server = Server::start(&sandbox.join("main"), &options);
    let mut clients: Vec<_> = names.iter().map(|_| server.connect()).collect();
    for (client, name) in clients.iter_mut().zip(&names) {
        let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n");
        client.send(request.as_bytes()).expect("a request");
    }
    for (client, name) in clients.iter_mut().zip(&names) {
        let list = client.reply(Asked::Body).expect("a list").is(200).text();
        assert!(list.contains(&format!("of-{name}")), "{name}: {list}");
    }
}
