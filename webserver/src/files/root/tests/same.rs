//! The walk and the kernel give the same answer to every path in every tree.

use proptest::prelude::*;

use super::fixture::{Answer, Fixture, OUTSIDE, ask};
use crate::files::root::Links;

/// What a tree is made of, in order; what cannot be made where it is told to be is left out.
#[derive(Clone, Debug)]
enum Node {
    File(String),
    Folder(String),
    Link { path: String, target: String },
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn same_answers(nodes in prop::collection::vec(node(), 1..24)) {
        let fixture = Fixture::new();
        for node in &nodes {
            make(&fixture, node);
        }
        let [(_, kernel), (_, walk)] = fixture.roots(Links::Within);
        for path in all_paths() {
            let answer = ask(&kernel, path.as_bytes());
            prop_assert_eq!(&answer, &ask(&walk, path.as_bytes()), "{}", path);
            prop_assert_ne!(answer, Answer::File(OUTSIDE.to_owned()), "{}", path);
        }
    }
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        2 => path().prop_map(Node::File),
        2 => path().prop_map(Node::Folder),
        5 => (path(), target()).prop_map(|(path, target)| Node::Link { path, target }),
    ]
}

/// Few names, so that paths and targets often meet.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| names.join("/"))
}

fn target() -> impl Strategy<Value = String> {
    let start = prop_oneof![
        6 => Just(""),
        2 => Just("{root}/"),
        1 => Just("{outside}/"),
        1 => Just("/"),
        1 => Just("../root/"),
        1 => Just("{root}"),
    ];
    let component = prop_oneof![
        4 => Just("a"),
        4 => Just("b"),
        4 => Just("c"),
        4 => Just(".."),
        1 => Just("."),
        1 => Just(""),
        1 => Just("outside"),
        1 => Just("marker.txt"),
    ];
    let rest = prop::collection::vec(component, 1..5).prop_map(|names| names.join("/"));
    (start, rest)
        .prop_map(|(start, rest)| format!("{start}{rest}"))
        .prop_filter("a link has a text", |target| !target.is_empty())
}

fn make(fixture: &Fixture, node: &Node) {
    let place = |path: &str| fixture.beside("root").join(path);
    // Making something through a link could put it outside, where the test would then look for it in vain.
    let is_inside = |path: &str| {
        let parent = place(path)
            .parent()
            .and_then(|parent| parent.canonicalize().ok());
        parent.is_some_and(|parent| parent.starts_with(fixture.root_path()))
    };
    let _ = match node {
        Node::File(path) if is_inside(path) => std::fs::write(place(path), path),
        Node::Folder(path) if is_inside(path) => std::fs::create_dir(place(path)),
        Node::Link { path, target } if is_inside(path) => {
            let target = target
                .replace("{root}", &fixture.root_path())
                .replace("{outside}", &fixture.outside());
            std::os::unix::fs::symlink(target, place(path))
        }
        Node::File(_) | Node::Folder(_) | Node::Link { .. } => Ok(()),
    };
}

/// Every path of up to three of the names, with a slash behind and without.
fn all_paths() -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut longest = paths.clone();
    for _ in 0..3 {
        longest = longest
            .iter()
            .flat_map(|path| ["a", "b", "c"].map(|name| format!("{path}/{name}")))
            .collect();
        paths.extend(longest.iter().cloned());
    }
    let with_slash: Vec<String> = paths.iter().map(|path| format!("{path}/")).collect();
    paths.extend(with_slash);
    paths
}
