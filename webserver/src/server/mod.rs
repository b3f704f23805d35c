//! The drivers: sockets, threads, time.

pub mod run;
pub mod listen;
pub mod worker;
pub mod peer;
pub mod stream;
pub mod transmit;
pub mod timers;
pub mod pool;
pub mod admin;
pub mod metrics;
