//! The results of each row as a table to read.

use std::fmt::{self, Display, Formatter};

use harness::Spread;

use crate::idle::{self, Round};
use crate::load::{Run, as_f64};
use crate::race;
use crate::rows::Row;
use crate::servers::Server;

/// A row that was run.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) row: Row,
    pub(crate) standings: Standings,
}

/// How everyone did; the first is nginx.
#[derive(Debug)]
pub(crate) enum Standings {
    /// Under load.
    Load(Vec<race::Standing>),
    /// With idle connections.
    Idle(Vec<idle::Standing>),
}

impl RowResult {
    /// What was wrong with whose replies.
    pub(crate) fn faults(&self) -> Vec<(Server, &str)> {
        let all: Vec<(Server, Option<&str>)> = match &self.standings {
            Standings::Load(standings) => {
                let standings = standings.iter();
                standings
                    .map(|standing| (standing.server, standing.fault.as_deref()))
                    .collect()
            }
            Standings::Idle(standings) => {
                let standings = standings.iter();
                standings
                    .map(|standing| (standing.server, standing.fault.as_deref()))
                    .collect()
            }
        };
        let faults = all.into_iter();
        faults
            .filter_map(|(server, fault)| Some((server, fault?)))
            .collect()
    }
}

impl Display for RowResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.standings {
            Standings::Load(standings) => load_table(&self.row, standings, f)?,
            Standings::Idle(standings) => idle_table(&self.row, standings, f)?,
        }
        for (server, fault) in self.faults() {
            writeln!(f, "WRONG: {}: {fault}", server.name())?;
        }
        Ok(())
    }
}

fn load_table(row: &Row, standings: &[race::Standing], f: &mut Formatter<'_>) -> fmt::Result {
    let Some(base) = standings.first() else {
        return Ok(());
    };
    writeln!(
        f,
        "\n{} ({} rounds, `--rows {}`)",
        row.title,
        base.runs.len(),
        row.id
    )?;
    writeln!(
        f,
        "| {:<19} | CPU µs/request | to nginx |  min–max  | 1,000/s | to nginx |  p50 ms \
         |  p99 ms | switches | calls | PSS MiB |",
        "server"
    )?;
    writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for standing in standings
        .iter()
        .filter(|standing| !standing.runs.is_empty())
    {
        let middle = |what: fn(&Run) -> f64| Spread::of(standing.runs.iter().map(what)).median;
        let calls = standing
            .calls
            .map_or_else(|| String::from("–"), |calls| format!("{calls:.2}"));
        write!(
            f,
            "| {:<19} | {:>14.2} |",
            standing.server.name(),
            middle(Run::cpu_us)
        )?;
        match cpu_ratio(standing, base) {
            Some(Spread { min, median, max }) => {
                write!(f, " {median:>8.2} | {:>9} |", format!("{min:.2}–{max:.2}"))?;
            }
            None => write!(f, " {:>8} | {:>9} |", "–", "–")?,
        }
        let rate = ratio(standing, base, Run::rate);
        let rate = rate.map_or_else(|| String::from("–"), |rate| format!("{:.2}", rate.median));
        writeln!(
            f,
            " {:>7.1} | {rate:>8} | {:>7.3} | {:>7.1} | {:>8.2} | {calls:>5} | {:>7.1} |",
            middle(Run::rate) / 1e3,
            middle(Run::p50_ms),
            middle(Run::p99_ms),
            middle(Run::switches),
            mib(standing.memory),
        )?;
    }
    if let Some(verdict) = verdict(row, standings) {
        writeln!(f, "{verdict}")?;
    }
    noise(standings, f)
}

/// How ours did beside each of the others.
fn verdict(row: &Row, standings: &[race::Standing]) -> Option<String> {
    let ours = standings
        .iter()
        .find(|standing| standing.server == Server::Webserver)?;
    let others = standings
        .iter()
        .filter(|standing| standing.server != Server::Webserver);
    let ratios: Vec<String> = others
        .filter_map(|other| {
            let ratio = cpu_ratio(ours, other)?.median;
            Some(format!("{ratio:.2} of {}", other.server.name()))
        })
        .collect();
    let ratio = cpu_ratio(ours, standings.first()?)?.median;
    let goal = row.goal.map_or_else(String::new, |goal| {
        let outcome = if ratio <= goal { "met" } else { "MISSED" };
        format!("; goal {goal:.2}: {outcome}")
    });
    Some(format!("webserver: {}{goal}", ratios.join(", ")))
}

fn noise(standings: &[race::Standing], f: &mut Formatter<'_>) -> fmt::Result {
    let runs = || standings.iter().flat_map(|standing| &standing.runs);
    if runs().next().is_none() {
        return Ok(());
    }
    let others = Spread::of(runs().map(|run| run.others));
    let stolen = Spread::of(runs().map(|run| run.stolen));
    writeln!(
        f,
        "busy with other things: {:.2} processors (up to {:.2}); taken by the host: {:.2}",
        others.median, others.max, stolen.median
    )
}

/// The ratio to `base`, round by round; `None` without a round that both have finished.
fn ratio(
    standing: &race::Standing,
    base: &race::Standing,
    what: fn(&Run) -> f64,
) -> Option<Spread> {
    let pairs = standing.runs.iter().zip(&base.runs);
    let ratios: Vec<f64> = pairs.map(|(run, base)| what(run) / what(base)).collect();
    (!ratios.is_empty()).then(|| Spread::of(ratios))
}

/// The ratio of processor times for a request.
pub(crate) fn cpu_ratio(standing: &race::Standing, base: &race::Standing) -> Option<Spread> {
    ratio(standing, base, Run::cpu_us)
}

fn idle_table(row: &Row, standings: &[idle::Standing], f: &mut Formatter<'_>) -> fmt::Result {
    let Some(base) = standings.first() else {
        return Ok(());
    };
    writeln!(
        f,
        "\n{} ({} rounds, `--rows {}`)",
        row.title,
        base.rounds.len(),
        row.id
    )?;
    writeln!(
        f,
        "| {:<19} | bytes for each | PSS MiB before | during | active p50 µs before | during \
         | CPU µs/request before | during |",
        "server"
    )?;
    writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    for standing in standings
        .iter()
        .filter(|standing| !standing.rounds.is_empty())
    {
        let middle = |what: fn(&Round) -> f64| Spread::of(standing.rounds.iter().map(what)).median;
        writeln!(
            f,
            "| {:<19} | {:>14.0} | {:>14.1} | {:>6.1} | {:>20.0} | {:>6.0} | {:>21.2} | {:>6.2} |",
            standing.server.name(),
            middle(Round::connection_len),
            middle(|round| mib(round.memory_before)),
            middle(|round| mib(round.memory_during)),
            middle(|round| micros(&round.before)),
            middle(|round| micros(&round.during)),
            middle(|round| round.before.cpu_us()),
            middle(|round| round.during.cpu_us()),
        )?;
    }
    Ok(())
}

/// Shown with one decimal.
pub(crate) fn mib(bytes: u64) -> f64 {
    as_f64(bytes) / f64::from(1 << 20)
}

/// The median latency.
pub(crate) fn micros(run: &Run) -> f64 {
    run.p50_ms() * 1e3
}
