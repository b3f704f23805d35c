//! How many packages of others natchat is built of.

use std::collections::BTreeSet;
use std::env;

use harness::Command;

use crate::Options;
use crate::figure::{Figure, Line, Outcome};

/// What the package manager needs of the environment.
const KEPT: [&str; 4] = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

pub(crate) fn run(_: &Options) -> Outcome {
    let given = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = Command::new(given)
        .args(["tree", "--package", "natchat", "--edges", "normal"])
        .args(["--prefix", "none", "--locked", "--offline"])
        .cwd(env!("CARGO_MANIFEST_DIR"));
    let kept = KEPT
        .iter()
        .filter_map(|name| Some((name, env::var_os(name)?)));
    let command = kept.fold(command, |command, (name, value)| command.env(name, value));
    let output = command.run();
    output.succeeds();
    let text = output.stdout_text();
    let packages = packages(&text);
    let mut outcome = Outcome::default();
    outcome.add(
        Line::new(
            "packages of others in its dependency tree",
            Figure::count(packages.len()),
        )
        .at_most(60.0)
        .quoting("iroh 1.4", "417"),
    );
    outcome
}

/// Names and versions, each once, without those of this workspace.
fn packages(tree: &str) -> BTreeSet<&str> {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    lines
        .filter(|line| !line.is_empty() && !line.contains("(/"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_counts_once() {
        let tree = "natchat v0.1.0 (/home/x/natchat)\nblake3 v1.8.2\ncfg-if v1.0.0\n\
                    common v0.1.0 (/home/x/common)\ncfg-if v1.0.0 (*)\nsyn v2.0.1 (proc-macro)\n";
        let expected = ["blake3 v1.8.2", "cfg-if v1.0.0", "syn v2.0.1 (proc-macro)"];
        assert_eq!(packages(tree), BTreeSet::from(expected));
    }
}
