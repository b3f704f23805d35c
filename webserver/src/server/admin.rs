//! What is told to whoever looks after the server: whether it serves, and what it has counted. Pure; it is not reached
//! by the addresses at which files are served, so nobody need sign in.
//!
//! | path | reply |
//! |---|---|
//! | `/-/health` | 200 `ok`, or 503 `stopping` once it was told to stop, so that no more clients are sent here |
//! | `/-/metrics` | 200, for Prometheus |
//! | any other | 404, naming these |

use std::borrow::Cow;

use crate::http::status::Status;
use crate::server::metrics::Totals;

/// Whether new clients are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// They are.
    Serving,
    /// The server was told to stop.
    Stopping,
}

/// What is replied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: Status,
    /// The value of Content-Type.
    pub content_type: &'static str,
    /// The content. What is told changes: it must not be stored (`Cache-Control: no-store`).
    pub body: Cow<'static, str>,
}

/// The reply to a GET for a path, which is decoded and without a query. The totals are only asked for when they are
/// told.
pub fn tell(path: &[u8], health: Health, totals: impl FnOnce() -> Totals) -> Told {
    let (status, content_type, body) = match (path, health) {
        (b"/-/health", Health::Serving) => (Status::Ok, TEXT, "ok\n".into()),
        (b"/-/health", Health::Stopping) => (Status::Unavailable, TEXT, "stopping\n".into()),
        (b"/-/metrics", _) => (Status::Ok, EXPOSITION, totals().exposition().into()),
        _ => (
            Status::NotFound,
            TEXT,
            "try /-/health or /-/metrics\n".into(),
        ),
    };
    Told {
        status,
        content_type,
        body,
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        use Health::{Serving, Stopping};
        let metrics = Totals::default().exposition();
        let rows: [(&str, &[u8], Health, Status, &str); 7] = [
            ("serving", b"/-/health", Serving, Status::Ok, "ok\n"),
            (
                "stopping",
                b"/-/health",
                Stopping,
                Status::Unavailable,
                "stopping\n",
            ),
            ("metrics", b"/-/metrics", Serving, Status::Ok, &metrics),
            (
                "metrics to the end",
                b"/-/metrics",
                Stopping,
                Status::Ok,
                &metrics,
            ),
            ("a file", b"/index.html", Serving, Status::NotFound, HINT),
            ("the root", b"/", Serving, Status::NotFound, HINT),
            ("below", b"/-/health/x", Serving, Status::NotFound, HINT),
        ];
        for (name, path, health, status, body) in rows {
            let told = tell(path, health, Totals::default);
            assert_eq!((told.status, &*told.body), (status, body), "{name}");
            let is_metrics = path == b"/-/metrics";
            assert_eq!(
                told.content_type.contains("version=0.0.4"),
                is_metrics,
                "{name}"
            );
        }
    }

    const HINT: &str = "try /-/health or /-/metrics\n";

    #[test]
    fn nothing_is_added_up_in_vain() {
        tell(b"/-/health", Health::Serving, || {
            panic!("nobody asked for it")
        });
    }
}
