//! A network in virtual time: hours pass in milliseconds, and the same seed gives the same run.
//!
//! ```text
//! test, or pump ──send, timer, connect──► world ──Event──► test, or pump (machines: handle, timeout, poll)
//!                                          │ queue: what happens when
//!                                          ▼
//!                                        fabric: nets, nodes, gateways
//!                                          ├─ line      delay, loss, order, bandwidth, MTU
//!                                          ├─ nat       mapping and filtering of each kind
//!                                          ├─ firewall  the same without translation
//!                                          └─ packet    what travels
//! tcp, connections: ordered streams as packets through all of the above
//! access: the kinds of access lines that tests compare    allot: addresses
//! trace: what happened, for digests and for failures      event: what drivers are told
//! ```
//!
//! It moves datagrams and streams and knows nothing of what they mean; what nodes do is their driver's decision.
//! What it leaves out on purpose: fragments, ICMP, routing protocols, several interfaces on one node, and real
//! time. The base instant is read once from the clock; everything after is arithmetic.
//!
//! Rule kept: nothing here depends on anything but the calls made and the seed. Dice are thrown in the order of
//! events, events happen in the order of time and then of insertion, and every table is ordered.

pub mod access;
mod allot;
mod connections;
mod event;
mod fabric;
mod firewall;
mod line;
mod nat;
mod packet;
mod pump;
mod queue;
mod tcp;
mod trace;
mod world;

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod physics;
#[cfg(test)]
mod streams;

pub use connections::ConnId;
pub use event::{Event, Traffic};
pub use fabric::{GatewayId, INTERNET, INTERNET_HOPS, NetId, NodeId, Place};
pub use line::{Line, Loss, Passes};
pub use nat::{Ipv6Policy, NatKind, NatOptions};
pub use packet::{Lost, USUAL_TTL};
pub use pump::{Agent, Pump};
pub use tcp::TcpEvent;
pub use world::World;
