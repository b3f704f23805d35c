//! Plays one part of a program, for the tests in `tests/` and for trying the console by hand:
//! `cargo run -p common --example probe -- console`.
#![expect(clippy::print_stdout, reason = "its output is what the tests look at")]
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::console::{Complete, Console, ConsoleConfig, ConsoleEvent};
use common::exit::{self, ExitStatus};
use common::linelog::LineLog;
use common::shutdown::{Shutdown, Signal};
use common::style::{ColorChoice, Style};
use common::{quote, streams};

fn main() -> ExitStatus {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["signals"] => signals(),
        ["log", path] => log_until_signalled(path),
        ["log-panic", path] => log_and_panic(path),
        ["log-many", path, count] => log_many(path, count.parse().unwrap()),
        ["notices"] => notices(),
        ["log-full", folder, count] => log_full(folder, count.parse().unwrap()),
        ["console"] => console(Noise::Off),
        ["console", "noise"] => console(Noise::On),
        ["console", "panic"] => console_then(|| panic!("as the test wants")),
        ["console", "now"] => console_then(|| exit::now(ExitStatus::Interrupted)),
        _ => return ExitStatus::Usage,
    }
    ExitStatus::Success
}

/// Tells each signal; ends at the second of SIGINT and SIGTERM.
fn signals() {
    let shutdown = Shutdown::install().unwrap();
    println!("ready");
    let mut stops = 0;
    for signal in shutdown.events() {
        println!("{signal:?}");
        stops += i32::from(signal != Signal::Hangup);
        if stops == 2 {
            exit::now(ExitStatus::Interrupted);
        }
    }
}

/// Writes lines from two threads until a signal, then one more, and ends in order.
fn log_until_signalled(path: &str) {
    let shutdown = Shutdown::install().unwrap();
    let log = LineLog::open("probe", path).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for index in 0..2 {
            let (log, stop) = (&log, &stop);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    log.line(format!("{index} {number}"));
                    number += 1;
                }
                log.line(format!("{index} end {number}"));
            });
        }
        println!("ready");
        shutdown.events().recv().unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    log.line("ended");
}

fn log_and_panic(path: &str) {
    let log = LineLog::open("probe", path).unwrap();
    for number in 0..1000 {
        log.line(format!("line {number}"));
    }
    panic!("as the test wants");
}

fn log_many(path: &str, count: u32) {
    let log = LineLog::open("probe", path).unwrap();
    for number in 0..count {
        log.line(format!("line {number}"));
    }
    println!("lost {}", log.close());
}

/// Logs to a full disk, makes room when told to by a line on stdin, and logs once more.
fn log_full(folder: &str, count: u32) {
    let filler = format!("{folder}/filler");
    let log = LineLog::open("probe", format!("{folder}/log.txt")).unwrap();
    log.line("before");
    let full = std::fs::write(&filler, vec![0; 10 << 20]);
    println!("filled {}", full.is_err());
    for number in 0..count {
        log.line(format!("line {number} {}", "x".repeat(100)));
    }
    std::io::stdin().read_line(&mut String::new()).unwrap();
    std::fs::remove_file(&filler).unwrap();
    log.line("after");
    println!("lost {}", log.close());
}

fn notices() {
    for number in 0..1000 {
        streams::notice(&format!("notice {number}"));
    }
}

#[derive(PartialEq, Eq)]
enum Noise {
    On,
    Off,
}

struct Words;

impl Complete for Words {
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let start = line[..cursor].rfind(' ').map_or(0, |space| space + 1);
        let words = ["notes.txt", "notary", "한글문서", "한국"];
        let found = words
            .into_iter()
            .filter(|word| word.starts_with(&line[start..cursor]));
        (start, found.map(str::to_owned).collect())
    }
}

/// Asks for pairs as the copier does, with output and status rows from other threads if wanted.
fn console(noise: Noise) {
    let shutdown = Shutdown::install().unwrap();
    let config = ConsoleConfig {
        completer: Some(Arc::new(Words)),
        max_line: 4096,
    };
    let (console, events) = Console::open(config).unwrap();
    let style = Style::new(ColorChoice::Auto, &std::io::stdout());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if noise == Noise::On {
            for name in ["one", "two"] {
                let (console, stop) = (&console, &stop);
                scope.spawn(move || make_noise(name, console, stop));
            }
            let (console, stop) = (&console, &stop);
            scope.spawn(move || show_progress(console, stop));
        }
        let prompts = ["source file: ", "new name: "];
        for turn in 0.. {
            console.ask(prompts[turn % 2]);
            crossbeam_channel::select! {
                recv(events) -> event => match event {
                    Ok(ConsoleEvent::Line(line)) if line == b"exit" => break,
                    Ok(ConsoleEvent::Line(line)) => {
                        let name = quote::always(&*String::from_utf8_lossy(&line));
                        console.print(&format!("got {} {}", style.red(name), line.len()));
                    }
                    Ok(ConsoleEvent::TooLong) => console.print("too long"),
                    Ok(ConsoleEvent::Interrupt) => console.print("interrupt"),
                    Ok(ConsoleEvent::EndOfInput) | Err(_) => break,
                },
                recv(shutdown.events()) -> signal => {
                    console.print(&format!("{signal:?}"));
                    break;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    console.print("bye");
}

fn make_noise(name: &str, console: &Console, stop: &AtomicBool) {
    let (_never, ticks) = crossbeam_channel::bounded::<()>(0);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        console.print(&format!("{name} {number} {}", "x".repeat(number * 7 % 150)));
        if number % 20 == 0 {
            let _ = ticks.recv_timeout(Duration::from_millis(300));
        }
    }
}

fn show_progress(console: &Console, stop: &AtomicBool) {
    let (_never, ticks) = crossbeam_channel::bounded::<()>(0);
    for number in 0..u32::MAX {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let row = |name: &str| {
            format!(
                "{name} {} % {}",
                number % 101,
                "=".repeat(number as usize % 101)
            )
        };
        console.set_status(&[row("큰파일.iso"), row("photos")]);
        let _ = ticks.recv_timeout(Duration::from_millis(50));
    }
}

/// Asks once, answers by printing on stderr while it asks again, and ends as told.
fn console_then(end: impl FnOnce()) {
    let (console, events) = Console::open(ConsoleConfig {
        completer: None,
        max_line: 100,
    })
    .unwrap();
    console.ask("> ");
    let _ = events.recv();
    console.ask("again> ");
    streams::notice("noticed");
    end();
}
