//! The round trip, measured (RFC 9002 §5), and the timeout that follows from it.

use std::time::Duration;

use crate::reliable::acks;

/// The retransmission timeout while nothing was measured: most round trips are shorter, and a needless repetition
/// costs little.
const UNMEASURED: Duration = Duration::from_millis(250);
/// The shortest timeout: the peer may be a moment late.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest time between two repetitions, however many went unanswered: whoever comes back is found within this.
const LONGEST: Duration = Duration::from_secs(1);

/// What is known of the round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundTrip {
    measured: Option<Measured>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    smoothed: Duration,
    variation: Duration,
    latest: Duration,
    shortest: Duration,
}

impl RoundTrip {
    /// Takes a measurement; `delay`: how long the peer says that it waited with its answer.
    pub(crate) fn measure(&mut self, sample: Duration, delay: Duration) {
        let Some(known) = &mut self.measured else {
            self.measured = Some(Measured {
                smoothed: sample,
                variation: sample / 2,
                latest: sample,
                shortest: sample,
            });
            return;
        };
        known.latest = sample;
        known.shortest = known.shortest.min(sample);
        let delay = delay.min(acks::DELAY);
        let adjusted = if sample >= known.shortest + delay {
            sample - delay
        } else {
            sample
        };
        known.variation = (known.variation * 3 + known.smoothed.abs_diff(adjusted)) / 4;
        known.smoothed = (known.smoothed * 7 + adjusted) / 8;
    }

    pub(crate) fn smoothed(&self) -> Option<Duration> {
        self.measured.map(|known| known.smoothed)
    }

    /// max(50 ms, srtt + 4 · var), 250 ms while nothing was measured.
    pub(crate) fn timeout(&self) -> Duration {
        self.measured.map_or(UNMEASURED, |known| {
            SHORTEST.max(known.smoothed + known.variation * 4)
        })
    }

    /// How long after the last sign of life to ask again, when so many questions went unanswered (RFC 9002 §6.2).
    /// Asking costs two packets, so it is not waited for as long as [`Self::timeout`].
    pub(crate) fn probe_timeout(&self, unanswered: u32) -> Duration {
        let once = self.measured.map_or(UNMEASURED, |known| {
            known.smoothed + known.variation * 4 + acks::DELAY
        });
        once.saturating_mul(1 << unanswered.min(8))
            .min(LONGEST.max(once))
    }

    /// How late a packet is lost when a later one has come: nine eighths of a round trip (RFC 9002 §6.1.2), and more
    /// where packets have been seen to overtake each other.
    pub(crate) fn loss_delay(&self, eighths: u32) -> Duration {
        let round_trip = self
            .measured
            .map_or(UNMEASURED, |known| known.smoothed.max(known.latest));
        (round_trip * eighths / 8).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts() {
        let ms = Duration::from_millis;
        let mut round_trip = RoundTrip::default();
        assert_eq!(
            (round_trip.timeout(), round_trip.probe_timeout(1)),
            (ms(250), ms(500))
        );
        round_trip.measure(ms(100), ms(0));
        assert_eq!(
            (round_trip.smoothed(), round_trip.timeout()),
            (Some(ms(100)), ms(300))
        );
        (0..100).for_each(|_| round_trip.measure(ms(115), ms(15)));
        assert!(round_trip.timeout() < ms(104), "{round_trip:?}");
        (0..100).for_each(|_| round_trip.measure(ms(110), ms(15)));
        assert!(
            round_trip.smoothed().unwrap() > ms(105),
            "a delay that cannot be is not believed"
        );
        assert_eq!(round_trip.probe_timeout(20), LONGEST);
        (0..1_000).for_each(|_| round_trip.measure(ms(1), ms(0)));
        assert_eq!(round_trip.timeout(), SHORTEST);
        assert_eq!(round_trip.loss_delay(9).as_micros(), 1_125);
    }
}
