//! The machine against a server as plain as can be, in virtual time.
