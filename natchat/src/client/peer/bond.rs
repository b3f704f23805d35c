//! Whether the connections of both sides belong together; pure decision.
//!
//! Each side's [`crate::reliable`] connection has a life of its own. Two lives are bound to each other by the first handshake
//! between them; what is said within sessions belongs to the lives they were made for. If one side has begun anew (it was started
//! again, or the server told it that the other one was), the next handshake tells, and the other side begins anew, too: a packet
//! is never taken by a connection that is not the one it was written for.

use crate::client::peer::hello::Life;
use crate::crypto::entropy::Entropy;

/// What to do with a message 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnHello {
    /// Its packet is for this connection.
    Take,
    /// The initiator has begun anew: so must we ([`Bond::renew`], then [`Bond::bind`]), and then take its packet.
    RenewAndTake,
    /// The initiator means a life of ours that is over. It is told so, and its packet is not for us.
    TellAnew,
}

/// What to do with a message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnWelcome {
    /// Its packet is for this connection.
    Take,
    /// The responder has begun anew: so must we, and try again.
    Renew,
    /// It answers a life of ours that is over.
    Ignore,
}

/// Our life, and the peer's that belongs to it.
#[derive(Debug)]
pub(crate) struct Bond {
    mine: Life,
    theirs: Option<Life>,
    /// Whether anything of theirs was ever taken: then this life can belong to no other.
    has_taken: bool,
}

impl Bond {
    pub(crate) fn new(entropy: &mut Entropy) -> Self {
        Self {
            mine: entropy.next_u64().max(1),
            theirs: None,
            has_taken: false,
        }
    }

    pub(crate) fn mine(&self) -> Life {
        self.mine
    }

    pub(crate) fn theirs(&self) -> Option<Life> {
        self.theirs
    }

    /// A packet of theirs was taken.
    pub(crate) fn taken(&mut self) {
        self.has_taken = true;
    }

    /// From now on the two belong together.
    pub(crate) fn bind(&mut self, theirs: Life) {
        self.theirs = Some(theirs);
    }

    /// Our connection begins anew.
    pub(crate) fn renew(&mut self, entropy: &mut Entropy) {
        *self = Self::new(entropy);
    }

    /// A message 1 from `life`, which knows our life as `known`.
    pub(crate) fn on_hello(&self, life: Life, known: Option<Life>) -> OnHello {
        if known.is_some_and(|known| known != self.mine) {
            return OnHello::TellAnew;
        }
        match self.theirs {
            Some(theirs) if theirs != life => OnHello::RenewAndTake,
            Some(_) | None => OnHello::Take,
        }
    }

    /// A message 2 from `life`, which has `taken` the message 1 that we sent in `begun`.
    pub(crate) fn on_welcome(&self, begun: Life, life: Life, taken: bool) -> OnWelcome {
        if begun != self.mine {
            OnWelcome::Ignore
        } else if taken && (self.theirs.is_none_or(|theirs| theirs == life) || !self.has_taken) {
            OnWelcome::Take
        } else {
            OnWelcome::Renew
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A side, with what its connection has taken: the life of each packet's writer.
    struct Side {
        bond: Bond,
        entropy: Entropy,
        written_by: Vec<Life>,
    }

    impl Side {
        fn new(seed: u8) -> Self {
            let mut entropy = Entropy::new([seed; 32]);
            Self {
                bond: Bond::new(&mut entropy),
                entropy,
                written_by: Vec::new(),
            }
        }

        fn renew(&mut self) {
            self.bond.renew(&mut self.entropy);
            self.written_by.clear();
        }

        fn hello(&self) -> (Life, Option<Life>) {
            (self.bond.mine(), self.bond.theirs())
        }

        fn take(&mut self, life: Life) {
            self.bond.bind(life);
            self.bond.taken();
            self.written_by.push(life);
        }

        /// Answers: the life begun, our life, whether it was taken.
        fn on_hello(&mut self, (life, known): (Life, Option<Life>)) -> (Life, Life, bool) {
            let verdict = self.bond.on_hello(life, known);
            if verdict == OnHello::RenewAndTake {
                self.renew();
            }
            if verdict != OnHello::TellAnew {
                self.take(life);
            }
            (life, self.bond.mine(), verdict != OnHello::TellAnew)
        }

        fn on_welcome(&mut self, (begun, life, taken): (Life, Life, bool)) {
            match self.bond.on_welcome(begun, life, taken) {
                OnWelcome::Take => self.take(life),
                OnWelcome::Renew => self.renew(),
                OnWelcome::Ignore => {}
            }
        }

        /// No connection ever takes packets of two lives.
        fn is_sound(&self) -> bool {
            self.written_by
                .iter()
                .all(|life| *life == self.written_by[0])
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Renew(bool),
        Hello(bool),
        /// The message at this place of those under way arrives at last.
        Deliver(usize),
        Lose(usize),
    }

    #[derive(Clone, Copy, Debug)]
    enum Message {
        Hello(Life, Option<Life>),
        Welcome(Life, Life, bool),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            1 => any::<bool>().prop_map(Step::Renew),
            3 => any::<bool>().prop_map(Step::Hello),
            5 => any::<usize>().prop_map(Step::Deliver),
            1 => any::<usize>().prop_map(Step::Lose),
        ];
        proptest::collection::vec(step, 0..60)
    }

    fn deliver(sides: &mut [Side; 2], to: usize, message: Message) -> Option<Message> {
        match message {
            Message::Hello(life, known) => {
                let (begun, life, taken) = sides[to].on_hello((life, known));
                Some(Message::Welcome(begun, life, taken))
            }
            Message::Welcome(begun, life, taken) => {
                sides[to].on_welcome((begun, life, taken));
                None
            }
        }
    }

    proptest! {
        /// Whatever is lost, late or begun anew: packets of two lives never meet in one connection, and as soon as one
        /// message at a time is answered, the two lives are bound.
        #[test]
        fn lives_never_mix_and_soon_agree(steps in steps()) {
            let mut sides = [Side::new(1), Side::new(2)];
            let mut under_way: Vec<(usize, Message)> = Vec::new();
            for step in steps {
                match step {
                    Step::Renew(at) => sides[usize::from(at)].renew(),
                    Step::Hello(from) => {
                        let (life, known) = sides[usize::from(from)].hello();
                        under_way.push((usize::from(!from), Message::Hello(life, known)));
                    }
                    Step::Lose(_) | Step::Deliver(_) if under_way.is_empty() => {}
                    Step::Lose(at) => {
                        under_way.remove(at % under_way.len());
                    }
                    Step::Deliver(at) => {
                        let (to, message) = under_way.remove(at % under_way.len());
                        let answer = deliver(&mut sides, to, message);
                        under_way.extend(answer.map(|answer| (1 - to, answer)));
                    }
                }
                prop_assert!(sides.iter().all(Side::is_sound));
            }
            for _ in 0..4 {
                let (life, known) = sides[0].hello();
                let answer = deliver(&mut sides, 1, Message::Hello(life, known)).unwrap();
                deliver(&mut sides, 0, answer);
            }
            prop_assert_eq!(sides[0].bond.theirs(), Some(sides[1].bond.mine()));
            prop_assert_eq!(sides[1].bond.theirs(), Some(sides[0].bond.mine()));
            prop_assert!(sides.iter().all(Side::is_sound));
        }
    }
}
