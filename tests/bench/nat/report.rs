//! The results of each row as a table to read.

use std::fmt::{self, Display, Formatter};

use crate::figure::Line;
use crate::rows::RowResult;

impl Display for RowResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} (`--rows {}`, {:.0} s)",
            self.row.title,
            self.row.id,
            self.took.as_secs_f64()
        )?;
        if !self.outcome.lines.is_empty() {
            writeln!(
                f,
                "| {:<72} | {:>13} | {:>19} | {:>3} | goal | others |",
                "", "natchat", "min–max", "n"
            )?;
            writeln!(f, "|---|--:|--:|--:|---|---|")?;
        }
        for line in &self.outcome.lines {
            write_line(line, f)?;
        }
        for note in &self.outcome.notes {
            writeln!(f, "{note}")?;
        }
        if let Some(fault) = &self.fault {
            writeln!(f, "FAILED: {fault}")?;
        }
        Ok(())
    }
}

fn write_line(line: &Line, f: &mut Formatter<'_>) -> fmt::Result {
    let unit = line.ours.unit;
    let ends = line.ours.spread().filter(|_| line.ours.values.len() > 1);
    let ends = ends.map_or_else(String::new, |spread| {
        format!("{}–{}", unit.show(spread.min), unit.show(spread.max))
    });
    let goal = line.goal.zip(line.verdict());
    let goal = goal.map_or_else(String::new, |(goal, verdict)| {
        format!("{}: {verdict}", goal.show(unit))
    });
    let peers: Vec<String> = line.peers.iter().map(ToString::to_string).collect();
    writeln!(
        f,
        "| {:<72} | {:>13} | {ends:>19} | {:>3} | {goal} | {} |",
        line.what,
        line.ours.middle(),
        line.ours.values.len(),
        peers.join(", ")
    )
}
