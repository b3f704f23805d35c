//! Sessions: `Noise_IK_25519_ChaChaPoly_BLAKE2s` (noiseprotocol.org, revision 34 §7.5) with explicit 64-bit nonces and a replay window.
//!
//! ```text
//!   initiate(theirs, payload) ──► message 1 ──► respond() ──► Introduction{key, payload} ──► accept(payload)
//!   Initiation::finish() ◄────── message 2 ◄──────────────────────────────────────────────┘
//!        └─► Session  ◄── seal, open ──►  Session
//! ```
//!
//! The first message carries data at once; whether it is a replay is decided by who reads its payload (see
//! [`crate::client`]): this module only proves who wrote it and that it was written for this prologue. A key of small order,
//! with which anybody could speak for its owner, is refused wherever it comes (RFC 7748 §6.1).

mod curve;
mod window;

use snow::params::NoiseParams;
use snow::{Builder, HandshakeState, StatelessTransportState};

use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey, wipe};
use crate::crypto::noise::curve::Resolver;
use crate::crypto::noise::window::Window;

pub use window::REPLAY_WINDOW;

/// What message 1 adds to its payload: ephemeral key, sealed static key, two tags.
pub const INITIATION_OVERHEAD: usize = 96;
/// What message 2 adds to its payload.
pub const ANSWER_OVERHEAD: usize = 48;
/// What a sealed packet adds.
pub const SEAL_OVERHEAD: usize = 16;
/// Frames a session may seal before another is to be made.
pub const REKEY_FRAMES: u64 = 1 << 20;

const PROTOCOL: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

/// A handshake or packet that is not authentic, not for this session, or came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authentic")]
pub struct Forged;

/// A handshake begun here, waiting for its answer.
#[derive(Debug)]
pub struct Initiation {
    /// `None` once it is finished.
    state: Option<Box<HandshakeState>>,
}

/// Begins one with the owner of `theirs`: the state, and message 1 with `payload` in it. `None` if `theirs` is no good key, or
/// the payload longer than any datagram.
#[must_use]
pub fn initiate(
    mine: &Identity,
    theirs: &PublicKey,
    prologue: &[u8],
    payload: &[u8],
    entropy: &mut Entropy,
) -> Option<(Initiation, Vec<u8>)> {
    let mut state = build(mine, Some(theirs), prologue, entropy);
    let mut message = vec![0; payload.len() + INITIATION_OVERHEAD];
    state.write_message(payload, &mut message).ok()?;
    Some((Initiation { state: Some(state) }, message))
}

impl Initiation {
    /// Reads message 2: the session, and the answer's payload. A wrong message leaves this as it was, so that
    /// forged answers cannot end a handshake.
    ///
    /// # Errors
    /// If it is not the answer of the owner of the key, or that has come already.
    pub fn finish(&mut self, message: &[u8]) -> Result<(Session, Vec<u8>), Forged> {
        // snow takes its hashes back when a read fails; the cipher and ephemeral key that it leaves behind are set anew by
        // the next one before they are used.
        let payload = read(self.state.as_mut().ok_or(Forged)?, message)?;
        let state = self.state.take().ok_or(Forged)?;
        Ok((Session::new(*state), payload))
    }
}

/// Somebody's message 1, proven to be from the owner of `key`.
#[derive(Debug)]
pub struct Introduction {
    /// Who wrote it.
    pub key: PublicKey,
    /// What it said.
    pub payload: Vec<u8>,
    state: Box<HandshakeState>,
}

/// Reads a message 1.
///
/// # Errors
/// If it is not one for this key and prologue.
pub fn respond(
    mine: &Identity,
    prologue: &[u8],
    message: &[u8],
    entropy: &mut Entropy,
) -> Result<Introduction, Forged> {
    let mut state = build(mine, None, prologue, entropy);
    let payload = read(&mut state, message)?;
    let key = state
        .get_remote_static()
        .and_then(|key| key.try_into().ok());
    Ok(Introduction {
        key: PublicKey(key.ok_or(Forged)?),
        payload,
        state,
    })
}

impl Introduction {
    /// Answers it: the session, and message 2 with `payload`, which fits a datagram, in it.
    #[must_use]
    pub fn accept(mut self, payload: &[u8]) -> (Session, Vec<u8>) {
        let mut message = vec![0; payload.len() + ANSWER_OVERHEAD];
        self.state.write_message(payload, &mut message).expect(
            "keys whose message 1 was read are good, and payloads shorter than 65,535 bytes",
        );
        (Session::new(*self.state), message)
    }
}

/// Both directions of an established session.
#[derive(Debug)]
pub struct Session {
    state: StatelessTransportState,
    next_nonce: u64,
    received: Window,
}

impl Session {
    fn new(state: HandshakeState) -> Self {
        Self {
            state: state
                .into_stateless_transport_mode()
                .expect("both messages have passed"),
            next_nonce: 0,
            received: Window::default(),
        }
    }

    /// Seals a packet, which fits a datagram: appends ciphertext and tag to `out`, returns the nonce.
    pub fn seal(&mut self, packet: &[u8], out: &mut Vec<u8>) -> u64 {
        let nonce = self.next_nonce;
        let begin = out.len();
        out.resize(begin + packet.len() + SEAL_OVERHEAD, 0);
        self.state
            .write_message(nonce, packet, &mut out[begin..])
            .expect("packets are shorter than 65,519 bytes, and 2^64 of them are never sent");
        self.next_nonce += 1;
        nonce
    }

    /// The nonce that [`Self::seal`] will use next, so that it can be written before the ciphertext.
    #[must_use]
    pub fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    /// Opens a packet into `out` (cleared first): authentic, and never opened before.
    ///
    /// # Errors
    /// If it is neither.
    pub fn open(&mut self, nonce: u64, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Forged> {
        out.clear();
        if !self.received.is_new(nonce) {
            return Err(Forged);
        }
        out.resize(sealed.len(), 0);
        let len = self.state.read_message(nonce, sealed, out).map_err(|_| {
            out.clear();
            Forged
        })?;
        out.truncate(len);
        self.received.insert(nonce);
        Ok(())
    }

    /// Whether [`REKEY_FRAMES`] is near and another session should be made.
    #[must_use]
    pub fn is_worn(&self) -> bool {
        self.next_nonce.max(self.received.end()) >= REKEY_FRAMES
    }
}

fn build(
    mine: &Identity,
    theirs: Option<&PublicKey>,
    prologue: &[u8],
    entropy: &mut Entropy,
) -> Box<HandshakeState> {
    let params: NoiseParams = PROTOCOL
        .parse()
        .expect("the name of a protocol that snow has");
    let mut secret = mine.secret();
    let builder = Builder::with_resolver(params, Box::new(Resolver::new(entropy)))
        .local_private_key(&secret)
        .and_then(|builder| builder.prologue(prologue));
    let state = match theirs {
        Some(theirs) => builder
            .and_then(|builder| builder.remote_public_key(&theirs.0))
            .and_then(Builder::build_initiator),
        None => builder.and_then(Builder::build_responder),
    };
    let state = state.expect("each key is given once, and all that the pattern needs");
    wipe(&mut secret);
    Box::new(state)
}

fn read(state: &mut HandshakeState, message: &[u8]) -> Result<Vec<u8>, Forged> {
    let mut payload = vec![0; message.len()];
    let len = state
        .read_message(message, &mut payload)
        .map_err(|_| Forged)?;
    payload.truncate(len);
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two {
        alice: Identity,
        bob: Identity,
        entropy: Entropy,
    }

    const PROLOGUE: &[u8] = b"natchat 1 and an incarnation";

    impl Two {
        fn new() -> Self {
            let mut entropy = Entropy::new([9; 32]);
            Self {
                alice: Identity::generate(&mut entropy),
                bob: Identity::generate(&mut entropy),
                entropy,
            }
        }

        fn initiate(&mut self) -> (Initiation, Vec<u8>) {
            initiate(
                &self.alice,
                &self.bob.public(),
                PROLOGUE,
                b"hello",
                &mut self.entropy,
            )
            .unwrap()
        }

        fn respond(&mut self, message: &[u8]) -> Result<Introduction, Forged> {
            respond(&self.bob, PROLOGUE, message, &mut self.entropy)
        }

        fn sessions(&mut self) -> (Session, Session) {
            let (mut initiation, first) = self.initiate();
            let (there, second) = self.respond(&first).unwrap().accept(b"welcome");
            let (here, payload) = initiation.finish(&second).unwrap();
            assert_eq!(payload, b"welcome");
            (here, there)
        }
    }

    #[test]
    fn two_messages_make_a_session() {
        let mut two = Two::new();
        let (mut initiation, first) = two.initiate();
        assert_eq!(first.len(), b"hello".len() + INITIATION_OVERHEAD);
        let introduction = two.respond(&first).unwrap();
        assert_eq!(
            (introduction.key, introduction.payload.as_slice()),
            (two.alice.public(), b"hello".as_slice())
        );
        let (mut there, second) = introduction.accept(b"welcome");
        assert_eq!(second.len(), b"welcome".len() + ANSWER_OVERHEAD);
        let (mut here, _) = initiation.finish(&second).unwrap();
        assert_eq!(
            initiation.finish(&second).unwrap_err(),
            Forged,
            "a second time"
        );

        let mut opened = Vec::new();
        for (sender, receiver) in [(0, 1), (1, 0), (0, 1)] {
            let sessions = [&mut here, &mut there];
            let [here, there] = sessions;
            let (sender, receiver) = if sender < receiver {
                (here, there)
            } else {
                (there, here)
            };
            let mut sealed = b"head".to_vec();
            let promised = sender.next_nonce();
            let nonce = sender.seal(b"a packet", &mut sealed);
            assert_eq!(promised, nonce);
            assert_eq!(sealed.len(), 4 + 8 + SEAL_OVERHEAD);
            receiver.open(nonce, &sealed[4..], &mut opened).unwrap();
            assert_eq!(opened, b"a packet");
        }
    }

    #[test]
    fn wrong_first_messages_are_refused() {
        let mut two = Two::new();
        let (_, first) = two.initiate();
        for at in 0..first.len() {
            let mut tampered = first.clone();
            tampered[at] ^= 1;
            assert!(two.respond(&tampered).is_err(), "byte {at}");
            assert!(two.respond(&first[..at]).is_err(), "cut at {at}");
        }
        assert!(respond(&two.bob, b"another incarnation", &first, &mut two.entropy).is_err());
        assert!(
            respond(&two.alice, PROLOGUE, &first, &mut two.entropy).is_err(),
            "reflected"
        );
        assert!(two.respond(&first).is_ok());
    }

    #[test]
    fn wrong_answers_leave_a_handshake_as_it_was() {
        let mut two = Two::new();
        let (mut initiation, first) = two.initiate();
        let (_, second) = two.respond(&first).unwrap().accept(b"welcome");
        assert!(initiation.finish(&first).is_err(), "reflected");
        for at in 0..second.len() {
            let mut tampered = second.clone();
            tampered[at] ^= 0x40;
            assert!(initiation.finish(&tampered).is_err(), "byte {at}");
            assert!(initiation.finish(&second[..at]).is_err(), "cut at {at}");
        }
        assert!(initiation.finish(&[0; 80]).is_err(), "a key of small order");
        assert_eq!(initiation.finish(&second).unwrap().1, b"welcome");
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let mut two = Two::new();
        assert!(
            initiate(
                &two.alice,
                &PublicKey([0; 32]),
                PROLOGUE,
                b"",
                &mut two.entropy
            )
            .is_none()
        );
        let mut first = two.initiate().1;
        first[..32].fill(0);
        assert!(two.respond(&first).is_err());
    }

    #[test]
    fn packets_are_opened_once_and_untampered() {
        let (mut here, mut there) = Two::new().sessions();
        let mut sealed = Vec::new();
        let nonce = here.seal(b"once", &mut sealed);
        let mut opened = Vec::new();
        for at in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[at] ^= 1;
            assert_eq!(
                there.open(nonce, &tampered, &mut opened),
                Err(Forged),
                "byte {at}"
            );
            assert_eq!(
                there.open(nonce, &sealed[..at], &mut opened),
                Err(Forged),
                "cut at {at}"
            );
            assert!(opened.is_empty());
        }
        assert_eq!(
            there.open(nonce + 1, &sealed, &mut opened),
            Err(Forged),
            "another nonce"
        );
        assert_eq!(
            there.open(u64::MAX, &sealed, &mut opened),
            Err(Forged),
            "the reserved nonce"
        );
        assert_eq!(
            here.open(nonce, &sealed, &mut opened),
            Err(Forged),
            "reflected"
        );
        assert_eq!(
            there.open(nonce, &sealed, &mut opened),
            Ok(()),
            "the real one, after all these"
        );
        assert_eq!(
            there.open(nonce, &sealed, &mut opened),
            Err(Forged),
            "again"
        );
    }

    #[test]
    fn late_packets_are_taken_within_the_window() {
        let (mut here, mut there) = Two::new().sessions();
        let mut opened = Vec::new();
        let sealed: Vec<Vec<u8>> = (0..=REPLAY_WINDOW)
            .map(|_| {
                let mut out = Vec::new();
                here.seal(b"x", &mut out);
                out
            })
            .collect();
        let last = usize::try_from(REPLAY_WINDOW).unwrap();
        there
            .open(REPLAY_WINDOW, &sealed[last], &mut opened)
            .unwrap();
        assert_eq!(
            there.open(0, &sealed[0], &mut opened),
            Err(Forged),
            "just beyond"
        );
        assert_eq!(
            there.open(1, &sealed[1], &mut opened),
            Ok(()),
            "just within"
        );
        assert_eq!(there.open(1, &sealed[1], &mut opened), Err(Forged), "again");
    }
}
