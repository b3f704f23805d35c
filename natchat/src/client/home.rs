//! The client's side of the server: finding and joining it by UDP or TCP, keep-alive, presence, relaying, our own
//! reach; pure.
//!
//! ```text
//!   addresses ─► greeting ─ Hello ─► Challenge ─ Register ─► Registered ─► session: alive, follow, observe, own
//!                   ▲                                                        │
//!                   └── Unknown, Alive unanswered, connection closed ◄───────┘
//! ```
//!
//! A session stays in use while a greeting looks for the server anew: what still gets through, gets through. It ends
//! when another takes its place, or when the server says that it is over. One run of a client keeps its nonce and its
//! incarnation, so that joining again is joining as the same one.
//!
//! What comes without a tag (Challenge, Refused, Moved, Unknown, Again, Observed) decides nothing by itself: it must
//! bring back a number of ours, and leads at most to another question. Peers are none of its business.

mod alive;
mod carrier;
mod due;
mod follow;
mod greeting;
mod incoming;
mod letters;
mod link;
mod machine;
mod observe;
mod outgoing;
mod output;
mod own;
mod recent;
#[cfg(test)]
mod tests;
mod troubles;

pub(crate) use letters::GIVEN_UP;
pub(crate) use machine::Home;
pub(crate) use output::Output;
