//! The conversation at the prompt as a pure machine: it is fed what was typed and says what is to be done.
//!
//! ```text
//!              a name                 a name: Start
//!   ┌─────────┐ ─────▶ ┌──────────┐ ──────▶ back to Source
//!   │ Source  │        │ New name │
//!   └─────────┘        └──────────┘
//!        │ exit              │ exit
//!        └────────┬──────────┘
//!                 ▼
//!            ┌─────────┐  exit: CancelAll
//!            │ Leaving │  anything else: Waiting
//!            └─────────┘
//! ```
//!
//! `jobs`, `cancel N` and `help` are answered at any time, and the same question is asked again; a file of such a
//! name is typed as `./jobs`. Everything else is a name, byte for byte: there is no quoting, and
//! spaces at the ends of a line belong to it, as in the older program.
//!
//! Nothing here reads, prints or looks at files: whether a source exists is found out when a copy starts.

use std::path::PathBuf;

use crate::job::JobId;

/// What the driver is to do after a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Ask [`Prompt::question`].
    Ask,
    /// Start a copy.
    Start {
        /// The first name of the pair.
        source: PathBuf,
        /// The second.
        destination: PathBuf,
    },
    /// Show the copies that run.
    List,
    /// Cancel one copy.
    Cancel(JobId),
    /// Explain the prompt.
    Help,
    /// `exit` was typed for the first time: say what still runs, and wait for it.
    Leave,
    /// A line that means nothing while leaving: say what is waited for.
    Waiting,
    /// `exit` was typed again: cancel what still runs.
    CancelAll,
}

/// The conversation's state.
#[derive(Debug, Default)]
pub struct Prompt {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Source,
    NewName(PathBuf),
    Leaving,
}

impl Prompt {
    /// What is asked for now. Empty once `exit` was typed.
    #[must_use]
    pub fn question(&self) -> &'static str {
        match self.state {
            State::Source => "source file: ",
            State::NewName(_) => "new name: ",
            State::Leaving => "",
        }
    }

    /// Whether `exit` was typed or the input has ended.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving)
    }

    /// Takes one line, without its line ending.
    pub fn feed(&mut self, line: &[u8]) -> Reply {
        match std::mem::take(&mut self.state) {
            State::Source => self.source(line),
            State::NewName(source) => self.new_name(source, line),
            State::Leaving => {
                self.state = State::Leaving;
                leaving(line)
            }
        }
    }

    /// The input has ended: nothing more will be typed. Gives the source whose new name never came.
    pub fn end(&mut self) -> Option<PathBuf> {
        match std::mem::replace(&mut self.state, State::Leaving) {
            State::NewName(source) => Some(source),
            State::Source | State::Leaving => None,
        }
    }

    fn source(&mut self, line: &[u8]) -> Reply {
        if line == EXIT {
            self.state = State::Leaving;
            return Reply::Leave;
        }
        if let Some(reply) = command(line) {
            return reply;
        }
        if !line.is_empty() {
            self.state = State::NewName(path(line));
        }
        Reply::Ask
    }

    fn new_name(&mut self, source: PathBuf, line: &[u8]) -> Reply {
        if line == EXIT {
            self.state = State::Leaving;
            return Reply::Leave;
        }
        if let Some(reply) = command(line) {
            self.state = State::NewName(source);
            return reply;
        }
        if line.is_empty() {
            self.state = State::NewName(source);
            return Reply::Ask;
        }
        Reply::Start {
            source,
            destination: path(line),
        }
    }
}

const EXIT: &[u8] = b"exit";

fn leaving(line: &[u8]) -> Reply {
    if line == EXIT {
        return Reply::CancelAll;
    }
    command(line).unwrap_or(Reply::Waiting)
}

/// The words that are no names. `cancel` without a number is a name.
fn command(line: &[u8]) -> Option<Reply> {
    match line {
        b"jobs" => Some(Reply::List),
        b"help" => Some(Reply::Help),
        _ => {
            let number = line.strip_prefix(b"cancel ")?;
            let number = std::str::from_utf8(number).ok()?.parse().ok()?;
            Some(Reply::Cancel(JobId(number)))
        }
    }
}

#[cfg(unix)]
fn path(line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(line))
}

/// Where names are not bytes, they can only be typed as text.
#[cfg(not(unix))]
fn path(line: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "source file: ";
    const NEW_NAME: &str = "new name: ";

    fn start(source: &str, destination: &str) -> Reply {
        Reply::Start {
            source: source.into(),
            destination: destination.into(),
        }
    }

    /// Feeds the lines in turn; the last one must give the reply and leave the question.
    fn check(name: &str, lines: &[&str], reply: &Reply, question: &str) {
        let mut prompt = Prompt::default();
        let mut last = Reply::Ask;
        for line in lines {
            last = prompt.feed(line.as_bytes());
        }
        assert_eq!(&last, reply, "{name}: reply");
        assert_eq!(prompt.question(), question, "{name}: question");
    }

    #[test]
    fn conversation() {
        check("nothing yet", &[], &Reply::Ask, SOURCE);
        check("a source", &["a"], &Reply::Ask, NEW_NAME);
        check("a pair", &["a", "b"], &start("a", "b"), SOURCE);
        check("two pairs", &["a", "b", "c", "d"], &start("c", "d"), SOURCE);
        check("empty source", &[""], &Reply::Ask, SOURCE);
        check("empty new name", &["a", ""], &Reply::Ask, NEW_NAME);
        check(
            "empty, then a name",
            &["a", "", "b"],
            &start("a", "b"),
            SOURCE,
        );
        check(
            "spaces belong to a name",
            &[" a ", " b"],
            &start(" a ", " b"),
            SOURCE,
        );
        check(
            "quotes belong to a name",
            &["'a'", "\"b\""],
            &start("'a'", "\"b\""),
            SOURCE,
        );
        check("exit at the source", &["exit"], &Reply::Leave, "");
        check("exit at the new name", &["a", "exit"], &Reply::Leave, "");
        check(
            "exit with a space is a name",
            &["exit "],
            &Reply::Ask,
            NEW_NAME,
        );
        check("exit twice", &["exit", "exit"], &Reply::CancelAll, "");
    }

    #[test]
    fn commands() {
        check("jobs", &["jobs"], &Reply::List, SOURCE);
        check("help", &["help"], &Reply::Help, SOURCE);
        check("cancel", &["cancel 3"], &Reply::Cancel(JobId(3)), SOURCE);
        check(
            "cancel without a number is a name",
            &["cancel"],
            &Reply::Ask,
            NEW_NAME,
        );
        check(
            "cancel with a word is a name",
            &["cancel all"],
            &Reply::Ask,
            NEW_NAME,
        );
        check(
            "cancel with too big a number is a name",
            &["cancel 4294967296"],
            &Reply::Ask,
            NEW_NAME,
        );
        check(
            "jobs at the new name",
            &["a", "jobs"],
            &Reply::List,
            NEW_NAME,
        );
        check(
            "help at the new name",
            &["a", "help"],
            &Reply::Help,
            NEW_NAME,
        );
        check(
            "cancel at the new name",
            &["a", "cancel 3"],
            &Reply::Cancel(JobId(3)),
            NEW_NAME,
        );
        check(
            "the source is not forgotten",
            &["a", "jobs", "b"],
            &start("a", "b"),
            SOURCE,
        );
        check(
            "a copy called jobs",
            &["a", "./jobs"],
            &start("a", "./jobs"),
            SOURCE,
        );
        check("a file called jobs", &["./jobs"], &Reply::Ask, NEW_NAME);
        check("jobs while leaving", &["exit", "jobs"], &Reply::List, "");
        check(
            "cancel while leaving",
            &["exit", "cancel 1"],
            &Reply::Cancel(JobId(1)),
            "",
        );
        check("a name while leaving", &["exit", "a"], &Reply::Waiting, "");
    }

    #[test]
    fn end_of_input() {
        let mut prompt = Prompt::default();
        assert_eq!(prompt.end(), None, "between pairs");
        assert!(prompt.is_leaving());

        let mut prompt = Prompt::default();
        prompt.feed(b"a");
        assert_eq!(prompt.end(), Some(PathBuf::from("a")), "inside a pair");
        assert_eq!(prompt.end(), None, "told once");
    }

    #[cfg(unix)]
    #[test]
    fn names_are_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let mut prompt = Prompt::default();
        prompt.feed(b"\xff\r");
        let Reply::Start {
            source,
            destination,
        } = prompt.feed(b"\xfe\t")
        else {
            panic!("no pair")
        };
        assert_eq!(source.as_os_str().as_bytes(), b"\xff\r");
        assert_eq!(destination.as_os_str().as_bytes(), b"\xfe\t");
    }
}
