//! The command line: arguments and environment → the library's [`Config`]. Belongs to the binary; the library never
//! sees clap.
//!
//! What is wrong with a command line is told in one line on stderr, and ends the program with exit code 2.

mod addresses;
mod args;
mod help;
mod inherited;
mod pairs;
mod refusal;
mod settle;
mod values;

use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

use common::clock::Clock;
use common::exit::ExitStatus;
use common::log::Logger;
use common::quote;
use common::streams;
use common::style::Style;
use webserver::config::Config;
use webserver::server::announce::Opening;

use args::Args;

/// All that a command line says.
#[derive(Debug)]
pub(crate) struct Start {
    /// What the server is told.
    pub(crate) config: Config,
    /// Whether the page is shown to the user, besides its address.
    pub(crate) opening: Opening,
    /// For diagnostics.
    pub(crate) logger: Logger,
    /// Colours of what is shown on stderr.
    pub(crate) style: Style,
}

/// Reads a command line, the program's name first, and the environment's word on sockets that are open already.
///
/// # Errors
/// The exit code to end with: of `--help` and the like, or of a wrong command line, both told already.
pub(crate) fn parse(arguments: Vec<OsString>, clock: Clock) -> Result<Start, ExitCode> {
    if let Some(reason) = refusal::of(&arguments) {
        return Err(refuse(&reason));
    }
    let args: Args = common::cli::parse_from(arguments)?;
    let logger = Logger::new(args.common.log_level, args.common.log_format, clock);
    let style = Style::new(args.common.color, &stderr());
    let opening = if args.open {
        Opening::CodeAndBrowser
    } else {
        Opening::AddressOnly
    };
    let screen = if stdout().is_terminal() {
        Screen::Terminal
    } else {
        Screen::Other
    };
    let config = inherited::sockets()
        .and_then(|inherited| args.config(inherited, screen))
        .map_err(|error| refuse(&error.to_string()))?;
    Ok(Start {
        config,
        opening,
        logger,
        style,
    })
}

fn refuse(reason: &str) -> ExitCode {
    streams::notice(&format!("webserver: {}", quote::visible(reason)));
    ExitStatus::Usage.into()
}

/// Where stdout goes, on which the choice of an access log depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Terminal,
    Other,
}

/// What clap cannot tell is wrong with a command line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum UsageError {
    /// `--basic-auth` without a colon, or without a name. What was given is not repeated: it may be a password.
    #[error("--basic-auth takes USER:HASH, as 'htpasswd -nbB USER PASSWORD' prints it")]
    NoUser,
    /// `--basic-auth` with something else than a hash.
    #[error(
        "--basic-auth: what follows '{user}:' is no bcrypt hash; \
         'htpasswd -nbB {user} PASSWORD' prints one; put it between single quotes, for the shell changes $"
    )]
    NoHash {
        /// Whose password it is.
        user: String,
    },
    /// A name that can have one value only has two.
    #[error("{option} is given twice for '{name}'")]
    Twice {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// Two options that both answer pages of other origins.
    #[error("--header {0} and --cors both say who may read the replies; leave one out")]
    HeaderAndCors(String),
    /// A file for a log that is off.
    #[error("--log off writes nothing; leave out --log-file, or choose common, combined or json")]
    FileForNoLog,
    /// Sockets are open already, and others are asked for.
    #[error("{0} cannot be used here: the sockets were opened by the service manager (LISTEN_FDS)")]
    SocketsInherited(&'static str),
    /// The environment's count of sockets.
    #[error("LISTEN_FDS is '{0}', which is not a number of sockets from 1 to {max}", max = inherited::MAX_SOCKETS)]
    SocketCount(String),
}
