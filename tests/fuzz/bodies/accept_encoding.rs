//! What a client would rather have: only what there is, never what it refused, and the same however it is asked.

use webserver::http::accept::{Coding, CodingSet, choose, prefers_json};

/// The lines of `input` are those of `Accept-Encoding`, and then those of `Accept`.
///
/// # Panics
/// If the choice is one that it may not be.
pub fn check(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let turned = || lines.iter().copied().rev();
    let best = choose(lines.iter().copied(), Coding::ALL.into_iter().collect());
    for number in 0..1 << Coding::ALL.len() {
        let there: CodingSet = Coding::ALL
            .into_iter()
            .filter(|&coding| number & 1 << coding as u8 != 0)
            .collect();
        let chosen = choose(lines.iter().copied(), there);
        assert_eq!(chosen, choose(turned(), there), "in another order");
        let Some(chosen) = chosen else {
            // All that is there was refused.
            assert!(best.is_none_or(|best| !there.contains(best)));
            continue;
        };
        assert!(there.contains(chosen), "{chosen:?} is not there");
        assert!(chosen == Coding::Identity || is_named(&lines, chosen));
        if best.is_some_and(|best| there.contains(best)) {
            assert_eq!(Some(chosen), best, "another, because there was less");
        }
        let refusal = format!("{};q=0", chosen.token().unwrap_or("identity"));
        let after = choose(lines.iter().copied().chain([refusal.as_bytes()]), there);
        assert_ne!(after, Some(chosen), "though it was refused");
    }
    assert_eq!(
        prefers_json(lines.iter().copied()),
        prefers_json(turned()),
        "JSON in another order"
    );
}

/// Whether a coding is spelt out somewhere, or everything is meant.
fn is_named(lines: &[&[u8]], coding: Coding) -> bool {
    let text = lines.join(&b'\n').to_ascii_lowercase();
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    has(b"*") || coding.token().is_some_and(|token| has(token.as_bytes()))
}
