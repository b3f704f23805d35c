//! The same by ICE: aioice at both ends, coturn as STUN and TURN server, candidates exchanged in no time.
//!
//! Kinder to it than life in one way: nobody has to carry the candidates from one end to the other.

use std::time::Duration;

use harness::lab::Host;
use harness::{Command, Running, SOON, Stopwatch, leave_out, needs_tool};

/// As shown in tables.
pub(crate) const NAME: &str = "aioice + coturn";

/// The interpreter for which the distribution brings aioice.
const PYTHON: &str = "/usr/bin/python3";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/nat/ice.py");

const USER: &str = "bench";
const PASSWORD: &str = "bench";

/// How an end reaches the relay.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// coturn on the server host.
#[derive(Debug)]
pub(crate) struct Relay {
    addr: String,
    _running: Running,
}

impl Relay {
    /// Starts it; `None`, and says so, if it or aioice is not installed.
    pub(crate) fn start(host: Host<'_>) -> Option<Self> {
        let program = needs_tool(NAME, "turnserver", "coturn")?;
        let asked = Command::new(PYTHON).args(["-c", "import aioice"]).run();
        if !asked.status.success() {
            leave_out(NAME, "no aioice", "install the package python3-aioice");
            return None;
        }
        let addr = host.addr().to_string();
        let user = format!("{USER}:{PASSWORD}");
        let command = host.enter(|| Command::new(program).args(turn_arguments(&addr, &user)));
        let running = host.enter(|| command.start());
        running.wait_stdout("Total General servers", SOON);
        Some(Self {
            addr,
            _running: running,
        })
    }
}

/// No configuration, log on standard output, one user, nothing but TURN and STUN.
fn turn_arguments<'a>(addr: &'a str, user: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["-n", "--listening-ip", addr, "--relay-ip", addr];
    arguments.extend(["--lt-cred-mech", "--user", user, "--realm", "bench"]);
    arguments.extend(["--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout"]);
    arguments.extend(["--pidfile", "/dev/null", "--userdb", "/dev/null"]);
    arguments
}

/// One end: a process that gathers and connects as often as it is told to.
#[derive(Debug)]
pub(crate) struct Agent {
    running: Running,
    /// Lines of its output that were read.
    read: usize,
}

impl Agent {
    /// Starts one and waits until it has loaded its libraries.
    pub(crate) fn start(host: Host<'_>, relay: &Relay, transport: Transport) -> Self {
        let transport = match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let command = Command::new(PYTHON).args([SCRIPT, &relay.addr, USER, PASSWORD, transport]);
        let running = host.enter(|| command.start());
        let mut agent = Self { running, read: 0 };
        agent.line();
        agent
    }

    fn tell(&mut self, line: &str) {
        self.running.send(format!("{line}\n"));
    }

    /// Its next line.
    fn line(&mut self) -> String {
        let mut found = None;
        let read = self.read;
        self.running.wait_stdout_for("line", LIMIT, |bytes| {
            let whole = bytes.split_inclusive(|byte| *byte == b'\n').nth(read);
            let whole = whole.and_then(|line| line.strip_suffix(b"\n"));
            found = whole.map(|line| String::from_utf8_lossy(line).into_owned());
            found.is_some()
        });
        self.read += 1;
        found.unwrap_or_default()
    }

    /// What it gathered.
    fn gathered(&mut self) -> Option<String> {
        self.line().strip_prefix("gathered ").map(str::to_owned)
    }
}

/// Its own limits together, and more.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// From the beginning of the gathering of the one that calls, the other having gathered before.
    pub(crate) cold: Duration,
    /// From the exchange of candidates to the echo.
    pub(crate) echo: Duration,
    pub(crate) is_direct: bool,
}

/// Connects two; `None` if they do not come together.
pub(crate) fn connect(caller: &mut Agent, called: &mut Agent) -> Option<Connection> {
    called.tell("gather controlled");
    let theirs = called.gathered()?;
    let cold = Stopwatch::start();
    caller.tell("gather controlling");
    let ours = caller.gathered()?;
    let exchanged = Stopwatch::start();
    caller.tell(&format!("connect {theirs}"));
    called.tell(&format!("connect {ours}"));
    let end = caller.line();
    let (cold, echo) = (cold.elapsed(), exchanged.elapsed());
    called.line();
    let way = end.strip_prefix("echo ")?;
    Some(Connection {
        cold,
        echo,
        is_direct: way == "direct",
    })
}
