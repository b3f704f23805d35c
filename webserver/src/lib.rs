//! Serves a folder over persistent HTTP/1.1 connections.
#![deny(unsafe_code)] // but for `server::sys`

pub mod access;
pub mod config;
pub mod error;
pub mod files;
pub mod http;
pub mod reply;
pub mod respond;
pub mod server;
