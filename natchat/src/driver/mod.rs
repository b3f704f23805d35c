//! Sockets, files, console and clock: one loop for each role feeds its machine and does what it says.
