//! One worker's share of the access log: lines are gathered here and handed to the writer together.

use std::net::IpAddr;
use std::time::Duration;

use crate::http::request::Request;
use crate::reply::Reply;

/// Lines that wait to be handed over.
#[derive(Debug)]
pub(crate) struct Log {
    on: bool,
}

impl Log {
    pub(crate) const fn off() -> Self {
        Self { on: false }
    }
    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }
    pub(crate) const fn wants_clients(&self) -> bool {
        self.on
    }
    pub(crate) fn put(&mut self, _: &Request<'_, '_>, _: Reply, _: Option<&IpAddr>, _: Duration) {}
    pub(crate) fn flush(&mut self) {}
    pub(crate) fn flush_if_due(&mut self, _: u64) {}
    pub(crate) fn due(&self) -> Option<u64> {
        None
    }
}
