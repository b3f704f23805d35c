//! Drives the built `natchat` end to end, in network namespaces where networks matter: one file per theme.

mod abuse;
mod bad_input;
mod events;
mod files;
mod keys;
mod matrix;
mod older;
mod people;
mod scripts;
mod servers;
mod session;
mod sim;
mod sizes;
mod stun;
mod tap;
