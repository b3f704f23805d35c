//! The smallest client that can tell a right reply from a wrong one. Not for measuring.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// No server here may take longer for anything.
const REPLY_LIMIT: Duration = Duration::from_secs(20);

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the whole reply.
    pub(crate) len: usize,
}

impl Client {
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        stream.set_write_timeout(Some(REPLY_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one reply to a GET.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        let mut head = String::new();
        loop {
            let start = head.len();
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if head[start..].trim_end().is_empty() {
                break;
            }
        }
        let mut reply = Reply::of_head(&head).ok_or_else(|| io::Error::other(head.clone()))?;
        if reply.status != 304 {
            let len = reply.header("content-length");
            let len = len.and_then(|len| len.parse().ok());
            let len = len.ok_or_else(|| io::Error::other(format!("no length: {head}")))?;
            reply.body.resize(len, 0);
            self.stream.read_exact(&mut reply.body)?;
        }
        reply.len = head.len() + reply.body.len();
        Ok(reply)
    }

    /// Whether the server has closed the connection with nothing more to say.
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.stream.fill_buf()?.is_empty())
    }

    /// Gives up the buffer: 10,000 of them would be 80 MB. Whatever was read ahead is lost.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

impl Reply {
    fn of_head(head: &str) -> Option<Self> {
        let mut lines = head.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        Some(Self {
            status: status.parse().ok()?,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
            len: 0,
        })
    }

    /// The first header of this name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(listed, _)| listed == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What a client reads from a server that sends `bytes` and closes.
    fn receive(bytes: &'static [u8]) -> io::Result<(Reply, bool)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut client = Client::connect(listener.local_addr()?.port())?;
        listener.accept()?.0.write_all(bytes)?;
        let reply = client.receive()?;
        let is_at_end = client.is_at_end()?;
        Ok((reply, is_at_end))
    }

    #[test]
    fn replies_are_read_to_their_last_byte_and_no_further() {
        type Expected = (u16, &'static [u8], usize, bool);
        let rows: [(&str, &[u8], Expected); 3] = [
            (
                "whole",
                b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nhi",
                (200, b"hi", 40, true),
            ),
            (
                "more follows",
                b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nabc",
                (404, b"a", 39, false),
            ),
            (
                "no body",
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                (304, b"", 48, true),
            ),
        ];
        for (name, bytes, (status, body, len, is_at_end)) in rows {
            let (reply, at_end) = receive(bytes).expect(name);
            assert_eq!((reply.status, &*reply.body), (status, body), "{name}");
            assert_eq!((reply.len, at_end), (len, is_at_end), "{name}");
        }
    }

    #[test]
    fn what_is_no_whole_reply_is_an_error() {
        let rows: [(&str, &[u8]); 4] = [
            ("nothing", b""),
            ("half a head", b"HTTP/1.1 200 OK\r\n"),
            (
                "half a body",
                b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            ),
            ("no length", b"HTTP/1.1 200 OK\r\n\r\nhi"),
        ];
        for (name, bytes) in rows {
            assert!(receive(bytes).is_err(), "{name}");
        }
    }
}
