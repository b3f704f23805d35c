//! The property of all properties of a server: whatever is sent to it, its replies can be told apart and hold what
//! they must. What is sent is made by chance ([`requests`]); what is looked at is [`reply`]'s to know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use webserver::http::status::Status;

use crate::bodies::reply;
use crate::bodies::scene::Scene;
use crate::requests;

/// Fewer find too little to be worth their time; `PROPTEST_CASES` asks for more.
const CASES: u32 = 4_000;

#[test]
fn no_input_makes_a_reply_whose_framing_is_wrong() {
    let scene = Scene::new();
    let mut config = ProptestConfig::default();
    config.cases = config.cases.max(CASES);
    // An input that fails is shown as text, and is kept as a seed.
    config.failure_persistence = None;
    let counts = RefCell::new(BTreeMap::new());
    let run = TestRunner::new(config).run(&input(), |input| {
        for status in reply::replies(&scene, &input.0) {
            *counts.borrow_mut().entry(status).or_insert(0) += 1;
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    // Of every reply that a request can get, or the inputs are not what they should be.
    let counts = counts.into_inner();
    let unseen: Vec<&Status> = Status::ALL
        .iter()
        .filter(|status| !UNREACHED.contains(status) && !counts.contains_key(status))
        .collect();
    assert!(
        unseen.is_empty(),
        "never seen: {unseen:?}; seen: {counts:?}"
    );
}

/// Failures of the system.
const UNREACHED: [Status; 2] = [Status::InternalError, Status::Unavailable];

/// An input of the target `reply`, shown as text.
struct Input(Vec<u8>);

impl Debug for Input {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn input() -> impl Strategy<Value = Input> {
    let doors = prop_oneof![12 => Just(""), 1 => Just("!"), 3 => Just("0")];
    let plan = prop_oneof![1 => Just(String::new()), 2 => "[a-z]{1,4}"];
    (doors, plan, requests::stream()).prop_map(|(doors, plan, stream)| {
        Input([doors.as_bytes(), plan.as_bytes(), b"\n", &stream].concat())
    })
}
