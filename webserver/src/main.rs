//! The program `webserver`.

fn main() {}
