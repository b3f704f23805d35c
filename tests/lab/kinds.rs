//! What each kind of NAT maps to, and whom it lets in.

use std::net::IpAddr;

use harness::lab::{Lab, Nat, home, public};

use crate::sockets::{Endpoints, Filtering, Mapping, Socket};

fn expected(nat: Nat) -> (Mapping, Filtering) {
    match nat {
        Nat::FullCone => (Mapping::Independent, Filtering::None),
        Nat::AddressRestricted => (Mapping::Independent, Filtering::ByAddress),
        Nat::PortRestricted => (Mapping::Independent, Filtering::ByEndpoint),
        Nat::Symmetric => (Mapping::ByEndpoint, Filtering::ByEndpoint),
        Nat::SymmetricSequential => (Mapping::Sequential, Filtering::ByEndpoint),
    }
}

#[test]
fn each_kind_maps_and_filters_as_its_name_says() {
    let sites = Nat::ALL.map(|nat| home(&format!("{nat:?}Home"), nat).host(&format!("{nat:?}")));
    let Some(lab) = Lab::build("kinds of NAT", sites) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    for nat in Nat::ALL {
        let host = lab.host(&format!("{nat:?}"));
        let router = lab.router(&format!("{nat:?}Home"));
        let socket = Socket::on(host);
        let seen = endpoints.all_mapped(&socket);
        for addr in seen {
            assert_eq!(addr.ip(), IpAddr::from(router.public_addr()), "{nat:?}");
        }
        let mapping = Mapping::of(host.addr().into(), socket.port(), seen);
        let filtering = endpoints.admitted(&Socket::on(host));
        assert_eq!((mapping, filtering), expected(nat), "{nat:?}");
    }
}

#[test]
fn a_public_host_is_not_translated() {
    let Some(lab) = Lab::build("public hosts", [public("alice")]) else {
        return;
    };
    let endpoints = Endpoints::of(&lab);
    let alice = lab.host("alice");
    let socket = Socket::on(alice);
    let seen = endpoints.all_mapped(&socket);
    let mapping = Mapping::of(alice.addr().into(), socket.port(), seen);
    let filtering = endpoints.admitted(&Socket::on(alice));
    assert_eq!((mapping, filtering), (Mapping::None, Filtering::None));
}
