//! Numbers with their unit, what was set out to be reached, and how others did.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use harness::Spread;

/// What numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Secs,
    /// So many of this many.
    Of(usize),
    /// A part of a hundred.
    Percent,
    /// Events a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// How many times as much.
    Times,
    /// Megabytes a second.
    MegabytesPerSecond,
    /// Processor seconds for a gigabyte.
    SecsPerGigabyte,
    /// Just so many.
    Count,
}

/// One thing measured, once or several times.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// In order; none if it never worked.
    pub(crate) values: Vec<f64>,
    pub(crate) unit: Unit,
}

impl Figure {
    pub(crate) fn new(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        Self {
            values: values.into_iter().collect(),
            unit,
        }
    }

    /// Measured once.
    pub(crate) fn one(unit: Unit, value: f64) -> Self {
        Self::new(unit, [value])
    }

    /// Times, in milliseconds.
    pub(crate) fn times<'a>(times: impl IntoIterator<Item = &'a Duration>) -> Self {
        let millis = times.into_iter().map(|time| time.as_secs_f64() * 1e3);
        Self::new(Unit::Millis, millis)
    }

    /// So many of `all`.
    pub(crate) fn of(count: usize, all: usize) -> Self {
        Self::one(Unit::Of(all), as_f64(count))
    }

    /// A plain number.
    pub(crate) fn count(count: usize) -> Self {
        Self::one(Unit::Count, as_f64(count))
    }

    pub(crate) fn spread(&self) -> Option<Spread> {
        (!self.values.is_empty()).then(|| Spread::of(self.values.iter().copied()))
    }

    /// The middle and its unit, or that there is none.
    pub(crate) fn middle(&self) -> String {
        let spread = self.spread();
        spread.map_or_else(
            || String::from("never"),
            |spread| self.unit.show(spread.median),
        )
    }
}

impl Unit {
    /// A number with what it counts.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Micros => format!("{} µs", digits(value)),
            Self::Millis => format!("{} ms", digits(value)),
            Self::Secs => format!("{} s", digits(value)),
            Self::Of(all) => format!("{value:.0}/{all}"),
            Self::Percent => format!("{value:.0} %"),
            Self::PerSecond => format!("{}/s", grouped(value)),
            Self::Bytes => format!("{value:.0} B"),
            Self::Times => format!("×{value:.2}"),
            Self::MegabytesPerSecond => format!("{value:.0} MB/s"),
            Self::SecsPerGigabyte => format!("{} s/GB", digits(value)),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// What was set out to be reached, by the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// The bound and its unit.
    pub(crate) fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", unit.show(most)),
            Self::AtLeast(least) => format!("≥ {}", unit.show(least)),
        }
    }
}

/// How somebody else did.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) said: Said,
}

/// Where a number of somebody else comes from.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// This run.
    Measured(Figure),
    /// An earlier one.
    Quoted(&'static str),
}

impl Display for Peer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Measured(figure) => write!(f, "{}: {}", self.name, figure.middle()),
            Said::Quoted(text) => write!(f, "{}: “{text}”", self.name),
        }
    }
}

/// One line of a row's table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) ours: Figure,
    pub(crate) goal: Option<Goal>,
    pub(crate) peers: Vec<Peer>,
}

impl Line {
    pub(crate) fn new(what: impl Into<String>, ours: Figure) -> Self {
        Self {
            what: what.into(),
            ours,
            goal: None,
            peers: Vec::new(),
        }
    }

    pub(crate) fn at_most(mut self, most: f64) -> Self {
        self.goal = Some(Goal::AtMost(most));
        self
    }

    pub(crate) fn at_least(mut self, least: f64) -> Self {
        self.goal = Some(Goal::AtLeast(least));
        self
    }

    /// Sets beside it what somebody else did in this run; nothing if it did not take part.
    pub(crate) fn beside(mut self, name: &'static str, figure: Option<Figure>) -> Self {
        let said = figure.map(Said::Measured);
        self.peers.extend(said.map(|said| Peer { name, said }));
        self
    }

    /// Sets beside it what was measured earlier.
    pub(crate) fn quoting(mut self, name: &'static str, text: &'static str) -> Self {
        let said = Said::Quoted(text);
        self.peers.push(Peer { name, said });
        self
    }

    /// `met` or `MISSED`, if there is a goal. What never worked misses any.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        let goal = self.goal?;
        let is_met = self
            .ours
            .spread()
            .is_some_and(|spread| goal.is_met(spread.median));
        Some(if is_met { "met" } else { "MISSED" })
    }
}

/// What a row brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) lines: Vec<Line>,
    /// Shown below the table: details, and what was left out.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    pub(crate) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Counts here are far below 2⁵³.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, and only shown"
)]
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Two or three digits that mean something.
fn digits(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// With a comma between each three digits.
fn grouped(number: f64) -> String {
    let plain = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_what_they_count() {
        let rows = [
            (Unit::Millis, 4.217, "4.22 ms"),
            (Unit::Millis, 110.4, "110 ms"),
            (Unit::Of(35), 26.0, "26/35"),
            (Unit::PerSecond, 1_234_567.0, "1,234,567/s"),
            (Unit::PerSecond, 999.0, "999/s"),
            (Unit::Times, 0.7, "×0.70"),
        ];
        for (unit, value, expected) in rows {
            assert_eq!(unit.show(value), expected);
        }
    }

    #[test]
    fn a_goal_is_met_by_the_middle() {
        let figure = || Figure::new(Unit::Millis, [1.0, 2.0, 30.0]);
        let rows = [
            ("no goal", Line::new("x", figure()), None),
            ("below", Line::new("x", figure()).at_most(2.0), Some("met")),
            (
                "above",
                Line::new("x", figure()).at_most(1.9),
                Some("MISSED"),
            ),
            (
                "enough",
                Line::new("x", figure()).at_least(2.0),
                Some("met"),
            ),
            (
                "never",
                Line::new("x", Figure::times([])).at_most(1.0),
                Some("MISSED"),
            ),
        ];
        for (name, line, expected) in rows {
            assert_eq!(line.verdict(), expected, "{name}");
        }
    }
}
