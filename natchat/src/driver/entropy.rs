//! The system's randomness, drawn once for all that a program needs.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::crypto::entropy::Entropy;
use crate::error::Error;

/// A source that nobody else knows the seed of.
///
/// # Errors
/// If the system has none to give.
pub(super) fn from_system() -> Result<Entropy, Error> {
    let mut seed = [0; 32];
    // The kernel gives this much in one piece, or nothing.
    let drawn = getrandom(&mut seed[..], GetRandomFlags::empty()).map_err(io::Error::from);
    match drawn {
        Ok(len) if len == seed.len() => Ok(Entropy::new(seed)),
        Ok(_) => Err(failed(io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(failed(error)),
    }
}

fn failed(source: io::Error) -> Error {
    Error::System {
        what: "draw random bytes",
        source,
    }
}
