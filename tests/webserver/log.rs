//! The access log: its forms, its file, and what a client cannot do to it.

use std::fs;
use std::thread;
use std::time::Duration;

use harness::{Mount, SOON, Sandbox, Signal, wait_until};

use crate::client::request;
use crate::server::Server;

pub(crate) fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("root/hello.txt", "hello, world\n");
    sandbox
}

/// A server that logs to `access.log` in the sandbox.
pub(crate) fn logging(sandbox: &Sandbox, options: &[&str]) -> Server {
    let file = sandbox.join("access.log").display().to_string();
    Server::start(
        &sandbox.join("root"),
        &[&["--log-file", &file], options].concat(),
    )
}

/// Waits for so many lines, and returns them.
#[track_caller]
pub(crate) fn lines(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(sandbox.join("access.log")).unwrap_or_default();
    wait_until(&format!("{count} lines"), SOON, || {
        read().lines().count() >= count && read().ends_with('\n')
    });
    let lines: Vec<String> = read().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

/// A line without its time, which must look like one.
#[track_caller]
fn timeless(line: &str) -> String {
    let (start, rest) = line.split_once('[').expect("a time");
    let (time, rest) = rest.split_once(']').expect("the end of a time");
    let form: String = time
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_alphabetic() {
                'a'
            } else {
                c
            }
        })
        .collect();
    assert_eq!(form, "00/aaa/0000:00:00:00 +0000", "{line}");
    format!("{start}[]{rest}")
}

#[test]
fn the_common_form() {
    let sandbox = scene();
    let server = logging(&sandbox, &["--log", "common"]);
    server.get("/hello.txt").is(200);
    server.get("/missing?a=b%20c").is(404);
    server.ask(&request("HEAD", "/hello.txt", &[])).is(200);
    server
        .get_with("/hello.txt", &[("If-None-Match", "*")])
        .is(304);
    server
        .get_with("/hello.txt", &[("Range", "bytes=0-4")])
        .is(206);
    server.ask(&request("OPTIONS", "*", &[])).is(204);
    server.ask(b"GET /hello.txt HTTP/1.0\r\n\r\n").is(200);
    let lines = lines(&sandbox, 7);
    let expected = [
        r#""GET /hello.txt HTTP/1.1" 200 13"#,
        r#""GET /missing?a=b%20c HTTP/1.1" 404 "#,
        r#""HEAD /hello.txt HTTP/1.1" 200 0"#,
        r#""GET /hello.txt HTTP/1.1" 304 0"#,
        r#""GET /hello.txt HTTP/1.1" 206 5"#,
        r#""OPTIONS * HTTP/1.1" 204 0"#,
        r#""GET /hello.txt HTTP/1.0" 200 13"#,
    ];
    let mut found: Vec<String> = lines.iter().map(|line| timeless(line)).collect();
    // Each request came on a connection of its own, to whichever worker.
    for line in expected {
        let start = format!("127.0.0.1 - - [] {line}");
        let dash = start.strip_suffix(" 0").map(|start| format!("{start} -"));
        let at = found
            .iter()
            .position(|found| found.starts_with(&start) || Some(found) == dash.as_ref())
            .unwrap_or_else(|| panic!("no {start} in {found:#?}"));
        found.remove(at);
    }
}

#[test]
fn the_combined_form_and_what_clients_put_in_it() {
    let sandbox = scene();
    let server = logging(&sandbox, &[]);
    let mut client = server.connect();
    client.get_with(
        "/hello.txt",
        &[
            ("Referer", "https://a.example/b?c"),
            ("User-Agent", "Browser/1.0 (X; \u{d55c})"),
        ],
    );
    client.get("/hello.txt");
    client.get_with(
        "/hello.txt",
        &[("User-Agent", r#"a" 500 0 "b\"#), ("Referer", "\"")],
    );
    client.get_with("/%0a127.0.0.1%20-", &[("User-Agent", "tab\there")]);
    let mut raw = b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: \xff\x9b31m\r\n\r\n".to_vec();
    client.ask(&raw);
    raw.truncate(0);
    let lines = lines(&sandbox, 5);
    assert_eq!(
        timeless(&lines[1]),
        r#"127.0.0.1 - - [] "GET /hello.txt HTTP/1.1" 200 13 "-" "-""#
    );
    assert!(
        lines[0].contains(r#" "https://a.example/b?c" "Browser/1.0"#),
        "{}",
        lines[0]
    );
    for line in &lines {
        // In every line the same number of quotes that are not escaped, and no control: it cannot be broken up.
        let plain = line.replace(r"\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count(), 6, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(
            !line.chars().any(|c| ('\u{80}'..'\u{a0}').contains(&c)),
            "{line:?}"
        );
    }
    assert!(
        lines[3].contains("GET /%0a127.0.0.1%20- HTTP/1.1"),
        "{}",
        lines[3]
    );
}

#[test]
fn requests_that_are_none_are_told_too() {
    let sandbox = scene();
    let server = logging(&sandbox, &["--log", "combined"]);
    for bytes in [
        &b"GET /hello.txt HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\r\n\r\n",
        b"\"quoted\" \\x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    ] {
        server.ask(bytes);
    }
    for line in lines(&sandbox, 4) {
        assert!(
            line.contains("\" 400 ") || line.contains("\" 505 "),
            "{line}"
        );
        let plain = line.replace(r"\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count(), 6, "{line}");
        assert!(
            line.is_ascii() && !line.contains(char::is_control),
            "{line:?}"
        );
    }
    // Who connects and says nothing did not ask for anything.
    drop(server.connect());
    server.get("/hello.txt");
    lines(&sandbox, 5);
}

#[test]
fn the_json_form() {
    let sandbox = scene();
    let server = logging(&sandbox, &["--log", "json"]);
    let mut client = server.connect();
    client
        .get_with(
            "/hello.txt?a=\"b\"",
            &[("User-Agent", "a\\\"b\tc"), ("Referer", "r")],
        )
        .is(200);
    client
        .ask(b"GET /hello.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: \xff\xfe\r\n\r\n")
        .is(200);
    client.get("/missing").is(404);
    client
        .get_with("/hello.txt", &[("Range", "bytes=1-3")])
        .is(206);
    let lines: Vec<serde_json::Value> = lines(&sandbox, 4)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();
    let first = &lines[0];
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("target", "/hello.txt?a=\"b\""),
        ("agent", "a\\\"b\tc"),
        ("referer", "r"),
        ("host", "h"),
    ] {
        assert_eq!(first[key].as_str(), Some(value), "{key} of {first}");
    }
    assert_eq!(first["status"].as_u64(), Some(200), "{first}");
    assert_eq!(first["sent"].as_u64(), Some(13), "{first}");
    assert!(first["user"].is_null(), "{first}");
    assert!(
        first["elapsed"]
            .as_f64()
            .is_some_and(|seconds| (0.0..20.0).contains(&seconds)),
        "{first}"
    );
    assert_eq!(lines[2]["status"].as_u64(), Some(404));
    assert_eq!(lines[3]["sent"].as_u64(), Some(3));
}

#[test]
fn stdout_and_nothing() {
    let sandbox = scene();
    let mut server = Server::start(&sandbox.join("root"), &["--log", "common"]);
    server.get("/hello.txt");
    server
        .running()
        .wait_stdout("\"GET /hello.txt HTTP/1.1\" 200 13\n", SOON);
    server.stop();
    let server = Server::start(&sandbox.join("root"), &["--log", "off"]);
    server.get("/hello.txt");
    let output = server.stop();
    output.stdout_is("");
    let server = Server::start(&sandbox.join("root"), &[]);
    server.get("/hello.txt");
    let output = server.stop();
    // None is asked for, and stdout is no terminal.
    output.stdout_is("");
}

#[test]
fn every_request_is_one_whole_line() {
    const CLIENTS: usize = 4;
    const EACH: usize = 500;
    let sandbox = scene();
    let server = logging(&sandbox, &["--log", "common"]);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for count in 0..EACH {
                    client.get(&format!("/hello.txt?{number}-{count}-")).is(200);
                }
            });
        }
    });
    let found = lines(&sandbox, CLIENTS * EACH);
    let mut expected = Vec::new();
    for number in 0..CLIENTS {
        for count in 0..EACH {
            expected.push(format!(
                "127.0.0.1 - - [] \"GET /hello.txt?{number}-{count}- HTTP/1.1\" 200 13"
            ));
        }
    }
    let mut found: Vec<String> = found.iter().map(|line| timeless(line)).collect();
    found.sort();
    expected.sort();
    assert!(found == expected);
}

#[test]
fn what_was_asked_before_the_end_is_in_the_log() {
    let sandbox = scene();
    let server = logging(&sandbox, &["--log", "common"]);
    for _ in 0..50 {
        server.get("/hello.txt");
    }
    server.stop();
    assert_eq!(sandbox.read_text("access.log").lines().count(), 50);
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let sandbox = scene();
    let mut server = logging(&sandbox, &["--log", "common"]);
    server.get("/hello.txt?before");
    lines(&sandbox, 1);
    fs::rename(sandbox.join("access.log"), sandbox.join("access.log.1")).expect("rotate");
    server.get("/hello.txt?between");
    wait_until("a line in the old file", SOON, || {
        sandbox.read_text("access.log.1").contains("?between")
    });
    assert!(!sandbox.has("access.log"));
    server.signal(Signal::HUP);
    wait_until("a new file", SOON, || sandbox.has("access.log"));
    server.get("/hello.txt?after");
    assert!(lines(&sandbox, 1)[0].contains("?after"));
    assert_eq!(sandbox.read_text("access.log.1").lines().count(), 2);
    server.stop();
    // And a file that is there is added to.
    let server = logging(&sandbox, &["--log", "common"]);
    server.get("/hello.txt?again");
    assert!(lines(&sandbox, 2)[1].contains("?again"));
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    const DISK_LEN: u64 = 8 << 20;
    let Some(disk) = Mount::tmpfs(DISK_LEN) else {
        return;
    };
    let sandbox = scene();
    // Little room is left, and then none.
    let filler = disk.path().join("filler");
    let filled = fs::write(&filler, vec![0; 8_300_000]);
    filled.expect("most of the disk");
    let log = disk.path().join("access.log");
    let options = [
        "--log",
        "combined",
        "--log-file",
        &log.display().to_string(),
    ];
    let mut server = Server::start(&sandbox.join("root"), &options);
    let agent = "a".repeat(400);
    let mut client = server.connect();
    let mut ask = |count: usize| {
        for _ in 0..count {
            client
                .get_with("/hello.txt", &[("User-Agent", &agent)])
                .is(200);
        }
    };
    ask(1000);
    let told = server.running().wait_stderr("access.log", SOON);
    assert!(told.to_lowercase().contains("no space left"), "{told}");
    ask(1000);
    let told = String::from_utf8_lossy(&server.running().stderr()).into_owned();
    assert!(
        told.lines().count() < 6,
        "told once, not for every line: {told}"
    );

    fs::remove_file(filler).expect("make room");
    let text = || fs::read_to_string(&log).unwrap_or_default();
    let mut tries = 0;
    wait_until("lines once there is room again", SOON, || {
        tries += 1;
        server.get(&format!("/hello.txt?again-{tries}"));
        text().contains("?again-")
    });
    server.stop();
    let lines = text();
    for line in lines.lines() {
        assert!(
            line.starts_with("127.0.0.1 ") && line.ends_with('"'),
            "half a line: {line}"
        );
    }
    drop(disk);
}

/// A log that nobody takes lines from must not hold up a reply.
#[test]
fn a_pipe_that_nobody_reads_holds_up_nobody() {
    let sandbox = scene();
    sandbox.fifo("pipe");
    let pipe = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(sandbox.join("pipe"))
        .expect("a pipe");
    let file = sandbox.join("pipe").display().to_string();
    let mut server = Server::start(
        &sandbox.join("root"),
        &["--log", "combined", "--log-file", &file],
    );
    let agent = "a".repeat(1000);
    let mut client = server.connect();
    let since = harness::Stopwatch::start();
    for _ in 0..5000 {
        client
            .get_with("/hello.txt", &[("User-Agent", &agent)])
            .is(200);
    }
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "{:?}",
        since.elapsed()
    );
    drop(client);
    server.signal(Signal::TERM);
    server.ended();
    drop(pipe);
}
