//! The command line: arguments and environment → the library's configuration. Belongs to the binary; the library never
//! sees clap.
//!
//! What is wrong with a command line is told in one line on stderr, and ends the program with exit code 2.

mod args;
mod help;
mod refusal;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use common::clock::Clock;
use common::exit::ExitStatus;
use common::log::Logger;
use common::{quote, streams};
use natchat::config::{ClientConfig, ServerConfig, ServerLimits};
use natchat::driver::screen::Stamps;

use args::{Args, ClientArgs, Role, ServerArgs, When};
use values::{Bind, Home};

/// All that a command line says.
#[derive(Debug)]
pub(crate) struct Start {
    /// What to run.
    pub(crate) task: Task,
    /// For diagnostics.
    pub(crate) logger: Logger,
}

/// One of the two roles.
#[derive(Debug)]
pub(crate) enum Task {
    /// The rendezvous.
    Server(ServerConfig),
    /// Somebody who chats.
    Client(ClientConfig, Stamps),
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// The exit code to end with: of `--help` and the like, or of a wrong command line, both told already.
pub(crate) fn parse(arguments: Vec<OsString>, clock: Clock) -> Result<Start, ExitCode> {
    if let Some(reason) = refusal::of(&arguments) {
        return Err(refuse(&reason));
    }
    let args: Args = common::cli::parse_from(arguments)?;
    let logger = Logger::new(args.common.log_level, args.common.log_format, clock);
    let home = Home::of(|name| std::env::var_os(name));
    let task = match args.role {
        Some(Role::Server(server)) => server.config(&home).map(Task::Server),
        Some(Role::Client(client)) => client
            .config(&home)
            .map(|(config, stamps)| Task::Client(config, stamps)),
        None => Err(UsageError::NoRole),
    };
    let task = task.map_err(|error| refuse(&error.to_string()))?;
    Ok(Start { task, logger })
}

fn refuse(reason: &str) -> ExitCode {
    streams::notice(&format!("natchat: {}", quote::visible(reason)));
    ExitStatus::Usage.into()
}

/// What clap cannot tell is wrong with a command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum UsageError {
    /// Neither of the roles.
    #[error("say what to run: 'natchat server' or 'natchat client'; see natchat --help")]
    NoRole,
    /// The environment does not say where data lives.
    #[error("there is no home folder (HOME) to keep keys in; name a folder with --data")]
    NoHome,
}

impl ServerArgs {
    fn config(self, home: &Home) -> Result<ServerConfig, UsageError> {
        Ok(ServerConfig {
            bind: addresses(&self.bind),
            tcp: addresses(&self.tcp),
            probe: !self.no_probe,
            data: data(self.data, home)?,
            limits: ServerLimits {
                members: self.members,
                relay_rate: self.relay_rate,
                older_ports: self.older_ports,
                ..ServerLimits::default()
            },
        })
    }
}

impl ClientArgs {
    fn config(self, home: &Home) -> Result<(ClientConfig, Stamps), UsageError> {
        let config = ClientConfig {
            id: self.id,
            host: self.server.host,
            port: self.server.port,
            local_port: self.port,
            data: data(self.data, home)?,
            downloads: self.downloads,
            direct: !self.no_direct,
            birthday: !self.no_birthday,
        };
        let stamps = match self.stamps {
            When::Auto => Stamps::Terminal,
            When::Always => Stamps::On,
            When::Never => Stamps::Off,
        };
        Ok((config, stamps))
    }
}

/// Each address once, in the order given.
fn addresses(given: &[Bind]) -> Vec<std::net::SocketAddr> {
    let mut addresses = Vec::new();
    for addr in given.iter().flat_map(|Bind(addrs)| addrs) {
        if !addresses.contains(addr) {
            addresses.push(*addr);
        }
    }
    addresses
}

fn data(given: Option<PathBuf>, home: &Home) -> Result<PathBuf, UsageError> {
    given.or_else(|| home.data()).ok_or(UsageError::NoHome)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_server_is_configured() {
        let config = server(&["natchat", "server"]);
        assert_eq!(shown(&config.bind), ["[::]:10080"]);
        assert!(config.tcp.is_empty() && config.probe);
        assert_eq!(config.data, PathBuf::from("/home/kim/.local/share/natchat"));
        assert_eq!(config.limits, ServerLimits::default());
        let config = server(&[
            "natchat",
            "server",
            "--bind",
            "0.0.0.0:7",
            "--bind",
            "7",
            "--bind",
            "0.0.0.0:7",
            "--tcp",
            "443",
            "--no-probe",
            "--data",
            "here",
            "--members",
            "5",
            "--relay-rate",
            "1MiB",
            "--older-ports",
            "0",
        ]);
        assert_eq!(shown(&config.bind), ["0.0.0.0:7", "[::]:7"]);
        assert_eq!(shown(&config.tcp), ["[::]:443"]);
        assert_eq!((config.probe, config.data), (false, PathBuf::from("here")));
        let limits = ServerLimits {
            members: 5,
            relay_rate: 1 << 20,
            older_ports: 0,
            ..ServerLimits::default()
        };
        assert_eq!(config.limits, limits);
    }

    #[test]
    fn a_client_is_configured() {
        let (config, stamps) =
            client(&["natchat", "client", "--id", "김", "--server", "Example.org"]);
        assert_eq!(
            (config.id.as_str(), &*config.host, config.port),
            ("김", "example.org", 10_080)
        );
        assert_eq!(
            (config.local_port, config.direct, config.birthday, stamps),
            (0, true, true, Stamps::Terminal)
        );
        assert_eq!(
            (config.data, config.downloads),
            ("/home/kim/.local/share/natchat".into(), ".".into())
        );
        let (config, stamps) = client(&[
            "natchat",
            "client",
            "--id",
            "a",
            "--server",
            "[::1]:9",
            "--port",
            "10081",
            "--data",
            "d",
            "--downloads",
            "e",
            "--stamps",
            "--no-direct",
            "--no-birthday",
        ]);
        assert_eq!(
            (&*config.host, config.port, config.local_port),
            ("::1", 9, 10_081)
        );
        assert_eq!(
            (config.direct, config.birthday, stamps),
            (false, false, Stamps::On)
        );
        assert_eq!((config.data, config.downloads), ("d".into(), "e".into()));
        let (_, stamps) = client(&[
            "natchat",
            "client",
            "--id",
            "a",
            "--server",
            "b",
            "--stamps=never",
        ]);
        assert_eq!(stamps, Stamps::Off);
    }

    #[test]
    fn without_a_home_data_has_to_be_named() {
        let nowhere = Home::of(|_| None);
        let Some(Role::Server(args)) = parsed(&["natchat", "server"]).role else {
            panic!("it is a server")
        };
        assert_eq!(args.config(&nowhere).unwrap_err(), UsageError::NoHome);
        let Some(Role::Server(args)) = parsed(&["natchat", "server", "--data", "x"]).role else {
            panic!("it is a server")
        };
        assert!(args.config(&nowhere).is_ok());
    }

    fn parsed(line: &[&str]) -> Args {
        Args::try_parse_from(line).unwrap()
    }

    fn server(line: &[&str]) -> ServerConfig {
        match parsed(line).role {
            Some(Role::Server(args)) => args.config(&home()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn client(line: &[&str]) -> (ClientConfig, Stamps) {
        match parsed(line).role {
            Some(Role::Client(args)) => args.config(&home()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn home() -> Home {
        Home::of(|name| (name == "HOME").then(|| "/home/kim".into()))
    }

    fn shown(addrs: &[std::net::SocketAddr]) -> Vec<String> {
        addrs.iter().map(ToString::to_string).collect()
    }
}
