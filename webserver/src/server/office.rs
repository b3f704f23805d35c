//! Answers those who look after the server, at an address of their own.

use std::sync::Arc;

use crate::access::writer::AccessLog;
use crate::files::shelf::Moment;
use crate::http::date::HttpDate;
use crate::http::head::{self, DateLine};
use crate::http::method::Method;
use crate::http::request::{Persistence, Request};
use crate::http::status::Status;
use crate::reply::{Output, Reply};
use crate::server::admin::{self, Health, Told};
use crate::server::metrics::{Counters, Totals};

/// What the answers are made of.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    counters: Arc<[Arc<Counters>]>,
    log: Option<Arc<AccessLog>>,
}

impl Office {
    pub(crate) const fn new(counters: Arc<[Arc<Counters>]>, log: Option<Arc<AccessLog>>) -> Self {
        Self { counters, log }
    }

    /// Answers a request.
    pub(crate) fn answer(
        &self,
        request: &Request<'_, '_>,
        then: Persistence,
        health: Health,
        now: Moment,
        out: &mut Output,
    ) -> Reply {
        let bytes = &mut out.bytes;
        let date = DateLine::new(HttpDate::from_nanos(now.wall_nanos));
        if !matches!(request.method, Method::Get | Method::Head) {
            date.start(bytes, Status::MethodNotAllowed);
            head::put(bytes, "Allow", "GET, HEAD");
            head::content_length(bytes, 0);
            head::end(bytes, then);
            return reply(Status::MethodNotAllowed, 0, then);
        }
        let path = request
            .target
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default();
        let lost = self.log.as_ref().map_or(0, |log| log.lost());
        let Told {
            status,
            content_type,
            body,
        } = admin::tell(path, health, || {
            Totals::of(self.counters.iter().map(|counters| &**counters), lost)
        });
        date.start(bytes, status);
        head::put(bytes, "Content-Type", content_type);
        head::content_length(bytes, body.len() as u64);
        head::put(bytes, "Cache-Control", "no-store");
        head::end(bytes, then);
        if request.method == Method::Get {
            bytes.extend_from_slice(body.as_bytes());
        }
        reply(status, body.len() as u64, then)
    }
}

const fn reply(status: Status, len: u64, then: Persistence) -> Reply {
    Reply { status, len, then }
}
