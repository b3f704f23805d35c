//! One node of a living lab: what can be run in it, and what can be done to it while it runs.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::network::{Lab, set_switch};
use super::plan::{Inside, Node, Uplink};
use super::wiring::{self, IPV6_SWITCHES, UPLINK};
use crate::command::Command;

/// Where programs run.
#[derive(Clone, Copy, Debug)]
pub struct Host<'lab> {
    node: At<'lab>,
}

/// What stands between two networks.
#[derive(Clone, Copy, Debug)]
pub struct Router<'lab> {
    node: At<'lab>,
}

/// A node by its number.
#[derive(Clone, Copy, Debug)]
struct At<'lab> {
    lab: &'lab Lab,
    index: usize,
}

impl<'lab> Host<'lab> {
    pub(super) fn new(lab: &'lab Lab, index: usize) -> Self {
        Self {
            node: At { lab, index },
        }
    }

    /// The first IPv4 address of its own interface.
    pub fn addr(self) -> Ipv4Addr {
        self.node.uplink().addrs[0]
    }

    /// All its IPv4 addresses.
    pub fn addrs(self) -> Vec<Ipv4Addr> {
        self.node.uplink().addrs
    }

    /// Its first IPv6 address.
    pub fn addr6(self) -> Option<Ipv6Addr> {
        let ipv6 = self.node.uplink().ipv6?;
        ipv6.addrs.first().copied()
    }

    /// The built program `name` of this workspace, to be run here. Its process id and signals are its own.
    #[track_caller]
    pub fn command(self, name: &str) -> Command {
        self.node.inside(Command::built(name))
    }

    /// Any program, to be run here.
    pub fn tool(self, program: &str) -> Command {
        self.node.inside(Command::new(program))
    }

    /// Runs `work` on a thread that lives here. Sockets opened by it stay here, and may be used from any thread.
    #[track_caller]
    pub fn enter<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        self.node.lab.namespace(self.node.index).enter(work)
    }

    /// Loses so many of a hundred packets from now on, each way.
    #[track_caller]
    pub fn set_loss(self, percent: u8) {
        self.node.set_loss(percent);
    }

    /// From now on nothing passes, and nobody is told.
    #[track_caller]
    pub fn cut(self) {
        self.node.set_cut(true);
    }

    /// Undoes [`Host::cut`].
    #[track_caller]
    pub fn mend(self) {
        self.node.set_cut(false);
    }

    /// Changes how long the access link of a public host takes one way.
    ///
    /// # Panics
    /// When it was described without a delay.
    #[track_caller]
    pub fn set_delay(self, one_way: Duration) {
        self.node.lab.delays().set(self.node.index, one_way);
    }

    /// Takes its interface down, as pulling the cable or switching to flight mode does.
    #[track_caller]
    pub fn down(self) {
        self.node.down();
    }

    /// Brings it up again, under the address that it had.
    #[track_caller]
    pub fn up(self) {
        self.node.up();
    }

    /// Walks over to another home: off the old LAN, onto the new one, under an address of that.
    ///
    /// # Panics
    /// When either place has no LAN.
    #[track_caller]
    pub fn move_to(self, home: &str) {
        self.node.move_to(home);
    }
}

impl<'lab> Router<'lab> {
    pub(super) fn new(lab: &'lab Lab, index: usize) -> Self {
        Self {
            node: At { lab, index },
        }
    }

    /// The address that it shows to the outside: behind a cgn, not the one that the world sees.
    pub fn public_addr(self) -> Ipv4Addr {
        self.node.uplink().addrs[0]
    }

    /// Any program, to be run on the router: for looking.
    pub fn tool(self, program: &str) -> Command {
        self.node.inside(Command::new(program))
    }

    /// Runs `work` on a thread that lives on the router.
    #[track_caller]
    pub fn enter<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        self.node.lab.namespace(self.node.index).enter(work)
    }

    /// Forgets every mapping and every flow. New mappings get other ports than before.
    #[track_caller]
    pub fn reboot(self) {
        self.node.change(|node| node.reboot_gate());
        self.node.lab.apply_gate(self.node.index);
    }

    /// As [`Router::reboot`], and the provider gives it another public address.
    #[track_caller]
    pub fn reboot_with_new_address(self) {
        let At { lab, index } = self.node;
        let (old, uplink) = self.node.change(|node| {
            node.reboot_gate();
            let uplink = node.uplink.as_mut().expect("a router has an uplink");
            (uplink.renumber(), uplink.clone())
        });
        let new = uplink.addrs[0];
        lab.ip(
            index,
            &format!("addr add {new}/32 dev {UPLINK}\naddr del {old}/32 dev {UPLINK}\n"),
        );
        lab.ip(
            uplink.parent,
            &format!("route add {new}/32 dev lan{index}\nroute del {old}/32 dev lan{index}\n"),
        );
        lab.apply_gate(index);
    }

    /// Loses so many of a hundred packets on the access link from now on, each way.
    #[track_caller]
    pub fn set_loss(self, percent: u8) {
        self.node.set_loss(percent);
    }

    /// From now on nothing passes the access link, and nobody is told.
    #[track_caller]
    pub fn cut(self) {
        self.node.set_cut(true);
    }

    /// Undoes [`Router::cut`].
    #[track_caller]
    pub fn mend(self) {
        self.node.set_cut(false);
    }

    /// Changes how long the access link takes one way.
    ///
    /// # Panics
    /// When it was described without a delay.
    #[track_caller]
    pub fn set_delay(self, one_way: Duration) {
        self.node.lab.delays().set(self.node.index, one_way);
    }
}

impl At<'_> {
    fn uplink(self) -> Uplink {
        self.change(|node| node.uplink.clone())
            .expect("every node with a name in a description has an uplink")
    }

    fn change<R>(self, change: impl FnOnce(&mut Node) -> R) -> R {
        change(&mut self.lab.nodes()[self.index])
    }

    fn change_uplink(self, change: impl FnOnce(&mut Uplink)) {
        self.change(|node| node.uplink.as_mut().map(change));
    }

    fn inside(self, command: Command) -> Command {
        let namespace = self.lab.namespace(self.index).name();
        command.behind([
            self.lab.tools().ip.as_os_str(),
            "netns".as_ref(),
            "exec".as_ref(),
            namespace.as_ref(),
        ])
    }

    #[track_caller]
    fn set_loss(self, percent: u8) {
        self.change_uplink(|uplink| uplink.loss_percent = percent);
        self.lab.apply_loss(self.index);
    }

    #[track_caller]
    fn set_cut(self, is_cut: bool) {
        self.change_uplink(|uplink| uplink.is_cut = is_cut);
        self.lab.apply_loss(self.index);
    }

    #[track_caller]
    fn down(self) {
        self.lab
            .ip(self.index, &format!("link set {UPLINK} down\n"));
    }

    #[track_caller]
    fn up(self) {
        self.lab
            .ip(self.index, &wiring::uplink_lines(&self.uplink()));
        self.lab.wait_for_link(self.index);
    }

    #[track_caller]
    fn move_to(self, home: &str) {
        let Self { lab, index } = self;
        let parent = lab.find(home);
        let (old, new) = {
            let mut nodes = lab.nodes();
            let Inside::Lan(lan) = &mut nodes[parent].inside else {
                panic!("{home} has no LAN");
            };
            let new = lan.next_uplink(parent);
            nodes[index].reboot_gate();
            let old = nodes[index].uplink.clone();
            let old = old.expect("a host has an uplink");
            let new = Uplink {
                loss_percent: old.loss_percent,
                is_cut: old.is_cut,
                ..new
            };
            nodes[index].uplink = Some(new.clone());
            (old, new)
        };
        assert!(old.prefix_len != 32, "only who is on a LAN can leave it");
        let namespace = lab.namespace(parent).name();
        lab.ip(
            index,
            &format!("link set {UPLINK} down\naddr flush dev {UPLINK}\n"),
        );
        lab.ip(
            old.parent,
            &format!("link set port{index} netns {namespace}\n"),
        );
        lab.ip(parent, &wiring::port(index));
        let has_no_ipv6 = if new.ipv6.is_some() { "0" } else { "1" };
        lab.namespace(index).enter(|| {
            for switch in IPV6_SWITCHES {
                set_switch(switch, has_no_ipv6);
            }
        });
        lab.ip(index, &wiring::uplink_lines(&new));
        lab.wait_for_link(index);
        lab.apply_gate(index);
        if new.is_cut || new.loss_percent > 0 {
            lab.apply_loss(index);
        }
    }
}
