//! The program `filecopy`: copies what its command line names, or asks for names.

use std::ffi::OsString;
use std::process::ExitCode;

use common::clock::Clock;
use filecopy::{interactive, oneshot};

use crate::cli::Command;

mod cli;

fn main() -> ExitCode {
    let clock = Clock::start();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(arguments) = cli::cp::arguments(&arguments) {
        return cli::cp::main(arguments);
    }
    match cli::parse(arguments, clock) {
        Ok(Command::Copy(session, request)) => oneshot::run(&session, &request).into(),
        Ok(Command::Ask(session)) => interactive::run(&session).into(),
        Err(code) => code,
    }
}
