//! Drives the built `webserver` end to end: one file per theme, and [`table`] for the requests that are only bytes.

mod admin;
mod auth;
mod browser;
mod changing;
mod client;
mod clients;
mod compress;
mod crowd;
mod downloads;
mod fallback;
mod fresh;
mod headers;
mod listing;
mod log;
mod log_clients;
mod multipart;
mod outside;
mod reply;
mod server;
mod site;
mod sockets;
mod startup;
mod table;
mod tls;
mod vhosts;
mod wire;
