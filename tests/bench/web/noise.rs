//! What else the processors were busy with, since nothing here can make a machine quiet.

use std::fs;
use std::time::Duration;

/// Time of all processors since the start of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processors {
    /// Spent by processes and interrupts.
    pub(crate) busy: Duration,
    /// Taken by the host of a virtual machine.
    pub(crate) stolen: Duration,
}

impl Processors {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        Self::read(&stat, rustix::param::clock_ticks_per_second())
    }

    /// From the line of all processors (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal.
    fn read(stat: &str, ticks_per_second: u64) -> Self {
        let line = stat.lines().next().unwrap_or_default();
        let fields = line.split_whitespace().skip(1);
        let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
        let sum = |indices: &[usize]| -> Duration {
            let ticks: u64 = indices.iter().filter_map(|index| ticks.get(*index)).sum();
            Duration::from_millis(ticks * 1_000 / ticks_per_second)
        };
        Self {
            busy: sum(&[0, 1, 2, 5, 6]),
            stolen: sum(&[7]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_counted() {
        let processors = Processors::read("cpu  100 20 3 9999 9999 4 5 60 0 0\ncpu0 1 1\n", 100);
        assert_eq!(processors.busy, Duration::from_millis(1_320));
        assert_eq!(processors.stolen, Duration::from_millis(600));
    }
}
