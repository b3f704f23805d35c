//! By which ways each frame leaves.

use crate::client::peer::link::Outgoing;
use crate::client::peer::output::Output;
use crate::client::peer::us::Arrival;
use crate::client::peer::ways::Choice;

/// What is to be sent for a frame: once, or twice if two ways are to be tried.
pub(crate) fn sent(outgoing: Outgoing, choice: Choice) -> impl Iterator<Item = Output> {
    let (direct, relay, frame) = match outgoing {
        Outgoing::Usual(frame) => (choice.direct, choice.relay, frame),
        Outgoing::Both(frame) => (choice.direct, true, frame),
        Outgoing::Relay(frame) | Outgoing::Back(Arrival::Relayed, frame) => (None, true, frame),
        Outgoing::Back(Arrival::Direct(route), frame) => (Some(route), false, frame),
    };
    let (sent, relayed) = match (direct, relay) {
        (Some(route), true) => {
            let sent = Output::Send(route, None, frame.clone());
            (Some(sent), Some(Output::Relay(frame)))
        }
        (Some(route), false) => (Some(Output::Send(route, None, frame)), None),
        (None, _) => (None, Some(Output::Relay(frame))),
    };
    sent.into_iter().chain(relayed)
}
