//! Programs inside: where they run, and that they are what is signalled.

use harness::lab::{Lab, Nat, home};
use harness::{SOON, Signal};

#[test]
fn a_program_runs_in_its_host_and_is_its_own_process() {
    let Some(lab) = Lab::build(
        "programs",
        [home("left", Nat::PortRestricted).host("alice")],
    ) else {
        return;
    };
    let alice = lab.host("alice");
    let output = alice.tool("ip").args(["-o", "-4", "addr"]).run();
    let addr = alice.addr().to_string();
    output.succeeds().stdout_has(&addr);

    let script = "trap 'echo caught; exit 130' INT; echo $$; while :; do read line; done";
    let mut running = alice.tool("sh").args(["-c", script]).start();
    let pid = running.wait_stdout("\n", SOON);
    assert_eq!(pid.trim(), running.pid().to_string());
    running.signal(Signal::INT).close_stdin();
    running.wait(SOON).exits_with(130).stdout_has("caught");
}

#[test]
fn a_program_has_a_terminal() {
    let Some(lab) = Lab::build(
        "programs",
        [home("left", Nat::PortRestricted).host("alice")],
    ) else {
        return;
    };
    let script = "echo $$; ip -o -4 addr show eth0; read line";
    let mut pty = lab
        .host("alice")
        .tool("sh")
        .args(["-c", script])
        .in_terminal(100, 10);
    pty.wait_text(&lab.host("alice").addr().to_string(), SOON);
    pty.wait_text(&pty.pid().to_string(), SOON);
    pty.send_line("");
    assert!(pty.wait(SOON).success());
}

#[test]
fn a_program_inside_can_be_without_rights() {
    let Some(lab) = Lab::build(
        "programs",
        [home("left", Nat::PortRestricted).host("alice")],
    ) else {
        return;
    };
    let alice = lab.host("alice");
    let output = alice
        .tool("sh")
        .args(["-c", "id -u; id -G; ip -o -4 addr"])
        .unprivileged()
        .run();
    output
        .succeeds()
        .stdout_has("65534\n65534\n")
        .stdout_has(&alice.addr().to_string());
}

#[test]
fn nothing_leads_out_of_the_lab() {
    let Some(lab) = Lab::build(
        "programs",
        [home("left", Nat::PortRestricted).host("alice")],
    ) else {
        return;
    };
    // The machine's own namespace is nobody's neighbour: every link's other end is in one of the lab's.
    for host in [lab.host("alice"), lab.server()] {
        let links = host.tool("ip").args(["-o", "link"]).run();
        for link in links
            .stdout_text()
            .lines()
            .filter(|link| !link.contains(": lo:"))
        {
            assert!(link.contains("link-netns wirework-"), "{link}");
        }
    }
    let output = lab.router("left").tool("ip").args(["-o", "link"]).run();
    assert!(!output.stdout_text().contains("link-netnsid"), "{output}");
}
