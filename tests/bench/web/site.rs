//! The folder that everyone serves: four files from 1 KB to 10 MB, and 10,000 small ones.

use harness::{Random, Sandbox};

/// How many small files there are; known to `wrk.lua` too.
pub(crate) const MANY: usize = 10_000;

/// A file of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// One of its own, of this many bytes.
    OfLen(usize),
    /// One of the many.
    Nth(usize),
}

impl Page {
    pub(crate) const KB1: Self = Self::OfLen(1_024);
    pub(crate) const KB10: Self = Self::OfLen(10_240);
    pub(crate) const KB100: Self = Self::OfLen(102_400);
    pub(crate) const MB10: Self = Self::OfLen(10_485_760);

    /// What it is asked for by. A name that no server compresses or gives a charset to.
    pub(crate) fn path(self) -> String {
        match self {
            Self::OfLen(len) => format!("/{len}.bin"),
            Self::Nth(number) => format!("/many/{number:04}.bin"),
        }
    }

    /// What it holds; no two files are the same.
    pub(crate) fn content(self) -> Vec<u8> {
        let (seed, len) = match self {
            Self::OfLen(len) => (u64::MAX, len),
            Self::Nth(number) => (u64::try_from(number).expect("a usize fits"), 1_024),
        };
        Random::new(seed).bytes(len)
    }
}

/// Writes the whole site.
pub(crate) fn make() -> Sandbox {
    let site = Sandbox::new();
    let pages = [Page::KB1, Page::KB10, Page::KB100, Page::MB10];
    let many = (0..MANY).map(Page::Nth);
    for page in pages.into_iter().chain(many) {
        site.file(&page.path()[1..], page.content());
    }
    site
}
