//! Colours, and when to leave them out.
//!
//! [`Style`] wraps words in the few escape sequences that the programs use; [`crate::console`] lets exactly these
//! through and makes any other visible. `--color` decides, then `NO_COLOR` (no-color.org), then whether the stream is a
//! terminal that understands them.

use std::fmt::Display;
use std::io::IsTerminal;

/// The value of `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// Colours words, or leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    colored: bool,
}

impl Style {
    /// The style for one output stream, such as `&io::stdout()`.
    #[must_use]
    pub fn new(choice: ColorChoice, stream: &impl IsTerminal) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let colored = match choice {
            ColorChoice::Auto => stream.is_terminal() && !set("NO_COLOR") && !dumb,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { colored }
    }

    /// Failures.
    pub fn red(self, text: impl Display) -> String {
        if self.colored {
            format!("{RED}{text}{RESET}")
        } else {
            text.to_string()
        }
    }

    /// What is read by its shape alone, as by a camera: dark on light whatever the colours of the terminal. `None`
    /// without colours.
    pub fn dark_on_light(self, text: impl Display) -> Option<String> {
        self.colored
            .then(|| format!("{DARK_ON_LIGHT}{text}{RESET}"))
    }
}

pub(crate) const RESET: &str = "\x1b[0m";
const RED: &str = "\x1b[31m";
const DARK_ON_LIGHT: &str = "\x1b[30;107m";

/// Every sequence that may reach a terminal from here.
pub(crate) const SEQUENCES: [&str; 3] = [RESET, RED, DARK_ON_LIGHT];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_dark_on_light_or_not_coloured() {
        let file = tempfile::tempfile().expect("a temporary file");
        let shown = |choice| Style::new(choice, &file).dark_on_light("x");
        assert_eq!(
            shown(ColorChoice::Always).as_deref(),
            Some("\x1b[30;107mx\x1b[0m")
        );
        assert_eq!(shown(ColorChoice::Never), None);
    }

    #[test]
    fn words_are_coloured_only_when_wanted() {
        let file = tempfile::tempfile().expect("a temporary file");
        let rows = [
            ("a file by default", ColorChoice::Auto, "x"),
            (
                "a file when forced",
                ColorChoice::Always,
                "\x1b[31mx\x1b[0m",
            ),
            ("never", ColorChoice::Never, "x"),
        ];
        for (name, choice, expected) in rows {
            assert_eq!(Style::new(choice, &file).red("x"), expected, "{name}");
        }
    }
}
