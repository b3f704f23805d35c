//! The options as clap reads them, and as `--help` tells them. What they mean together is decided in `settle.rs`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser};
use clap::{Parser, ValueHint};
use common::cli::CommonArgs;
use ipnet::IpNet;

use super::addresses::{self, Bind};
use super::help;
use super::pairs;
use super::values::{self, LogForm};

/// Serves a folder to browsers and other HTTP clients
#[derive(Debug, Parser)]
#[command(
    name = "webserver",
    version,
    args_override_self = true,
    override_usage = "webserver [OPTIONS] [ROOT]",
    after_help = help::MORE,
    after_long_help = help::LONG,
)]
pub(super) struct Args {
    /// The folder to serve
    #[arg(default_value = "www", value_hint = ValueHint::DirPath, value_parser = PathBufValueParser::new())]
    pub(super) root: PathBuf,

    /// Port to listen on [default: 8080]
    ///
    /// With 0 the system chooses a free one. What is chosen is printed
    #[arg(short, long, value_name = "N", value_parser = values::port, help_heading = WHERE)]
    pub(super) port: Option<u16>,

    /// Address to listen on; may be given several times [default: every address, IPv6 and IPv4]
    ///
    /// Such as localhost, for this machine only, or 192.168.0.10 or ::1
    #[arg(short, long, value_name = "ADDR", value_parser = addresses::bind, help_heading = WHERE)]
    pub(super) bind: Vec<Bind>,

    /// Listen on a Unix socket instead of a port
    ///
    /// A socket that is left over there is replaced; one that a server listens on is not
    #[arg(
        long, value_name = "PATH", value_hint = ValueHint::FilePath, value_parser = PathBufValueParser::new(),
        conflicts_with_all = ["port", "bind", "open"], help_heading = WHERE
    )]
    pub(super) unix: Option<PathBuf>,

    /// Permissions of the Unix socket
    #[arg(
        long, value_name = "MODE", default_value = "660", value_parser = values::mode, requires = "unix",
        help_heading = WHERE
    )]
    pub(super) unix_mode: u32,

    /// Certificate for https, a PEM file with those that lead to a known one
    ///
    /// Read again on SIGHUP
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = PathBufValueParser::new(),
        requires = "tls_key", help_heading = WHERE
    )]
    pub(super) tls_cert: Option<PathBuf>,

    /// Private key of the certificate, a PEM file
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = PathBufValueParser::new(),
        requires = "tls_cert", help_heading = WHERE
    )]
    pub(super) tls_key: Option<PathBuf>,

    /// Serve another folder to requests for this host; may be given several times
    #[arg(
        long, value_name = "HOST=ROOT", value_parser = OsStringValueParser::new().try_map(pairs::vhost),
        help_heading = WHERE
    )]
    pub(super) vhost: Vec<(String, PathBuf)>,

    /// Show the address as a QR code too, and open it in a browser
    #[arg(long, help_heading = WHERE)]
    pub(super) open: bool,

    /// List folders that have no index.html
    ///
    /// As a page, or as JSON to who accepts that rather. Without it such a folder is not found (404)
    #[arg(short, long, help_heading = WHAT)]
    pub(super) list: bool,

    /// Follow symbolic links that lead out of the folder
    ///
    /// Links to places within it are always followed
    #[arg(short = 'L', long, help_heading = WHAT)]
    pub(super) follow: bool,

    /// Compress text when there is no .zst, .br or .gz file beside it
    ///
    /// Such files are always used when they are there and not older. What is compressed is kept in memory
    #[arg(long, help_heading = WHAT)]
    pub(super) compress: bool,

    /// Answer with this file where nothing is found, for single-page applications
    #[arg(long, value_name = "FILE", value_parser = values::beneath, help_heading = WHAT)]
    pub(super) spa: Option<String>,

    /// Page of an error, such as 404=404.html; may be given several times
    #[arg(long, value_name = "CODE=FILE", value_parser = pairs::error_page, help_heading = WHAT)]
    pub(super) error_page: Vec<(u16, String)>,

    /// How long browsers may keep what matches, such as '*.css=max-age=3600'; may be given several times
    ///
    /// The first pattern that matches counts. '*.css' matches at any depth, 'assets/**' all below a folder. Without it
    /// browsers judge for themselves
    #[arg(long, value_name = "GLOB=VALUE", value_parser = pairs::cache_control, help_heading = WHAT)]
    pub(super) cache_control: Vec<(String, String)>,

    /// Header field of every reply, such as X-Frame-Options=DENY; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pairs::header, help_heading = WHAT)]
    pub(super) header: Vec<(String, String)>,

    /// Let pages of any other origin read the replies
    #[arg(long, help_heading = WHAT)]
    pub(super) cors: bool,

    /// Answer only to this user; may be given several times
    ///
    /// HASH is the bcrypt hash of the password. USER:HASH is what 'htpasswd -nbB USER PASSWORD' prints; put it between
    /// single quotes, for the shell changes $
    #[arg(long, value_name = "USER:HASH", help_heading = WHAT)]
    pub(super) basic_auth: Vec<String>,

    /// How long a file is taken to be unchanged once it was looked at; 0 looks each time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::time, help_heading = WHAT)]
    pub(super) fresh: Duration,

    /// Memory for the contents of files
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::size, help_heading = WHAT)]
    pub(super) cache_size: u64,

    /// Largest head of a request; longer ones get 431 or 414
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = values::head_len, help_heading = LIMITS)]
    pub(super) max_head: usize,

    /// Most header fields of a request, at most 100; more get 431
    #[arg(long, value_name = "N", default_value = "100", value_parser = values::fields, help_heading = LIMITS)]
    pub(super) max_fields: usize,

    /// Largest body of a request, which is read and thrown away; larger ones get 413
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = values::size, help_heading = LIMITS)]
    pub(super) max_body: u64,

    /// Time for a whole head, and again for a whole body, to arrive; then 408
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::some_time, help_heading = LIMITS)]
    pub(super) head_timeout: Duration,

    /// Time a connection is kept open for the next request
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::some_time, help_heading = LIMITS)]
    pub(super) idle_timeout: Duration,

    /// Time over which a client must have taken the least rate of a reply
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::some_time, help_heading = LIMITS)]
    pub(super) write_timeout: Duration,

    /// Least rate, per second, at which a client must take a reply
    #[arg(long, value_name = "SIZE", default_value = "256B", value_parser = values::rate, help_heading = LIMITS)]
    pub(super) min_rate: u64,

    /// Replies to requests sent ahead that are gathered before they are sent and no more is read
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = values::some_len, help_heading = LIMITS)]
    pub(super) max_pipeline: NonZeroUsize,

    /// Most open connections; further ones wait until one ends
    #[arg(long, value_name = "N", default_value = "20000", value_parser = values::connections, help_heading = LIMITS)]
    pub(super) max_connections: NonZeroUsize,

    /// Time that replies under way have to finish when the server is stopped
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::time, help_heading = LIMITS)]
    pub(super) drain: Duration,

    /// Threads that serve [default: one for each processor]
    #[arg(short, long, value_name = "N", value_parser = values::workers, help_heading = LIMITS)]
    pub(super) workers: Option<NonZeroUsize>,

    /// Access log: common, combined, json, off [default: common on a terminal, combined in a --log-file, else off]
    ///
    /// A line for each request, on stdout or in the --log-file
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true, help_heading = REPORT)]
    pub(super) log: Option<LogForm>,

    /// Append the access log to this file; SIGHUP opens it anew
    #[arg(
        long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = PathBufValueParser::new(),
        help_heading = REPORT
    )]
    pub(super) log_file: Option<PathBuf>,

    /// Proxy whose word on the client's address is logged; may be given several times
    ///
    /// An address or a network, such as 127.0.0.1 or 10.0.0.0/8. What a client itself claims is never believed. With
    /// --unix whoever connects is a proxy as soon as any is given
    #[arg(long, value_name = "CIDR", value_parser = addresses::network, help_heading = REPORT)]
    pub(super) trust_proxy: Vec<IpNet>,

    /// Tell health and metrics here: /-/health and /-/metrics (Prometheus)
    ///
    /// A port alone is of this machine only
    #[arg(long, value_name = "ADDR:PORT", value_parser = addresses::admin, help_heading = REPORT)]
    pub(super) admin: Option<SocketAddr>,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

const WHERE: &str = "Where it is served";
const WHAT: &str = "What is served";
const LIMITS: &str = "Limits";
const REPORT: &str = "Reports";
