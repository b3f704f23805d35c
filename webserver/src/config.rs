//! What a server is told: plain values, checked before they come here. A leaf that imports nothing of ours.
//!
//! Whoever makes a [`Config`] (the command line, a test) has opened nothing yet; the paths in it are names.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// All that a server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections come from.
    pub listen: Listen,
    /// The folder served to requests for any host that has none of its own.
    pub root: PathBuf,
    /// Folders for single hosts, by lower-case name without a port.
    pub hosts: Vec<(String, PathBuf)>,
    /// What of a folder is served, and how.
    pub site: SiteConfig,
    /// Bounds on what one connection, or all of them, may take.
    pub limits: Limits,
    /// The access log.
    pub access: AccessConfig,
    /// Certificate and key, if the connections are encrypted.
    pub tls: Option<TlsConfig>,
    /// Where health and metrics are told; nowhere if absent.
    pub admin: Option<SocketAddr>,
    /// Event loops, each on a thread of its own.
    pub workers: NonZeroUsize,
}

/// Where connections come from.
#[derive(Clone, Debug)]
pub enum Listen {
    /// TCP: one port on each of the addresses. No address means every one, IPv6 and IPv4.
    Tcp {
        /// The addresses.
        addrs: Vec<IpAddr>,
        /// The port; 0 lets the system choose.
        port: u16,
    },
    /// A Unix socket.
    Unix {
        /// Its path. A socket that nobody listens on any more is removed first.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Sockets that are open already and were handed over (`LISTEN_FDS`), this many from descriptor 3 on.
    Inherited {
        /// How many.
        count: usize,
    },
}

/// What of a folder is served, and how.
#[derive(Clone, Debug)]
pub struct SiteConfig {
    /// Whether a folder without an index file is answered with a list of what is in it.
    pub list: bool,
    /// Whether symbolic links may lead out of the root.
    pub follow: bool,
    /// Whether text is compressed when there is no compressed file beside it.
    pub compress: bool,
    /// How long a file that was looked at is taken to be unchanged.
    pub fresh: Duration,
    /// Files and folders that are kept open for later requests, by each worker for each site.
    pub cache_files: u64,
    /// Bytes of file contents and prepared replies that are kept in memory, over all workers.
    pub cache_len: u64,
    /// A file, as a path beneath the root, that answers every path at which nothing is found.
    pub spa: Option<String>,
    /// Files, as paths beneath the root, that are the bodies of replies with these status codes.
    pub error_pages: Vec<(u16, String)>,
    /// `Cache-Control` by the first pattern that the path matches.
    pub cache_control: Vec<(String, String)>,
    /// Further fields of every reply.
    pub headers: Vec<(String, String)>,
    /// Whether pages of other origins may read the replies.
    pub cors: bool,
    /// Users and the bcrypt hashes of their passwords; nobody need sign in if there are none.
    pub users: Vec<(String, String)>,
}

/// Bounds on what one connection, or all of them, may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one request's head.
    pub head_len: usize,
    /// Fields of one request's head. At most [`MAX_FIELDS`].
    pub fields: usize,
    /// Bytes of a request's body, which is read and thrown away.
    pub body_len: u64,
    /// Time for a whole head, and again for a whole body, however slowly they drip.
    pub head_timeout: Duration,
    /// Time between a reply and the next request.
    pub idle_timeout: Duration,
    /// The stretch of time over which a client must take [`Limits::min_rate`].
    pub write_timeout: Duration,
    /// Bytes per second that a client must take of a reply, on average over [`Limits::write_timeout`].
    pub min_rate: u64,
    /// Bytes of replies to pipelined requests that are gathered before they are sent and no more is read. It is what a
    /// client that does not take its replies makes the server keep.
    pub pipeline_len: usize,
    /// Open connections, over all workers.
    pub connections: usize,
    /// Time that replies under way have to finish when the server stops.
    pub drain: Duration,
}

/// The most fields that a head may be allowed to have: room for them is made on the stack.
pub const MAX_FIELDS: usize = 100;

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_len: 16 * 1024,
            fields: MAX_FIELDS,
            body_len: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            min_rate: 256,
            pipeline_len: 64 * 1024,
            connections: 20_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// The access log.
#[derive(Clone, Debug)]
pub struct AccessConfig {
    /// The form of a line, if there is to be a log.
    pub format: Option<AccessFormat>,
    /// The file that lines are appended to; stdout if absent.
    pub file: Option<PathBuf>,
    /// Proxies whose word on the client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

/// The form of a line of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// Common Log Format.
    Common,
    /// Combined Log Format: with referrer and user agent.
    Combined,
    /// One JSON object a line.
    Json,
}

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// PEM: the certificate and those that lead to a known one.
    pub cert: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self {
            list: false,
            follow: false,
            compress: false,
            fresh: Duration::from_secs(1),
            cache_files: 1024,
            cache_len: 64 * 1024 * 1024,
            spa: None,
            error_pages: Vec::new(),
            cache_control: Vec::new(),
            headers: Vec::new(),
            cors: false,
            users: Vec::new(),
        }
    }
}
