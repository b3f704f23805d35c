//! Servers that come and go at one address, and doors that several of them have had.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use harness::{Command, Running, SOON, Signal, needs_tool, wait_until};
use rustix::process::{Pid, kill_process};

use super::process::Process;
use super::slow::{Ahead, Slow};
use super::{BIG, Scene, files};
use crate::client::{Address, Client, get};
use crate::reply::Asked;
use crate::server::Server;
use crate::site::pattern;

/// The options of a server at this port.
fn at(port: u16) -> [String; 2] {
    ["--port".to_owned(), port.to_string()]
}

/// A port can be had again at once, whatever the connections of the server before are doing.
#[test]
fn a_server_can_be_started_anew_at_once() {
    let mut scene = Scene::start(&[]);
    let port = scene.server.port();
    for round in 0..5 {
        // Connections that the server ends first keep their port for a minute (TIME-WAIT).
        let mut ended: Vec<_> = (0..20)
            .map(|_| {
                let mut client = scene.server.connect();
                let request = get("/small", &[("Connection", "close")]);
                client.ask(&request).is(200);
                client
            })
            .collect();
        for client in &mut ended {
            client.ending().expect("an end");
        }
        let idle = scene.server.connect();
        scene.server.stop();
        scene = Scene::start_as(|command, _| command.args(at(port)));
        assert_eq!(scene.server.port(), port, "round {round}");
        scene.server.get("/small").is(200);
        drop((idle, ended));
    }
}

/// While one server still finishes its downloads, the next has taken over its port.
#[test]
fn a_server_takes_over_while_the_one_before_finishes() {
    let mut before = Scene::start(&["--drain", "60s"]);
    let client = Slow::ask(&before.server, "/big", Ahead::Little);
    let mut taken = client.sip(2000);
    before.server.signal(Signal::TERM);
    let port = before.server.port();
    let refused = || Client::connect(before.server.address()).is_err();
    wait_until("the doors to be shut", SOON, refused);
    let after = Scene::start_as(|command, _| command.args(at(port)));
    after.server.get("/small").is(200);
    client.reply(&mut taken).is(200).body_is(pattern(BIG));
    before.server.ended();
    after.server.get("/small").is(200);
}

/// Two servers never share a port without knowing: the second says so in one line, and the first does not notice.
#[test]
fn a_second_server_at_a_port_is_refused() {
    let scene = Scene::start(&[]);
    let port = scene.server.port().to_string();
    for bind in [&["--bind", "127.0.0.1"][..], &["--bind", "0.0.0.0"], &[]] {
        let second = Command::built("webserver")
            .arg(scene.sandbox.path())
            .args(["--port", &port])
            .args(bind)
            .run();
        second.exits_with(2).stdout_is("").stderr_is_one_line();
        second.stderr_has(&port).stderr_has("in use");
        scene.server.get("/small").is(200);
    }
}

/// The system spreads connections over the workers.
#[test]
fn every_worker_gets_connections() {
    let mut scene = Scene::start(&["--workers", "2"]);
    let process = scene.process();
    let time = |number| process.time_of(&format!("worker {number}"));
    let before = [time(0), time(1)];
    let mut clients: Vec<_> = (0..64).map(|_| scene.server.connect()).collect();
    for client in &mut clients {
        for _ in 0..5 {
            client.get("/small").is(200);
        }
    }
    for (number, before) in before.into_iter().enumerate() {
        let used = time(number) - before;
        assert!(
            used > Duration::from_micros(200),
            "worker {number}: {used:?}"
        );
    }
}

/// A worker that is busy does not keep those waiting who have come by a door that all share.
#[test]
fn a_shared_door_leads_to_whoever_is_free() {
    let sandbox = files();
    let path = sandbox.join("socket");
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(["--workers", "2", "--unix"])
        .arg(&path);
    let server = Server::listening_at(command, &path);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    server.get("/small").is(200);
                    server.get("/medium").is(200);
                }
            });
        }
    });
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.get("/small").is(200);
    }
}

/// A Unix socket has the same bounds as a port: silence, half a request, and a reader that does not read.
#[test]
fn a_unix_socket_has_the_same_bounds() {
    let sandbox = files();
    let path = sandbox.join("socket");
    let options = [
        "--head-timeout",
        "300ms",
        "--write-timeout",
        "300ms",
        "--min-rate",
        "100KiB",
    ];
    let command = Command::built("webserver")
        .arg(sandbox.join("root"))
        .args(options)
        .arg("--unix")
        .arg(&path);
    let mut server = Server::listening_at(command, &path);
    let process = Process::of(&mut server);
    let sockets = process.sockets();
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send(b"GET /small HTTP/1.1\r\n").expect("a beginning");
    let mut stopped = server.connect();
    stopped.send(&get("/big", &[])).expect("a request");
    silent.ending().expect("an end without a word");
    half.reply(Asked::Body).expect("a reply").is(408);
    half.ending().expect("an end");
    drop((silent, half));
    process.wait_sockets(sockets);
    let (taken, _) = stopped.rest().expect("an end");
    assert!(taken.len() < BIG / 2, "{} bytes", taken.len());
    server.get("/small").is(200);
}

/// Opens a Unix socket and a port, and runs one server after another that is handed both (sd_listen_fds(3)); the next
/// one when it is told to go on.
const LAUNCHER: &str = r#"
import os, socket, sys
unix, port = socket.socket(socket.AF_UNIX), socket.create_server(("127.0.0.1", 0))
unix.bind(sys.argv[1])
unix.listen(128)
print(port.getsockname()[1], flush=True)
sockets = [os.dup(port.fileno()), os.dup(unix.fileno())]
while True:
    child = os.fork()
    if child == 0:
        os.dup2(sockets[0], 3)
        os.dup2(sockets[1], 4)
        os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
        os.execvp("setpriv", ["setpriv", "--pdeathsig", "KILL", *sys.argv[2:]])
    print("started", child, flush=True)
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
    if sys.stdin.readline() != "again\n":
        break
"#;

/// Sockets that were handed over stay with whoever opened them: the server neither closes nor removes them for others,
/// so that clients that come while there is none wait for the next instead of being refused.
#[test]
fn sockets_that_were_handed_over_outlive_the_server() {
    let Some(python) = needs_tool("sockets handed over", "python3", "python3") else {
        return;
    };
    let sandbox = files();
    let path = sandbox.join("socket");
    let mut launcher = Command::new(python)
        .args(["-c", LAUNCHER])
        .arg(&path)
        .arg(harness::bin("webserver"))
        .arg(sandbox.join("root"))
        .args(["--workers", "2"])
        .start();
    let text = launcher.wait_stdout("started", SOON);
    let port = text.lines().next().and_then(|line| line.parse().ok());
    let port: u16 = port.unwrap_or_else(|| panic!("no port in {text:?}"));
    let places = [
        Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port))),
        Address::Unix(path.clone()),
    ];
    for place in &places {
        let mut clients: Vec<_> = (0..20).map(|_| connect(place)).collect();
        for client in &mut clients {
            client.get("/small").is(200);
        }
    }
    end_server(&launcher, 1);
    // Nobody is there, and yet nobody is refused.
    let mut early = places.each_ref().map(connect);
    for client in &mut early {
        client.send(&get("/small", &[])).expect("a request");
    }
    launcher.send("again\n");
    for client in &mut early {
        client.reply(Asked::Body).expect("a reply").is(200);
    }
    drop(early);
    end_server(&launcher, 2);
    assert!(path.exists(), "it is not the server's to remove");
    launcher.send("enough\n");
    launcher.wait(SOON).succeeds();
}

#[track_caller]
fn connect(place: &Address) -> Client {
    Client::connect(place).expect("a connection")
}

/// Ends the server that the launcher started last, and waits for its good end; the `count`th.
#[track_caller]
fn end_server(launcher: &Running, count: usize) {
    let text = || String::from_utf8_lossy(&launcher.stdout()).into_owned();
    let started = text();
    let mut numbers = started
        .lines()
        .filter_map(|line| line.strip_prefix("started "));
    let pid = numbers.next_back().and_then(|number| number.parse().ok());
    let pid = pid
        .and_then(Pid::from_raw)
        .expect("the number of a process");
    kill_process(pid, Signal::TERM).expect("a server that runs");
    wait_until("its end", SOON, || {
        text().matches("ended ").count() == count
    });
    assert_eq!(text().matches("ended 0\n").count(), count, "{}", text());
}
