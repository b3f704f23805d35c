//! What a folder holds, as a page for people and as JSON for programs. Pure: told what there is, it writes bytes.
//!
//! ```text
//! entries ─ sort (folders first, names as people count) ─┬─ page: HTML, one file, no script
//!           [`Order`] from the query                     └─ json: the same data
//! ```
//!
//! Rule: a name can hold any bytes, and whoever puts files here may not be the owner of the site. No name is ever
//! anything but text or one component of a link on the page.
//!
//! Not here: whether a folder is listed at all, which names are hidden, what the client would rather have.

mod escape;
mod json;
mod page;
mod sort;
mod time;

use rayon::prelude::*;

use crate::files::root::{Folder, FolderEntry};

/// What a page needs of its surroundings, and nothing else: the value of `Content-Security-Policy` to send with it.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Folders with more entries are sorted and written on all cores.
const LARGE: usize = 2_000;

/// Entries that one core writes at a time.
const CHUNK_LEN: usize = 1_024;

/// How a list is sorted. Folders always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// Which end comes first.
    pub direction: Direction,
}

/// What a list is sorted by; equals go by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// By name, numbers in it by their value, letters without case.
    #[default]
    Name,
    /// By length of content.
    Size,
    /// By when the content last changed.
    Time,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least.
    #[default]
    Ascending,
    /// The greatest.
    Descending,
}

impl Order {
    /// Reads `sort=name|size|time` and `order=asc|desc` from a query. Whatever else is in it, and whatever is not
    /// there, is as if nothing were asked: by name, ascending.
    #[must_use]
    pub fn parse(query: Option<&[u8]>) -> Self {
        let mut order = Self::default();
        for parameter in query.unwrap_or_default().split(|&byte| byte == b'&') {
            match parameter {
                b"sort=name" => order.sort = Sort::Name,
                b"sort=size" => order.sort = Sort::Size,
                b"sort=time" => order.sort = Sort::Time,
                b"order=asc" => order.direction = Direction::Ascending,
                b"order=desc" => order.direction = Direction::Descending,
                _ => {}
            }
        }
        order
    }

    /// The query that asks for this order. The same order always has the same one.
    #[must_use]
    pub const fn query(self) -> &'static str {
        match (self.sort, self.direction) {
            (Sort::Name, Direction::Ascending) => "?sort=name&order=asc",
            (Sort::Name, Direction::Descending) => "?sort=name&order=desc",
            (Sort::Size, Direction::Ascending) => "?sort=size&order=asc",
            (Sort::Size, Direction::Descending) => "?sort=size&order=desc",
            (Sort::Time, Direction::Ascending) => "?sort=time&order=asc",
            (Sort::Time, Direction::Descending) => "?sort=time&order=desc",
        }
    }
}

/// Writes the page about the folder at `path`, which is decoded and begins and ends with a slash.
///
/// All links are relative to that path, so that it also works behind a proxy that puts something in front of it.
#[must_use]
pub fn html(path: &[u8], order: &Order, mut folder: Folder) -> Vec<u8> {
    sort::sort(&mut folder.entries, *order);
    let mut page = Vec::with_capacity(page::EMPTY_LEN + folder.entries.len() * page::ROW_LEN);
    page::begin(&mut page, path, *order, &folder);
    write_all(&mut page, &folder.entries, |out, entry| {
        page::row(out, entry, *order)
    });
    page::end(&mut page);
    page
}

/// Writes what is in a folder as an array of objects: `name`, `type` (`file` or `directory`), `size` (bytes; files
/// only), `mtime` (RFC 3339) and `href`, a relative link.
///
/// A name that is not UTF-8 is told with U+FFFD for what is not; its `href` leads to the file all the same.
#[must_use]
pub fn json(order: &Order, mut folder: Folder) -> Vec<u8> {
    sort::sort(&mut folder.entries, *order);
    let mut text = Vec::with_capacity(folder.entries.len() * json::OBJECT_LEN);
    text.push(b'[');
    write_all(&mut text, &folder.entries, json::object);
    // Each object brings a comma; the last one's is not wanted.
    if text.last() == Some(&b',') {
        text.pop();
    }
    text.extend_from_slice(b"\n]\n");
    text
}

/// Writes every entry, in order.
fn write_all(
    out: &mut Vec<u8>,
    entries: &[FolderEntry],
    write: impl Fn(&mut Vec<u8>, &FolderEntry) + Sync,
) {
    if entries.len() <= LARGE {
        for entry in entries {
            write(out, entry);
        }
        return;
    }
    let chunks: Vec<Vec<u8>> = entries
        .par_chunks(CHUNK_LEN)
        .map(|chunk| {
            let mut out = Vec::with_capacity(chunk.len() * page::ROW_LEN);
            for entry in chunk {
                write(&mut out, entry);
            }
            out
        })
        .collect();
    for chunk in chunks {
        out.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests;
