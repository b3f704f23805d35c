//! Who takes part, and how each is set up for the same work.
//!
//! Each serves the same folder with two workers (or threads), sends from the page cache by the means it has, keeps
//! connections open as long as it can, and writes no log unless the row is about logs. The configurations are in
//! `conf/`.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::ValueEnum;
use harness::{Command, Limit, Sandbox, bin, is_root, leave_out, needs_tool};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Server {
    /// nginx, which all others are compared with.
    Nginx,
    /// nginx that reads files instead of sending them by the kernel: less work for small ones.
    NginxReading,
    /// nginx that does not hold back heads until they fill a packet: fewer system calls.
    NginxUncorked,
    /// nginx with a buffer for its log, in the row about logs.
    NginxBuffered,
    /// Ours.
    Webserver,
    /// h2o, from the distribution.
    H2o,
    /// lighttpd, from the distribution.
    Lighttpd,
    /// static-web-server, see `bench/peers`.
    Sws,
}

/// Whether requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Not at all.
    Off,
    /// Each, in the combined format, to a file.
    Combined,
}

/// Where a server finds and puts things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The folder to serve.
    pub(crate) root: &'a Path,
    /// A folder for its configuration, log and temporary files.
    pub(crate) state: &'a Sandbox,
    pub(crate) port: u16,
    pub(crate) log: Log,
    /// Descriptors it may have open.
    pub(crate) files: u64,
}

impl Server {
    /// As shown in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::NginxReading => "nginx (no sendfile)",
            Self::NginxUncorked => "nginx (no nopush)",
            Self::NginxBuffered => "nginx (log buffer)",
            Self::Webserver => "webserver",
            Self::H2o => "h2o",
            Self::Lighttpd => "lighttpd",
            Self::Sws => "sws",
        }
    }

    /// Whether it can take part in a row with such a log.
    pub(crate) fn can_log(self, log: Log) -> bool {
        match self {
            Self::NginxBuffered => log == Log::Combined,
            Self::NginxReading | Self::NginxUncorked => log == Log::Off,
            // Its log is a line of prose on standard output.
            Self::Sws => log == Log::Off,
            Self::Nginx | Self::Webserver | Self::H2o | Self::Lighttpd => true,
        }
    }

    /// Whether it is another's program with one setting changed, which makes no difference to idle connections.
    pub(crate) fn is_variant(self) -> bool {
        match self {
            Self::NginxReading | Self::NginxUncorked | Self::NginxBuffered => true,
            Self::Nginx | Self::Webserver | Self::H2o | Self::Lighttpd | Self::Sws => false,
        }
    }

    /// Its arguments, with places to be filled in.
    fn arguments(self, log: Log) -> &'static str {
        match (self, log) {
            (Self::H2o, _) => "-c {configuration}",
            (Self::Lighttpd, _) => "-D -f {configuration}",
            (Self::Webserver, Log::Off) => {
                "{root} --port {port} --bind 127.0.0.1 --workers {workers} --log off"
            }
            (Self::Webserver, Log::Combined) => {
                "{root} --port {port} --bind 127.0.0.1 --workers {workers} --log combined --log-file {access_log}"
            }
            // It takes its threads as a multiple of the processors.
            (Self::Sws, _) => {
                "--root {root} --host 127.0.0.1 --port {port} --threads-multiplier 1 --log-level error \
                 --compression false --cache-control-headers false"
            }
            (Self::Nginx | Self::NginxReading | Self::NginxUncorked | Self::NginxBuffered, _) => {
                "-p {state} -e stderr -c {configuration}"
            }
        }
    }

    /// What is in its file `{configuration}`, with places to be filled in.
    fn configuration(self, log: Log) -> String {
        let (text, log_line) = match (self, log) {
            (Self::H2o, Log::Off) => (include_str!("conf/h2o.conf"), ""),
            (Self::H2o, Log::Combined) => {
                (include_str!("conf/h2o.conf"), "access-log: {access_log}")
            }
            (Self::Lighttpd, Log::Off) => (include_str!("conf/lighttpd.conf"), ""),
            (Self::Lighttpd, Log::Combined) => (
                include_str!("conf/lighttpd.conf"),
                "server.modules += ( \"mod_accesslog\" )\naccesslog.filename = \"{access_log}\"",
            ),
            (Self::Webserver | Self::Sws, _) => ("", ""),
            (Self::NginxBuffered, _) => (
                include_str!("conf/nginx.conf"),
                "{access_log} combined buffer=64k flush=1s",
            ),
            (_, Log::Combined) => (include_str!("conf/nginx.conf"), "{access_log} combined"),
            (_, Log::Off) => (include_str!("conf/nginx.conf"), "off"),
        };
        let text = text.replace("{log}", log_line);
        match self {
            Self::NginxReading => text.replace("sendfile on;", "sendfile off;"),
            Self::NginxUncorked => text.replace("tcp_nopush on;", "tcp_nopush off;"),
            Self::Nginx
            | Self::NginxBuffered
            | Self::Webserver
            | Self::H2o
            | Self::Lighttpd
            | Self::Sws => text,
        }
    }
}

/// How many workers each has: as many as there are processors, but no more than two, since the load needs some too.
fn workers() -> usize {
    available_parallelism().map_or(1, usize::from).min(2)
}

impl Place<'_> {
    fn fill(&self, template: &str) -> String {
        let of_state = |name: &str| self.state.join(name).display().to_string();
        template
            .replace("{configuration}", &of_state(CONFIGURATION))
            .replace("{access_log}", &of_state("access.log"))
            .replace("{state}", &of_state("."))
            .replace("{root}", &self.root.display().to_string())
            .replace("{port}", &self.port.to_string())
            .replace("{workers}", &workers().to_string())
            .replace("{files}", &self.files.to_string())
    }
}

const CONFIGURATION: &str = "server.conf";

/// Those who are here.
#[derive(Debug)]
pub(crate) struct Contestants {
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    server: Server,
    program: PathBuf,
    version: String,
}

impl Contestants {
    /// Looks for `wanted`, or for everyone if that is empty. nginx always takes part; `None` if it is not here.
    pub(crate) fn find(wanted: &[Server], peers: &Path) -> Option<Self> {
        let is_wanted = |server: &Server| {
            *server == Server::Nginx || wanted.is_empty() || wanted.contains(server)
        };
        let servers = Server::value_variants().iter().copied().filter(is_wanted);
        let found: Vec<Found> = servers
            .filter_map(|server| Found::look_for(server, peers))
            .collect();
        (found.first()?.server == Server::Nginx).then_some(Self { found })
    }

    /// Everyone who can take part with such a log.
    pub(crate) fn who(&self, log: Log) -> impl Iterator<Item = Server> {
        let servers = self.found.iter().map(|found| found.server);
        servers.filter(move |server| server.can_log(log))
    }

    /// Everyone with their version.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (Server, &str)> {
        let shown = self.found.iter();
        let shown = shown.filter(|found| !found.server.is_variant());
        shown.map(|found| (found.server, found.version.as_str()))
    }

    /// How `server` serves there; its configuration is written.
    pub(crate) fn command(&self, server: Server, place: &Place<'_>) -> Command {
        let found = self.found.iter().find(|found| found.server == server);
        let program = &found.expect("only those who are here are asked").program;
        // Only root may give up its rights, and is told not to: the folder to serve may be closed to others.
        let configuration = server.configuration(place.log);
        let lines = configuration.lines();
        let lines: Vec<&str> = lines
            .filter(|line| is_root() || !line.starts_with("user"))
            .collect();
        let configuration = place.fill(&lines.join("\n"));
        place.state.file(CONFIGURATION, configuration + "\n");
        let args = server.arguments(place.log).split_whitespace();
        // It ends with this program, even if that is killed; and it is in a session of its own, because lighttpd ends
        // its whole process group with itself.
        Command::new("setsid")
            .args(["setpriv", "--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(args.map(|arg| place.fill(arg)))
            .cwd(place.state.path())
            .limit(Limit::OpenFiles(place.files))
    }
}

impl Display for Contestants {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (server, version) in self.versions() {
            writeln!(f, "{}: {version}", server.name())?;
        }
        Ok(())
    }
}

impl Found {
    fn look_for(server: Server, peers: &Path) -> Option<Self> {
        let distributed = |name: &str| needs_tool(name, name, name);
        let (program, asks_version) = match server {
            Server::Nginx
            | Server::NginxReading
            | Server::NginxUncorked
            | Server::NginxBuffered => (distributed("nginx")?, "-v"),
            Server::Webserver => (bin("webserver"), "--version"),
            Server::H2o => (distributed("h2o")?, "--version"),
            Server::Lighttpd => (distributed("lighttpd")?, "-v"),
            Server::Sws => {
                let program = peers.join("bin/static-web-server");
                if !program.is_file() {
                    leave_out(server.name(), "not installed", "run tests/bench/peers");
                    return None;
                }
                (program, "--version")
            }
        };
        let output = Command::new(&program).arg(asks_version).run();
        // nginx answers on the other stream.
        let said = [output.stdout_text(), output.stderr_text()].concat();
        let numbered =
            |word: &&str| word.contains('.') && word.ends_with(|c: char| c.is_ascii_digit());
        let version = said
            .split([' ', '/', '\n'])
            .find(numbered)
            .unwrap_or("unknown")
            .to_owned();
        Some(Self {
            server,
            program,
            version,
        })
    }
}
