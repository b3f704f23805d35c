//! Work that would hold up a worker, as data: what is to be done on another thread, and what came of it.
//!
//! A reply that needs such work is not kept waiting as it is. Its request is judged again when the work is done, and
//! then finds what came of it remembered.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::files::listing::{self, Order};
use crate::files::root::Facts;
use crate::files::site::Site;
use crate::files::{compress, entry::Content};
use crate::http::accept::Coding;

/// What is to be done.
#[derive(Debug)]
pub struct Job {
    /// Its number among a worker's: later jobs have higher ones.
    pub number: u64,
    /// What it is for: equal for jobs of which one does for all.
    pub key: Box<[u8]>,
    /// Whose shelf the product belongs on.
    pub site: usize,
    /// The work itself.
    pub work: Work,
}

/// Kinds of work.
#[derive(Debug)]
pub enum Work {
    /// Writing a page about what is in a folder.
    List {
        /// Where the folder is.
        site: Arc<Site>,
        /// Its path, with a slash at the end.
        path: Box<[u8]>,
        /// How the page is sorted.
        order: Order,
        /// For whom it is written.
        form: ListForm,
    },
    /// Compressing a file.
    Compress {
        /// The path it was asked for by.
        path: Box<[u8]>,
        /// Which file it is.
        facts: Facts,
        /// How.
        coding: Coding,
        /// Its bytes.
        bytes: Source,
    },
    /// Comparing a password with a hash.
    Verify {
        /// What was given.
        password: Vec<u8>,
        /// What it should hash to.
        hash: Arc<str>,
        /// Whether anybody has the name that came with it; if not, it is wrong whatever it hashes to.
        is_known: bool,
    },
}

/// For whom a folder's page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// People.
    Html,
    /// Programs.
    Json,
}

/// Bytes that another thread may read.
#[derive(Debug)]
pub enum Source {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In a file of its own, this many.
    File(File, u64),
}

impl Source {
    /// A form's content for another thread; `None` if the system has no descriptor left.
    #[must_use]
    pub fn of(content: &Content, len: u64) -> Option<Self> {
        Some(match content {
            Content::Memory(bytes) => Self::Memory(Arc::clone(bytes)),
            Content::File(file) => Self::File(file.as_fd().try_clone_to_owned().ok()?.into(), len),
        })
    }

    fn read(self) -> Option<Arc<[u8]>> {
        match self {
            Self::Memory(bytes) => Some(bytes),
            Self::File(file, len) => {
                let mut bytes = vec![0; usize::try_from(len).ok()?];
                file.read_exact_at(&mut bytes, 0).ok()?;
                Some(bytes.into())
            }
        }
    }
}

/// What came of a [`Job`].
#[derive(Debug)]
pub struct Done {
    /// The job's.
    pub number: u64,
    /// The job's.
    pub key: Box<[u8]>,
    /// The job's.
    pub site: usize,
    /// What was made.
    pub product: Product,
}

/// Kinds of products.
#[derive(Debug)]
pub enum Product {
    /// A page; `None` if the folder could not be read.
    Page(Option<Arc<[u8]>>),
    /// A form of a file.
    Form {
        /// The path it was asked for by.
        path: Box<[u8]>,
        /// Which file it is.
        facts: Facts,
        /// How it is compressed.
        coding: Coding,
        /// `None` if it did not become shorter.
        bytes: Option<Arc<[u8]>>,
    },
    /// Whether the password was right.
    Verified(bool),
    /// Nothing: the work could not be done.
    Nothing,
}

impl Job {
    /// Does the work. May take long.
    #[must_use]
    pub fn run(self) -> Done {
        let product = match self.work {
            Work::List {
                site,
                path,
                order,
                form,
            } => Product::Page(list(&site, &path, &order, form)),
            Work::Compress {
                path,
                facts,
                coding,
                bytes,
            } => Product::Form {
                bytes: bytes
                    .read()
                    .and_then(|bytes| compress::compress(&bytes, coding))
                    .map(Arc::from),
                path,
                facts,
                coding,
            },
            Work::Verify {
                password,
                hash,
                is_known,
            } => {
                let fits = bcrypt::verify(password, &hash).unwrap_or(false);
                Product::Verified(fits && is_known)
            }
        };
        Done {
            number: self.number,
            key: self.key,
            site: self.site,
            product,
        }
    }
}

fn list(site: &Site, path: &[u8], order: &Order, form: ListForm) -> Option<Arc<[u8]>> {
    let folder = site.root.read_folder(path).ok()??;
    let page = match form {
        ListForm::Html => listing::html(path, order, folder),
        ListForm::Json => listing::json(order, folder),
    };
    Some(page.into())
}
