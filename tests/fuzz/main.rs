//! Runs what the fuzzer runs ([`bodies`]) on the inputs that are kept (`seeds/`), and on requests made by chance.
//!
//! An input that the fuzzer finds becomes a seed when what it found is mended.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub mod bodies;
mod fields;
mod nat;
mod replies;
mod requests;

use bodies::scene::Scene;

/// What a target does with an input.
type Check<'s> = Box<dyn Fn(&[u8]) + 's>;

fn targets(scene: &Scene) -> [(&'static str, Check<'_>); 13] {
    [
        ("accept_encoding", Box::new(bodies::accept_encoding::check)),
        ("body", Box::new(bodies::body::check)),
        ("conditional", Box::new(bodies::conditional::check)),
        ("conn", Box::new(bodies::conn::check)),
        ("head", Box::new(bodies::head::check)),
        ("nat_paths", Box::new(bodies::nat_paths::check)),
        ("nat_reliable", Box::new(bodies::nat_reliable::check)),
        ("nat_rendezvous", Box::new(bodies::nat_rendezvous::check)),
        ("nat_wire", Box::new(bodies::nat_wire::check)),
        ("path", Box::new(|input| bodies::path::check(scene, input))),
        ("range", Box::new(bodies::range::check)),
        (
            "reply",
            Box::new(|input| bodies::reply::check(scene, input)),
        ),
        ("target", Box::new(bodies::target::check)),
    ]
}

#[test]
fn every_seed_of_every_target_passes() {
    let scene = Scene::new();
    let mut failed = Vec::new();
    for (target, check) in targets(&scene) {
        let seeds = listed(&here().join("seeds").join(target));
        assert!(!seeds.is_empty(), "no seeds of {target}");
        for seed in seeds {
            let input = fs::read(&seed).expect("a seed that was listed");
            if catch_unwind(AssertUnwindSafe(|| check(&input))).is_err() {
                failed.push(seed);
            }
        }
    }
    assert!(
        failed.is_empty(),
        "these failed, as told above: {failed:#?}"
    );
}

#[test]
fn the_fuzzer_has_the_same_targets() {
    let scene = Scene::new();
    let names = targets(&scene).map(|(name, _)| name.to_owned());
    let files: Vec<String> = listed(&here().join("targets"))
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(files, names);
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files in a folder, by name.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("read {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}
