//! What every end-to-end test needs: the built programs, a place to work in, and eyes on what they did.
//!
//! ```text
//! binary    builds the workspace's programs once and finds them
//! sandbox   a temporary folder that can always be removed      ── remove, descent
//! command   one program, its arguments and surroundings
//!    ├─ running   a child that ends with the test              ── watched
//!    ├─ pty       the same, seen through a terminal screen
//!    └─ output    what came out, with assertions that show it all
//! measure   one run's wall time, CPU time and memory; medians
//! machine   what it was measured on
//! mount     small file systems to fill, fault and share blocks on
//! lab       homes behind every kind of NAT, made of network namespaces
//! tree      what a tree on disk is: snapshot, difference, random growth
//! needs     leaves a group of tests out in plain sight, never silently
//! sim       a network in virtual time, for machines without I/O
//! time      deadlines, and the one place that may poll
//! ```
//!
//! A session reads like the user's own:
//!
//! ```no_run
//! use harness::{Command, Sandbox};
//!
//! let sandbox = Sandbox::new();
//! sandbox.file("notes.txt", "hello").dir("backup");
//! Command::built("filecopy")
//!     .args(["notes.txt", "backup/"])
//!     .cwd(sandbox.path())
//!     .run()
//!     .succeeds();
//! assert_eq!(sandbox.read("backup/notes.txt"), b"hello");
//! ```
//!
//! Rules kept here:
//! - Helpers panic, naming what they were doing and to which path: a test has nobody to return an error to.
//! - Every wait has a bound, and says what it waited for when it passes.
//! - Nothing outlives its test: children are killed by pid, folders removed, file systems unmounted, on panic too.
//! - Linux only, on purpose: the suite's claims about holes, links and terminals are claims about Linux.

#![forbid(unsafe_code)]

mod binary;
mod command;
mod descent;
mod fail;
pub mod lab;
mod machine;
mod measure;
mod mount;
mod needs;
mod output;
mod pty;
mod random;
mod remove;
mod running;
mod sandbox;
pub mod sim;
mod time;
pub mod tree;
mod watched;

pub use binary::bin;
pub use command::{Command, Limit, NOBODY, RUN_LIMIT};
pub use machine::Machine;
pub use measure::{Spread, Usage};
pub use mount::{FsKind, LoopFs, Mount};
pub use needs::{is_root, leave_out, needs_root, needs_tool};
pub use output::Output;
pub use pty::{Pty, keys};
pub use random::Random;
pub use running::Running;
pub use rustix::process::Signal;
pub use sandbox::Sandbox;
pub use time::{SOON, Stopwatch, wait_until};
pub use vt100::Screen;
