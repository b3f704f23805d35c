//! The options as clap reads them, and as `--help` tells them.

use std::path::PathBuf;

use clap::builder::PathBufValueParser;
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use common::cli::CommonArgs;
use natchat::name::MemberId;

use super::help;
use super::values::{self, Bind, Host};

/// Chat between any two machines, whatever NAT is between them
#[derive(Debug, Parser)]
#[command(
    name = "natchat",
    version,
    args_override_self = true,
    disable_help_subcommand = true,
    override_usage = "natchat server [OPTIONS]\n       natchat client --id ID --server HOST[:PORT] [OPTIONS]",
    after_help = help::MORE,
    after_long_help = help::LONG,
)]
pub(super) struct Args {
    /// What to run
    #[command(subcommand)]
    pub(super) role: Option<Role>,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// The roles.
#[derive(Debug, Subcommand)]
pub(super) enum Role {
    /// Run the rendezvous: where clients find one another
    ///
    /// One machine that all can reach runs it. It is told who is there, and hands on what cannot go directly; it cannot read it
    #[command(args_override_self = true)]
    Server(ServerArgs),

    /// Join a rendezvous, and chat
    ///
    /// Type '@chat ID TEXT' to talk to somebody, '@help' for all there is to type, '@exit' to leave
    #[command(args_override_self = true)]
    Client(ClientArgs),
}

/// Options of the server.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// Address to listen at, UDP and TCP; may be given several times
    ///
    /// An address, a port, or both. [::] takes IPv4 too. With port 0 the system chooses a free one. What is chosen is printed
    #[arg(short, long, value_name = "ADDR:PORT", default_value = "[::]:10080", value_parser = values::bind)]
    pub(super) bind: Vec<Bind>,

    /// Further address for TCP alone, for networks that let few ports out, such as 443; may be given several times
    #[arg(long, value_name = "ADDR:PORT", value_parser = values::tcp)]
    pub(super) tcp: Vec<Bind>,

    /// Do without the two further UDP ports (the first one + 2 and + 3) by which clients learn what their NAT does
    #[arg(long)]
    pub(super) no_probe: bool,

    /// Folder for the server's key and what it remembers [default: natchat in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, value_parser = PathBufValueParser::new())]
    pub(super) data: Option<PathBuf>,

    /// Most members at a time
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = values::members)]
    pub(super) members: u32,

    /// Most bytes a second that one member may send through the server
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::rate)]
    pub(super) relay_rate: u64,

    /// Most UDP ports that stand for members, for clients of the older kind; 0 turns those away
    #[arg(long, value_name = "N", default_value = "512", value_parser = values::ports)]
    pub(super) older_ports: u16,
}

/// Options of a client.
#[derive(Debug, clap::Args)]
pub(super) struct ClientArgs {
    /// Who you are: 1 to 32 letters, digits, Korean syllables, '.' and '-'
    ///
    /// It is yours from the first time on: the server gives it to nobody who has not your key
    #[arg(short, long, value_name = "ID")]
    pub(super) id: MemberId,

    /// The rendezvous: a name or an address, and its port unless that is 10080
    #[arg(short, long, value_name = "HOST[:PORT]", value_parser = values::host)]
    pub(super) server: Host,

    /// UDP port of this client; 0: the system chooses one
    #[arg(short, long, value_name = "N", default_value = "0", value_parser = values::port)]
    pub(super) port: u16,

    /// Folder for keys, yours and those you know [default: natchat in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, value_parser = PathBufValueParser::new())]
    pub(super) data: Option<PathBuf>,

    /// Folder for received files
    #[arg(
        long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath,
        value_parser = PathBufValueParser::new()
    )]
    pub(super) downloads: PathBuf,

    /// Begin each line with the time of day: auto (on a terminal), always, never
    #[arg(
        long, value_name = "WHEN", value_enum, default_value = "auto", default_missing_value = "always", num_args = 0..=1,
        require_equals = true, hide_possible_values = true
    )]
    pub(super) stamps: When,

    /// Look for no direct ways: send all through the server
    #[arg(long)]
    pub(super) no_direct: bool,

    /// Leave hard NATs alone: they are opened by hundreds of probes a second, which some networks do not like
    #[arg(long)]
    pub(super) no_birthday: bool,
}

/// The value of `--stamps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}
