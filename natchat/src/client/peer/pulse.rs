//! Whether a peer that was busy has fallen silent.
//!
//! It may have nothing more to say. Or our NAT was started anew, and nothing reaches us any more, neither from it nor from the
//! server: who only listens would notice that with the next keep-alive. So when packets have come regularly and then stop, it is
//! worth a few datagrams to be seen at our present address.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many packets within [`BUSY`] make a peer busy.
const PACKETS: usize = 3;
const BUSY: Duration = Duration::from_secs(2);

/// When a busy peer counts as silent, and how much later it does so again. More than three times the usual time between two packets.
const SILENT: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(1),
];

/// The last packets of a peer.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beats: VecDeque<Instant>,
    /// How often it was found silent since the last packet.
    found: usize,
    due: Option<Instant>,
}

impl Pulse {
    /// A packet has come.
    pub(crate) fn beat(&mut self, now: Instant) {
        if self.beats.len() == PACKETS {
            self.beats.pop_front();
        }
        self.beats.push_back(now);
        self.found = 0;
        self.due = self.usual_gap().map(|gap| now + SILENT[0].max(gap * 3));
    }

    fn usual_gap(&self) -> Option<Duration> {
        let (first, last) = (self.beats.front()?, self.beats.back()?);
        let span = last.saturating_duration_since(*first);
        let is_busy = self.beats.len() == PACKETS && span <= BUSY;
        is_busy.then(|| span / 2)
    }

    /// Whether a busy peer is silent now; it is asked when [`Self::due`] has come, and says so a few times.
    pub(crate) fn falls_silent(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.found += 1;
        self.due = SILENT.get(self.found).map(|wait| now + *wait);
        true
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn only_who_was_busy_falls_silent_and_three_times() {
        let start = Clock::start().now();
        let at = |ms| start + Duration::from_millis(ms);
        let rows: &[(&str, &[u64], &[u64])] = &[
            ("two packets", &[0, 50], &[]),
            ("slow", &[0, 1_500, 3_000], &[]),
            ("busy", &[0, 50, 100], &[350, 1_100, 2_100]),
            ("less busy", &[0, 300, 600], &[1_500, 2_250, 3_250]),
            (
                "busy, late",
                &[0, 5_000, 5_050, 5_100],
                &[5_350, 6_100, 7_100],
            ),
        ];
        for (name, beats, silences) in rows {
            let mut pulse = Pulse::default();
            for beat in *beats {
                assert!(!pulse.falls_silent(at(*beat)), "{name}");
                pulse.beat(at(*beat));
            }
            let found = std::iter::from_fn(|| {
                let due = pulse.due()?;
                assert!(
                    !pulse.falls_silent(due - Duration::from_millis(1)),
                    "{name}"
                );
                pulse.falls_silent(due).then_some(due)
            });
            let expected: Vec<Instant> = silences.iter().map(|ms| at(*ms)).collect();
            assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
