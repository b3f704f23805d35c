//! Sessions: `Noise_IK_25519_ChaChaPoly_BLAKE2s` (noiseprotocol.org, revision 34 §7.5) with explicit 64-bit nonces and a replay window.
//!
//! ```text
//!   initiate(theirs, payload) ──► message 1 ──► respond() ──► Introduction{key, payload} ──► accept(payload)
//!   Initiation::finish() ◄────── message 2 ◄──────────────────────────────────────────────┘
//!        └─► Session  ◄── seal, open ──►  Session
//! ```
//!
//! The first message carries data at once; whether it is a replay is decided by who reads its payload (see
//! [`crate::client`]): this module only proves who wrote it and that it was written for this prologue.

use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};

/// What message 1 adds to its payload: ephemeral key, sealed static key, two tags.
pub const INITIATION_OVERHEAD: usize = 96;
/// What message 2 adds to its payload.
pub const ANSWER_OVERHEAD: usize = 48;
/// What a sealed packet adds.
pub const SEAL_OVERHEAD: usize = 16;
/// Frames a session may seal before another is to be made.
pub const REKEY_FRAMES: u64 = 1 << 20;
/// How far back, in frames, a late one is still taken.
pub const REPLAY_WINDOW: u64 = 2_048;

/// A handshake or packet that is not authentic, not for this session, or came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authentic")]
pub struct Forged;

/// A handshake begun here, waiting for its answer.
#[derive(Debug)]
pub struct Initiation {
    _todo: (),
}

/// Begins one with the owner of `theirs`: the state, and message 1 with `payload` in it.
#[must_use]
pub fn initiate(mine: &Identity, theirs: &PublicKey, prologue: &[u8], payload: &[u8], entropy: &mut Entropy) -> (Initiation, Vec<u8>) {
    let _ = (mine, theirs, prologue, payload, entropy);
    unimplemented!()
}

impl Initiation {
    /// Reads message 2: the session, and the answer's payload. A wrong message leaves this as it was, so that
    /// forged answers cannot end a handshake.
    ///
    /// # Errors
    /// If it is not the answer of the owner of the key.
    pub fn finish(&mut self, message: &[u8]) -> Result<(Session, Vec<u8>), Forged> {
        let _ = message;
        unimplemented!()
    }
}

/// Somebody's message 1, proven to be from the owner of `key`.
#[derive(Debug)]
pub struct Introduction {
    /// Who wrote it.
    pub key: PublicKey,
    /// What it said.
    pub payload: Vec<u8>,
    _todo: (),
}

/// Reads a message 1.
///
/// # Errors
/// If it is not one for this key and prologue.
pub fn respond(mine: &Identity, prologue: &[u8], message: &[u8], entropy: &mut Entropy) -> Result<Introduction, Forged> {
    let _ = (mine, prologue, message, entropy);
    unimplemented!()
}

impl Introduction {
    /// Answers it: the session, and message 2 with `payload` in it.
    #[must_use]
    pub fn accept(self, payload: &[u8]) -> (Session, Vec<u8>) {
        let _ = payload;
        unimplemented!()
    }
}

/// Both directions of an established session.
#[derive(Debug)]
pub struct Session {
    _todo: (),
}

impl Session {
    /// Seals a packet: appends ciphertext and tag to `out`, returns the nonce.
    pub fn seal(&mut self, packet: &[u8], out: &mut Vec<u8>) -> u64 {
        let _ = (packet, out);
        unimplemented!()
    }
    /// Seals with the nonce that [`Self::next_nonce`] told, so that it can be written before the ciphertext.
    #[must_use]
    pub fn next_nonce(&self) -> u64 {
        unimplemented!()
    }
    /// Opens a packet into `out` (cleared first): authentic, and never opened before.
    ///
    /// # Errors
    /// If it is neither.
    pub fn open(&mut self, nonce: u64, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Forged> {
        let _ = (nonce, sealed, out);
        unimplemented!()
    }
    /// Whether [`REKEY_FRAMES`] is near and another session should be made.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        unimplemented!()
    }
}
