//! The two ways to ask for copies: a command line that is carried out ([`oneshot`]), and a prompt at which names are
//! typed while copies run ([`interactive`]).
//!
//! Each is one loop, the only place where events of jobs, signals, typed lines and the time meet. What they share is in
//! `desk`: the log, the engine, the channel of events and the signals, set up in the one right order.

pub mod complete;
pub(crate) mod completer;
pub(crate) mod confirm;
pub(crate) mod desk;
pub(crate) mod guard;
pub mod interactive;
pub mod jobs;
pub mod oneshot;
pub mod prompt;
pub mod queue;
pub mod session;
