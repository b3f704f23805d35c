//! What one end of a link drops of what comes in, as rules for `nft`.
//!
//! Before anything else has looked at a packet, so that for the node it never was there. Only what programs send is
//! dropped: a lost address resolution would make the kernel report an unreachable network, which is another fault.

/// The rules for `device`, replacing those that were there.
pub(super) fn rules(device: &str, percent: u8) -> String {
    let chain = format!("netdev loss {device}");
    let mut rules = format!(
        "add table netdev loss\n\
         add chain {chain} {{ type filter hook ingress device \"{device}\" priority -500; }}\n\
         flush chain {chain}\n"
    );
    let sent_by_programs = "meta l4proto { tcp, udp, icmp }";
    match percent {
        0 => {}
        1..100 => {
            rules += &format!(
                "add rule {chain} {sent_by_programs} numgen random mod 100 < {percent} drop\n"
            );
        }
        100.. => rules += &format!("add rule {chain} {sent_by_programs} drop\n"),
    }
    rules
}
