//! What of a source's metadata is kept: `-p`, `-a`, and the words of `--preserve` and `--no-preserve`, each undoing
//! what an earlier one said of the same attribute.

use std::ffi::OsStr;

use filecopy::config::{AttributeErrors, NewMode, Preserve};

use super::flags::list;
use super::usage::Usage;
use super::words::choose;

/// What `-p` and a bare `--preserve` keep.
pub(super) const USUAL: &str = "mode,ownership,timestamps";

const CONTEXT_NEEDS_SELINUX: &str =
    "cannot preserve security context without an SELinux-enabled kernel";

/// What is kept, as far as the options have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) preserve: Preserve,
    /// Of what is made anew when the mode is not kept.
    pub(super) new_mode: NewMode,
    /// Of extended attributes that cannot be kept.
    pub(super) attributes: AttributeErrors,
}

impl Kept {
    pub(super) const NOTHING: Self = Self {
        preserve: Preserve::NONE,
        new_mode: NewMode::Masked,
        attributes: AttributeErrors::Silent,
    };

    /// All that can be (`--archive`).
    pub(super) fn keep_all(&mut self) {
        if self.attributes != AttributeErrors::Fatal {
            self.attributes = AttributeErrors::Silent;
        }
        self.preserve = Preserve::ALL;
    }

    /// Takes the words of the option called `what`, which says whether to `keep`.
    pub(super) fn take(&mut self, words: &OsStr, what: &str, keep: bool) -> Result<(), Usage> {
        for word in list(words) {
            self.take_one(choose(word, what, ATTRIBUTES)?, keep)?;
        }
        Ok(())
    }

    fn take_one(&mut self, attribute: Attribute, keep: bool) -> Result<(), Usage> {
        match attribute {
            Attribute::Mode => {
                self.preserve.mode = keep;
                // Told not to, not even what a new file has of its source without being asked.
                self.new_mode = if keep {
                    NewMode::Masked
                } else {
                    NewMode::Plain
                };
            }
            Attribute::Timestamps => self.preserve.times = keep,
            Attribute::Ownership => self.preserve.owner = keep,
            Attribute::Links => self.preserve.links = keep,
            Attribute::Context if keep => return Err(Usage::plain(CONTEXT_NEEDS_SELINUX)),
            Attribute::Context => {}
            Attribute::Xattr => {
                self.preserve.xattr = keep;
                self.attributes = if keep {
                    AttributeErrors::Fatal
                } else {
                    AttributeErrors::Silent
                };
            }
            Attribute::All => {
                let had_attributes = self.preserve.xattr;
                for one in [
                    Attribute::Mode,
                    Attribute::Timestamps,
                    Attribute::Ownership,
                    Attribute::Links,
                ] {
                    self.take_one(one, keep)?;
                }
                self.preserve.xattr = keep;
                if !keep {
                    self.attributes = AttributeErrors::Silent;
                } else if !had_attributes {
                    self.attributes = AttributeErrors::Told;
                }
            }
        }
        Ok(())
    }
}

/// A word of `--preserve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Mode,
    Timestamps,
    Ownership,
    Links,
    Context,
    Xattr,
    All,
}

const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("mode", Attribute::Mode),
    ("timestamps", Attribute::Timestamps),
    ("ownership", Attribute::Ownership),
    ("links", Attribute::Links),
    ("context", Attribute::Context),
    ("xattr", Attribute::Xattr),
    ("all", Attribute::All),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_kept_as_listed() {
        let rows: [(&str, &[&str], &str); 12] = [
            ("nothing", &[], ""),
            (
                "the usual",
                &["+mode,ownership,timestamps"],
                "mode owner times",
            ),
            ("everything, as -a", &["a"], "mode owner times links Silent"),
            (
                "everything, by its word",
                &["+all"],
                "mode owner times links Told",
            ),
            ("a list", &["+links,xattr"], "links Fatal"),
            ("shortened words", &["+own"], "owner"),
            (
                "-a without mode",
                &["a", "-mode"],
                "plain owner times links Silent",
            ),
            (
                "without mode, then all",
                &["-mode", "+all"],
                "mode owner times links Told",
            ),
            ("without links", &["+links", "-links"], ""),
            (
                "xattr before -a",
                &["+xattr", "a"],
                "mode owner times links Fatal",
            ),
            (
                "xattr after -a",
                &["a", "+xattr"],
                "mode owner times links Fatal",
            ),
            ("nothing of -a", &["a", "-all"], "plain"),
        ];
        for (name, options, expected) in rows {
            let mut kept = Kept::NOTHING;
            for option in options {
                match option.strip_prefix('+') {
                    Some(words) => kept.take(OsStr::new(words), "--preserve", true).unwrap(),
                    None if *option == "a" => kept.keep_all(),
                    None => kept
                        .take(OsStr::new(&option[1..]), "--no-preserve", false)
                        .unwrap(),
                }
            }
            assert_eq!(shown(&kept), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_attribute_is_refused() {
        let said = |word: &str| {
            let mut kept = Kept::NOTHING;
            let refused = kept.take(OsStr::new(word), "--preserve", true);
            refused.unwrap_err().to_string()
        };
        assert!(said("mode,modes").starts_with("invalid argument 'modes' for '--preserve'"));
        assert_eq!(said("context"), CONTEXT_NEEDS_SELINUX);
    }

    fn shown(kept: &Kept) -> String {
        let preserve = kept.preserve;
        let attributes = format!("{:?}", kept.attributes);
        let words = [
            (preserve.mode, "mode"),
            (!preserve.mode && kept.new_mode == NewMode::Plain, "plain"),
            (preserve.owner, "owner"),
            (preserve.times, "times"),
            (preserve.links, "links"),
            (preserve.xattr, &attributes),
        ];
        let on = words.iter().filter(|(is_on, _)| *is_on);
        on.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    }
}
