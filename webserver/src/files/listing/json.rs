//! One entry of a folder as a JSON object.

use serde::Serialize;

use super::escape;
use super::time::rfc3339;
use crate::files::root::{FolderEntry, Kind};

/// What an object takes, roughly.
pub(super) const OBJECT_LEN: usize = 128;

#[derive(Serialize)]
struct Object<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    mtime: Option<String>,
    href: &'a str,
}

/// Writes an entry on a line of its own, with a comma behind it.
pub(super) fn object(out: &mut Vec<u8>, entry: &FolderEntry) {
    let mut href = Vec::new();
    escape::link(&mut href, &entry.name);
    let (kind, size) = match entry.kind {
        Kind::File => ("file", Some(entry.len)),
        Kind::Folder => {
            href.push(b'/');
            ("directory", None)
        }
    };
    let object = Object {
        name: &String::from_utf8_lossy(&entry.name),
        kind,
        size,
        mtime: rfc3339(entry.modified_ns),
        href: &String::from_utf8_lossy(&href),
    };
    out.push(b'\n');
    let written = serde_json::to_writer(&mut *out, &object);
    written.expect("texts and numbers can always be written to memory");
    out.push(b',');
}
