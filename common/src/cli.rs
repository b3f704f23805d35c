//! The command-line pieces that all the programs share, and the only place that meets clap's errors.
//!
//! A program flattens [`CommonArgs`] into its own arguments and calls [`parse_from`], which also answers `--help`,
//! `--version`, `--completions` and `--man-page`. Usage errors end with exit code 2. What the options mean is decided
//! elsewhere ([`crate::log`], [`crate::style`]).

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::builder::{PossibleValue, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command, Parser, ValueEnum};
use clap_complete::Shell;

use crate::exit::{self, ExitStatus};
use crate::log::{Format, Level};
use crate::style::ColorChoice;
use crate::{quote, streams};

/// Options of every program; flatten them with `#[command(flatten)]`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// Diagnostics to show on stderr
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Warn, global = true)]
    pub log_level: Level,

    /// Form of the diagnostics: lines for people or JSON objects for programs
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text, global = true)]
    pub log_format: Format,

    /// When to use colours; NO_COLOR is respected
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto, global = true)]
    pub color: ColorChoice,

    /// Print the completion script for a shell and exit
    #[arg(long, value_name = "SHELL", value_enum, exclusive = true)]
    completions: Option<Shell>,

    /// Print the manual page and exit
    #[arg(long, exclusive = true)]
    man_page: bool,
}

/// Parses a command line, the program's name first.
///
/// # Errors
/// The exit code to return from `main`, everything being printed already: 0 for `--help`, `--version`, `--completions`
/// and `--man-page`, 2 for a wrong command line, 1 if stdout cannot be written (a broken pipe is no error).
pub fn parse_from<T: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<T, ExitCode> {
    parse_advised(args, |_| None)
}

/// As [`parse_from`], for a program that has something to say about options it does not have: `advise` is given the
/// option, such as `-f` or `--force`, and what it gives is shown as a tip.
///
/// # Errors
/// As [`parse_from`].
pub fn parse_advised<T: Parser>(
    args: impl IntoIterator<Item = OsString>,
    advise: impl Fn(&str) -> Option<String>,
) -> Result<T, ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut command = T::command();
    match try_parse(&mut command, &args) {
        Ok(Parsed::Arguments(arguments)) => Ok(arguments),
        Ok(Parsed::Document(document)) => Err(print(&command, &document)),
        Err(error) => {
            // clap repeats a wrong argument as it is, and `*` in a hostile folder may give any.
            let mut error = try_parse::<T>(&mut command, &harmless(&args))
                .err()
                .unwrap_or(error);
            replace_tip(&mut error, advise);
            Err(explain(&command, &error.format(&mut command.clone())))
        }
    }
}

/// Puts the program's tip in the place of clap's. clap's own, to pass the option as a value, is left out for negative numbers,
/// which hardly anyone means as a name.
fn replace_tip(error: &mut clap::Error, advise: impl Fn(&str) -> Option<String>) {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let tip = advise(option);
    let is_number = option
        .strip_prefix('-')
        .is_some_and(|rest| rest.parse::<f64>().is_ok());
    if tip.is_none() && !is_number {
        return;
    }
    error.remove(ContextKind::Suggested);
    error.remove(ContextKind::SuggestedArg);
    if let Some(tip) = tip {
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
}

fn try_parse<T: Parser>(
    command: &mut Command,
    args: &[OsString],
) -> Result<Parsed<T>, clap::Error> {
    let mut matches = command.try_get_matches_from_mut(args)?;
    Ok(match requested_document(command, &matches) {
        Some(document) => Parsed::Document(document),
        None => Parsed::Arguments(T::from_arg_matches_mut(&mut matches)?),
    })
}

/// The arguments with everything in them made visible that would act on a terminal.
fn harmless(args: &[OsString]) -> Vec<OsString> {
    args.iter()
        .map(|arg| match quote::visible(&arg.to_string_lossy()) {
            Cow::Owned(visible) => visible.into(),
            Cow::Borrowed(_) => arg.clone(),
        })
        .collect()
}

enum Parsed<T> {
    Arguments(T),
    Document(String),
}

/// The completion script or manual page, if asked for. Looked up before the typed arguments are made, which may lack
/// required ones now. A program that does not flatten [`CommonArgs`] has neither.
fn requested_document(command: &Command, matches: &ArgMatches) -> Option<String> {
    let mut document = Vec::new();
    if let Ok(Some(shell)) = matches.try_get_one::<Shell>("completions") {
        clap_complete::generate(
            *shell,
            &mut command.clone(),
            command.get_name(),
            &mut document,
        );
    } else if let Ok(Some(true)) = matches.try_get_one::<bool>("man_page") {
        document = manual(command).ok()?.into_bytes();
    } else {
        return None;
    }
    Some(String::from_utf8_lossy(&document).into_owned())
}

/// The manual page. What stands at the end of the long help becomes sections of its own, each begun by a line such as
/// `Exit status:`, its lines broken where they are.
fn manual(command: &Command) -> io::Result<String> {
    let mut page = Vec::new();
    let options = command
        .clone()
        .after_help(Resettable::Reset)
        .after_long_help(Resettable::Reset);
    clap_mangen::Man::new(options).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let mut more = String::new();
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        more.push_str(&part_of_program(command.get_name(), part)?);
    }
    if let Some(text) = command.get_after_long_help() {
        more.push_str(&sections(&text.to_string()));
    }
    let at = page.find(".SH VERSION").unwrap_or(page.len());
    page.insert_str(at, &more);
    Ok(page)
}

/// A subcommand's own options, under a heading such as `NATCHAT SERVER`: one page holds the whole program.
fn part_of_program(program: &str, part: &Command) -> io::Result<String> {
    let mut options = Vec::new();
    clap_mangen::Man::new(part.clone()).render_options_section(&mut options)?;
    let heading = format!("{program} {}", part.get_name()).to_uppercase();
    let options = String::from_utf8_lossy(&options);
    Ok(options.replacen(".SH OPTIONS", &format!(".SH \"{heading}\""), 1))
}

fn sections(text: &str) -> String {
    let mut roff = String::new();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => {
                roff.push_str(&format!(".fi\n.SH \"{}\"\n.nf\n", heading.to_uppercase()));
            }
            None => {
                // The section is indented already.
                roff.push_str(&verbatim(line.strip_prefix("  ").unwrap_or(line)));
                roff.push('\n');
            }
        }
    }
    roff + ".fi\n"
}

/// Text that the formatter shows as it is.
fn verbatim(line: &str) -> String {
    // No line of it is a request.
    let mut roff = String::from(if line.is_empty() { "" } else { "\\&" });
    for c in line.chars() {
        match c {
            '\\' => roff.push_str("\\e"),
            '-' => roff.push_str("\\-"),
            '\'' => roff.push_str("\\(aq"),
            '~' => roff.push_str("\\(ti"),
            other => roff.push(other),
        }
    }
    roff
}

/// Lets clap print its help to stdout or its error to stderr, in colours where they are wanted.
fn explain(command: &Command, error: &clap::Error) -> ExitCode {
    match error.print() {
        _ if error.use_stderr() => ExitStatus::Usage.into(),
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => cannot_print(command, &failed),
        _ => ExitStatus::Success.into(),
    }
}

fn print(command: &Command, document: &str) -> ExitCode {
    match streams::answer(document) {
        Ok(()) => ExitStatus::Success.into(),
        Err(failed) => cannot_print(command, &failed),
    }
}

fn cannot_print(command: &Command, error: &io::Error) -> ExitCode {
    exit::report(command.get_name(), error);
    ExitStatus::Failed.into()
}

impl ValueEnum for Level {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Json => "json",
        }))
    }
}

impl ValueEnum for ColorChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser, Debug)]
    #[command(name = "sample", version)]
    struct Sample {
        /// What to work on
        file: OsString,
        #[command(flatten)]
        common: CommonArgs,
    }

    #[test]
    fn command_lines_are_taken() {
        let sample = run(&[
            "sample",
            "--log-level",
            "debug",
            "--log-format=json",
            "--color",
            "never",
            "x",
        ])
        .expect("valid");
        assert_eq!(sample.file, "x");
        assert_eq!(sample.common.log_level, Level::Debug);
        assert_eq!(sample.common.log_format, Format::Json);
        assert_eq!(sample.common.color, ColorChoice::Never);
        let sample = run(&["sample", "x"]).expect("valid");
        assert_eq!(sample.common.log_level, Level::Warn);
        assert_eq!(sample.common.log_format, Format::Text);
    }

    #[test]
    fn a_manual_page_holds_the_options_of_every_part() {
        let part = Command::new("serve").arg(clap::Arg::new("port").long("port").help("Where"));
        let hidden = Command::new("secret").hide(true);
        let page = manual(&Command::new("sample").subcommands([part, hidden])).expect("in memory");
        let at = page.find(".SH \"SAMPLE SERVE\"").expect("a section");
        assert!(page[at..].contains("\\-\\-port"), "{page}");
        assert!(!page.contains("SAMPLE SECRET"), "{page}");
    }

    #[test]
    fn every_way_out_has_its_code() {
        let (success, usage) = (ExitCode::SUCCESS, ExitCode::from(2));
        let rows: [(&str, &[&str], ExitCode); 7] = [
            ("help", &["sample", "--help"], success),
            ("version", &["sample", "--version"], success),
            (
                "completions without the required file",
                &["sample", "--completions", "bash"],
                success,
            ),
            (
                "manual page without the required file",
                &["sample", "--man-page"],
                success,
            ),
            ("missing file", &["sample"], usage),
            (
                "unknown level",
                &["sample", "x", "--log-level", "loud"],
                usage,
            ),
            ("unknown option", &["sample", "x", "--nonsense"], usage),
        ];
        for (name, args, code) in rows {
            let answer = run(args).expect_err(name);
            assert_eq!(format!("{answer:?}"), format!("{code:?}"), "{name}");
        }
    }

    #[test]
    fn wrong_arguments_are_told_and_cannot_act_on_the_terminal() {
        let rows = [
            ("harmless", "--보기", "--보기"),
            ("escapes and lines", "--\x1b[2J\nx", r"--\x1b[2J\nx"),
        ];
        for (name, wrong, shown) in rows {
            let args = harmless(&["sample".into(), wrong.into()]);
            let error = try_parse::<Sample>(&mut Sample::command(), &args)
                .err()
                .expect(name);
            let text = error.render().ansi().to_string();
            assert!(text.contains(shown), "{name}: {text:?}");
        }
    }

    #[test]
    fn tips_are_the_programs_own() {
        let rows = [
            ("clap's", "--nonsense", "use '-- --nonsense'", ""),
            ("the program's", "--force", "tip: not here", "use '--"),
            ("none for numbers", "-5", "unexpected argument '-5'", "tip:"),
        ];
        for (name, option, has, lacks) in rows {
            let args = ["sample".into(), "x".into(), option.into()];
            let mut error = try_parse::<Sample>(&mut Sample::command(), &args)
                .err()
                .expect(name);
            replace_tip(&mut error, |option| {
                (option == "--force").then(|| "not here".to_owned())
            });
            let text = error.render().to_string();
            assert!(text.contains(has), "{name}: {text}");
            assert!(lacks.is_empty() || !text.contains(lacks), "{name}: {text}");
        }
    }

    #[test]
    fn the_end_of_the_long_help_becomes_sections() {
        let command = Sample::command().after_long_help(
            "Exit status:\n  0  done\n  1  failed\n\nExamples:\n  .sample -x '~'\n    and on",
        );
        let page = manual(&command).expect("written to memory");
        let expected = [
            ".fi\n.SH \"EXIT STATUS\"\n.nf",
            r"\&0  done",
            r"\&1  failed",
            "\n.fi\n.SH \"EXAMPLES\"\n.nf",
            r"\&.sample \-x \(aq\(ti\(aq",
            r"\&  and on",
            ".fi\n.SH VERSION",
        ];
        assert!(page.contains(&expected.join("\n")), "{page}");
        assert!(!page.contains("EXTRA"), "{page}");
    }

    #[test]
    fn documents_name_the_program_and_its_options() {
        let command = Sample::command();
        for (args, word) in [
            (&["sample", "--completions", "zsh"][..], "#compdef sample"),
            (&["sample", "--man-page"], "log\\-level"),
        ] {
            let matches = command
                .clone()
                .try_get_matches_from(args)
                .expect("alone it is enough");
            let document = requested_document(&command, &matches).expect("asked for");
            assert!(document.contains(word), "{word} in {document}");
        }
    }

    use clap::CommandFactory;

    fn run(args: &[&str]) -> Result<Sample, ExitCode> {
        parse_from(args.iter().map(OsString::from))
    }
}
