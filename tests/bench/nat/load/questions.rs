//! Asks many questions at a time, each from another address than the one before, as a server's clients do, and checks
//! each answer.
//!
//! So many are under way that a server which is asked never runs dry; and answers are fetched late and never waited for
//! by a blocked receive, because waking the asker is work that the kernel charges to who answers.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::time::Duration;

use harness::Stopwatch;

use crate::pair::rest;

/// Questions under way: in all, and at one socket, whose buffer has room for the answers.
const AHEAD: usize = 2_048;
const AHEAD_EACH: usize = 64;

/// A question that is not answered after this is lost.
const PATIENCE: Duration = Duration::from_millis(200);

/// Long enough for the answers to most questions that are under way.
const PAUSE: Duration = Duration::from_millis(1);

/// Questions between two looks at the clock.
const LOOK: usize = 64;

/// The longest answer that is looked at.
const ANSWER_LEN: usize = 256;

/// Something that can be asked again and again.
pub(crate) trait Question {
    /// Appends the next question.
    fn write(&mut self, out: &mut Vec<u8>);

    /// Whether this is the answer to the last one.
    fn is_answered_by(&self, answer: &[u8]) -> bool;
}

/// A socket connected to who is asked, and those who share it.
#[derive(Debug)]
pub(crate) struct Asker<Q> {
    socket: UdpSocket,
    questions: Vec<Q>,
    next: usize,
    /// Those that are not answered yet.
    asked: VecDeque<usize>,
    frame: Vec<u8>,
}

impl<Q: Question> Asker<Q> {
    /// The socket is connected and does not block.
    pub(crate) fn new(socket: UdpSocket, questions: Vec<Q>) -> Self {
        Self {
            socket,
            questions,
            next: 0,
            asked: VecDeque::new(),
            frame: Vec::new(),
        }
    }

    /// How many share it.
    pub(crate) fn len(&self) -> usize {
        self.questions.len()
    }

    /// Those who share it, without their socket.
    pub(crate) fn into_questions(self) -> Vec<Q> {
        self.questions
    }

    /// Asks the next question.
    fn ask(&mut self) {
        self.frame.clear();
        self.questions[self.next].write(&mut self.frame);
        // Lost already, if the buffer is full.
        self.socket.send(&self.frame).ok();
        self.asked.push_back(self.next);
        self.next = (self.next + 1) % self.questions.len();
    }

    /// Takes an answer, if one is there. What was asked before the question that it answers is lost.
    fn take(&mut self, answers: &mut Answers) -> Option<()> {
        let mut buffer = [0; ANSWER_LEN];
        let len = self.socket.recv(&mut buffer).ok()?;
        let is_it = |at: &usize| self.questions[*at].is_answered_by(&buffer[..len]);
        match self.asked.iter().position(is_it) {
            Some(lost) => {
                self.asked.drain(..=lost);
                answers.lost += lost;
                answers.right += 1;
            }
            None => answers.wrong += 1,
        }
        Some(())
    }

    /// Waits for the answer to one question.
    fn wait(&mut self, answers: &mut Answers) {
        let before = self.asked.len();
        let mut watch = None;
        while before > 0 && self.asked.len() == before {
            if self.take(answers).is_some() {
                continue;
            }
            if watch.get_or_insert_with(Stopwatch::start).elapsed() > PATIENCE {
                self.asked.pop_front();
                answers.lost += 1;
            } else {
                rest(PAUSE);
            }
        }
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) right: usize,
    /// Answers to nothing that was asked.
    pub(crate) wrong: usize,
    /// Questions without an answer.
    pub(crate) lost: usize,
    pub(crate) wall: Duration,
}

/// Asks for so long.
pub(crate) fn ask<Q: Question>(askers: &mut [Asker<Q>], time: Duration) -> Answers {
    let watch = Stopwatch::start();
    let mut answers = Answers::default();
    let mut under_way = VecDeque::new();
    let ahead = AHEAD.min(AHEAD_EACH * askers.len());
    for (count, turn) in (0..askers.len()).cycle().enumerate() {
        if count % LOOK == 0 && watch.elapsed() >= time {
            break;
        }
        askers[turn].ask();
        under_way.push_back(turn);
        if under_way.len() > ahead
            && let Some(oldest) = under_way.pop_front()
        {
            askers[oldest].wait(&mut answers);
        }
    }
    answers.wall = watch.elapsed();
    for turn in under_way {
        askers[turn].wait(&mut answers);
    }
    answers
}

/// Asks each question once.
pub(crate) fn ask_each<Q: Question>(askers: &mut [Asker<Q>]) {
    let mut answers = Answers::default();
    for asker in askers {
        for _ in 0..asker.len() {
            asker.ask();
            if asker.asked.len() > AHEAD_EACH {
                asker.wait(&mut answers);
            }
        }
        while !asker.asked.is_empty() {
            asker.wait(&mut answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wants its own number back.
    #[derive(Debug)]
    struct Number(u8);

    impl Question for Number {
        fn write(&mut self, out: &mut Vec<u8>) {
            out.push(self.0);
        }

        fn is_answered_by(&self, answer: &[u8]) -> bool {
            answer == [self.0]
        }
    }

    #[test]
    fn answers_are_told_from_what_is_lost_and_what_is_wrong() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let addr = server.local_addr().expect("a bound socket");
        socket.connect(addr).expect("an address");
        let back = socket.local_addr().expect("a bound socket");
        let mut asker = Asker::new(socket, (0..5).map(Number).collect());
        let mut buffer = [0; 8];
        for number in 0..5 {
            asker.ask();
            assert_eq!(server.recv(&mut buffer).expect("a question"), 1);
            assert_eq!(buffer[0], number);
        }
        for answer in [0_u8, 2, 9, 3] {
            server.send_to(&[answer], back).expect("an answer");
        }
        let mut answers = Answers::default();
        for _ in 0..4 {
            asker.take(&mut answers);
        }
        assert_eq!((answers.right, answers.lost, answers.wrong), (3, 1, 1));
        assert_eq!(asker.asked, [4]);
    }
}
