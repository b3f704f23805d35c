//! Signals as messages, flag and descriptor.

use std::process::Command;

use rustix::process::Signal;

use crate::{Running, probe};

#[test]
fn each_signal_is_told_and_only_stopping_ones_set_the_flag() {
    let mut child = Running::start(probe().arg("signals"));
    child.expect_line("ready");
    child.signal(Signal::HUP);
    child.expect_line("Hangup false");
    child.signal(Signal::INT);
    child.expect_line("Interrupt true");
    child.signal(Signal::TERM);
    child.expect_line("Terminate true");
    assert_eq!(child.finish(), Some(130));
}

#[test]
fn the_descriptor_is_readable_as_long_as_a_signal_waits() {
    let mut child = Running::start(probe().arg("poll-signals"));
    child.expect_line("ready");
    child.signal(Signal::HUP);
    child.expect_line("Hangup 0");
    child.signal(Signal::TERM);
    child.expect_line("Terminate 0");
    assert_eq!(child.finish(), Some(0));
}

#[test]
fn an_ignored_hangup_stays_ignored() {
    let mut nohup = Command::new("sh");
    nohup
        .args(["-c", "trap '' HUP; exec \"$0\" signals"])
        .arg(probe().get_program());
    let child = Running::start(&mut nohup);
    child.expect_line("ready");
    child.signal(Signal::HUP);
    child.signal(Signal::TERM);
    child.expect_line("Terminate true");
}
