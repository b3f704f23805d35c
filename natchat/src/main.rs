//! The program `natchat`: the rendezvous server, or a client of it.

fn main() {}
