//! Clients that do not speak HTTP, or not here.

use std::time::Duration;

use harness::{Command, Random, SOON, Stopwatch, needs_tool, wait_until};

use super::{BIG, Scene, assert_as_fast, assert_took, latency};
use crate::client::{Ending, get};
use crate::reply::Asked;

/// The beginning of what a browser says to a server that it takes for an encrypted one (RFC 8446 §4.1.2).
const CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefghijklmnopqrstuvwxyz012345\x20\x00\x02\x13\x01";

/// Whoever does not speak HTTP is told so at once, in HTTP, and left.
#[test]
fn who_speaks_something_else_is_refused_at_once() {
    let scene = Scene::start(&[]);
    let rows: [(&str, &[u8], u16); 10] = [
        ("TLS", CLIENT_HELLO, 400),
        ("the beginning of TLS", &CLIENT_HELLO[..5], 400),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", 400),
        ("SMTP", b"EHLO example.org\r\n", 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("HTTP/0.9", b"GET /small\r\n", 400),
        ("a proxy's greeting", b"\x05\x01\x00", 400),
        (
            "a PROXY header",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            400,
        ),
        ("zeros", &[0; 1000], 400),
        ("bytes", &[0xff; 70_000], 400),
    ];
    for (name, bytes, status) in rows {
        let mut client = scene.server.connect();
        client.send(bytes).expect(name);
        let reply = client.reply(Asked::Body);
        let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(reply.status, status, "{name}: {reply}");
        assert!(reply.says_close(), "{name}: {reply}");
        assert_eq!(reply.check(), Ok(()), "{name}");
        assert_eq!(client.ending(), Ok(Ending::Closed), "{name}");
    }
}

/// Thousands of connections of nonsense leave the server as it was.
#[test]
fn any_bytes_at_all_do_no_harm() {
    let mut scene = Scene::start(&["--workers", "1"]);
    let process = scene.process();
    let mut active = scene.server.connect();
    let before = latency(&mut active);
    let sockets = process.sockets();
    let mut random = Random::new(3);
    for _ in 0..2000 {
        let len = 1 + random.below(300);
        let mut bytes = random.bytes(len);
        if random.one_in(2) {
            // Further in.
            bytes.splice(0..0, *b"GET /small HTTP/1.1\r\nHost: h\r\n");
        }
        if random.one_in(3) {
            bytes.extend_from_slice(b"\r\n\r\n");
        }
        let mut client = scene.server.connect();
        client.send(&bytes).expect("bytes");
    }
    process.wait_sockets(sockets);
    assert_as_fast(&mut active, before);
}

/// A server that is encrypted, with a certificate made for the test; `None` without the tools.
fn encrypted(options: &[&str]) -> Option<Scene> {
    let openssl = needs_tool("TLS", "openssl", "openssl")?;
    needs_tool("TLS", "curl", "curl")?;
    Some(Scene::start_as(|command, sandbox| {
        let (cert, key) = (sandbox.join("cert.pem"), sandbox.join("key.pem"));
        let made = Command::new(openssl)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-out"])
            .arg(&cert)
            .arg("-keyout")
            .arg(&key)
            .run();
        made.succeeds();
        let command = command.arg("--tls-cert").arg(cert);
        command.arg("--tls-key").arg(key).args(options)
    }))
}

/// A client for it.
fn curl(options: &[&str], url: &str) -> Command {
    let always = ["--silent", "--insecure"];
    Command::new("curl").args(always).args(options).arg(url)
}

/// Asserts that an encrypted server still serves.
#[track_caller]
fn assert_serves(scene: &Scene) {
    let output = curl(&[], &scene.url("/small")).run();
    output.succeeds().stdout_is("small\n");
}

/// Who speaks HTTP plainly to an encrypted server is told so plainly; what is neither gets that, or an alert. Each is
/// left at once.
#[test]
fn who_speaks_plainly_to_an_encrypted_server_is_told_and_left_at_once() {
    let Some(mut scene) = encrypted(&[]) else {
        return;
    };
    let sockets = scene.process().sockets();
    let mut client = scene.server.connect();
    client.send(&get("/small", &[])).expect("a request");
    let reply = client.reply(Asked::Body).expect("a reply");
    assert!(reply.is(400).says_close(), "{reply}");
    client.ending().expect("an end");
    drop(client);
    for (name, bytes) in [("SSH", &b"SSH-2.0-x\r\n"[..]), ("zeros", &[0; 100_000])] {
        let mut client = scene.server.connect();
        client.send(bytes).expect(name);
        let (answer, _) = client.rest().expect(name);
        let is_told = [&b"\x15\x03"[..], b"HTTP/1.1 400 "]
            .iter()
            .any(|start| answer.starts_with(start));
        assert!(is_told, "{name}: {}", answer.escape_ascii());
    }
    scene.process().wait_sockets(sockets);
    assert_serves(&scene);
}

/// The time for a head begins with the connection: who stalls before anything is encrypted has no more of it, and is
/// left with nothing but the farewell of that protocol (RFC 8446 §6.1).
#[test]
fn who_stalls_while_keys_are_agreed_on_is_left_in_time() {
    let Some(mut scene) = encrypted(&["--head-timeout", "300ms"]) else {
        return;
    };
    let sockets = scene.process().sockets();
    for (name, beginning) in [
        ("nothing", &b""[..]),
        ("one byte", &CLIENT_HELLO[..1]),
        ("half of a hello", &CLIENT_HELLO[..20]),
    ] {
        let mut client = scene.server.connect();
        let since = Stopwatch::start();
        client.send(beginning).expect(name);
        let (said, ending) = client.rest().expect(name);
        assert_took(name, since.elapsed(), Duration::from_millis(300));
        let is_farewell = said.len() == 7 && said.starts_with(b"\x15\x03");
        assert!(said.is_empty() || is_farewell, "{name}: {said:x?}");
        assert_eq!(ending, Ending::Closed, "{name}");
    }
    let mut client = scene.server.connect();
    let since = Stopwatch::start();
    client
        .send(b"\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb")
        .expect("a beginning");
    wait_until("the end of who drips", SOON, || {
        client.send(b"a").expect("a drop");
        client.has_news()
    });
    assert_took("who drips", since.elapsed(), Duration::from_millis(300));
    scene.process().wait_sockets(sockets);
    assert_serves(&scene);
}

/// The same bounds as on a plain connection: nobody keeps one by taking next to nothing.
#[test]
fn an_encrypted_download_has_the_same_bounds() {
    let options = ["--write-timeout", "300ms", "--min-rate", "100KiB"];
    let Some(mut scene) = encrypted(&options) else {
        return;
    };
    let sockets = scene.process().sockets();
    let url = scene.url("/big");
    let nowhere = ["--output", "/dev/null", "--limit-rate"];
    let slow = curl(&[&nowhere[..], &["1000"]].concat(), &url).start();
    scene.process().wait_sockets(sockets + 1);
    scene.process().wait_sockets(sockets);
    drop(slow);
    let told = ["10M", "--write-out", "%{size_download}"];
    let quick = curl(&[&nowhere[..], &told].concat(), &url).run();
    quick.succeeds().stdout_is(BIG.to_string());
    assert_serves(&scene);
}
