//! The program `filecopy`: copies what its command line names, or asks for names.

use std::process::ExitCode;

use common::clock::Clock;
use filecopy::front::{interactive, oneshot};

use crate::cli::Command;

mod cli;

fn main() -> ExitCode {
    let clock = Clock::start();
    let arguments = std::env::args_os().collect();
    match cli::parse(arguments, clock) {
        Ok(Command::Copy(session, request)) => oneshot::run(&session, &request).into(),
        Ok(Command::Ask(session)) => interactive::run(&session).into(),
        Ok(Command::Cp(arguments)) => cli::cp::main(arguments),
        Err(code) => code,
    }
}
