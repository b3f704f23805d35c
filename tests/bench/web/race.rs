//! Runs one row: everyone in turns, round after round, in an order that is turned around each time.

use std::time::Duration;

use harness::Stopwatch;

use crate::calls;
use crate::check::Checked;
use crate::load::{self, Run};
use crate::rows::Row;
use crate::scene::{Scene, Started};
use crate::servers::Server;

/// What bounds a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// No further round starts after this.
    pub(crate) time: Duration,
    /// Whether system calls are counted, in a load of their own.
    pub(crate) counts_calls: bool,
}

/// How one server did in a row.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) server: Server,
    /// One for each round, in order.
    pub(crate) runs: Vec<Run>,
    /// Memory after the last round, in bytes.
    pub(crate) memory: u64,
    /// System calls for a request.
    pub(crate) calls: Option<f64>,
    /// What was wrong with its replies; it takes no further part then.
    pub(crate) fault: Option<String>,
}

/// Someone in the race.
struct Racer {
    started: Started,
    checked: Option<Checked>,
    standing: Standing,
}

/// Measures `row`; the first is nginx.
pub(crate) fn run(row: &Row, scene: &Scene, limits: &Limits) -> Vec<Standing> {
    let servers = scene.contestants.who(row.log);
    let mut racers: Vec<Racer> = servers
        .map(|server| Racer::new(scene, row, server))
        .collect();
    // Fills caches and does not count.
    for racer in &mut racers {
        racer.load(scene, row);
        racer.standing.runs.clear();
    }
    let since = Stopwatch::start();
    for _ in 0..limits.rounds {
        if since.elapsed() > limits.time {
            break;
        }
        for racer in &mut racers {
            racer.load(scene, row);
        }
        // Whoever comes after a heavy one finds warmer processors: each comes after each other as often.
        racers.reverse();
    }
    racers.sort_by_key(|racer| racer.standing.server);
    for racer in &mut racers {
        racer.finish(scene, row, limits);
    }
    racers.into_iter().map(|racer| racer.standing).collect()
}

impl Racer {
    fn new(scene: &Scene, row: &Row, server: Server) -> Self {
        let started = Started::new(scene, server, row.log);
        let (checked, fault) = match started.check(row) {
            Ok(checked) => (Some(checked), None),
            Err(fault) => (None, Some(fault)),
        };
        Self {
            started,
            checked,
            standing: Standing {
                server,
                runs: Vec::new(),
                memory: 0,
                calls: None,
                fault,
            },
        }
    }

    fn load(&mut self, scene: &Scene, row: &Row) {
        if self.standing.fault.is_some() {
            return;
        }
        let Some(checked) = &self.checked else { return };
        match load::run(scene, row, &self.started, checked) {
            Ok(run) => self.standing.runs.push(run),
            Err(fault) => self.standing.fault = Some(fault),
        }
    }

    fn finish(&mut self, scene: &Scene, row: &Row, limits: &Limits) {
        self.standing.memory = self.started.family().memory();
        if let Some(checked) = &self.checked
            && self.standing.fault.is_none()
            && limits.counts_calls
        {
            self.standing.calls = calls::for_a_request(scene, row, &self.started, checked);
        }
    }
}
