//! Datagrams: whatever comes, each language takes it as one thing or refuses it, and no answer is longer than its bounds.

use natchat::name::MemberId;
use natchat::wire::call::Call;
use natchat::wire::check::Check;
use natchat::wire::from_server::{Change, FromServer, Presence};
use natchat::wire::handshake::Handshake;
use natchat::wire::older::{self, OlderKind};
use natchat::wire::reach::{CANDIDATES, REACH_LEN, Reach};
use natchat::wire::relay::{Down, Up};
use natchat::wire::to_server::ToServer;
use natchat::wire::transport::Transport;
use natchat::wire::{Language, stun};

/// `input` is a datagram; one with a tag comes without it.
///
/// # Panics
/// If what is taken has another form than the one that was read, or draws more than it may.
pub fn check(input: &[u8]) {
    check_stun(input);
    check_older(input);
    check_reach(input);
    let mut takers = Vec::new();
    for (language, again) in frames(input) {
        assert_eq!(again, input, "{language:?}: two forms of one thing");
        takers.push(language);
    }
    // Each language takes its own only, whoever reads it.
    for taker in takers {
        assert_eq!(Language::of(input), Some(taker));
    }
}

/// Who takes it for a frame, and how that is written.
fn frames(input: &[u8]) -> Vec<(Language, Vec<u8>)> {
    let mut taken = Vec::new();
    let mut take = |language, write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        taken.push((language, out));
    };
    if let Ok(frame) = ToServer::decode(input) {
        take(Language::ToServer, &|out| frame.encode(out));
    }
    if let Ok(frame) = FromServer::decode(input) {
        take(Language::FromServer, &|out| frame.encode(out));
        if let FromServer::Presence(presence) = &frame {
            check_presence(presence, input);
        }
    }
    if let Ok(frame) = Up::decode(input) {
        take(Language::RelayUp, &|out| frame.encode(out));
    }
    if let Ok(frame) = Down::decode(input) {
        take(Language::RelayDown, &|out| frame.encode(out));
    }
    if let Ok(frame) = Check::decode(input) {
        take(Language::Check, &|out| frame.encode(out));
    }
    if let Ok(frame) = Call::decode(input) {
        take(Language::Call, &|out| frame.encode(out));
    }
    if let Ok(frame) = Handshake::decode(input) {
        take(Language::Handshake, &|out| frame.encode(out));
    }
    if let Ok(frame) = Transport::decode(input) {
        take(Language::Transport, &|out| {
            Transport::encode_header(frame.receiver, frame.counter, out);
            out.extend_from_slice(frame.sealed);
        });
    }
    taken
}

/// A server may write the changes once for all whom it tells.
fn check_presence(presence: &Presence, input: &[u8]) {
    let mut changes = Vec::new();
    for change in &presence.entries {
        change.encode(&mut changes);
        if let Change::Here(entry) = change {
            assert_eq!(
                entry.id.as_str().parse(),
                Ok(entry.id.clone()),
                "an ID is one"
            );
        }
    }
    let count = u16::try_from(presence.entries.len()).expect("a count that was read");
    let mut out = Vec::new();
    Presence::encode_written(&presence.span, count, &changes, &mut out);
    assert_eq!(out, input, "the same, put together");
}

fn check_reach(input: &[u8]) {
    let Ok(reach) = Reach::decode(input) else {
        return;
    };
    let mut out = Vec::new();
    reach.encode(&mut out);
    assert_eq!(out, input, "a reach has one form");
    assert!(out.len() <= REACH_LEN && reach.candidates.len() <= CANDIDATES);
    for candidate in &reach.candidates {
        let ip = candidate.addr.ip();
        assert!(candidate.addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast());
    }
}

/// The longest answer: the longest address and a FINGERPRINT.
const STUN_ANSWER_LEN: usize = 20 + 24 + 8;

fn check_stun(input: &[u8]) {
    let Ok(request) = stun::decode(input) else {
        return;
    };
    for from in [([192, 0, 2, 1], 1).into(), ([0x2001; 8], 1).into()] {
        let mut answer = Vec::new();
        stun::encode_answer(&request, from, &mut answer);
        assert!(answer.len() <= STUN_ANSWER_LEN, "{} bytes", answer.len());
        let len = usize::from(u16::from_be_bytes([answer[2], answer[3]]));
        assert_eq!(answer.len(), 20 + len, "it tells its length");
        assert_eq!(
            answer[4..20],
            input[4..20],
            "cookie and transaction come back"
        );
        assert!(stun::decode(&answer).is_err(), "an answer is owed none");
    }
}

fn check_older(input: &[u8]) {
    if let Ok(event) = older::decode_event(input) {
        let word = match event.kind {
            OlderKind::Register => "register",
            OlderKind::KeepAlive => "Keep Alive",
            OlderKind::Unregister => "unregister",
        };
        let plain = format!("client_{word}_{}_{}", event.id, event.local);
        let rest = input.strip_prefix(plain.as_bytes()).expect("what was read");
        assert!(rest.is_empty() || rest[0] == b'_', "further fields only");
        assert!(older::decode_chat(input).is_err(), "an event is no line");
    }
    if let Ok((from, text)) = older::decode_chat(input) {
        assert_eq!(input, format!("{from}_{text}").as_bytes());
        check_parts(&from, text);
    }
}

/// What is sent on can be read by an older client, which splits at `_`, and is all of it.
fn check_parts(from: &MemberId, text: &str) {
    let mut whole = String::new();
    for part in older::parts(text) {
        let mut out = Vec::new();
        older::encode_chat(from, part, &mut out);
        let written = std::str::from_utf8(&out).expect("text");
        let (id, written) = written.split_once('_').expect("an ID in front");
        assert_eq!(id, from.as_str());
        assert!(!written.contains('_') && written.len() <= older::TEXT_LEN);
        assert_eq!(written, part.replace('_', "\u{ff3f}"));
        whole.push_str(part);
    }
    assert_eq!(whole, text);
}
