//! Sockets that someone else has opened and handed over (`LISTEN_FDS`, sd_listen_fds(3)), and has still.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{Command, Running, SOON, Sandbox, Signal, Stopwatch, needs_tool, wait_until};
use rustix::process::{Pid, kill_process};

use super::process::Process;
use super::slow::{Ahead, Slow};
use super::{BIG, files, wait_for};
use crate::client::{Address, Client, get};
use crate::reply::Asked;
use crate::site::pattern;

/// Opens a Unix socket and a port, and runs one server after another that is handed both; the next one when it is told
/// to go on. A server ends with it.
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

/// Who has the sockets, and runs the servers.
struct Launcher {
    running: Running,
    /// A port and a Unix socket.
    places: [Address; 2],
    sandbox: Sandbox,
}

impl Launcher {
    /// Starts the first server, which answers by now; `None` without the tool.
    #[track_caller]
    fn start(workers: &str) -> Option<Self> {
        let python = needs_tool("sockets handed over", "python3", "python3")?;
        let sandbox = files();
        let path = sandbox.join("socket");
        let running = Command::new(python)
            .args(["-c", LAUNCHER])
            .arg(&path)
            .arg(harness::bin("webserver"))
            .arg(sandbox.join("root"))
            .args(["--workers", workers, "--drain", "60s"])
            .start();
        let text = running.wait_stdout("started", SOON);
        let port = text.lines().next().and_then(|line| line.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("no port in {text:?}"));
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let launcher = Self {
            running,
            places: [Address::Tcp(addr), Address::Unix(path)],
            sandbox,
        };
        for place in &launcher.places {
            connect(place).get("/small").is(200);
        }
        Some(launcher)
    }

    /// What it said so far.
    fn said(&self) -> String {
        String::from_utf8_lossy(&self.running.stdout()).into_owned()
    }

    /// The number of the server that was started last.
    #[track_caller]
    fn server(&self) -> u32 {
        let said = self.said();
        let mut numbers = said
            .lines()
            .filter_map(|line| line.strip_prefix("started "));
        let number = numbers.next_back().and_then(|number| number.parse().ok());
        number.expect("a server was started")
    }

    /// Tells that server to stop.
    #[track_caller]
    fn stop(&self) {
        let pid = i32::try_from(self.server()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("the number of a process");
        kill_process(pid, Signal::TERM).expect("a server that runs");
    }

    /// Waits for the good end of the `count`th server.
    #[track_caller]
    fn wait_end(&self, count: usize) {
        wait_until("its end", SOON, || {
            self.said().matches("ended ").count() == count
        });
        let said = self.said();
        assert_eq!(said.matches("ended 0\n").count(), count, "{said}");
    }
}

#[track_caller]
fn connect(place: &Address) -> Client {
    Client::connect(place).expect("a connection")
}

/// Sockets that were handed over stay with whoever opened them: the server neither closes nor removes them for others,
/// so that clients that come while there is none wait for the next instead of being refused.
#[test]
fn sockets_that_were_handed_over_outlive_the_server() {
    let Some(mut launcher) = Launcher::start("2") else {
        return;
    };
    for place in &launcher.places {
        let mut clients: Vec<_> = (0..20).map(|_| connect(place)).collect();
        for client in &mut clients {
            client.get("/small").is(200);
        }
    }
    launcher.stop();
    launcher.wait_end(1);
    // Nobody is there, and yet nobody is refused.
    let mut early = launcher.places.each_ref().map(connect);
    for client in &mut early {
        client.send(&get("/small", &[])).expect("a request");
    }
    launcher.running.send("again\n");
    for client in &mut early {
        client.reply(Asked::Body).expect("a reply").is(200);
    }
    drop(early);
    launcher.stop();
    launcher.wait_end(2);
    assert!(launcher.sandbox.has("socket"), "it is not its to remove");
    launcher.running.send("enough\n");
    launcher.running.wait(SOON).succeeds();
}

/// A server that was told to stop, and still has something to finish, leaves those alone who come by these sockets:
/// they are the next one's, and cost it nothing.
#[test]
fn who_comes_while_the_server_finishes_waits_for_the_next() {
    let Some(mut launcher) = Launcher::start("1") else {
        return;
    };
    let process = Process::numbered(launcher.server());
    let download = Slow::ask(&launcher.places[0], "/big", Ahead::Little);
    let mut taken = download.sip(2000);
    let mut idle = connect(&launcher.places[1]);
    idle.get("/small").is(200);
    launcher.stop();
    idle.ending().expect("an end: the doors are shut");
    let mut early: Vec<_> = launcher
        .places
        .iter()
        .cycle()
        .take(8)
        .map(connect)
        .collect();
    for client in &mut early {
        client.send(&get("/small", &[])).expect("a request");
    }
    let (since, before) = (Stopwatch::start(), process.time());
    wait_for(Duration::from_millis(800), since);
    let used = process.time() - before;
    assert!(used < Duration::from_millis(80), "{used:?}");
    assert!(!early.iter().any(Client::has_news), "nobody is taken in");
    let reply = download.reply(&mut taken);
    reply.is(200).body_is(pattern(BIG));
    launcher.wait_end(1);
    launcher.running.send("again\n");
    for client in &mut early {
        client.reply(Asked::Body).expect("a reply").is(200);
    }
    drop(early);
    launcher.stop();
    launcher.wait_end(2);
}
