//! Two connections back to back over bad lines.

use std::time::Duration;

mod anything;
mod chat;
mod flow;
mod outage;

const MS: Duration = Duration::from_millis(1);
const MIB: u64 = 1 << 20;
