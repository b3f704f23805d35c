//! Safety numbers: what two people read to each other to be sure that nobody sits between them.

use crate::crypto::identity::PublicKey;

/// Groups of five digits: sixty digits are about 199 bits, more than an X25519 key is worth.
const GROUPS: usize = 12;

/// Sixty digits in twelve groups of five, the same on both sides: of the BLAKE3 hash of both keys in order.
#[must_use]
pub fn safety_number(one: &PublicKey, other: &PublicKey) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("natchat 1 safety number");
    hasher.update(&one.min(other).0).update(&one.max(other).0);
    let mut digits = hasher.finalize_xof();
    let groups: Vec<String> = (0..GROUPS)
        .map(|_| {
            let mut bytes = [0; 8];
            digits.fill(&mut bytes);
            format!("{:05}", u64::from_be_bytes(bytes) % 100_000)
        })
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_on_both_sides_and_of_both_keys() {
        let (alice, bob, carol) = (PublicKey([1; 32]), PublicKey([2; 32]), PublicKey([3; 32]));
        let number = safety_number(&alice, &bob);
        assert_eq!(number, safety_number(&bob, &alice));
        assert_ne!(number, safety_number(&alice, &carol));
        assert_ne!(number, safety_number(&carol, &bob));

        let groups: Vec<&str> = number.split(' ').collect();
        assert_eq!(groups.len(), GROUPS);
        assert!(
            groups
                .iter()
                .all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit()))
        );
    }
}
