//! The results as tables to read and as JSON to keep.

use std::fmt::{self, Display, Formatter};

use harness::{Command, Machine, Spread, Usage};
use serde_json::{Value, json};

use crate::check::word;
use crate::rows::Row;
use crate::tools::{Contestants, Tool};

/// Peak memory of a program that does nothing, in bytes: the least that the columns can show. To be asked at the end,
/// when this program is at its own largest.
pub(crate) fn least_rss() -> u64 {
    Command::new("true").measure().peak_rss
}

/// How one tool did in a row.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) tool: Tool,
    pub(crate) name: &'static str,
    pub(crate) command: String,
    /// What its copy did not keep.
    pub(crate) lost: Vec<&'static str>,
    /// Whether the copy shares its blocks with the source, where it could.
    pub(crate) is_cloned: Option<bool>,
    /// One for each round, in order.
    pub(crate) runs: Vec<Usage>,
}

/// A row that was run.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) row: Row,
    pub(crate) title: String,
    /// The first is the one to compare with.
    pub(crate) standings: Vec<Standing>,
}

impl RowResult {
    pub(crate) fn has_wrong_content(&self) -> bool {
        let content = word(harness::tree::Aspect::Content);
        self.standings
            .iter()
            .any(|standing| standing.lost.contains(&content))
    }

    fn rounds(&self) -> usize {
        self.standings
            .first()
            .map_or(0, |standing| standing.runs.len())
    }

    /// The ratios to the first, round by round.
    fn ratios(&self, standing: &Standing, what: impl Fn(&Usage) -> f64) -> Spread {
        let pairs = standing.runs.iter().zip(&self.standings[0].runs);
        Spread::of(pairs.map(|(run, base)| what(run) / what(base)))
    }
}

impl Display for RowResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} ({} rounds, `--rows {}`)",
            self.title,
            self.rounds(),
            self.row.id()
        )?;
        if self.rounds() == 0 {
            return writeln!(f, "no round was finished in time");
        }
        writeln!(
            f,
            "| {:<9} | {:>9} | {:>17} | {:>11} | {:>9} | {:>8} | not kept |",
            "tool",
            "wall ms",
            "min–max",
            format!("to {}", self.standings[0].name),
            "CPU ratio",
            "peak MiB"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|---|")?;
        for standing in &self.standings {
            let wall = Spread::of(standing.runs.iter().map(wall_ms));
            let cpu = self.ratios(standing, cpu_ms);
            let mut notes = standing.lost.join(", ");
            if standing.is_cloned == Some(false) {
                notes.push_str(" (not shared)");
            }
            writeln!(
                f,
                "| {:<9} | {:>9.1} | {:>17} | {:>11.2} | {:>9.2} | {:>8} | {notes} |",
                standing.name,
                wall.median,
                format!("{:.1}–{:.1}", wall.min, wall.max),
                self.ratios(standing, wall_ms).median,
                cpu.median,
                mib(peak_rss(standing)),
            )?;
        }
        Ok(())
    }
}

/// Everything, for machines to read.
pub(crate) fn json(
    machine: &Machine,
    least_rss: u64,
    contestants: &Contestants,
    results: &[RowResult],
) -> String {
    let versions: serde_json::Map<String, Value> = contestants
        .versions()
        .map(|(name, version)| (name.to_owned(), version.into()))
        .collect();
    let rows: Vec<Value> = results.iter().map(row_json).collect();
    let all = json!({
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "kernel": machine.kernel,
        },
        "least_rss_bytes": least_rss,
        "versions": versions,
        "rows": rows,
    });
    format!("{all:#}\n")
}

fn row_json(result: &RowResult) -> Value {
    let tools = result
        .standings
        .iter()
        .filter(|standing| !standing.runs.is_empty());
    let tools: Vec<Value> = tools
        .map(|standing| {
            json!({
                "tool": standing.name,
                "command": standing.command,
                "wall_ms": standing.runs.iter().map(wall_ms).collect::<Vec<_>>(),
                "cpu_ms": standing.runs.iter().map(cpu_ms).collect::<Vec<_>>(),
                "wall_ratio": result.ratios(standing, wall_ms).median,
                "cpu_ratio": result.ratios(standing, cpu_ms).median,
                "peak_rss_bytes": peak_rss(standing),
                "not_kept": standing.lost,
                "cloned": standing.is_cloned,
            })
        })
        .collect();
    json!({ "row": result.row.id(), "title": result.title, "rounds": result.rounds(), "tools": tools })
}

fn wall_ms(usage: &Usage) -> f64 {
    usage.wall.as_secs_f64() * 1e3
}

/// Never 0, which a run shorter than the kernel's step could show: a ratio to it would mean nothing.
fn cpu_ms(usage: &Usage) -> f64 {
    (usage.cpu.as_secs_f64() * 1e3).max(0.01)
}

fn peak_rss(standing: &Standing) -> u64 {
    let peaks = standing.runs.iter().map(|usage| usage.peak_rss);
    peaks.max().unwrap_or_default()
}

/// With one decimal.
pub(crate) fn mib(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{}", tenths / 10, tenths % 10)
}
