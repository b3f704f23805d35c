//! Puts names in the order in which people look for them.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::{Direction, LARGE, Order, Sort};
use crate::files::root::{FolderEntry, Kind};

/// Sorts entries: folders first, then as asked. Two runs over the same entries give the same order.
pub(super) fn sort(entries: &mut Vec<FolderEntry>, order: Order) {
    let is_large = entries.len() > LARGE;
    let mut keyed: Vec<(String, FolderEntry)> = std::mem::take(entries)
        .into_iter()
        .map(|entry| (String::from_utf8_lossy(&entry.name).to_lowercase(), entry))
        .collect();
    let compare = |a: &(String, FolderEntry), b: &(String, FolderEntry)| compare(a, b, order);
    if is_large {
        keyed.par_sort_unstable_by(compare);
    } else {
        keyed.sort_unstable_by(compare);
    }
    *entries = keyed.into_iter().map(|(_, entry)| entry).collect();
}

fn compare(a: &(String, FolderEntry), b: &(String, FolderEntry), order: Order) -> Ordering {
    let by_name = || compare_names(&a.0, &b.0).then_with(|| a.1.name.cmp(&b.1.name));
    let asked = match order.sort {
        Sort::Name => by_name(),
        // The length of a folder says nothing about what is in it.
        Sort::Size if a.1.kind == Kind::Folder => Ordering::Equal,
        Sort::Size => a.1.len.cmp(&b.1.len),
        Sort::Time => a.1.modified_ns.cmp(&b.1.modified_ns),
    };
    let directed = match order.direction {
        Direction::Ascending => asked,
        Direction::Descending => asked.reverse(),
    };
    is_file(&a.1)
        .cmp(&is_file(&b.1))
        .then(directed)
        .then_with(by_name)
}

fn is_file(entry: &FolderEntry) -> bool {
    entry.kind == Kind::File
}

/// Compares names with the numbers in them by value: `part 2` comes before `part 10`.
///
/// Characters go by code point, which for Hangul is the order of the dictionary.
fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (number_a, rest_a) = split_number(a);
        let (number_b, rest_b) = split_number(b);
        if !number_a.is_empty() && !number_b.is_empty() {
            let by_value = compare_numbers(number_a, number_b);
            if by_value.is_ne() {
                return by_value;
            }
            (a, b) = (rest_a, rest_b);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((byte_a, rest_a)), Some((byte_b, rest_b))) if byte_a == byte_b => {
                (a, b) = (rest_a, rest_b);
            }
            (first_a, first_b) => {
                return first_a
                    .map(|(byte, _)| byte)
                    .cmp(&first_b.map(|(byte, _)| byte));
            }
        }
    }
}

/// Compares two runs of digits, however long.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

/// Splits a text behind the digits that it begins with.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_people_count() {
        let rows: [(&str, &[&str]); 9] = [
            ("numbers", &["part 1", "part 2", "part 10", "part 100"]),
            ("numbers in front", &["1.txt", "2.txt", "10.txt"]),
            ("several numbers", &["1-2", "1-10", "2-1"]),
            ("versions", &["v1.2.9", "v1.2.10", "v1.10.0"]),
            (
                "longer than any integer",
                &["9", "99999999999999999999998", "99999999999999999999999"],
            ),
            ("beginning first", &["a", "a1", "aa"]),
            ("no case", &["a.txt", "B.txt", "c.txt"]),
            ("Korean", &["가나", "나다", "하하"]),
            ("Korean with numbers", &["1장", "2장", "10장"]),
        ];
        for (name, expected) in rows {
            let mut entries: Vec<_> = expected
                .iter()
                .rev()
                .map(|name| file(name.as_bytes(), 0, 0))
                .collect();
            sort(&mut entries, Order::default());
            assert_eq!(names(&entries), expected, "{name}");
        }
    }

    #[test]
    fn orders() {
        let entries = [
            file(b"b", 10, 3),
            file(b"a", 30, 2),
            file(b"c", 20, 2),
            folder(b"z", 9, 1),
            folder(b"y", 8, 5),
        ];
        for (sort_by, direction, expected) in [
            (Sort::Name, Direction::Ascending, ["y", "z", "a", "b", "c"]),
            (Sort::Name, Direction::Descending, ["z", "y", "c", "b", "a"]),
            (Sort::Size, Direction::Ascending, ["y", "z", "b", "c", "a"]),
            (Sort::Size, Direction::Descending, ["y", "z", "a", "c", "b"]),
            (Sort::Time, Direction::Ascending, ["z", "y", "a", "c", "b"]),
            (Sort::Time, Direction::Descending, ["y", "z", "b", "a", "c"]),
        ] {
            let order = Order {
                sort: sort_by,
                direction,
            };
            let mut sorted = entries.to_vec();
            sort(&mut sorted, order);
            assert_eq!(names(&sorted), expected, "{order:?}");
        }
    }

    #[test]
    fn large_folders_are_sorted_alike() {
        let mut entries: Vec<_> = (0..3 * LARGE)
            .map(|number| file(format!("{}", number * 7919 % (3 * LARGE)).as_bytes(), 0, 0))
            .collect();
        sort(&mut entries, Order::default());
        let expected: Vec<_> = (0..3 * LARGE).map(|number| number.to_string()).collect();
        assert_eq!(names(&entries), expected);
    }

    proptest! {
        #[test]
        fn one_order_of_all_names(
            a in "[a1-20 가]{0,6}", b in "[a1-20 가]{0,6}", c in "[a1-20 가]{0,6}",
        ) {
            prop_assert_eq!(compare_names(&a, &b), compare_names(&b, &a).reverse());
            if compare_names(&a, &b).is_le() && compare_names(&b, &c).is_le() {
                prop_assert!(compare_names(&a, &c).is_le());
            }
            if compare_names(&a, &b).is_eq() && compare_names(&b, &c).is_eq() {
                prop_assert!(compare_names(&a, &c).is_eq());
            }
        }
    }

    fn file(name: &[u8], len: u64, modified_ns: i128) -> FolderEntry {
        FolderEntry {
            name: name.to_vec(),
            kind: Kind::File,
            len,
            modified_ns,
        }
    }

    fn folder(name: &[u8], len: u64, modified_ns: i128) -> FolderEntry {
        FolderEntry {
            kind: Kind::Folder,
            ..file(name, len, modified_ns)
        }
    }

    fn names(entries: &[FolderEntry]) -> Vec<String> {
        entries
            .iter()
            .map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
            .collect()
    }
}
