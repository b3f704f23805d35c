//! What is done with hostile bytes: for each fuzz target a function that panics if something promised is not so.
//!
//! ```text
//! fuzzer (`just fuzz`)     ─ inputs of its own making ─┐
//! test `fuzz`, its seeds   ─ the files of `seeds/`    ─┼─► check ─► the code that meets the bytes
//! test `fuzz`, a property  ─ requests made by chance  ─┘        └─► a plainer reading of the same, rules of the RFC
//! ```
//!
//! Rule: an input is all that decides what happens, but for the time of day, so that a failure can be had again.
//! Each function says in its docs what an input looks like; where that could be, it is text.

pub mod accept_encoding;
pub mod body;
pub mod conditional;
pub mod conn;
mod cut;
mod exchange;
pub mod head;
mod judge;
pub mod nat_paths;
pub mod nat_reliable;
pub mod nat_rendezvous;
pub mod nat_wire;
pub mod path;
pub mod range;
pub mod reply;
pub mod scene;
pub mod target;

#[path = "../../webserver/reply.rs"]
#[expect(dead_code, reason = "the end-to-end tests ask more of a reply")]
mod reader;
