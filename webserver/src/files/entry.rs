//! A file as it is served: its content, or a way to it, and what every reply about it says, written once.
//!
//! An entry is true for the moment it was made. Whether it still is, its owner asks by comparing [`Entry::facts`]
//! and those of the files beside it with what is there now.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;

use crate::files::cache::Weight;
use crate::files::mime;
use crate::files::root::{Facts, OpenFile};
use crate::files::rules::Rules;
use crate::http::accept::{Coding, CodingSet};
use crate::http::date::HttpDate;
use crate::http::etag::ETag;
use crate::http::head;

/// Files up to this long are read once and kept: sending them from memory is faster than `sendfile`. Above, it is not.
pub const MEMORY_LEN: u64 = 256 * 1024;

/// A file, its compressed forms, and what is said of them.
#[derive(Debug)]
pub struct Entry {
    /// What was known of the file when it was opened.
    pub facts: Facts,
    /// When it was modified; not later than when it was read.
    pub modified: HttpDate,
    /// Its media type.
    pub content_type: &'static str,
    /// The form that is no coding.
    pub plain: Rc<Form>,
    /// Its other forms: files that lie beside it, or what was made of it since.
    coded: RefCell<Vec<Rc<Form>>>,
    /// Codings that are not to be tried again, because the result was not shorter.
    refused: Cell<CodingSet>,
    /// Whether replies depend on what codings the client takes.
    varies: bool,
    /// Whether it was changed so shortly before it was read that it may have been changed again since within the
    /// same tick of the file system's clock, and nothing would tell.
    pub is_racy: bool,
}

/// One form of a file: as it is, or in one content coding.
#[derive(Debug)]
pub struct Form {
    /// The coding.
    pub coding: Coding,
    /// Its tag.
    pub etag: ETag,
    /// Its bytes.
    pub content: Content,
    /// Bytes of it.
    pub len: u64,
    /// Fields of a 200: those that tell of the content, then those of every reply.
    head: Box<[u8]>,
    /// Where the latter begin.
    common_at: usize,
}

/// The bytes of a form.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In an open file.
    File(Rc<OwnedFd>),
}

/// What decides the fields of a form, besides its bytes.
pub struct About<'a> {
    /// Where the file is beneath the root.
    pub path: &'a [u8],
    /// What the owner of the site wants said.
    pub rules: &'a Rules,
    /// Whether there are, or may be, other forms.
    pub varies: bool,
    /// What time it is, in nanoseconds after 1970 began.
    pub now_nanos: i128,
}

impl Entry {
    /// Reads a file that was found, or keeps it open if it is large. `beside` are its compressed forms.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(
        file: OpenFile,
        beside: Vec<(Coding, OpenFile)>,
        about: &About<'_>,
    ) -> io::Result<Self> {
        let facts = file.facts;
        let now = HttpDate::from_nanos(about.now_nanos);
        let modified = HttpDate::from_nanos(facts.modified_ns).no_later_than(now);
        let content_type = mime::content_type(about.path);
        let made = |coding, source: &Facts, content: Content, len| {
            let etag = ETag::of(source.modified_ns, source.len, coding);
            Rc::new(Form::new(
                coding,
                etag,
                content,
                len,
                modified,
                content_type,
                about,
            ))
        };
        let (content, len) = content(file)?;
        let plain = made(Coding::Identity, &facts, content, len);
        let mut coded = Vec::new();
        for (coding, file) in beside {
            let facts = file.facts;
            let (content, len) = self::content(file)?;
            coded.push(made(coding, &facts, content, len));
        }
        Ok(Self {
            facts,
            modified,
            content_type,
            plain,
            coded: RefCell::new(coded),
            refused: Cell::default(),
            varies: about.varies,
            is_racy: facts.is_racy_at(about.now_nanos),
        })
    }

    /// Adds a form that was made of the file's content; `None` if that did not make it shorter.
    pub fn add(&self, coding: Coding, made: Option<Arc<[u8]>>, about: &About<'_>) {
        let Some(bytes) = made else {
            self.refused.set(self.refused.get().with(coding));
            return;
        };
        let etag = ETag::of(self.facts.modified_ns, self.facts.len, coding);
        let len = bytes.len() as u64;
        let form = Form::new(
            coding,
            etag,
            Content::Memory(bytes),
            len,
            self.modified,
            self.content_type,
            about,
        );
        self.coded.borrow_mut().push(Rc::new(form));
    }

    /// The form in a coding, if there is one.
    #[must_use]
    pub fn form(&self, coding: Coding) -> Option<Rc<Form>> {
        if coding == Coding::Identity {
            return Some(Rc::clone(&self.plain));
        }
        let coded = self.coded.borrow();
        coded.iter().find(|form| form.coding == coding).cloned()
    }

    /// Whether replies depend on what codings the client takes.
    #[must_use]
    pub const fn varies(&self) -> bool {
        self.varies
    }

    /// The codings there are forms in.
    #[must_use]
    pub fn codings(&self) -> CodingSet {
        let coded = self.coded.borrow();
        coded
            .iter()
            .fold(CodingSet::EMPTY.with(Coding::Identity), |set, form| {
                set.with(form.coding)
            })
    }

    /// The codings that are not worth making.
    #[must_use]
    pub fn refused(&self) -> CodingSet {
        self.refused.get()
    }

    /// What the entry takes as long as it is remembered.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let coded = self.coded.borrow();
        let forms = coded.iter().chain([&self.plain]);
        forms.fold(
            Weight {
                bytes: 256,
                files: 0,
            },
            |sum, form| {
                let (bytes, files) = match &form.content {
                    Content::Memory(bytes) => (bytes.len() as u64, 0),
                    Content::File(_) => (0, 1),
                };
                Weight {
                    bytes: sum.bytes + bytes + form.head.len() as u64 + 256,
                    files: sum.files + files,
                }
            },
        )
    }
}

impl Form {
    fn new(
        coding: Coding,
        etag: ETag,
        content: Content,
        len: u64,
        modified: HttpDate,
        content_type: &str,
        about: &About<'_>,
    ) -> Self {
        let mut head = Vec::with_capacity(320);
        head::put(&mut head, "Content-Type", content_type);
        head::content_length(&mut head, len);
        if let Some(name) = coding.token() {
            head::put(&mut head, "Content-Encoding", name);
        }
        let common_at = head.len();
        head::put_date(&mut head, "Last-Modified", modified);
        head::put(&mut head, "ETag", etag.as_bytes());
        if about.varies {
            head::put(&mut head, "Vary", "Accept-Encoding");
        }
        head::put(&mut head, "Accept-Ranges", "bytes");
        head::put(&mut head, "X-Content-Type-Options", "nosniff");
        about.rules.put_for(about.path, &mut head);
        Self {
            coding,
            etag,
            content,
            len,
            head: head.into_boxed_slice(),
            common_at,
        }
    }

    /// Fields of a 200.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Fields of every reply about this form that do not tell of its content's type and length.
    #[must_use]
    pub fn common_head(&self) -> &[u8] {
        &self.head[self.common_at..]
    }
}

/// The bytes of a small file, or the open file, and its length.
///
/// A small file that changes while it is read is left to be sent from the file: what is sent then ends with the
/// connection if it comes out shorter than announced.
fn content(OpenFile { file, facts }: OpenFile) -> io::Result<(Content, u64)> {
    if facts.len <= MEMORY_LEN
        && let Some(bytes) = read_whole(&file, facts.len)?
    {
        return Ok((Content::Memory(bytes.into()), facts.len));
    }
    Ok((Content::File(Rc::new(file.into())), facts.len))
}

/// All of a file, if it is as long as it should be.
fn read_whole(file: &File, len: u64) -> io::Result<Option<Vec<u8>>> {
    let wanted = usize::try_from(len).unwrap_or(usize::MAX);
    // One byte more shows a file that has grown.
    let mut bytes = vec![0; wanted.saturating_add(1)];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(wanted);
    Ok((read == wanted).then_some(bytes))
}
