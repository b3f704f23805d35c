//! What to say about an entry that could not be made, and whether to try again. A leaf.

use std::io;

use crate::config::{Options, Special};
use crate::engine::place::Spot;
use crate::engine::sys::{self, Kind};
use crate::error::{Doing, Error};

/// What is being done when an entry of this kind is copied.
pub(crate) fn making(kind: Kind, options: &Options) -> Doing {
    match kind {
        Kind::Symlink => Doing::CreateLink,
        Kind::File | Kind::Folder => Doing::Create,
        _ if options.special == Special::Contents => Doing::Create,
        Kind::Fifo => Doing::CreateFifo,
        Kind::Socket | Kind::CharDevice | Kind::BlockDevice => Doing::CreateSpecial,
    }
}

/// What it means that an entry could not be made: in a folder that this run made, the name can only be taken by
/// another entry of this run.
pub(super) fn cannot_make(action: Doing, spot: &Spot<'_>, cause: io::Error) -> Error {
    if cause.kind() == io::ErrorKind::AlreadyExists && spot.is_fresh() {
        return Error::JustCreated {
            from: spot.source(),
            to: spot.destination(),
        };
    }
    Error::io(action, spot.destination(), cause)
}

/// Whether trying again may help: the source settles, the network or the device recovers.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other error says that the request is wrong"
)]
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Changed { .. } | Error::Verify { .. } => true,
        Error::Io { cause, .. } => {
            matches!(
                cause.kind(),
                io::ErrorKind::TimedOut
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::StaleNetworkFileHandle
                    | io::ErrorKind::ResourceBusy
            ) || cause.raw_os_error() == Some(sys::EIO)
        }
        _ => false,
    }
}
