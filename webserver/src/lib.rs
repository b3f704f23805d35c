//! Serves a folder over persistent HTTP/1.1 connections.
#![forbid(unsafe_code)]

pub mod access;
pub mod config;
pub mod error;
pub mod files;
pub mod http;
pub mod respond;
pub mod server;
