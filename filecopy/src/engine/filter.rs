//! Which entries are copied: the user's patterns, and the `.gitignore` files of the tree. Pure: the
//! walker reads the files and asks here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::config::Filter;

/// The largest `.gitignore` that is read (bytes); what lies beyond is not obeyed, and said.
pub(crate) const MAX_PATTERNS_LEN: u64 = 1 << 20;

/// The patterns of one `.gitignore` and of those in the folders around it.
#[derive(Debug)]
pub(crate) struct Patterns {
    around: Option<Arc<Self>>,
    matcher: Gitignore,
    /// The folder that holds the file, below the root.
    folder: PathBuf,
}

impl Patterns {
    /// Reads the text of a `.gitignore` in `folder` (a path below the root). Lines that are no pattern are passed
    /// over, as git does.
    pub(crate) fn parse(text: &str, folder: PathBuf, around: Option<Arc<Self>>) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for line in text.lines() {
            // An unusable line is git's affair; the others still hold.
            drop(builder.add_line(None, line));
        }
        let matcher = builder.build().unwrap_or_else(|_| Gitignore::empty());
        Self {
            around,
            matcher,
            folder,
        }
    }

    /// The innermost file with an opinion decides.
    fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let mut level = Some(self);
        while let Some(patterns) = level {
            let inside = path.strip_prefix(&patterns.folder).unwrap_or(path);
            match patterns.matcher.matched(inside, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => level = patterns.around.as_deref(),
            }
        }
        false
    }
}

/// Whether the entry at `path` below the root is left out.
pub(crate) fn is_excluded(
    filter: &Filter,
    patterns: Option<&Patterns>,
    path: &Path,
    is_folder: bool,
) -> bool {
    if let Some(given) = &filter.patterns {
        match given.matched(path, is_folder) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => {}
        }
    }
    patterns.is_some_and(|patterns| patterns.is_ignored(path, is_folder))
}

impl Filter {
    /// Whether everything is taken, and no path needs to be built to know it.
    pub(crate) fn takes_all(&self) -> bool {
        self.patterns.is_none() && !self.gitignore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(lines: &[&str]) -> Filter {
        let mut builder = GitignoreBuilder::new("");
        for line in lines {
            builder.add_line(None, line).expect("a valid pattern");
        }
        Filter {
            patterns: Some(builder.build().expect("valid patterns")),
            gitignore: false,
        }
    }

    #[test]
    fn the_users_last_matching_pattern_decides() {
        let cases: [(&str, &[&str], &str, bool, bool); 8] = [
            ("any depth", &["*.o"], "a/b/c.o", false, true),
            ("another name", &["*.o"], "a/b/c.rs", false, false),
            ("a folder alone", &["target/"], "a/target", true, true),
            (
                "a file of a folder's name",
                &["target/"],
                "a/target",
                false,
                false,
            ),
            ("anchored", &["/top"], "sub/top", false, false),
            ("anchored, at the root", &["/top"], "top", false, true),
            (
                "excluded, then included",
                &["*.log", "!keep.log"],
                "x/keep.log",
                false,
                false,
            ),
            (
                "included, then excluded",
                &["!keep.log", "*.log"],
                "x/keep.log",
                false,
                true,
            ),
        ];
        for (name, patterns, path, is_folder, expected) in cases {
            assert_eq!(
                is_excluded(&given(patterns), None, Path::new(path), is_folder),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn the_innermost_gitignore_with_an_opinion_decides_and_the_user_above_all() {
        let outer = Arc::new(Patterns::parse(
            "*.tmp\n# a comment\n\n/only-here\n",
            PathBuf::new(),
            None,
        ));
        let inner = Patterns::parse(
            "!mine.tmp\n",
            PathBuf::from("sub"),
            Some(Arc::clone(&outer)),
        );
        let ignored = |patterns: &Patterns, path: &str| {
            is_excluded(&Filter::default(), Some(patterns), Path::new(path), false)
        };
        assert!(ignored(&outer, "a.tmp"));
        assert!(ignored(&outer, "only-here"));
        assert!(
            !ignored(&inner, "sub/only-here"),
            "anchored to the folder of its file"
        );
        assert!(
            ignored(&inner, "sub/other.tmp"),
            "the outer file still holds"
        );
        assert!(
            !ignored(&inner, "sub/mine.tmp"),
            "the inner file says otherwise"
        );
        let user = given(&["mine.tmp"]);
        assert!(is_excluded(
            &user,
            Some(&inner),
            Path::new("sub/mine.tmp"),
            false
        ));
    }

    #[test]
    fn lines_that_are_no_pattern_leave_the_others_in_force() {
        let patterns = Patterns::parse("[z-\n*.o\n", PathBuf::new(), None);
        assert!(patterns.is_ignored(Path::new("a.o"), false));
    }
}
