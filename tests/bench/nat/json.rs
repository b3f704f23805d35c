//! Everything, for machines to read.

use harness::Machine;
use serde_json::{Value, json};

use crate::figure::{Figure, Goal, Line, Peer, Said};
use crate::rows::RowResult;

/// All measurements.
pub(crate) fn json(machine: &Machine, results: &[RowResult]) -> String {
    let rows: Vec<Value> = results.iter().map(row).collect();
    let all = json!({
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "kernel": machine.kernel,
        },
        "rows": rows,
    });
    format!("{all:#}\n")
}

fn row(result: &RowResult) -> Value {
    let lines: Vec<Value> = result.outcome.lines.iter().map(line).collect();
    json!({
        "row": result.row.id,
        "title": result.row.title,
        "took_secs": result.took.as_secs_f64(),
        "fault": result.fault,
        "notes": result.outcome.notes,
        "lines": lines,
    })
}

fn line(line: &Line) -> Value {
    let goal = line.goal.map(|goal| match goal {
        Goal::AtMost(most) => json!({ "at_most": most }),
        Goal::AtLeast(least) => json!({ "at_least": least }),
    });
    json!({
        "what": line.what,
        "natchat": figure(&line.ours),
        "goal": goal,
        "verdict": line.verdict(),
        "others": line.peers.iter().map(peer).collect::<Vec<_>>(),
    })
}

fn peer(peer: &Peer) -> Value {
    match &peer.said {
        Said::Measured(measured) => json!({ "name": peer.name, "measured": figure(measured) }),
        Said::Quoted(text) => json!({ "name": peer.name, "quoted": text }),
    }
}

fn figure(figure: &Figure) -> Value {
    json!({
        "unit": format!("{:?}", figure.unit),
        "median": figure.spread().map(|spread| spread.median),
        "values": figure.values,
    })
}
