//! What a measurement was made on: a number without it says nothing.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::thread::available_parallelism;

/// This machine, as the kernel describes it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The model, or "unknown".
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// The release, as `uname -r` says it.
    pub kernel: String,
}

impl Machine {
    /// Looks around.
    pub fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: model.map_or("unknown", |(_, model)| model).to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (processor, cores, kernel) = (&self.processor, self.cores, &self.kernel);
        writeln!(f, "machine: {processor}, {cores} cores, Linux {kernel}")
    }
}
