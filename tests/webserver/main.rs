//! Drives the built `webserver` end to end: one file per theme, and [`table`] for the requests that are only bytes.

mod client;
mod reply;
mod server;
mod site;
mod table;
