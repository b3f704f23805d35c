//! The program `natchat`: the rendezvous server, or a client of it.

use std::process::ExitCode;

use common::clock::Clock;
use common::exit::{ExitStatus, report};
use common::shutdown::Shutdown;
use natchat::driver::client::{Session, Surroundings};
use natchat::driver::server::Server;
use natchat::error::Error;

use crate::cli::{Start, Task};

mod cli;

fn main() -> ExitCode {
    let clock = Clock::start();
    match cli::parse(std::env::args_os().collect(), clock) {
        Ok(start) => run(start, clock).unwrap_or_else(|(error, status)| {
            report("natchat", &error);
            status.into()
        }),
        Err(code) => code,
    }
}

/// What cannot be begun is the command line's fault, or that of what it names; what fails later is not.
fn run(start: Start, clock: Clock) -> Result<ExitCode, (Error, ExitStatus)> {
    let begin = |error| (error, ExitStatus::Usage);
    let go_on = |error| (error, ExitStatus::Failed);
    let signals = |source| {
        begin(Error::System {
            what: "catch signals",
            source,
        })
    };
    // Before there is anything that a signal would have to end in order.
    let shutdown = Shutdown::install().map_err(signals)?;
    let logger = start.logger;
    Ok(match start.task {
        Task::Server(config) => {
            let server = Server::start(&config, clock, logger, &shutdown).map_err(begin)?;
            server.run().map_err(go_on)?;
            ExitStatus::Success.into()
        }
        Task::Client(config, stamps) => {
            let surroundings = Surroundings {
                stamps,
                clock,
                logger,
            };
            let session = Session::start(&config, surroundings, &shutdown).map_err(begin)?;
            let farewell = session.run().map_err(go_on)?;
            let status = if farewell.is_success() {
                ExitStatus::Success
            } else {
                ExitStatus::Failed
            };
            status.into()
        }
    })
}
