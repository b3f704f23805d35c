//! Replies: no input makes one whose framing is wrong, or that holds what was not asked for.

use std::iter;
use std::time::SystemTime;

use common::clock::Clock;
use webserver::http::status::Status;

use super::cut::Cut;
use super::exchange::exchange;
use super::judge::judge;
use super::path::holds_marker;
use super::scene::{Doors, Memory, Scene};

/// `input` is a plan of pieces (see `cut`; with `!` only users are let in, with `0` nothing is remembered) and what a
/// client sends.
///
/// # Panics
/// If a reply is not what it must be, or the replies depend on the pieces.
pub fn check(scene: &Scene, input: &[u8]) {
    replies(scene, input);
}

/// Does what [`check`] does, and tells the status of each reply.
///
/// # Panics
/// As [`check`].
pub fn replies(scene: &Scene, input: &[u8]) -> Vec<Status> {
    // A redirect says again what was asked for, and the fuzzer knows what it must not find.
    if holds_marker(input) {
        return Vec::new();
    }
    let cut = Cut::of(input);
    let doors = if cut.has(b'!') {
        Doors::Locked
    } else {
        Doors::Open
    };
    let memory = if cut.has(b'0') {
        Memory::Nothing
    } else {
        Memory::Ample
    };
    let responder = || scene.responder(doors, memory);
    let now = Clock::start().wall();
    let nanos = now.duration_since(SystemTime::UNIX_EPOCH);
    let nanos = nanos.expect("after 1970").as_nanos().cast_signed();
    let whole = exchange(responder(), iter::once(cut.stream), nanos);
    judge(scene, &whole);
    let is_cut = cut.pieces().nth(1).is_some();
    if is_cut {
        let cut = exchange(responder(), cut.pieces(), nanos);
        assert!(
            cut.sent == whole.sent,
            "other replies, because of the pieces"
        );
    }
    let answered = whole.answered.iter();
    answered.map(|answered| answered.reply.status).collect()
}
