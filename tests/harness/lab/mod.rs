//! A laboratory of networks: homes behind every kind of NAT, made of network namespaces, for programs and sockets.
//!
//! ```text
//! site       the words a test describes its network with
//! plan       those words as nodes, links and addresses             (pure)
//!    ├─ wiring   a node's interfaces and routes, as `ip` reads them   (pure)
//!    └─ gate     a router's NAT and firewall, as `nft` reads them     (pure)
//! loss       what a link drops, as `nft` reads it                (pure)
//! tool       runs `ip` and `nft`
//! namespace  a network namespace: made, entered, removed whatever happened to its maker
//! delay      links that take their time
//! network    the Lab: builds a plan, keeps it, takes it down
//! node       one host or router of a living Lab, and what can be done to it
//! ```
//!
//! What it looks like on the inside:
//!
//! ```text
//! internet ──┬── server (two addresses)
//! (router)   ├── public host ── its virtual machines
//!            ├── home gateway ── bridge ──┬── host
//!            │                            └── host ── its virtual machines
//!            └── cgn ──┬── home gateway ── bridge ── host
//!                      └── home gateway ── bridge ── host
//! ```
//!
//! ```no_run
//! use harness::lab::{Lab, Nat, home, public};
//! use std::net::UdpSocket;
//!
//! let sites = [
//!     home("left", Nat::PortRestricted).host("alice").host("bob").hairpin(),
//!     home("right", Nat::Symmetric).host("carol").loss(5),
//!     public("dave"),
//! ];
//! let Some(lab) = Lab::build("chatting", sites) else { return };
//! let server = lab.server().command("natchat").arg("server").start();
//! let socket = lab.host("alice").enter(|| UdpSocket::bind("0.0.0.0:0"));
//! lab.router("left").reboot();
//! ```
//!
//! Every node is a namespace whose way up is called `eth0`; what hangs below it hangs on `lan…`. The internet routes
//! and never answers for addresses that nobody has, as if they were far away.
//!
//! Deliberately absent: any link to the machine's own network (no packet can leave), path MTU limits, port mapping
//! protocols, NAT64, reordering, hairpins for TCP.
//!
//! Rule kept here: a lab leaves nothing behind. It goes when dropped, a panic included; what a killed process left is
//! removed by the next lab of anybody, which knows it by the process id and start time in the names.

mod delay;
mod gate;
mod loss;
mod namespace;
mod network;
mod node;
mod plan;
mod site;
mod tool;
mod wiring;

pub use network::Lab;
pub use node::{Host, Router};
pub use site::{Nat, Site, Unsolicited, cgn, home, public};
