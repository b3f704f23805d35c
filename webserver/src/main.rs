//! The program `webserver`: serves what its command line names until it is told to stop.

use std::process::ExitCode;

use common::clock::Clock;
use common::exit::{ExitStatus, report};
use common::shutdown::Shutdown;
use webserver::error::ConfigError;
use webserver::server::announce::Announcer;
use webserver::server::run::{Ended, Server};

use crate::cli::Start;

mod cli;

fn main() -> ExitCode {
    let clock = Clock::start();
    let start = match cli::parse(std::env::args_os().collect(), clock) {
        Ok(start) => start,
        Err(code) => return code,
    };
    match serve(start, clock) {
        Ok(Ended::InOrder) => ExitStatus::Success.into(),
        Ok(Ended::Cut) => ExitStatus::Interrupted.into(),
        Ok(Ended::Failed) => ExitStatus::Failed.into(),
        Err(error) => {
            report("webserver", &error);
            ExitStatus::Usage.into()
        }
    }
}

fn serve(start: Start, clock: Clock) -> Result<Ended, ConfigError> {
    // Before anything can be served that a signal would have to end in order.
    let shutdown = Shutdown::install()?;
    let announcer = Announcer::new(&start.config, start.opening, start.style);
    let server = Server::start(start.config, clock, start.logger)?;
    announcer.announce(server.addrs(), server.admin());
    Ok(server.run(shutdown.events()))
}
