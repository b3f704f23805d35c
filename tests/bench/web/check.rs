//! Whether a server's replies are right: no speed counts without that.

use std::io;

use crate::client::{Client, Reply};
use crate::rows::{Ask, Row};
use crate::site::Page;

/// A server that answers right.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Headers to send in the load.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Bytes of each reply, head and body.
    pub(crate) reply_len: usize,
}

/// Asks the server at `port` once for what `row` will ask it.
///
/// # Errors
/// Says what is wrong with its replies.
pub(crate) fn check(row: &Row, port: u16) -> Result<Checked, String> {
    let shown = |error: io::Error| format!("{}: {error}", row.ask.path());
    let mut known = None;
    for page in row.ask.pages() {
        let (replies, _) = exchange(port, &request(&page.path(), &[]), 1).map_err(shown)?;
        for reply in replies {
            has_content(&reply, page)?;
            known = Some(reply);
        }
    }
    let headers = row.ask.headers(known.as_ref());
    let request = request(&row.ask.path(), &headers);
    let (replies, mut client) = exchange(port, &request, row.ask.batch()).map_err(shown)?;
    let mut reply_len = 0;
    for reply in replies {
        is_as_asked(row.ask, &reply)?;
        reply_len = reply.len;
    }
    if let Ask::Once(_) = row.ask {
        let is_closed = client.is_at_end().map_err(shown)?;
        is_closed.then_some(()).ok_or("the connection stays open")?;
    }
    Ok(Checked { headers, reply_len })
}

/// A request as `wrk` sends it.
pub(crate) fn request(path: &str, headers: &[(&str, String)]) -> Vec<u8> {
    let lines = headers.iter();
    let lines: String = lines
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n").into_bytes()
}

/// Sends a request `count` times in one write, and reads as many replies.
fn exchange(port: u16, request: &[u8], count: usize) -> io::Result<(Vec<Reply>, Client)> {
    let mut client = Client::connect(port)?;
    client.send(&request.repeat(count))?;
    let replies: io::Result<Vec<Reply>> = (0..count).map(|_| client.receive()).collect();
    Ok((replies?, client))
}

fn is_as_asked(ask: Ask, reply: &Reply) -> Result<(), String> {
    if reply.status != ask.status() {
        return Err(format!("{} answered with {}", ask.path(), reply.status));
    }
    match ask {
        Ask::File(page) | Ask::Batches(page) | Ask::Once(page) => has_content(reply, page),
        Ask::Unchanged(_) | Ask::Missing | Ask::Many | Ask::StayIdle => Ok(()),
    }
}

fn has_content(reply: &Reply, page: Page) -> Result<(), String> {
    if reply.status == 200 && blake3::hash(&reply.body) == blake3::hash(&page.content()) {
        return Ok(());
    }
    Err(format!("{} is not answered with its content", page.path()))
}
