//! All lines that have a goal in one table of Markdown.

use crate::figure::Line;
use crate::rows::RowResult;

/// The table; empty if nothing with a goal was measured.
pub(crate) fn summary(results: &[RowResult]) -> String {
    let lines = results.iter().flat_map(|result| &result.outcome.lines);
    let rows: Vec<String> = lines.filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n| | natchat | goal | others |\n|---|--:|--:|---|\n{}\n",
        rows.join("\n")
    )
}

fn row(line: &Line) -> Option<String> {
    let goal = line.goal?.show(line.ours.unit);
    let verdict = line.verdict()?;
    let peers: Vec<String> = line.peers.iter().map(ToString::to_string).collect();
    let peers = if peers.is_empty() {
        String::from("–")
    } else {
        peers.join(", ")
    };
    let goal = if verdict == "met" {
        goal
    } else {
        format!("{goal}, {verdict}")
    };
    let (what, ours) = (&line.what, line.ours.middle());
    Some(format!("| {what} | **{ours}** | {goal} | {peers} |"))
}
