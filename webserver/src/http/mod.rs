//! The protocol, pure: bytes in, requests and reply heads out. Knows no socket, file or clock.

pub mod accept;
pub mod body;
pub mod conditional;
pub mod conn;
pub mod date;
pub mod etag;
pub mod fault;
pub mod field;
pub mod framing;
pub mod head;
pub mod host;
pub mod method;
pub mod multipart;
pub mod range;
pub mod request;
pub mod status;
pub mod target;
