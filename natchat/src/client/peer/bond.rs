//! Whether the connections of both sides belong together; pure decision.
//!
//! Each side's [`crate::reliable`] connection has a life of its own, numbered, later ones higher. Two lives are bound to each other by the
//! first handshake between them; what is said within sessions belongs to the lives they were made for. If one side has begun anew
//! (it was started again, or the server told it that the other one was), the next handshake tells, and the other side begins anew,
//! too. The rules kept: a packet is never taken by a connection that it was not written for; what one life has written is taken by
//! one life only; and after something of a later life nothing of an earlier one is taken.

use crate::client::peer::hello::Life;

/// What to do with a message 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnHello {
    /// Its packet is for this connection.
    Take,
    /// The initiator has begun anew: so must we ([`Bond::renew`], then [`Bond::bind`]), and then take its packet.
    RenewAndTake,
    /// The initiator means a life of ours that is over, or has said something to one. It is told so, and its packet is not for us.
    TellAnew,
    /// It was sent in a life of the initiator's that is over.
    Ignore,
}

/// What to do with a message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnWelcome {
    /// Its packet is for this connection.
    Take,
    /// The responder has begun anew: so must we, and try again.
    Renew,
    /// It answers a life of ours that is over, or is of one of the responder's.
    Ignore,
}

/// Our life, and the peer's that belongs to it.
#[derive(Debug)]
pub(crate) struct Bond {
    mine: Life,
    theirs: Option<Life>,
    /// What belonged to our life before this one: it is over, too, since what we took of it is forgotten.
    former: Option<Life>,
    /// Whether anything of theirs was ever taken: then this life can belong to no other.
    has_taken: bool,
}

impl Bond {
    /// `mine` is higher than any of ours before.
    pub(crate) fn new(mine: Life) -> Self {
        Self {
            mine,
            theirs: None,
            former: None,
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
    pub(crate) fn renew(&mut self, mine: Life) {
        let former = self.theirs.or(self.former);
        *self = Self {
            former,
            ..Self::new(mine)
        };
    }

    /// A message 1 from `life`, which knows our life as `known`.
    pub(crate) fn on_hello(&self, life: Life, known: Option<Life>) -> OnHello {
        if self.is_over(life) {
            OnHello::Ignore
        } else if known.is_some_and(|known| known != self.mine) || self.former == Some(life) {
            OnHello::TellAnew
        } else if self.theirs.is_none_or(|theirs| theirs == life) {
            OnHello::Take
        } else {
            OnHello::RenewAndTake
        }
    }

    /// A message 2 from `life`, which has `taken` the message 1 that we sent in `begun`.
    pub(crate) fn on_welcome(&self, begun: Life, life: Life, taken: bool) -> OnWelcome {
        let fits = self.theirs.is_none_or(|theirs| theirs == life) || !self.has_taken;
        if begun != self.mine || self.is_over(life) {
            OnWelcome::Ignore
        } else if taken && fits && self.former != Some(life) {
            OnWelcome::Take
        } else {
            OnWelcome::Renew
        }
    }

    fn is_over(&self, life: Life) -> bool {
        self.theirs
            .max(self.former)
            .is_some_and(|latest| life < latest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A side, with what its connections have taken: by which life, of which life.
    struct Side {
        bond: Bond,
        next: Life,
        taken: Vec<(Life, Life)>,
    }

    impl Side {
        fn new(first: Life) -> Self {
            Self {
                bond: Bond::new(first),
                next: first,
                taken: Vec::new(),
            }
        }

        fn renew(&mut self) {
            self.next += 1;
            self.bond.renew(self.next);
        }

        fn hello(&self) -> (Life, Option<Life>) {
            (self.bond.mine(), self.bond.theirs())
        }

        fn take(&mut self, life: Life) {
            self.bond.bind(life);
            self.bond.taken();
            self.taken.push((self.bond.mine(), life));
        }

        /// Answers: the life begun, our life, whether it was taken.
        fn on_hello(&mut self, (life, known): (Life, Option<Life>)) -> Option<Message> {
            let verdict = self.bond.on_hello(life, known);
            if verdict == OnHello::RenewAndTake {
                self.renew();
            }
            let taken = matches!(verdict, OnHello::Take | OnHello::RenewAndTake);
            if taken {
                self.take(life);
            }
            (verdict != OnHello::Ignore).then(|| Message::Welcome(life, self.bond.mine(), taken))
        }

        fn on_welcome(&mut self, (begun, life, taken): (Life, Life, bool)) {
            match self.bond.on_welcome(begun, life, taken) {
                OnWelcome::Take => self.take(life),
                OnWelcome::Renew => self.renew(),
                OnWelcome::Ignore => {}
            }
        }

        /// Each life of ours took what one life wrote, each life's writing was taken by one, and later ones later.
        fn is_sound(&self) -> bool {
            let mut pairs = self.taken.clone();
            pairs.dedup();
            pairs.is_sorted_by(|one, other| one.0 < other.0 && one.1 < other.1)
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
            Message::Hello(life, known) => sides[to].on_hello((life, known)),
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
            let mut sides = [Side::new(1_000), Side::new(2_000)];
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
                if let Some(answer) = deliver(&mut sides, 1, Message::Hello(life, known)) {
                    deliver(&mut sides, 0, answer);
                }
            }
            prop_assert_eq!(sides[0].bond.theirs(), Some(sides[1].bond.mine()));
            prop_assert_eq!(sides[1].bond.theirs(), Some(sides[0].bond.mine()));
            prop_assert!(sides.iter().all(Side::is_sound));
        }
    }
}
