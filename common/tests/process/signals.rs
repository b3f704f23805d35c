//! Signals as messages.

use std::process::Command;

use rustix::process::Signal;

use crate::{Running, probe};

#[test]
fn each_signal_is_told() {
    let mut child = Running::start(probe().arg("signals"));
    child.expect_line("ready");
    child.signal(Signal::HUP);
    child.expect_line("Hangup");
    child.signal(Signal::INT);
    child.expect_line("Interrupt");
    child.signal(Signal::TERM);
    child.expect_line("Terminate");
    assert_eq!(child.finish(), Some(130));
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
    child.expect_line("Terminate");
}
