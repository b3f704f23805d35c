//! The protocol, pure: bytes in, requests and reply heads out. Knows no socket, file or clock.

pub mod method;
pub mod status;
pub mod field;
pub mod fault;
pub mod host;
pub mod framing;
pub mod request;
pub mod target;
pub mod body;
pub mod conn;
pub mod date;
pub mod etag;
pub mod conditional;
pub mod range;
pub mod accept;
pub mod head;
pub mod multipart;
