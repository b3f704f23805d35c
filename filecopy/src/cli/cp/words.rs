//! Values that are one word of a few, as GNU's tools take them: any unambiguous beginning of a word will do, and two
//! words for one thing are not ambiguous.

use std::ffi::OsStr;

use common::quote;

use super::usage::Usage;

/// The meaning of `value` in `table`, for the option (or variable) called `what`.
pub(super) fn choose<T: Copy + PartialEq>(
    value: &OsStr,
    what: &str,
    table: &[(&str, T)],
) -> Result<T, Usage> {
    let bytes = value.as_encoded_bytes();
    if let Some((_, meaning)) = table.iter().find(|(word, _)| word.as_bytes() == bytes) {
        return Ok(*meaning);
    }
    let mut beginnings = table
        .iter()
        .filter(|(word, _)| word.as_bytes().starts_with(bytes))
        .map(|(_, meaning)| *meaning);
    let problem = match beginnings.next() {
        None => "invalid",
        Some(first) if beginnings.all(|other| other == first) => return Ok(first),
        Some(_) => "ambiguous",
    };
    Err(Usage::of(format!(
        "{problem} argument {} for '{what}'\nValid arguments are:{}",
        quote::always(value),
        listed(table)
    )))
}

/// One line per meaning, all its words in it.
fn listed<T: Copy + PartialEq>(table: &[(&str, T)]) -> String {
    let mut text = String::new();
    for (at, (word, meaning)) in table.iter().enumerate() {
        let again = at > 0 && table[at - 1].1 == *meaning;
        text += if again { ", " } else { "\n  - " };
        text += &quote::always(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[(&str, u8)] = &[
        ("none", 0),
        ("off", 0),
        ("simple", 1),
        ("never", 1),
        ("numbered", 2),
        ("t", 2),
    ];

    #[test]
    fn words_may_be_shortened() {
        let rows = [
            ("whole", "simple", Ok(1)),
            ("shortened", "num", Ok(2)),
            ("one letter", "o", Ok(0)),
            (
                "ambiguous",
                "n",
                Err("ambiguous argument 'n' for 'backup type'"),
            ),
            ("empty", "", Err("ambiguous argument '' for 'backup type'")),
            (
                "too long",
                "simples",
                Err("invalid argument 'simples' for 'backup type'"),
            ),
        ];
        for (name, value, expected) in rows {
            let chosen =
                choose(OsStr::new(value), "backup type", WORDS).map_err(|usage| usage.to_string());
            let first_line = chosen
                .as_ref()
                .map(|meaning| *meaning)
                .map_err(|text| text.lines().next().unwrap());
            assert_eq!(first_line, expected, "{name}");
        }
    }

    #[test]
    fn words_of_one_meaning_share_a_line() {
        let usage = choose(OsStr::new("x"), "backup type", WORDS)
            .unwrap_err()
            .to_string();
        let list: Vec<&str> = usage.lines().skip(1).collect();
        assert_eq!(
            list,
            [
                "Valid arguments are:",
                "  - 'none', 'off'",
                "  - 'simple', 'never'",
                "  - 'numbered', 't'"
            ]
        );
    }
}
