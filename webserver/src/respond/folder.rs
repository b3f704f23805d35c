//! Folders without an index file: where they are, and what is in them.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::files::listing::{self, Order};
use crate::http::accept;
use crate::http::field::Field;
use crate::http::head;
use crate::http::method::Method;
use crate::http::status::Status;
use crate::reply::{Output, Piece, Reply};
use crate::respond::job::{ListForm, Work};
use crate::respond::{Answer, Responder, Visit, key};

/// All but what RFC 3986 §2.3 leaves as it is; a colon, above all, would make a scheme of what stands before it.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a query may have in it as it is (RFC 3986 §3.4); `%`, because what stands behind one is encoded already, and
/// brackets, which browsers leave as they are.
const QUERY: &AsciiSet = &SEGMENT
    .remove(b'!')
    .remove(b'$')
    .remove(b'%')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'?')
    .remove(b'@')
    .remove(b'[')
    .remove(b']');

impl Responder {
    /// The folder is meant, so its name ends in a slash. Told relative to what was asked for, so that it is right
    /// behind a proxy too, and with the query.
    pub(super) fn redirect(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        path: &[u8],
        query: Option<&[u8]>,
        out: &mut Output,
    ) -> Answer {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let mut location = percent_encode(name, SEGMENT).to_string().into_bytes();
        location.push(b'/');
        if let Some(query) = query {
            location.push(b'?');
            location.extend(percent_encode(query, QUERY).flat_map(str::bytes));
        }
        let shelf = self.hosts.shelf(visit.site);
        Answer::Reply(
            self.pages
                .redirect(&self.date, &location, visit, shelf, out),
        )
    }

    /// What is in a folder: a page for people, or JSON for programs that prefer it.
    pub(super) fn list(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        query: Option<&[u8]>,
        path: &[u8],
        out: &mut Output,
    ) -> Answer {
        let order = Order::parse(query);
        let (form, content_type) = if accept::prefers_json(visit.request.lines(Field::Accept)) {
            (ListForm::Json, "application/json")
        } else {
            (ListForm::Html, "text/html; charset=utf-8")
        };
        let path: Box<[u8]> = if path == b"/" {
            path.into()
        } else {
            [path, b"/"].concat().into()
        };
        let key = key(
            b'L',
            &[format!("{form:?} {}", order.query()).as_bytes(), &path],
        );
        let shelf = self.hosts.shelf(visit.site);
        let Some(page) = shelf.page(&key, visit.now) else {
            let work = Work::List {
                site: Arc::clone(shelf.site()),
                path,
                order,
                form,
            };
            return self.later(visit, key, work, out);
        };
        if page.is_empty() {
            return self.error(visit, Status::Forbidden, out);
        }
        let bytes = &mut out.bytes;
        self.date.start(bytes, Status::Ok);
        head::put(bytes, "Content-Type", content_type);
        head::content_length(bytes, page.len() as u64);
        head::put(bytes, "Vary", "Accept");
        head::put(bytes, "Cache-Control", "no-cache");
        head::put(
            bytes,
            "Content-Security-Policy",
            listing::CONTENT_SECURITY_POLICY,
        );
        head::put(bytes, "X-Content-Type-Options", "nosniff");
        bytes.extend_from_slice(shelf.site().rules.everywhere());
        head::end(bytes, visit.then);
        let len = if visit.request.method == Method::Head {
            0
        } else {
            page.len()
        };
        if len > 0 {
            out.pieces.push_back(Piece::Memory {
                bytes: page,
                range: 0..len,
            });
        }
        Answer::Reply(Reply {
            status: Status::Ok,
            len: len as u64,
            then: visit.then,
        })
    }
}
