//! A server that cannot be started says which word of its command line, or which file, port or folder it is: one line
//! on stderr, nothing on stdout, exit 2, and nothing was served.

use std::net::TcpListener;

use harness::{Command, Output, SOON, Sandbox, needs_root};

use crate::server::{Server, command};

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .file("root/hello.txt", "hello\n")
        .file("file", "no folder\n");
    sandbox
}

#[track_caller]
fn assert_refused(name: &str, output: &Output, told: &str) {
    assert_eq!(output.code(), Some(2), "{name}\n{output}");
    output.stdout_is("").stderr_is_one_line().stderr_has(told);
    output.lacks("panicked").lacks("Os {").lacks("\u{1b}");
}

#[test]
fn folders_and_files() {
    let sandbox = scene();
    sandbox
        .symlink("nowhere", "dangling")
        .symlink("loop", "loop")
        .fifo("pipe");
    let rows: [(&str, &[&str], &str); 12] = [
        ("no such root", &["missing"], "missing"),
        ("a root that is a file", &["file"], "file"),
        ("a root that is a pipe", &["pipe"], "pipe"),
        (
            "a root that is a link to nothing",
            &["dangling"],
            "dangling",
        ),
        ("a root that is a link to itself", &["loop"], "loop"),
        ("a root below a file", &["file/root"], "file/root"),
        ("an empty root", &[""], ""),
        ("two roots", &["root", "root"], "root"),
        (
            "no folder for the log",
            &["root", "--log-file", "missing/log"],
            "missing/log",
        ),
        (
            "a folder for a log",
            &["root", "--log-file", "root"],
            "root",
        ),
        (
            "no folder for a socket",
            &["root", "--unix", "missing/socket"],
            "missing/socket",
        ),
        (
            "a path that no socket can have",
            &["root", "--unix", LONG],
            "socket",
        ),
    ];
    for (name, arguments, told) in rows {
        let port: &[&str] = if arguments.contains(&"--unix") {
            &[]
        } else {
            &["--port", "0"]
        };
        let output = Command::built("webserver")
            .args(arguments)
            .args(port)
            .cwd(sandbox.path())
            .run();
        assert_refused(name, &output, told);
    }
    // The folder that is served if none is named.
    let output = Command::built("webserver")
        .args(["--port", "0"])
        .cwd(sandbox.path())
        .run();
    assert_refused("no www", &output, "www");
    sandbox.file("www/index.html", "the default\n");
    let started = Command::built("webserver")
        .args(["--port", "0", "--bind", "127.0.0.1"])
        .cwd(sandbox.path());
    Server::listening(started)
        .get("/")
        .is(200)
        .body_is("the default\n");
}

const LONG: &str = "a-name-that-is-longer-than-the-one-hundred-and-eight-bytes-that-the-address-of-a-unix-socket-has-\
                    room-for-on-linux-by-some-way/socket";

#[test]
fn ports_and_addresses() {
    let sandbox = scene();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let root = sandbox.join("root");
    let output = Command::built("webserver")
        .arg(&root)
        .args(["--bind", "127.0.0.1", "--port", &port])
        .run();
    assert_refused("a port that is taken", &output, &port);
    let server = Server::start(&root, &[]);
    let port = server.port().to_string();
    let output = Command::built("webserver")
        .arg(&root)
        .args(["--bind", "127.0.0.1", "--port", &port])
        .run();
    assert_refused(
        "a port that another server of the same user has",
        &output,
        &port,
    );
    server.get("/hello.txt").is(200);
    let output = Command::built("webserver")
        .arg(&root)
        .args(["--bind", "192.0.2.1", "--port", "0"])
        .run();
    assert_refused("an address that is not ours", &output, "192.0.2.1");
}

#[test]
fn what_a_user_may_not_do() {
    let Some(()) = needs_root("a server without root's rights") else {
        return;
    };
    let sandbox = scene();
    sandbox
        .dir("closed")
        .mode("closed", 0o700)
        .file("closed/key", "x");
    let output = command(&sandbox.join("closed")).unprivileged().run();
    assert_refused("a root that may not be entered", &output, "closed");
    let output = command(&sandbox.join("root"))
        .args(["--log-file", "closed/log"])
        .cwd(sandbox.path())
        .unprivileged()
        .run();
    assert_refused("a log that may not be written", &output, "closed/log");
    let output = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(["--port", "1"])
        .unprivileged()
        .run();
    if output.code() != Some(2) {
        panic!("port 1 is open to all on this machine?\n{output}");
    }
    assert_refused("a port that only root may have", &output, "1");
    // A file that it may not read is its own affair.
    sandbox
        .file("root/private.txt", "x")
        .mode("root/private.txt", 0o600)
        .dir("root/locked")
        .mode("root/locked", 0o700);
    let server = Server::listening(command(&sandbox.join("root")).unprivileged());
    server.get("/hello.txt").is(200);
    for path in ["/private.txt", "/locked/", "/locked/file"] {
        let reply = server.get(path);
        assert!([403, 404].contains(&reply.status), "{path}: {reply}");
    }
}

#[test]
fn values() {
    let sandbox = scene();
    let rows: [(&str, &[&str]); 62] = [
        ("--port", &["--port", "65536"]),
        ("--port", &["--port=-1"]),
        ("--port", &["--port", "http"]),
        ("--port", &["--port", ""]),
        ("--port", &["--port"]),
        ("--bind", &["--bind", "nowhere.invalid"]),
        ("--bind", &["--bind", "127.0.0.1:80"]),
        ("--bind", &["--bind", "256.0.0.1"]),
        ("--bind", &["--bind", ""]),
        ("--fresh", &["--fresh", "soon"]),
        ("--fresh", &["--fresh=-1s"]),
        ("--fresh", &["--fresh", "1.5s"]),
        ("--fresh", &["--fresh", ""]),
        ("--max-head", &["--max-head", "0"]),
        ("--max-head", &["--max-head", "10GB"]),
        ("--max-head", &["--max-head", "big"]),
        ("--max-fields", &["--max-fields", "0"]),
        ("--max-fields", &["--max-fields", "101"]),
        ("--max-body", &["--max-body=-1"]),
        ("--head-timeout", &["--head-timeout", "0"]),
        ("--idle-timeout", &["--idle-timeout", "0s"]),
        ("--write-timeout", &["--write-timeout", "x"]),
        ("--drain", &["--drain", "99999999999999999999s"]),
        ("--min-rate", &["--min-rate", "fast"]),
        ("--max-pipeline", &["--max-pipeline", "0"]),
        ("--max-connections", &["--max-connections", "0"]),
        ("--workers", &["--workers", "0"]),
        ("--workers", &["--workers", "many"]),
        ("--workers", &["--workers", "1000000"]),
        ("--cache-size", &["--cache-size", "1XB"]),
        ("--spa", &["--spa", "../app.html"]),
        ("--spa", &["--spa", ""]),
        ("--error-page", &["--error-page", "404"]),
        ("--error-page", &["--error-page", "404="]),
        ("--error-page", &["--error-page", "=404.html"]),
        ("--error-page", &["--error-page", "99=a.html"]),
        ("--error-page", &["--error-page", "200=a.html"]),
        ("--error-page", &["--error-page", "404=../a.html"]),
        ("--cache-control", &["--cache-control", "*.css"]),
        ("--cache-control", &["--cache-control", "[=no-cache"]),
        ("--cache-control", &["--cache-control", "*.css=a\nb"]),
        ("--header", &["--header", "X-A"]),
        ("--header", &["--header", "X A=b"]),
        ("--header", &["--header", "=b"]),
        ("--header", &["--header", "X-A=b\r\nX-B: c"]),
        ("--header", &["--header", "Content-Length=5"]),
        ("--header", &["--header", "Transfer-Encoding=chunked"]),
        ("--basic-auth", &["--basic-auth", "alice"]),
        ("--basic-auth", &["--basic-auth", "alice:secret"]),
        (
            "--basic-auth",
            &[
                "--basic-auth",
                ":$2b$04$RE0ScvyPGfNzU5DOa1r9heHeoDonxjmgjKIUIH3kGxaVhSkyyzlJu",
            ],
        ),
        ("--vhost", &["--vhost", "a"]),
        ("--vhost", &["--vhost", "a:80=root"]),
        ("--trust-proxy", &["--trust-proxy", "10.0.0.0/33"]),
        ("--trust-proxy", &["--trust-proxy", "proxy"]),
        ("--admin", &["--admin", "nowhere"]),
        ("--admin", &["--admin", "127.0.0.1:99999"]),
        ("--log", &["--log", "verbose"]),
        ("--unix-mode", &["--unix", "s", "--unix-mode", "999"]),
        ("--unix ", &["--unix-mode", "600"]),
        ("--tls-key", &["--tls-cert", "a.pem"]),
        ("--nonsense", &["--nonsense"]),
        ("-z", &["-z"]),
    ];
    for (told, arguments) in rows {
        let port: &[&str] = if arguments.iter().any(|word| {
            ["--port", "--unix"]
                .iter()
                .any(|option| word.starts_with(option))
        }) {
            &[]
        } else {
            &["--port", "0"]
        };
        let output = Command::built("webserver")
            .arg("root")
            .args(port)
            .args(arguments)
            .cwd(sandbox.path())
            .deadline(SOON)
            .run();
        assert_refused(&arguments.join(" "), &output, told);
    }
}

/// A password must not come back in a message that ends up in a log.
#[test]
fn secrets_are_not_said_back() {
    let sandbox = scene();
    let output = command(&sandbox.join("root"))
        .args(["--basic-auth", "alice:opensesame"])
        .run();
    output.exits_with(2).lacks("opensesame");
}
