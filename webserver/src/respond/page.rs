//! Replies without a file of their own: what went wrong, or where to go instead.
//!
//! Each is a small page for people, whose bytes are written once; a site may have files to be sent in their place.

use std::sync::Arc;

use crate::files::entry::Content;
use crate::files::shelf::{Moment, Resource, Shelf};
use crate::files::site;
use crate::http::head::{self, DateLine};
use crate::http::method::Method;
use crate::http::request::Persistence;
use crate::http::status::Status;
use crate::reply::{Output, Reply};
use crate::respond::{ALLOW, Visit};

/// The pages, by status.
#[derive(Debug)]
pub(super) struct Pages {
    prepared: Vec<(Status, Box<[u8]>)>,
}

/// Something that is wrong with a request, and whom to tell.
pub(super) struct Wrong<'a> {
    pub(super) status: Status,
    /// More about it, in our own words.
    pub(super) detail: Option<&'a str>,
    /// How the request asked.
    pub(super) method: Method,
    pub(super) then: Persistence,
    pub(super) now: Moment,
}

/// A page about to be put out.
struct Page<'a> {
    status: Status,
    content_type: &'a str,
    body: &'a [u8],
    /// Fields beside those of every page.
    fields: &'a [u8],
}

const HTML: &str = "text/html; charset=utf-8";

impl Pages {
    pub(super) fn new() -> Self {
        Self {
            prepared: Status::ALL
                .iter()
                .map(|status| (*status, html(*status, None).into_boxed_slice()))
                .collect(),
        }
    }

    /// Tells what is wrong.
    pub(super) fn error(
        &self,
        wrong: &Wrong<'_>,
        date: &DateLine,
        shelf: &mut Shelf,
        out: &mut Output,
    ) -> Reply {
        let status = wrong.status;
        let mut fields = own_fields(status);
        fields.extend_from_slice(shelf.site().rules.everywhere());
        let own = own_page(wrong, shelf);
        let detailed = wrong.detail.map(|detail| html(status, Some(detail)));
        let body: &[u8] = match (&own, &detailed) {
            (Some((_, page)), _) => page,
            (None, Some(page)) => page,
            (None, None) => self.prepared(status),
        };
        let page = Page {
            status,
            content_type: own.as_ref().map_or(HTML, |(kind, _)| kind),
            body,
            fields: &fields,
        };
        page.put(date, wrong.method, wrong.then, out)
    }

    /// Tells where a folder is: the same place, with a slash (RFC 9110 §15.4.9).
    pub(super) fn redirect(
        &self,
        date: &DateLine,
        location: &[u8],
        visit: &Visit<'_, '_, '_>,
        shelf: &Shelf,
        out: &mut Output,
    ) -> Reply {
        let mut fields = Vec::new();
        head::put(&mut fields, "Location", location);
        fields.extend_from_slice(shelf.site().rules.everywhere());
        let page = Page {
            status: Status::PermanentRedirect,
            content_type: HTML,
            body: self.prepared(Status::PermanentRedirect),
            fields: &fields,
        };
        page.put(date, visit.request.method, visit.then, out)
    }

    fn prepared(&self, status: Status) -> &[u8] {
        let found = self.prepared.iter().find(|(of, _)| *of == status);
        found.map_or(&[], |(_, page)| page)
    }
}

impl Page<'_> {
    fn put(self, date: &DateLine, method: Method, then: Persistence, out: &mut Output) -> Reply {
        let bytes = &mut out.bytes;
        date.start(bytes, self.status);
        head::put(bytes, "Content-Type", self.content_type);
        head::content_length(bytes, self.body.len() as u64);
        head::put(bytes, "X-Content-Type-Options", "nosniff");
        bytes.extend_from_slice(self.fields);
        head::end(bytes, then);
        let body = if method == Method::Head {
            &[]
        } else {
            self.body
        };
        bytes.extend_from_slice(body);
        Reply {
            status: self.status,
            len: body.len() as u64,
            then,
        }
    }
}

/// Fields without which a status says too little.
fn own_fields(status: Status) -> Vec<u8> {
    const OWN: [(Status, &str, &str); 3] = [
        (Status::MethodNotAllowed, "Allow", ALLOW),
        (
            Status::Unauthorized,
            "WWW-Authenticate",
            "Basic realm=\"files\", charset=\"UTF-8\"",
        ),
        (Status::Unavailable, "Retry-After", "1"),
    ];
    let mut fields = Vec::new();
    for (_, name, value) in OWN.iter().filter(|(of, _, _)| *of == status) {
        head::put(&mut fields, name, value);
    }
    fields
}

/// The file that the site has for a status, if it is one that is kept in memory.
fn own_page(wrong: &Wrong<'_>, shelf: &mut Shelf) -> Option<(&'static str, Arc<[u8]>)> {
    let pages = &shelf.site().config.error_pages;
    let (_, page) = pages
        .iter()
        .find(|(code, _)| *code == wrong.status.code())?;
    let path = site::page_path(page);
    match shelf.find(&path, wrong.now) {
        Ok(Resource::File(entry)) => match &entry.plain.content {
            Content::Memory(bytes) => Some((entry.content_type, Arc::clone(bytes))),
            Content::File(_) => None,
        },
        _ => None,
    }
}

fn html(status: Status, detail: Option<&str>) -> Vec<u8> {
    let (code, reason) = (status.code(), status.reason());
    // What details there are is ours, and holds nothing that HTML would read as its own.
    let detail = detail
        .map(|detail| format!("<p>{detail}</p>\n"))
        .unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{code} {reason}</title>\n\
         <h1>{code} {reason}</h1>\n{detail}</html>\n"
    )
    .into_bytes()
}
