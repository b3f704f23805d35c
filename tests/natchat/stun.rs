//! The server answers STUN Binding requests (RFC 8489) of others' programs: coturn's client, and aioice.

use std::path::PathBuf;

use harness::lab::{Host, Lab, Nat, home, public};
use harness::{Command, leave_out, needs_tool};

use crate::people::Server;

const GROUP: &str = "STUN clients";

fn scene() -> Option<Lab> {
    Lab::build(
        GROUP,
        [
            home("left", Nat::PortRestricted).host("alice"),
            public("bob").ipv6(),
        ],
    )
}

#[test]
fn coturns_client_learns_its_address() {
    let Some(tool) = needs_tool(GROUP, "turnutils_stunclient", "coturn") else {
        return;
    };
    let Some(lab) = scene() else { return };
    let server = Server::on(lab.server());
    let port = server.addr().port().to_string();
    let ask = |host: Host<'_>, addr: String| {
        let tool = tool.to_string_lossy();
        let output = host.tool(&tool).args(["-p", &port, &addr]).run();
        output.succeeds().stdout_text().into_owned()
    };
    let ipv4 = lab.server().addr().to_string();
    let seen = format!("UDP reflexive addr: {}:", lab.router("left").public_addr());
    let shown = ask(lab.host("alice"), ipv4.clone());
    assert!(shown.contains(&seen), "{shown}");
    let seen = format!("UDP reflexive addr: {}:", lab.host("bob").addr());
    let shown = ask(lab.host("bob"), ipv4);
    assert!(shown.contains(&seen), "{shown}");

    let [server6, bob6] = [lab.server(), lab.host("bob")].map(|host| host.addr6().expect("IPv6"));
    let shown = ask(lab.host("bob"), server6.to_string());
    assert!(
        shown.contains(&format!("UDP reflexive addr: {bob6}:"))
            || shown.contains(&format!("[{bob6}]:")),
        "{shown}"
    );
}

/// Asks with aioice's messages, as they are and with a FINGERPRINT, and prints what it makes of the answers.
const ASK: &str = "
import socket, sys
from aioice import stun
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
asking = socket.socket(family, socket.SOCK_DGRAM)
asking.settimeout(10)
asking.bind(('::' if ':' in sys.argv[1] else '0.0.0.0', 20202))
for sealed in (False, True):
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    if sealed:
        request.attributes['FINGERPRINT'] = stun.message_fingerprint(bytes(request))
    asking.sendto(bytes(request), (sys.argv[1], int(sys.argv[2])))
    data, _ = asking.recvfrom(2048)
    answer = stun.parse_message(data)
    assert answer.transaction_id == request.transaction_id
    assert answer.message_class == stun.Class.RESPONSE
    assert ('FINGERPRINT' in answer.attributes) == sealed
    assert len(data) <= 2 * len(bytes(request)) + 4, len(data)
    print(*answer.attributes['XOR-MAPPED-ADDRESS'])
";

/// Gathers candidates as a call of a browser does.
const GATHER: &str = "
import asyncio, sys
import aioice
async def main():
    connection = aioice.Connection(ice_controlling=True, stun_server=(sys.argv[1], int(sys.argv[2])), use_ipv6=False)
    await connection.gather_candidates()
    for candidate in connection.local_candidates:
        print(candidate.type, candidate.host)
    await connection.close()
asyncio.run(main())
";

fn python() -> Option<PathBuf> {
    let python = [PathBuf::from("/usr/bin/python3")]
        .into_iter()
        .chain(needs_tool(GROUP, "python3", "python3"))
        .find(|python| {
            let output = Command::new(python).args(["-c", "import aioice"]);
            python.exists() && output.run().status.success()
        });
    if python.is_none() {
        leave_out(GROUP, "no aioice", "install the package python3-aioice");
    }
    python
}

#[test]
fn aioice_learns_its_address() {
    let Some(python) = python() else { return };
    let Some(lab) = scene() else { return };
    let server = Server::on(lab.server());
    let port = server.addr().port().to_string();
    let run = |host: Host<'_>, script: &str, addr: String| {
        let python = python.to_string_lossy();
        let output = host.tool(&python).args(["-c", script, &addr, &port]).run();
        output.succeeds().stdout_text().into_owned()
    };
    let [server6, bob6] = [lab.server(), lab.host("bob")].map(|host| host.addr6().expect("IPv6"));
    let ipv4 = lab.server().addr().to_string();
    let left = lab.router("left").public_addr();
    let shown = run(lab.host("bob"), ASK, server6.to_string());
    assert_eq!(shown, format!("{bob6} 20202\n").repeat(2));
    let shown = run(lab.host("bob"), ASK, ipv4.clone());
    assert_eq!(
        shown,
        format!("{} 20202\n", lab.host("bob").addr()).repeat(2)
    );
    let shown = run(lab.host("alice"), ASK, ipv4.clone());
    assert!(shown.starts_with(&format!("{left} ")), "{shown}");
    let shown = run(lab.host("alice"), GATHER, ipv4);
    assert!(shown.contains(&format!("srflx {left}\n")), "{shown}");
}
