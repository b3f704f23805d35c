//! A file: in which form, on which conditions, and which bytes of it.

use std::rc::Rc;

use crate::files::compress;
use crate::files::entry::{Content, Entry, Form};
use crate::files::mime;
use crate::http::accept::{self, Coding, CodingSet};
use crate::http::conditional::{self, Validators, Verdict};
use crate::http::field::{Field, FieldSet};
use crate::http::head;
use crate::http::method::Method;
use crate::http::multipart::{self, Multipart};
use crate::http::range::{ByteRange, Parts, Ranges};
use crate::http::status::Status;
use crate::reply::{Output, Piece, Reply};
use crate::respond::job::{Source, Work};
use crate::respond::{Answer, Responder, Visit, key};

/// Contents up to this long are copied behind their head and leave with it, and with those of the requests that came
/// with it; longer ones are sent from where they lie.
const COPIED_LEN: u64 = 32 * 1024;

/// Codings that are made when no file in them lies beside.
const MADE: [Coding; 2] = [Coding::Gzip, Coding::Brotli];

/// Fields that may make the reply another one than 200 with everything.
const SPECIAL: FieldSet = FieldSet::of(&[
    Field::IfMatch,
    Field::IfNoneMatch,
    Field::IfModifiedSince,
    Field::IfUnmodifiedSince,
    Field::Range,
]);

impl Responder {
    /// Answers with a file, found at `path` with or without a slash behind it.
    pub(super) fn file(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        entry: &Rc<Entry>,
        path: &[u8],
        slash: bool,
        out: &mut Output,
    ) -> Answer {
        let form = if entry.varies() {
            let coding = self.choose(visit, entry);
            match entry.form(coding) {
                Some(form) => form,
                // The file may be changing all the time, or there is too much to do.
                None if visit.now.answers_now => Rc::clone(&entry.plain),
                None => {
                    let path = if slash && path != b"/" {
                        [path, b"/"].concat()
                    } else {
                        path.to_vec()
                    };
                    return self.make(visit, entry, path, coding, out);
                }
            }
        } else {
            Rc::clone(&entry.plain)
        };
        if !visit.request.seen.has_any(SPECIAL) {
            return Answer::Reply(self.whole(visit, &form, out));
        }
        let validators = Validators {
            etag: form.etag.as_bytes(),
            modified: entry.modified,
            now: self.date.now(),
        };
        match conditional::judge(visit.request, &validators) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Answer::Reply(self.not_modified(visit, &form, out)),
            Verdict::Failed => return self.error(visit, Status::PreconditionFailed, out),
        }
        Answer::Reply(
            match conditional::ranges(visit.request, &validators, form.len) {
                Ranges::Whole => self.whole(visit, &form, out),
                Ranges::Unsatisfiable => self.unsatisfiable(visit, &form, out),
                Ranges::Parts(parts) => match *parts {
                    [range] => self.part(visit, entry, &form, range, out),
                    _ => self.parts(visit, entry, &form, parts, out),
                },
            },
        )
    }

    /// The coding that the client likes best of those there are, or could be.
    fn choose(&mut self, visit: &Visit<'_, '_, '_>, entry: &Entry) -> Coding {
        if !visit.request.seen.has(Field::AcceptEncoding) {
            return Coding::Identity;
        }
        let there = entry.codings();
        let config = &self.hosts.shelf(visit.site).site().config;
        let may_be_made = config.compress
            && (compress::SHORTEST..=compress::LONGEST).contains(&entry.plain.len)
            && mime::is_compressible(entry.content_type);
        let available = MADE
            .into_iter()
            .filter(|coding| may_be_made && !entry.refused().contains(*coding))
            .fold(there, CodingSet::with);
        // Who takes nothing that there is gets it as it is (RFC 9110 §12.5.3).
        accept::choose(visit.request.lines(Field::AcceptEncoding), available)
            .unwrap_or(Coding::Identity)
    }

    /// Has a form made that is not there yet.
    fn make(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        entry: &Entry,
        path: Vec<u8>,
        coding: Coding,
        out: &mut Output,
    ) -> Answer {
        let Some(bytes) = Source::of(&entry.plain.content, entry.plain.len) else {
            return Answer::Reply(self.whole(visit, &entry.plain, out));
        };
        let tag = entry.plain.etag;
        let parts = [
            tag.as_bytes(),
            coding.token().unwrap_or_default().as_bytes(),
            &path,
        ];
        let key = key(b'C', &parts);
        let work = Work::Compress {
            path: path.into(),
            facts: entry.facts,
            coding,
            bytes,
        };
        self.later(visit, key, work, out)
    }

    fn whole(&self, visit: &Visit<'_, '_, '_>, form: &Form, out: &mut Output) -> Reply {
        self.date.start(&mut out.bytes, Status::Ok);
        out.bytes.extend_from_slice(form.head());
        head::end(&mut out.bytes, visit.then);
        let all = ByteRange {
            start: 0,
            len: form.len,
        };
        content(visit, Status::Ok, form, all, out)
    }

    fn part(
        &self,
        visit: &Visit<'_, '_, '_>,
        entry: &Entry,
        form: &Form,
        range: ByteRange,
        out: &mut Output,
    ) -> Reply {
        let bytes = &mut out.bytes;
        self.date.start(bytes, Status::PartialContent);
        head::put(bytes, "Content-Type", entry.content_type);
        head::content_length(bytes, range.len);
        head::content_range(bytes, range, form.len);
        form.put_coding(bytes);
        bytes.extend_from_slice(form.common_head());
        head::end(bytes, visit.then);
        content(visit, Status::PartialContent, form, range, out)
    }

    fn parts(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        entry: &Entry,
        form: &Form,
        parts: Parts,
        out: &mut Output,
    ) -> Reply {
        let boundary = self.boundary();
        let body = Multipart::new(parts, form.len, entry.content_type, boundary);
        let bytes = &mut out.bytes;
        self.date.start(bytes, Status::PartialContent);
        head::put(bytes, "Content-Type", body.content_type());
        head::content_length(bytes, body.total_len());
        form.put_coding(bytes);
        bytes.extend_from_slice(form.common_head());
        head::end(bytes, visit.then);
        for piece in (0..).map_while(|number| body.piece(number)) {
            out.pieces.push_back(match piece {
                multipart::Piece::Written(bytes) => Piece::Bytes(bytes.to_vec()),
                multipart::Piece::File(range) => form.piece(range),
            });
        }
        Reply {
            status: Status::PartialContent,
            len: body.total_len(),
            then: visit.then,
        }
    }

    fn unsatisfiable(&self, visit: &Visit<'_, '_, '_>, form: &Form, out: &mut Output) -> Reply {
        let bytes = &mut out.bytes;
        self.date.start(bytes, Status::RangeNotSatisfiable);
        head::no_content_range(bytes, form.len);
        head::content_length(bytes, 0);
        bytes.extend_from_slice(form.common_head());
        head::end(bytes, visit.then);
        Reply {
            status: Status::RangeNotSatisfiable,
            len: 0,
            then: visit.then,
        }
    }

    fn not_modified(&self, visit: &Visit<'_, '_, '_>, form: &Form, out: &mut Output) -> Reply {
        self.date.start(&mut out.bytes, Status::NotModified);
        out.bytes.extend_from_slice(form.common_head());
        head::end(&mut out.bytes, visit.then);
        Reply {
            status: Status::NotModified,
            len: 0,
            then: visit.then,
        }
    }
}

/// Puts bytes of a form behind the head of a reply.
fn content(
    visit: &Visit<'_, '_, '_>,
    status: Status,
    form: &Form,
    range: ByteRange,
    out: &mut Output,
) -> Reply {
    let len = if visit.request.method == Method::Head {
        0
    } else {
        range.len
    };
    match &form.content {
        _ if len == 0 => {}
        Content::Memory(bytes) if len <= COPIED_LEN => {
            let stretch = bounds(range, bytes.len());
            out.bytes.extend_from_slice(&bytes[stretch]);
        }
        Content::Memory(_) | Content::File(_) => out.pieces.push_back(form.piece(range)),
    }
    Reply {
        status,
        len,
        then: visit.then,
    }
}

impl Form {
    fn piece(&self, range: ByteRange) -> Piece {
        match &self.content {
            Content::Memory(bytes) => Piece::Memory {
                range: bounds(range, bytes.len()),
                bytes: std::sync::Arc::clone(bytes),
            },
            Content::File(file) => Piece::File {
                file: Rc::clone(file),
                range: range.start..range.end(),
            },
        }
    }

    fn put_coding(&self, head: &mut Vec<u8>) {
        if let Some(name) = self.coding.token() {
            head::put(head, "Content-Encoding", name);
        }
    }
}

/// A range as places in memory. It lies within the length, as it was made for it.
fn bounds(range: ByteRange, len: usize) -> std::ops::Range<usize> {
    let place = |at: u64| usize::try_from(at).unwrap_or(len).min(len);
    place(range.start)..place(range.end())
}
