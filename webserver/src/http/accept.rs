//! What a client would rather have: a content coding (`Accept-Encoding`) and a form of a folder's listing
//! (`Accept`) (RFC 9110 §12.4.2, §12.5.1, §12.5.3).
//!
//! It does not know which forms of a file there are; it is told. Whatever cannot be read counts as not wanted, so
//! that a client is never sent a coding that it has not asked for in so many words.

/// A way in which the bytes of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coding {
    /// As they are.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Coding {
    /// All of them; the later is preferred if a client wants both as much.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    /// The value of `Content-Encoding`; none says that there is no coding.
    #[must_use]
    pub const fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// What a name of a file so coded ends in, after a dot.
    #[must_use]
    pub const fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gz"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zst"),
        }
    }

    /// Names have no case, and gzip has two (RFC 9110 §8.4.1).
    fn named(name: &[u8]) -> Option<Self> {
        let rows: [(&[u8], Self); 5] = [
            (b"gzip", Self::Gzip),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
            (b"identity", Self::Identity),
            (b"x-gzip", Self::Gzip),
        ];
        rows.iter()
            .find_map(|(token, coding)| name.eq_ignore_ascii_case(token).then_some(*coding))
    }
}

/// Some of the codings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodingSet(u8);

impl CodingSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);

    /// These and one more.
    #[must_use]
    pub const fn with(self, coding: Coding) -> Self {
        Self(self.0 | 1 << coding as u8)
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, coding: Coding) -> bool {
        self.0 & 1 << coding as u8 != 0
    }
}

impl FromIterator<Coding> for CodingSet {
    fn from_iter<Codings: IntoIterator<Item = Coding>>(codings: Codings) -> Self {
        codings.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The coding that the lines of `Accept-Encoding` want most among those there are, `None` if they want none: then
/// the file is sent as it is all the same (RFC 9110 §12.5.3).
///
/// A coding that is named twice counts with its lower weight.
#[must_use]
pub fn choose<'a>(lines: impl Iterator<Item = &'a [u8]>, available: CodingSet) -> Option<Coding> {
    let mut named = [None; Coding::ALL.len()];
    let mut others = None;
    let mut asked = false;
    for line in lines {
        asked = true;
        for member in split(line, b',') {
            let mut parts = split(member, b';');
            let name = parts.next().unwrap_or_default();
            let weight = weight(parts);
            if name == b"*" {
                lower(&mut others, weight);
            } else if let Some(coding) = Coding::named(name) {
                lower(&mut named[coding as usize], weight);
            }
        }
    }
    // Without the field anything goes; what is in the file is what the client can do with best.
    if !asked {
        return available
            .contains(Coding::Identity)
            .then_some(Coding::Identity);
    }
    let wanted = |coding: Coding| match named[coding as usize].or(others) {
        Some(Weight(0)) => None,
        Some(weight) => Some(weight),
        // Not named, it is not refused either, but anything that is named comes first.
        None => (coding == Coding::Identity).then_some(Weight(0)),
    };
    Coding::ALL
        .into_iter()
        .filter(|coding| available.contains(*coding))
        .filter_map(|coding| wanted(coding).map(|weight| (weight, coding)))
        .max()
        .map(|(_, coding)| coding)
}

/// Whether the lines of `Accept` rank JSON above HTML: by weight, or by name if JSON is named and HTML is only
/// among the others, as in `application/json, */*`.
#[must_use]
pub fn prefers_json<'a>(lines: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    let json = rank(lines.clone(), b"application", b"json");
    json.weight > Weight(0) && json > rank(lines, b"text", b"html")
}

/// In thousandths (RFC 9110 §12.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

/// How well a type is liked, and how exactly it was meant: 2 by its name, 1 by `type/*`, 0 by `*/*` or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    weight: Weight,
    exactness: u8,
}

/// The most exact of the ranges that a type is in has the say (RFC 9110 §12.5.1).
fn rank<'a>(lines: impl Iterator<Item = &'a [u8]>, kind: &[u8], subtype: &[u8]) -> Rank {
    let mut best = Rank {
        weight: Weight(0),
        exactness: 0,
    };
    for member in lines.flat_map(|line| split(line, b',')) {
        let mut parts = split(member, b';');
        let range = parts.next().unwrap_or_default();
        let slash = range.iter().position(|&byte| byte == b'/');
        let Some((range_kind, [b'/', range_subtype @ ..])) =
            slash.map(|slash| range.split_at(slash))
        else {
            continue;
        };
        let exactness = match (range_kind, range_subtype) {
            (b"*", b"*") => 0,
            (range_kind, b"*") if range_kind.eq_ignore_ascii_case(kind) => 1,
            (range_kind, range_subtype)
                if range_kind.eq_ignore_ascii_case(kind)
                    && range_subtype.eq_ignore_ascii_case(subtype) =>
            {
                2
            }
            _ => continue,
        };
        let rank = Rank {
            weight: weight(parts),
            exactness,
        };
        if (rank.exactness, rank.weight) > (best.exactness, best.weight) {
            best = rank;
        }
    }
    best
}

fn lower(slot: &mut Option<Weight>, weight: Weight) {
    *slot = Some(slot.map_or(weight, |before| before.min(weight)));
}

/// The weight among the parameters: 1 if there is none, 0 if it cannot be read, the lowest if there are several.
fn weight<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Weight {
    parameters
        .filter_map(|parameter| {
            let mut sides = parameter
                .splitn(2, |&byte| byte == b'=')
                .map(<[u8]>::trim_ascii);
            let is_weight = sides
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(b"q"));
            is_weight.then(|| sides.next().and_then(qvalue).unwrap_or(Weight(0)))
        })
        .min()
        .unwrap_or(Weight(1000))
}

/// `0`, `0.5`, `1.000`: at most three decimals, at most 1.
fn qvalue(value: &[u8]) -> Option<Weight> {
    let (whole, decimals) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let digits = [
        Some(whole),
        decimals.first(),
        decimals.get(1),
        decimals.get(2),
    ];
    let thousandths = digits.into_iter().try_fold(0, |number, digit| {
        let digit = digit.unwrap_or(&b'0').wrapping_sub(b'0');
        (digit < 10).then_some(number * 10 + u16::from(digit))
    })?;
    (thousandths <= 1000).then_some(Weight(thousandths))
}

/// The parts of a list without the white space around them, empty ones left out. A separator in a quoted string is
/// none (RFC 9110 §5.6.1, §5.6.4).
fn split(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = end_of_part(rest, separator);
            let part = rest[..end].trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
}

fn end_of_part(list: &[u8], separator: u8) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    list.iter()
        .position(|&byte| {
            let ends = byte == separator && !quoted;
            quoted ^= byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            ends
        })
        .unwrap_or(list.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a field, none if there is no text.
    fn lines(text: &str) -> impl Iterator<Item = &[u8]> + Clone {
        text.lines().map(str::as_bytes)
    }

    #[test]
    fn the_coding_that_is_wanted_most_is_chosen() {
        use Coding::{Brotli, Gzip, Identity, Zstd};
        let rows = [
            // RFC 9110 §12.5.3
            ("no field", "", Some(Identity)),
            ("empty field", "\n", Some(Identity)),
            ("one", "gzip", Some(Gzip)),
            ("as browsers send it", "gzip, deflate, br, zstd", Some(Zstd)),
            ("browsers without zstd", "gzip, deflate, br", Some(Brotli)),
            ("over two lines", "gzip;q=0.5\nbr;q=0.6", Some(Brotli)),
            ("unknown alone", "deflate, compress", Some(Identity)),
            ("by weight", "gzip;q=1.0, br;q=0.5, zstd;q=0.1", Some(Gzip)),
            ("thousandths", "gzip;q=0.501, br;q=0.5", Some(Gzip)),
            ("identity preferred", "identity, gzip;q=0.5", Some(Identity)),
            ("identity as good", "identity, gzip", Some(Gzip)),
            (
                "identity liked least",
                "identity;q=0.001, gzip;q=0.001",
                Some(Gzip),
            ),
            ("identity not named", "gzip;q=0.001", Some(Gzip)),
            ("gzip refused", "gzip;q=0", Some(Identity)),
            (
                "gzip refused to the thousandth",
                "gzip;q=0.000",
                Some(Identity),
            ),
            ("all refused", "*;q=0", None),
            ("all others refused", "*;q=0, br", Some(Brotli)),
            (
                "only identity left",
                "*;q=0, identity;q=0.1",
                Some(Identity),
            ),
            ("identity refused", "identity;q=0", None),
            (
                "identity refused, gzip not",
                "identity;q=0, gzip",
                Some(Gzip),
            ),
            ("any", "*", Some(Zstd)),
            ("any but zstd", "*, zstd;q=0", Some(Brotli)),
            ("any after gzip", "gzip, *;q=0.5", Some(Gzip)),
            // RFC 9110 §8.4.1
            ("no case", "GZIP;Q=0.5", Some(Gzip)),
            ("its old name", "x-gzip", Some(Gzip)),
            (
                "refused by its old name",
                "gzip, x-gzip;q=0",
                Some(Identity),
            ),
            ("named twice", "gzip, gzip;q=0", Some(Identity)),
            // RFC 9110 §5.6.1, §12.4.2
            ("white space", " gzip\t;\tq=0.5 ,\tbr ; q=0.4", Some(Gzip)),
            ("empty members", ",, gzip,, ", Some(Gzip)),
            ("no digits", "gzip;q=", Some(Identity)),
            ("no value", "gzip;q", Some(Identity)),
            ("space around the sign", "gzip;q = 0", Some(Identity)),
            ("a point alone", "gzip;q=.5", Some(Identity)),
            ("point without decimals", "gzip;q=1.", Some(Gzip)),
            ("four decimals", "gzip;q=0.5000", Some(Identity)),
            ("more than 1", "gzip;q=1.001", Some(Identity)),
            ("negative", "gzip;q=-1", Some(Identity)),
            ("a word", "gzip;q=high", Some(Identity)),
            ("two weights", "gzip;q=1;q=0", Some(Identity)),
            ("another parameter", "gzip;level=9;q=0.5", Some(Gzip)),
            ("a longer name", "gzipped", Some(Identity)),
            ("quotes", "\"gzip\"", Some(Identity)),
        ];
        for (name, text, expected) in rows {
            let chosen = choose(lines(text), Coding::ALL.into_iter().collect());
            assert_eq!(chosen, expected, "{name}");
        }
    }

    #[test]
    fn only_what_is_there_is_chosen() {
        use Coding::{Brotli, Gzip, Identity};
        let rows: &[(&str, &str, &[Coding], Option<Coding>)] = &[
            (
                "the second best",
                "zstd, gzip;q=0.1",
                &[Identity, Gzip],
                Some(Gzip),
            ),
            (
                "identity after all",
                "zstd, br",
                &[Identity, Gzip],
                Some(Identity),
            ),
            (
                "none of them",
                "gzip, identity;q=0",
                &[Identity, Brotli],
                None,
            ),
            ("nothing there", "gzip", &[], None),
            ("nothing there, nothing asked", "", &[], None),
        ];
        for (name, text, available, expected) in rows {
            let chosen = choose(lines(text), available.iter().copied().collect());
            assert_eq!(chosen, *expected, "{name}");
        }
    }

    #[test]
    fn json_must_be_ranked_above_html() {
        let rows = [
            // RFC 9110 §12.5.1
            ("no field", "", false),
            ("empty", "\n", false),
            ("json", "application/json", true),
            ("no case", "Application/JSON", true),
            ("with a parameter", "application/json; charset=utf-8", true),
            ("curl", "*/*", false),
            (
                "a browser",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                false,
            ),
            ("json, then any", "application/json, text/plain, */*", true),
            (
                "json, then any a little",
                "application/json, */*;q=0.01",
                true,
            ),
            ("any application", "application/*, text/html;q=0.9", true),
            ("both", "application/json, text/html", false),
            ("html better", "application/json;q=0.5, text/html", false),
            ("json better", "application/json, text/html;q=0.5", true),
            ("any text better", "application/json;q=0.5, text/*", false),
            ("on two lines", "text/html;q=0.5\napplication/json", true),
            ("json refused", "application/json;q=0", false),
            (
                "json refused, any wanted",
                "application/json;q=0, */*",
                false,
            ),
            ("both refused", "application/json;q=0, text/html;q=0", false),
            (
                "the exact one has the say",
                "*/*, application/json;q=0.1, text/html;q=0.2",
                false,
            ),
            (
                "a comma in quotes",
                r#"text/html;x="a\",b;q=0";q=0.5, application/json"#,
                true,
            ),
            ("another json", "application/ld+json", false),
            ("no slash", "json", false),
            (
                "a weight that cannot be read",
                "application/json;q=x",
                false,
            ),
        ];
        for (name, text, expected) in rows {
            assert_eq!(prefers_json(lines(text)), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_refused_is_never_chosen(
            members in proptest::collection::vec(
                (
                    r"gzip|x-gzip|br|zstd|identity|\*",
                    r"(;q=0|; q=0\.00|;Q=0\.|;q=0\.001|;q=0\.5|;q=1|;q=2| ; q=1;q=0)?",
                ),
                1..8,
            ),
            available in 0_u8..16,
        ) {
            let line = members.iter().map(|(name, weight)| format!("{name}{weight}")).collect::<Vec<_>>().join(",");
            let available = CodingSet(available);
            if let Some(coding) = choose(std::iter::once(line.as_bytes()), available) {
                prop_assert!(available.contains(coding), "{line}");
                let of_coding = |name: &str| Coding::named(name.as_bytes()) == Some(coding);
                let is_named = members.iter().any(|(name, _)| of_coding(name));
                for (name, weight) in &members {
                    let refused = ["q=0", "q=0.00", "Q=0.", "q=2"].iter().any(|zero| weight.ends_with(zero));
                    let about_it = of_coding(name) || (name == "*" && !is_named);
                    prop_assert!(!(refused && about_it), "{line} gives {coding:?}");
                }
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = choose(std::iter::once(line.as_slice()), CodingSet(15));
            let _ = prefers_json(std::iter::once(line.as_slice()));
        }

        #[test]
        fn nearly_lists_cause_no_panic(line in r#"([a-z*"\\]{0,4}[/;,=q.01 ]){0,12}"#) {
            let _ = choose(std::iter::once(line.as_bytes()), CodingSet(15));
            let _ = prefers_json(std::iter::once(line.as_bytes()));
        }
    }
}
