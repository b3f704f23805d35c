//! What the Wirework programs share: time, log lines, and the edges that every program has.
//!
//! ```text
//!                    ┌────────── cli ──────────┐  argv → checked values; --help, completions, man page
//!   signals ──► shutdown ─┐                    ▼
//!   keys ─────► console ──┼─► channels ──► the program ──► linelog, linesink ──► log.txt
//!   bytes ────► line ─────┘                 │   ▲   │
//!                                           │ clock └──► log ──────┐
//!                     stamp, units, quote, style: values → text    ▼
//!                                           └──► streams ──► stdout, stderr (above the line being typed)
//!                                           └──► exit ──► one stderr line, exit code
//! ```
//!
//! Nothing in here knows what a program is about. `line`, `quote` and `units` are pure, and so are the parts of
//! `console` that decide what a key does and what the screen shows; the other modules each own one thing of the system.
#![forbid(unsafe_code)]

pub mod clock;
pub mod stamp;
pub mod units;

pub mod line;
pub mod quote;
pub mod style;

pub mod linelog;
pub mod linesink;
pub mod log;

pub mod console;
pub mod shutdown;
pub mod streams;

pub mod cli;
pub mod exit;
