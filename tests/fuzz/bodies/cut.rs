//! A stream of bytes and how it comes in pieces.
//!
//! The first line of an input is the plan: its letters are the lengths of the pieces, `a` for 1, `b` for 4, up to `z`
//! for 676 bytes, over and over. Without letters the stream comes whole. Other signs are up to the target.

/// An input taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'i> {
    plan: &'i [u8],
    /// What comes.
    pub(crate) stream: &'i [u8],
}

impl<'i> Cut<'i> {
    /// An input without a line end has no plan.
    pub(crate) fn of(input: &'i [u8]) -> Self {
        let (plan, stream) = match input.iter().position(|&byte| byte == b'\n') {
            Some(at) => (&input[..at], &input[at + 1..]),
            None => (&b""[..], input),
        };
        Self { plan, stream }
    }

    /// Whether the plan has this sign.
    pub(crate) fn has(&self, sign: u8) -> bool {
        self.plan.contains(&sign)
    }

    /// The pieces, none of them empty.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &'i [u8]> {
        let letters = self
            .plan
            .iter()
            .copied()
            .filter(u8::is_ascii_lowercase)
            .map(|letter| usize::from(letter - b'a' + 1));
        let mut lens = letters.map(|side| side * side).cycle();
        let mut rest = self.stream;
        std::iter::from_fn(move || {
            let len = lens.next().unwrap_or(rest.len()).min(rest.len());
            let (piece, after) = rest.split_at(len);
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
