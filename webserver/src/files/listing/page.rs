//! The page about a folder. It needs no script, no picture and no other file.

use std::io::Write;

use common::units::ByteSize;

use super::escape;
use super::time::day_and_minute;
use super::{Direction, Order, Sort};
use crate::files::root::{FOLDER_ENTRIES_MAX, Folder, FolderEntry, Kind};

/// What a page takes without its rows, roughly.
pub(super) const EMPTY_LEN: usize = 4_096;

/// What a row takes, roughly.
pub(super) const ROW_LEN: usize = 192;

const STYLE: &str = include_str!("style.css");

/// Writes what comes before the rows.
pub(super) fn begin(out: &mut Vec<u8>, path: &[u8], order: Order, folder: &Folder) {
    out.extend_from_slice(
        b"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
          <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
          <meta name=\"color-scheme\" content=\"light dark\">\n<title>",
    );
    escape::text(out, path);
    out.extend_from_slice(b"</title>\n<style>\n");
    out.extend_from_slice(STYLE.as_bytes());
    out.extend_from_slice(b"</style>\n<main>\n");
    breadcrumbs(out, path, order);
    summary(out, folder);
    if folder.entries.is_empty() && path == b"/" {
        out.extend_from_slice(b"<table>\n");
        return;
    }
    out.extend_from_slice(b"<table>\n<thead><tr>");
    column(out, order, Sort::Name, "Name");
    column(out, order, Sort::Size, "Size");
    column(out, order, Sort::Time, "Changed <span>(UTC)</span>");
    out.extend_from_slice(b"</tr></thead>\n<tbody>\n");
    if path != b"/" {
        out.extend_from_slice(b"<tr class=\"up\"><td colspan=\"3\"><a href=\"../");
        out.extend_from_slice(query_of(order).as_bytes());
        out.extend_from_slice(b"\">../</a></td></tr>\n");
    }
}

/// Writes one row.
pub(super) fn row(out: &mut Vec<u8>, entry: &FolderEntry, order: Order) {
    out.extend_from_slice(match entry.kind {
        Kind::File => b"<tr><td><a href=\"",
        Kind::Folder => b"<tr class=\"folder\"><td><a href=\"",
    });
    escape::link(out, &entry.name);
    if entry.kind == Kind::Folder {
        out.push(b'/');
        out.extend_from_slice(query_of(order).as_bytes());
    }
    out.extend_from_slice(b"\"><bdi>");
    escape::text(out, &entry.name);
    out.extend_from_slice(match entry.kind {
        Kind::File => b"</bdi></a></td><td>",
        Kind::Folder => b"</bdi>/</a></td><td>",
    });
    if entry.kind == Kind::File {
        put(out, format_args!("{}", ByteSize::new(entry.len)));
    }
    out.extend_from_slice(b"</td><td>");
    if let Some((day, minute)) = day_and_minute(entry.modified_ns) {
        put(out, format_args!("{day} <span>{minute}</span>"));
    }
    out.extend_from_slice(b"</td></tr>\n");
}

/// Writes what comes after the rows.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</tbody></table>\n</main>\n</html>\n");
}

/// Writes the path, each folder of it a link.
fn breadcrumbs(out: &mut Vec<u8>, path: &[u8], order: Order) {
    let names: Vec<&[u8]> = path
        .split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
        .collect();
    out.extend_from_slice(b"<h1>");
    for (index, name) in std::iter::once(&&b""[..]).chain(&names).enumerate() {
        let levels_up = names.len() - index;
        if levels_up > 0 {
            out.extend_from_slice(b"<a href=\"");
            out.extend_from_slice("../".repeat(levels_up).as_bytes());
            out.extend_from_slice(query_of(order).as_bytes());
            out.extend_from_slice(b"\">");
        } else {
            out.extend_from_slice(b"<a aria-current=\"page\">");
        }
        out.extend_from_slice(b"<bdi>");
        escape::text(out, name);
        out.extend_from_slice(b"</bdi>/</a><wbr>");
    }
    out.extend_from_slice(b"</h1>\n");
}

/// Writes how much there is.
fn summary(out: &mut Vec<u8>, folder: &Folder) {
    let files = folder
        .entries
        .iter()
        .filter(|entry| entry.kind == Kind::File);
    let len = files
        .clone()
        .fold(0, |sum: u64, file| sum.saturating_add(file.len));
    let files = files.count();
    let folders = folder.entries.len() - files;
    out.extend_from_slice(b"<p>");
    match (folders, files) {
        (0, 0) => out.extend_from_slice(b"Nothing here."),
        (folders, 0) => put(out, format_args!("{}", Count(folders, "folder"))),
        (0, files) => put(
            out,
            format_args!("{}, {}", Count(files, "file"), ByteSize::new(len)),
        ),
        (folders, files) => {
            let (folders, files) = (Count(folders, "folder"), Count(files, "file"));
            put(
                out,
                format_args!("{folders}, {files}, {}", ByteSize::new(len)),
            );
        }
    }
    if folder.truncated {
        put(
            out,
            format_args!(". There is more: only {FOLDER_ENTRIES_MAX} are shown."),
        );
    }
    out.extend_from_slice(b"</p>\n");
}

/// Writes the head of a column: a link that sorts by it, or turns the order if that is how it is sorted.
fn column(out: &mut Vec<u8>, now: Order, sort: Sort, title: &str) {
    let is_sorted_by = now.sort == sort;
    let direction = match (is_sorted_by, now.direction, sort) {
        (true, Direction::Ascending, _) => Direction::Descending,
        (true, Direction::Descending, _) => Direction::Ascending,
        (false, _, Sort::Name) => Direction::Ascending,
        // Who asks for sizes or times mostly wants the largest or the latest.
        (false, _, Sort::Size | Sort::Time) => Direction::Descending,
    };
    let sorted = match (is_sorted_by, now.direction) {
        (false, _) => "",
        (true, Direction::Ascending) => " aria-sort=\"ascending\"",
        (true, Direction::Descending) => " aria-sort=\"descending\"",
    };
    let query = Order { sort, direction }.query().replace('&', "&amp;");
    put(
        out,
        format_args!("<th scope=\"col\"{sorted}><a href=\"{query}\">{title}</a></th>"),
    );
}

/// What is put behind links to other folders, so that they are sorted like this one.
fn query_of(order: Order) -> String {
    if order == Order::default() {
        String::new()
    } else {
        order.query().replace('&', "&amp;")
    }
}

struct Count(usize, &'static str);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(count, noun) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {noun}{plural}")
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes every write");
}
