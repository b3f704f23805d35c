//! Names for files that a stranger named: safe as one component of a path, and harmless on a screen.
//!
//! Rule: what comes out is never empty, has no separator of any system, no control or direction character, does not
//! begin with a dot or end with a dot or blank, is no device's name, and has at most [`LEN`] bytes; a safe name stays
//! as it is.

use crate::crypto::identity::PublicKey;

/// The longest, in bytes: with ` (9999)` or what [`part`] adds it is still a name that file systems take.
const LEN: usize = 230;
/// Names that are devices on some systems, whatever their ending.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "COM", "LPT"];

/// Makes a name safe.
pub(crate) fn safe(name: &str) -> String {
    let mended: String = name.chars().map(mend).collect();
    let mended = mended.trim_end_matches(['.', ' ']);
    let mended = match mended.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => mended.to_owned(),
    };
    let mended = cut(mended);
    if mended.is_empty() {
        return "file".to_owned();
    }
    if is_device(&mended) {
        format!("_{mended}")
    } else {
        mended
    }
}

fn mend(c: char) -> char {
    match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        // Marks that turn the direction or are not seen: `exe.txt` that is `txt.exe`.
        '\u{AD}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}'
        | '\u{E0000}'..='\u{E0FFF}' => '_',
        c => c,
    }
}

/// Cuts a long name before its ending.
fn cut(name: String) -> String {
    if name.len() <= LEN {
        return name;
    }
    let dot = name.rfind('.').filter(|&dot| name.len() - dot <= 16);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    let stem = &stem[..stem.floor_char_boundary(LEN - ending.len())];
    format!("{}{ending}", stem.trim_end_matches(['.', ' ']))
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let word = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    DEVICES.contains(&word) && stem.len() <= word.len() + 1
}

/// The name of the file in which bytes wait until all are there: the same for the same file of the same sender, so
/// that a later try goes on with it.
pub(crate) fn part(name: &str, key: &PublicKey, len: u64, modified: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&key.0)
        .update(&len.to_be_bytes())
        .update(&modified.to_be_bytes())
        .update(name.as_bytes());
    let hash = hasher.finalize().to_hex();
    format!(".{name}.{}.part", &hash[..8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        let long = format!("{}.tar.gz", "가".repeat(80));
        let rows = [
            ("a file.txt", "a file.txt"),
            ("사진.jpg", "사진.jpg"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "file"),
            (".", "file"),
            ("", "file"),
            (".bashrc", "_bashrc"),
            ("a\\b/c", "a_b_c"),
            ("a\n\u{1b}[2Jb", "a__[2Jb"),
            ("txt.\u{202E}exe", "txt._exe"),
            ("a\u{AD}b\u{61C}c\u{180E}d\u{E0041}e", "a_b_c_d_e"),
            ("name. . ", "name"),
            ("C:evil", "C_evil"),
            ("con", "_con"),
            ("LPT1.txt", "_LPT1.txt"),
            ("console.txt", "console.txt"),
            ("com10", "com10"),
        ];
        for (name, expected) in rows {
            assert_eq!(safe(name), expected, "{name:?}");
        }
        let cut = safe(&long);
        assert!(
            cut.len() <= LEN && cut.starts_with("가가") && cut.ends_with("가.gz"),
            "{cut}"
        );
    }

    #[test]
    fn a_part_belongs_to_one_file_of_one_sender() {
        let key = PublicKey([1; 32]);
        let first = part("a.txt", &key, 5, 6);
        assert!(
            first.starts_with(".a.txt.")
                && first.ends_with(".part")
                && first.len() == ".a.txt.".len() + 8 + 5
        );
        assert_eq!(first, part("a.txt", &key, 5, 6));
        let others = [
            part("a.txt", &PublicKey([2; 32]), 5, 6),
            part("a.txt", &key, 6, 6),
            part("a.txt", &key, 5, 7),
        ];
        assert!(!others.contains(&first));
        assert!(part(&safe(&"x".repeat(255)), &key, 5, 6).len() <= 255);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_safe_and_stays_as_it_is(name in any::<String>()) {
            let once = safe(&name);
            prop_assert!(!once.is_empty() && once.len() <= LEN + 1);
            prop_assert!(!once.starts_with('.') && !once.contains(['/', '\\', '\0']) && once != "..");
            prop_assert_eq!(safe(&once), once);
        }
    }
}
