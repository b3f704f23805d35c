//! All rows in one table of Markdown: processor time for a request, and its ratio to nginx's.
//!
//! nginx has a second column: the least that any of its other settings took in that row. No one setting is the best in
//! all rows.

use harness::Spread;

use crate::idle::{self, Round};
use crate::load::Run;
use crate::race;
use crate::report::{RowResult, Standings, cpu_ratio, mib, micros};
use crate::servers::{Contestants, Log, Server};

/// What a column shows.
#[derive(Clone, Copy, Debug)]
enum Column {
    One(Server),
    /// The best variant of nginx.
    BestSetting,
}

/// The table.
pub(crate) fn summary(results: &[RowResult], contestants: &Contestants) -> String {
    let mut columns = Vec::new();
    let mut heads = Vec::new();
    for (server, version) in contestants.versions() {
        columns.push(Column::One(server));
        heads.push(format!("{} {version}", server.name()));
        if server == Server::Nginx && contestants.who(Log::Off).any(Server::is_variant) {
            columns.push(Column::BestSetting);
            heads.push(String::from("its best setting"));
        }
    }
    let mut text = format!("\n| | {} |\n", heads.join(" | "));
    text += &format!("|---|{}\n", "--:|".repeat(columns.len()));
    for result in results {
        for (title, cell) in lines(result) {
            let cells = columns.iter().map(|column| cell(*column));
            let cells: Vec<String> = cells
                .map(|cell| cell.unwrap_or_else(|| String::from("–")))
                .collect();
            text += &format!("| {title} | {} |\n", cells.join(" | "));
        }
    }
    text
}

/// A line's title, and what it says in a column.
type Line<'a> = (String, Box<dyn Fn(Column) -> Option<String> + 'a>);

fn lines(result: &RowResult) -> Vec<Line<'_>> {
    let title = result.row.title;
    let standings = match &result.standings {
        Standings::Load(standings) => {
            let cell = move |column| load_cell(standings, column);
            return vec![(title.to_owned(), Box::new(cell))];
        }
        Standings::Idle(standings) => standings,
    };
    let each = |column| {
        let bytes = idle_middle(standings, column, Round::connection_len)?;
        Some(format!("{bytes:.0} B"))
    };
    let all = |column| {
        let mib = idle_middle(standings, column, |round| mib(round.memory_during))?;
        Some(format!("{mib:.1} MiB"))
    };
    let active = |column| {
        let before = idle_middle(standings, column, |round| micros(&round.before))?;
        let during = idle_middle(standings, column, |round| micros(&round.during))?;
        Some(format!("{before:.0}, {during:.0} µs"))
    };
    vec![
        (
            String::from("memory for an idle connection"),
            Box::new(each),
        ),
        (format!("memory with {title}"), Box::new(all)),
        (
            String::from("an active client's median latency before, and beside them"),
            Box::new(active),
        ),
    ]
}

fn load_cell(standings: &[race::Standing], column: Column) -> Option<String> {
    let base = standings.first()?;
    let ratio = |standing| Some(cpu_ratio(standing, base)?.median);
    let server = match column {
        Column::One(server) => server,
        Column::BestSetting => {
            let variants = standings
                .iter()
                .filter(|standing| standing.server.is_variant());
            return variants
                .filter_map(ratio)
                .min_by(f64::total_cmp)
                .map(digits);
        }
    };
    let standing = standings
        .iter()
        .find(|standing| standing.server == server)?;
    if standing.fault.is_some() {
        return Some(String::from("wrong"));
    }
    let runs = standing.runs.iter().map(Run::cpu_us);
    let cpu = (!standing.runs.is_empty()).then(|| digits(Spread::of(runs).median))?;
    let ratio = ratio(standing).map(digits);
    if server == Server::Nginx {
        return Some(format!("{cpu} µs"));
    }
    if server == Server::Webserver {
        return Some(format!("{cpu} µs · **{}**", ratio?));
    }
    ratio
}

fn idle_middle(
    standings: &[idle::Standing],
    column: Column,
    what: fn(&Round) -> f64,
) -> Option<f64> {
    let Column::One(server) = column else {
        return None;
    };
    let mut standings = standings.iter();
    let standing = standings.find(|standing| standing.server == server)?;
    let rounds = standing.rounds.iter();
    (!standing.rounds.is_empty()).then(|| Spread::of(rounds.map(what)).median)
}

/// Two or three digits that mean something.
fn digits(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
