//! What can keep a program from starting, or end it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a role did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be listened at.
    #[error("listen at {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A file of the program's own could not be read or written.
    #[error("{path}", path = .path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file of the program's own is not what it should be.
    #[error("{path}: not a natchat {what}; move it away to begin anew", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The system refused something that every program has.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}
