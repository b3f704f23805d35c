//! TLS, with a certificate made for the test, seen by curl and openssl.

use std::path::PathBuf;

use harness::{Command, Output, SOON, Sandbox, Signal, needs_tool, wait_until};

use crate::client::{Client, get};
use crate::server::{Server, command};
use crate::site::pattern;

struct Scene {
    sandbox: Sandbox,
    openssl: PathBuf,
    curl: PathBuf,
}

impl Scene {
    /// A root, and a certificate for localhost in `one.pem` with its key in `one.key`; `None` without the tools.
    fn new() -> Option<Self> {
        let openssl = needs_tool("TLS", "openssl", "openssl")?;
        let curl = needs_tool("TLS", "curl", "curl")?;
        let sandbox = Sandbox::new();
        sandbox
            .file("root/hello.txt", "hello, world\n")
            .file("root/big.bin", pattern(5 << 20));
        let scene = Self {
            sandbox,
            openssl,
            curl,
        };
        scene.certify("one", "one.example");
        Some(scene)
    }

    /// Makes a certificate and its key.
    #[track_caller]
    fn certify(&self, name: &str, subject: &str) {
        let (cert, key, subject) = (
            format!("{name}.pem"),
            format!("{name}.key"),
            format!("/CN={subject}"),
        );
        let output = Command::new(&self.openssl)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-subj",
                &subject,
            ])
            .args(["-out", &cert, "-keyout", &key])
            .cwd(self.sandbox.path())
            .run();
        output.succeeds();
    }

    #[track_caller]
    fn serve(&self, options: &[&str]) -> Server {
        let command = command(&self.sandbox.join("root"))
            .args(["--tls-cert", "one.pem", "--tls-key", "one.key"])
            .args(options)
            .cwd(self.sandbox.path());
        Server::listening(command)
    }

    fn curl(&self, server: &Server, path: &str, options: &[&str]) -> Output {
        Command::new(&self.curl)
            .args([
                "--silent",
                "--show-error",
                "--http1.1",
                "--cacert",
                "one.pem",
            ])
            .args(options)
            .arg(format!("https://localhost:{}{path}", server.port()))
            .args([
                "--resolve",
                &format!("localhost:{}:127.0.0.1", server.port()),
            ])
            .cwd(self.sandbox.path())
            .run()
    }

    /// What openssl says of a handshake.
    fn handshake(&self, server: &Server, options: &[&str]) -> Output {
        Command::new(&self.openssl)
            .args([
                "s_client",
                "-connect",
                &format!("127.0.0.1:{}", server.port()),
            ])
            .args(options)
            .cwd(self.sandbox.path())
            .run()
    }
}

#[test]
fn curl_gets_what_is_there() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve(&[]);
    scene
        .curl(&server, "/hello.txt", &[])
        .succeeds()
        .stdout_is("hello, world\n");
    let output = scene.curl(&server, "/big.bin", &[]);
    assert!(output.succeeds().stdout == pattern(5 << 20));
    let output = scene.curl(&server, "/big.bin", &["--range", "1000000-1999999"]);
    assert!(output.succeeds().stdout == pattern(5 << 20)[1_000_000..2_000_000]);
    let form = "%{http_code} %{num_connects};";
    let output = scene.curl(
        &server,
        "/[1-5]",
        &["--write-out", form, "--output", "#1.out"],
    );
    assert_eq!(
        output.succeeds().stdout_text(),
        "404 1;404 0;404 0;404 0;404 0;",
        "one connection"
    );
    let output = scene.curl(&server, "/hello.txt", &["--head"]);
    assert!(
        output
            .succeeds()
            .stdout_text()
            .to_lowercase()
            .contains("content-length: 13"),
        "{output}"
    );
    let output = scene.curl(&server, "/hello.txt", &["--tlsv1.2", "--tls-max", "1.2"]);
    output.succeeds().stdout_is("hello, world\n");
    server.stop();
}

#[test]
fn requests_in_pieces_and_replies_to_slow_readers() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve(&[]);
    let last = get("/hello.txt", &[("Connection", "close")]);
    let requests = [get("/hello.txt", &[]), last].concat();
    let mut running = Command::new(&scene.openssl)
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &format!("127.0.0.1:{}", server.port()),
        ])
        .start();
    for piece in requests.chunks(7) {
        running.send(piece);
    }
    let output = running.wait(SOON);
    assert_eq!(
        output.stdout_text().matches("hello, world").count(),
        2,
        "{output}"
    );
    let output = scene.curl(&server, "/big.bin", &["--limit-rate", "10M"]);
    assert!(output.succeeds().stdout == pattern(5 << 20));
}

#[test]
fn old_protocols_and_plain_text_are_refused() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve(&[]);
    for option in ["-tls1", "-tls1_1"] {
        let output = scene.handshake(&server, &[option, "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(!output.status.success(), "{option}: {output}");
    }
    let output = scene.handshake(&server, &["-tls1_3", "-alpn", "h2,http/1.1"]);
    output.succeeds().stdout_has("TLSv1.3");
    for bytes in [
        &b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff\x01",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut client = Client::connect(server.address()).expect("a connection");
        client.send(bytes).expect("some bytes");
        client.send_end();
        let (answer, _) = client.rest().expect("an end");
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            !text.contains("hello, world"),
            "served in the clear: {text}"
        );
    }
    // Who connects and says nothing more is in nobody's way.
    let _silent = Client::connect(server.address()).expect("a connection");
    scene
        .curl(&server, "/hello.txt", &[])
        .succeeds()
        .stdout_is("hello, world\n");
}

#[test]
fn a_new_certificate_is_taken_on_a_signal_and_a_bad_one_is_not() {
    let Some(scene) = Scene::new() else { return };
    let mut server = scene.serve(&[]);
    let subject = |server: &Server| scene.handshake(server, &[]).stdout_text().into_owned();
    assert!(subject(&server).contains("one.example"));
    scene.certify("two", "two.example");
    for (from, to) in [("two.pem", "one.pem"), ("two.key", "one.key")] {
        std::fs::rename(scene.sandbox.join(from), scene.sandbox.join(to)).expect("replace it");
    }
    assert!(
        subject(&server).contains("one.example"),
        "not before it is told"
    );
    server.signal(Signal::HUP);
    wait_until("the new certificate", SOON, || {
        subject(&server).contains("two.example")
    });

    scene.sandbox.file("one.pem", "no certificate\n");
    server.signal(Signal::HUP);
    server.running().wait_stderr("one.pem", SOON);
    assert!(
        subject(&server).contains("two.example"),
        "the old one is kept"
    );
    server.stop();
}

#[test]
fn certificates_and_keys_that_are_none() {
    let Some(scene) = Scene::new() else { return };
    scene.certify("other", "other.example");
    scene
        .sandbox
        .file("empty.pem", "")
        .file("text.pem", "what is this?\n");
    scene.sandbox.file(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let rows = [
        (
            "no such certificate",
            "missing.pem",
            "one.key",
            "missing.pem",
        ),
        ("no such key", "one.pem", "missing.key", "missing.key"),
        ("an empty certificate", "empty.pem", "one.key", "empty.pem"),
        ("text for a certificate", "text.pem", "one.key", "text.pem"),
        (
            "a broken certificate",
            "broken.pem",
            "one.key",
            "broken.pem",
        ),
        ("a folder for a certificate", "root", "one.key", "root"),
        ("text for a key", "one.pem", "text.pem", "text.pem"),
        ("a certificate for a key", "one.pem", "one.pem", "one.pem"),
        ("a key for a certificate", "one.key", "one.key", "one.key"),
        ("the key of another", "one.pem", "other.key", "one.pem"),
    ];
    for (name, cert, key, told) in rows {
        let output = command(&scene.sandbox.join("root"))
            .args(["--tls-cert", cert, "--tls-key", key])
            .cwd(scene.sandbox.path())
            .run();
        println!("{name}: {output}");
        output
            .exits_with(2)
            .stdout_is("")
            .stderr_is_one_line()
            .stderr_has(told);
    }
    for option in ["--tls-cert", "--tls-key"] {
        let output = command(&scene.sandbox.join("root"))
            .args([option, "one.pem"])
            .run();
        output.exits_with(2).stdout_is("").stderr_is_one_line();
    }
}
