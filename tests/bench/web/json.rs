//! Everything, for machines to read.

use harness::Machine;
use serde_json::{Map, Value, json};

use crate::idle::{self, Round};
use crate::load::Run;
use crate::race;
use crate::report::{RowResult, Standings, cpu_ratio};
use crate::servers::Contestants;

/// All measurements.
pub(crate) fn json(machine: &Machine, contestants: &Contestants, results: &[RowResult]) -> String {
    let versions: Map<String, Value> = contestants
        .versions()
        .map(|(server, version)| (server.name().to_owned(), version.into()))
        .collect();
    let rows: Vec<Value> = results.iter().map(row).collect();
    let all = json!({
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "kernel": machine.kernel,
        },
        "versions": versions,
        "rows": rows,
    });
    format!("{all:#}\n")
}

fn row(result: &RowResult) -> Value {
    let servers: Vec<Value> = match &result.standings {
        Standings::Load(standings) => {
            let base = standings.first();
            let servers = standings.iter();
            servers
                .map(|standing| load_standing(standing, base))
                .collect()
        }
        Standings::Idle(standings) => standings.iter().map(idle_standing).collect(),
    };
    json!({
        "row": result.row.id,
        "title": result.row.title,
        "goal": result.row.goal,
        "servers": servers,
    })
}

fn load_standing(standing: &race::Standing, base: Option<&race::Standing>) -> Value {
    let ratio = base.and_then(|base| cpu_ratio(standing, base));
    json!({
        "server": standing.server.name(),
        "cpu_ratio": ratio.map(|ratio| ratio.median),
        "memory_bytes": standing.memory,
        "calls_per_request": standing.calls,
        "fault": standing.fault,
        "runs": standing.runs.iter().map(run).collect::<Vec<_>>(),
    })
}

fn idle_standing(standing: &idle::Standing) -> Value {
    json!({
        "server": standing.server.name(),
        "fault": standing.fault,
        "rounds": standing.rounds.iter().map(round).collect::<Vec<_>>(),
    })
}

fn round(round: &Round) -> Value {
    json!({
        "connections": round.connections,
        "bytes_per_connection": round.connection_len(),
        "memory_before_bytes": round.memory_before,
        "memory_during_bytes": round.memory_during,
        "before": run(&round.before),
        "during": run(&round.during),
    })
}

fn run(run: &Run) -> Value {
    json!({
        "requests": run.requests,
        "wall_secs": run.wall.as_secs_f64(),
        "cpu_us_per_request": run.cpu_us(),
        "requests_per_sec": run.rate(),
        "switches_per_request": run.switches(),
        "p50_ms": run.p50_ms(),
        "p99_ms": run.p99_ms(),
        "other_processors": run.others,
        "stolen_processors": run.stolen,
    })
}
