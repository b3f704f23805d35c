//! What the pairs did, as a table for people: printed, and appended to the file that `WIREWORK_NAT_TABLE` names.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

const FILE: &str = "WIREWORK_NAT_TABLE";

/// Shows a table with a head.
pub(crate) fn show(head: &[&str], rows: &[Vec<String>]) {
    let text = render(head, rows);
    print(&text);
    if let Some(path) = env::var_os(FILE) {
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }
}

#[expect(clippy::print_stdout, reason = "the runner shows it with --nocapture")]
fn print(text: &str) {
    println!("{text}");
}

fn render(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<_> = head.iter().map(|&word| word.to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let lines = [&head, &rule].into_iter().chain(rows);
    lines
        .map(|row| format!("| {} |\n", row.join(" | ")))
        .collect()
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
