//! Compares copies with their source. Runs in a child process: a snapshot of a huge tree takes memory, which would
//! show in every peak measured afterwards.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str;

use harness::RUN_LIMIT;
use harness::tree::{Aspect, Aspects, diff, snapshot};

use crate::child::this_program;

/// Every aspect, with the word for it.
const WORDS: [(Aspect, &str); 10] = [
    (Aspect::Content, "content"),
    (Aspect::Mode, "mode"),
    (Aspect::Owner, "owner"),
    (Aspect::FileTimes, "file times"),
    (Aspect::FolderTimes, "folder times"),
    (Aspect::HardLinks, "hard links"),
    (Aspect::Targets, "link targets"),
    (Aspect::Devices, "devices"),
    (Aspect::Xattrs, "xattrs"),
    (Aspect::Holes, "holes"),
];

/// The word for an aspect in tables.
pub(crate) fn word(aspect: Aspect) -> &'static str {
    let found = WORDS.iter().find(|(listed, _)| *listed == aspect);
    found.expect("every aspect is listed").1
}

/// A line for each copy: the words for what it has not kept, with commas between.
pub(crate) fn compare(source: &Path, copies: &[PathBuf]) -> String {
    let source = snapshot(source);
    let mut lines = String::new();
    for copy in copies {
        let copy = snapshot(copy);
        // What is missing or of another kind would show in every aspect: counted once, as content.
        let is_complete = diff(&source, &copy, Aspects::NONE).is_empty();
        let lost = WORDS.iter().filter(|(aspect, _)| {
            let is_content = *aspect == Aspect::Content;
            (is_content && !is_complete)
                || (is_complete && !diff(&source, &copy, Aspects::only(&[*aspect])).is_empty())
        });
        let words: Vec<&str> = lost.map(|(_, word)| *word).collect();
        writeln!(lines, "{}", words.join(",")).expect("a string takes everything");
    }
    lines
}

/// Runs [`compare`] in a child, and returns for each copy which of the `kept` aspects it lost.
pub(crate) fn lost(source: &Path, copies: &[PathBuf], kept: &[Aspect]) -> Vec<Vec<&'static str>> {
    if copies.is_empty() {
        return Vec::new();
    }
    let output = this_program()
        .arg("--compare")
        .arg(source)
        .args(copies)
        .deadline(RUN_LIMIT * 10)
        .run();
    let text = str::from_utf8(&output.succeeds().stdout)
        .expect("only our words")
        .to_owned();
    let kept: Vec<&str> = kept.iter().map(|aspect| word(*aspect)).collect();
    let lines = text.lines();
    lines
        .map(|line| {
            kept.iter()
                .copied()
                .filter(|word| line.split(',').any(|lost| lost == *word))
                .collect()
        })
        .collect()
}
