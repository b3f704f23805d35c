//! Other places to listen: a Unix socket, sockets that a service manager opened, IPv6, several addresses.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use harness::{Command, SOON, Sandbox, Signal, needs_tool, wait_until};

use crate::client::{Address, Client};
use crate::server::Server;

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("root/hello.txt", "hello\n");
    sandbox
}

fn at_socket(sandbox: &Sandbox, options: &[&str]) -> Command {
    Command::built("webserver")
        .arg(sandbox.join("root"))
        .arg("--unix")
        .arg(sandbox.join("socket"))
        .args(options)
}

#[test]
fn a_unix_socket() {
    let sandbox = scene();
    for (options, mode) in [
        (&[][..], 0o660),
        (&["--unix-mode", "600"], 0o600),
        (&["--unix-mode", "0666"], 0o666),
    ] {
        let path = sandbox.join("socket");
        let server = Server::listening_at(at_socket(&sandbox, options), &path);
        let meta = fs::metadata(&path).expect("the socket");
        assert!(meta.file_type().is_socket());
        assert_eq!(meta.permissions().mode() & 0o7777, mode);
        let mut client = server.connect();
        client.get("/hello.txt").is(200).body_is("hello\n");
        client.get("/missing").is(404);
        drop(client);
        server.stop();
    }
}

#[test]
fn a_socket_that_is_left_over_is_replaced_and_nothing_else_is() {
    let sandbox = scene();
    let path = sandbox.join("socket");
    drop(UnixListener::bind(&path).expect("a socket"));
    let server = Server::listening_at(at_socket(&sandbox, &[]), &path);
    server.get("/hello.txt").is(200);

    let output = at_socket(&sandbox, &[]).run();
    output
        .exits_with(2)
        .stdout_is("")
        .stderr_is_one_line()
        .stderr_has("socket");
    server.get("/hello.txt").is(200);
    server.kill();
    let server = Server::listening_at(at_socket(&sandbox, &[]), &path);
    server.get("/hello.txt").is(200);
    server.stop();

    fs::remove_file(&path).ok();
    sandbox.file("socket", "someone's");
    let output = at_socket(&sandbox, &[]).run();
    output
        .exits_with(2)
        .stdout_is("")
        .stderr_is_one_line()
        .stderr_has("socket");
    assert_eq!(sandbox.read_text("socket"), "someone's");
    fs::remove_file(&path).expect("remove the file");
    sandbox.dir("socket/inside");
    at_socket(&sandbox, &[])
        .run()
        .exits_with(2)
        .stderr_is_one_line();
    assert!(sandbox.has("socket/inside"));
}

#[test]
fn sockets_of_a_service_manager() {
    let Some(tool) = needs_tool(
        "sockets of a service manager",
        "systemd-socket-activate",
        "systemd",
    ) else {
        return;
    };
    let sandbox = scene();
    let path = sandbox.join("socket");
    // It waits for the first connection, hands its sockets on and becomes the server.
    let command = Command::new(tool)
        .arg("-l")
        .arg(&path)
        .arg(harness::bin("webserver"))
        .arg(sandbox.join("root"));
    let mut running = command.start();
    wait_until("a socket", SOON, || path.exists());
    let address = Address::Unix(path);
    let mut connected = None;
    wait_until("a connection", SOON, || {
        connected = Client::connect(&address).ok();
        connected.is_some()
    });
    let mut client = connected.expect("it is there");
    client.get("/hello.txt").is(200).body_is("hello\n");
    Client::connect(&address)
        .expect("another connection")
        .get("/missing")
        .is(404);
    drop(client);
    running.signal(Signal::TERM);
    running.wait(SOON).succeeds();
}

#[test]
fn a_tcp_socket_of_a_service_manager() {
    let Some(tool) = needs_tool(
        "sockets of a service manager",
        "systemd-socket-activate",
        "systemd",
    ) else {
        return;
    };
    let sandbox = scene();
    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    let command = Command::new(tool)
        .args(["-l", &free.to_string()])
        .arg(harness::bin("webserver"))
        .arg(sandbox.join("root"));
    let mut running = command.start();
    running.wait_stderr("Listening on", SOON);
    let address = Address::Tcp(free);
    let mut client = Client::connect(&address).expect("a connection");
    client.get("/hello.txt").is(200).body_is("hello\n");
    drop(client);
    running.signal(Signal::TERM);
    running.wait(SOON).succeeds();
}

/// Variables that are meant for another process are not taken: there may be anything at descriptor 3.
#[test]
fn sockets_of_another_process_are_left_alone() {
    let sandbox = scene();
    let command = crate::server::command(&sandbox.join("root"))
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", "1");
    let server = Server::listening(command);
    server.get("/hello.txt").is(200);
    server.stop();
    let script = r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$@""#;
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(harness::bin("webserver"))
        .arg(sandbox.join("root"))
        .run();
    output.exits_with(2).stdout_is("").stderr_is_one_line();
}

#[test]
fn ipv6_and_several_addresses() {
    if TcpListener::bind("[::1]:0").is_err() {
        return harness::leave_out(
            "IPv6",
            "this machine has none",
            "enable it on the loopback interface",
        );
    }
    let sandbox = scene();
    let both = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(["--port", "0"]);
    let running = both.start();
    let text = running.wait_stderr("/\n", SOON);
    let port: u16 = text
        .split_once("http://localhost:")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("no port in {text:?}"));
    for addr in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let address = Address::Tcp(addr.parse().expect("an address"));
        Client::connect(&address)
            .expect("a connection")
            .get("/hello.txt")
            .is(200)
            .body_is("hello\n");
    }
    let options = ["--port", "0", "--bind", "::1"];
    let server = Server::listening(
        Command::built("webserver")
            .arg(sandbox.join("root"))
            .args(options),
    );
    server.get("/hello.txt").is(200);
    let Address::Tcp(addr) = server.address() else {
        panic!("a port was asked for");
    };
    assert!(addr.is_ipv6());
    let other = Address::Tcp(([127, 0, 0, 1], addr.port()).into());
    assert!(
        Client::connect(&other).is_err(),
        "only the address that was asked for"
    );
}
