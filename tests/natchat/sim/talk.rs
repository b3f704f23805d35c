//! Numbered lines from one to another, and what is to become of them: each shown once, in order, each told to be
//! delivered.

use std::time::Duration;

use harness::sim::NodeId;
use natchat::client::event::Event as Shown;

use super::town::Town;

/// What one says to another.
#[derive(Debug)]
pub(super) struct Talk {
    from: NodeId,
    to: NodeId,
    /// Begins each line, so that lines of two talks are told apart.
    word: &'static str,
    said: Vec<Duration>,
}

impl Talk {
    pub(super) fn new(from: NodeId, to: NodeId, word: &'static str) -> Self {
        Self {
            from,
            to,
            word,
            said: Vec::new(),
        }
    }

    /// One more line.
    pub(super) fn go_on(&mut self, town: &mut Town) {
        let text = self.text(self.said.len());
        self.said.push(town.world().elapsed());
        town.say(self.from, self.to, &text);
    }

    /// Says a line each `step` for so long.
    pub(super) fn go_on_for(&mut self, town: &mut Town, time: Duration, step: Duration) {
        let end = town.world().elapsed() + time;
        while town.world().elapsed() < end {
            self.go_on(town);
            town.run(step);
        }
    }

    /// Runs until every line is shown and confirmed, and looks that each was so once, in order.
    pub(super) fn ends_well(&self, town: &mut Town, limit: Duration) {
        let end = town.world().elapsed() + limit;
        while town.world().elapsed() < end && self.confirmed(town).len() < self.said.len() {
            town.millis(50);
        }
        let texts: Vec<String> = (0..self.said.len())
            .map(|number| self.text(number))
            .collect();
        let name = format!("{} of {} lines", self.word, texts.len());
        assert_eq!(self.shown(town), texts, "{name} shown");
        assert_eq!(self.confirmed(town), texts, "{name} confirmed");
    }

    /// The longest time from saying a line to its being shown, of those that were.
    pub(super) fn longest(&self, town: &Town) -> Duration {
        let shown = &town.user(self.to).shown;
        let times = shown.iter().filter_map(|line| {
            let Shown::Said { text, .. } = &line.event else {
                return None;
            };
            Some(line.at - self.said[self.number(text)?])
        });
        times.max().expect("a line was shown")
    }

    fn shown(&self, town: &Town) -> Vec<String> {
        let heard = town.heard(self.to, town.user(self.from).id());
        heard
            .into_iter()
            .filter(|text| self.number(text).is_some())
            .collect()
    }

    fn confirmed(&self, town: &Town) -> Vec<String> {
        let shown = town.user(self.from).shown.iter();
        let texts = shown.filter_map(|line| {
            if let Shown::NotDelivered { text, reason, .. } = &line.event {
                return Some(format!("{text}: {reason:?}"));
            }
            let Shown::Delivered { text, .. } = &line.event else {
                return None;
            };
            Some(text.clone())
        });
        texts.filter(|text| text.starts_with(self.word)).collect()
    }

    fn text(&self, number: usize) -> String {
        format!("{} {number}", self.word)
    }

    fn number(&self, text: &str) -> Option<usize> {
        text.strip_prefix(self.word)?
            .strip_prefix(' ')?
            .parse()
            .ok()
    }
}
