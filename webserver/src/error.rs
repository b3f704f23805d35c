//! Why a server does not start, or ends.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use common::exit::io_message;
use common::quote;

/// What makes a start impossible. Each names what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A root that is not there, not a folder, or not ours to read.
    #[error("cannot serve {}: {}", quote::always(path), folder_advice(path))]
    Root {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A pattern that cannot be read.
    #[error("{} is not a pattern: {reason}", quote::always(pattern))]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A page that is to be served in the place of others, and is not there.
    #[error(
        "there is no file {} in the folder to serve; a page is named as seen from there",
        quote::always(path)
    )]
    Page {
        /// As it was given.
        path: String,
    },
    /// An address that cannot be listened on.
    #[error("cannot listen on {addr}: {}", advice(source, option))]
    Listen {
        /// Which option chooses another.
        option: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A Unix socket that cannot be listened on.
    #[error("cannot listen on {}", quote::always(path))]
    Unix {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A Unix socket on which another server listens, or something else in its place.
    #[error("cannot listen on {}: {reason}", quote::always(path))]
    UnixTaken {
        /// Its path.
        path: PathBuf,
        /// What is there.
        reason: &'static str,
    },
    /// A socket that was handed over and is none to listen on.
    #[error("descriptor {number} was handed over to listen on, and is not a listening socket")]
    Inherited {
        /// Its number.
        number: usize,
    },
    /// A certificate or key that cannot be read.
    #[error("cannot read {}", quote::always(path))]
    TlsFile {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate or key that cannot be used.
    #[error("{} {reason}", quote::always(path))]
    Tls {
        /// The file with what is wrong.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An access log that cannot be opened.
    #[error("cannot open log {}", quote::always(path))]
    Log {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has not what every server needs.
    #[error("cannot start")]
    System(#[from] io::Error),
}

/// What to name instead. A number alone is most often meant as a port.
fn folder_advice(path: &Path) -> String {
    let name = path.to_string_lossy();
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("name a folder; the port is chosen with --port {name}");
    }
    "name a folder that exists and may be read, such as . for this one".to_owned()
}

/// What the system says, and what to do about it.
fn advice(error: &io::Error, option: &str) -> String {
    const ADVICE: [(io::ErrorKind, &str); 3] = [
        (
            io::ErrorKind::AddrInUse,
            "the port is in use; stop the other program or choose another with",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "ports below 1024 need privileges; choose another with",
        ),
        (
            io::ErrorKind::AddrNotAvailable,
            "this machine does not have that address; choose another with",
        ),
    ];
    let known = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(
        || io_message(error),
        |(_, advice)| format!("{advice} {option}"),
    )
}
