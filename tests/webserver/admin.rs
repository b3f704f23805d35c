//! `--admin`: health and numbers, on an address of their own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use harness::Sandbox;

use crate::client::{Address, Client, get, request};
use crate::reply::Reply;
use crate::server::Server;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("root/hello.txt", "hello, world\n");
    sandbox
}

/// A server with an address for these questions, free a moment ago.
#[track_caller]
fn with_admin(sandbox: &Sandbox, options: &[&str]) -> (Server, Address) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free: SocketAddr = free.expect("a free port");
    let server = Server::start(
        &sandbox.join("root"),
        &[&["--admin", &free.to_string()], options].concat(),
    );
    (server, Address::Tcp(free))
}

#[track_caller]
fn ask(address: &Address, request: &[u8]) -> Reply {
    Client::connect(address).expect("a connection").ask(request)
}

/// The numbers in the text form of Prometheus, which must be of it throughout.
#[track_caller]
fn numbers(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "{text}");
    let mut numbers = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            assert!(
                words.len() == 3 && ["HELP", "TYPE"].contains(&words[0]),
                "{line}"
            );
            if words[0] == "TYPE" {
                assert!(
                    ["counter", "gauge", "histogram", "summary"].contains(&words[2]),
                    "{line}"
                );
                assert_eq!(
                    kinds.insert(words[1].to_owned(), words[2].to_owned()),
                    None,
                    "twice: {line}"
                );
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let base = name.split('{').next().unwrap_or_default();
        assert!(
            base.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'),
            "{line}"
        );
        assert!(kinds.contains_key(base), "no TYPE before {line}");
        let value = value
            .parse()
            .unwrap_or_else(|_| panic!("no number in {line}"));
        assert_eq!(
            numbers.insert(name.to_owned(), value),
            None,
            "twice: {line}"
        );
    }
    numbers
}

#[test]
fn health_and_metrics_are_told_there_and_nowhere_else() {
    let sandbox = scene();
    let (server, admin) = with_admin(&sandbox, &[]);
    ask(&admin, &get("/-/health", &[])).is(200);
    ask(&admin, &request("HEAD", "/-/health", &[])).is(200);
    let reply = ask(&admin, &get("/-/metrics", &[]));
    let kind = reply.is(200).field("Content-Type").unwrap_or_default();
    assert!(
        kind.starts_with("text/plain") && kind.contains("version=0.0.4"),
        "{kind}"
    );
    assert!(!numbers(&reply.text()).is_empty());
    for path in [
        "/",
        "/hello.txt",
        "/-/",
        "/-/health/",
        "/-/other",
        "/../hello.txt",
    ] {
        let reply = ask(&admin, &get(path, &[]));
        assert!([400, 404].contains(&reply.status), "{path}: {reply}");
    }
    ask(&admin, &request("POST", "/-/health", &[])).is(405);
    ask(&admin, b"GET /-/health HTTP/1.1\r\n\r\n").is(400);
    for path in ["/-/health", "/-/metrics"] {
        server.get(path).is(404);
    }
    sandbox.file("root/-/health", "a file\n");
    let (server, _) = with_admin(&sandbox, &[]);
    server.get("/-/health").is(200).body_is("a file\n");
}

#[test]
fn numbers_follow_what_happens() {
    let sandbox = scene();
    let (server, admin) = with_admin(&sandbox, &[]);
    let read = || numbers(&ask(&admin, &get("/-/metrics", &[])).text());
    let before = read();
    let mut client = server.connect();
    for _ in 0..30 {
        client.get("/hello.txt").is(200);
    }
    for _ in 0..7 {
        client.get("/missing").is(404);
    }
    let after = read();
    let grown: Vec<f64> = after
        .iter()
        .map(|(name, value)| value - before.get(name).copied().unwrap_or(0.0))
        .collect();
    assert!(
        // These questions may be counted themselves.
        grown.iter().any(|count| (30.0..=32.0).contains(count)),
        "thirty successes somewhere in {after:#?}"
    );
    assert!(grown.contains(&7.0), "seven errors somewhere in {after:#?}");
    assert!(grown.contains(&1.0), "a connection somewhere in {after:#?}");
}

#[test]
fn health_needs_no_password_and_is_not_logged() {
    let sandbox = scene();
    let hash = "alice:$2b$04$RE0ScvyPGfNzU5DOa1r9heHeoDonxjmgjKIUIH3kGxaVhSkyyzlJu";
    let file = sandbox.join("access.log").display().to_string();
    let (server, admin) = with_admin(&sandbox, &["--basic-auth", hash, "--log-file", &file]);
    server.get("/hello.txt").is(401);
    ask(&admin, &get("/-/health", &[])).is(200);
    ask(&admin, &get("/-/metrics", &[])).is(200);
    server.stop();
    let log = sandbox.read_text("access.log");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let sandbox = scene();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("its address").to_string();
    let output = crate::server::command(&sandbox.join("root"))
        .args(["--admin", &addr])
        .run();
    output
        .exits_with(2)
        .stdout_is("")
        .stderr_is_one_line()
        .stderr_has(&addr);
}
