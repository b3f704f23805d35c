//! A set of numbers kept as ranges: packets received, packets settled, bytes arrived, bytes to be sent again.
//!
//! Rule: the ranges are sorted and neither empty nor touching, so that there is one form of each set. It has no bound
//! of its own; who feeds it with what a stranger chose looks at [`RangeSet::len`] first.

use std::collections::VecDeque;
use std::ops::Range;

/// The set.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeSet {
    ranges: VecDeque<Range<u64>>,
    covered: u64,
}

impl RangeSet {
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.ranges.partition_point(|known| known.end < range.start);
        let to = self
            .ranges
            .partition_point(|known| known.start <= range.end);
        if from == to {
            self.covered += range.end - range.start;
            self.ranges.insert(from, range);
            return;
        }
        let merged =
            range.start.min(self.ranges[from].start)..range.end.max(self.ranges[to - 1].end);
        let before: u64 = self
            .ranges
            .range(from..to)
            .map(|known| known.end - known.start)
            .sum();
        self.covered += (merged.end - merged.start) - before;
        self.ranges[from] = merged;
        self.ranges.drain(from + 1..to);
    }

    pub(crate) fn remove(&mut self, range: Range<u64>) {
        let from = self
            .ranges
            .partition_point(|known| known.end <= range.start);
        let to = self.ranges.partition_point(|known| known.start < range.end);
        if range.is_empty() || from >= to {
            return;
        }
        let left = self.ranges[from].start..range.start;
        let right = range.end..self.ranges[to - 1].end;
        let before: u64 = self
            .ranges
            .drain(from..to)
            .map(|known| known.end - known.start)
            .sum();
        let mut stays = 0;
        for rest in [right, left] {
            if !rest.is_empty() {
                stays += rest.end - rest.start;
                self.ranges.insert(from, rest);
            }
        }
        self.covered -= before - stays;
    }

    pub(crate) fn remove_below(&mut self, number: u64) {
        while let Some(first) = self.ranges.front_mut()
            && first.start < number
        {
            let cut = first.end.min(number);
            self.covered -= cut - first.start;
            first.start = cut;
            if first.is_empty() {
                self.ranges.pop_front();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
        self.covered = 0;
    }

    /// The lowest range.
    pub(crate) fn first(&self) -> Option<&Range<u64>> {
        self.ranges.front()
    }

    /// The highest range.
    pub(crate) fn last(&self) -> Option<&Range<u64>> {
        self.ranges.back()
    }

    pub(crate) fn pop_first(&mut self) -> Option<Range<u64>> {
        let first = self.ranges.pop_front()?;
        self.covered -= first.end - first.start;
        Some(first)
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// How many numbers there are.
    pub(crate) fn covered(&self) -> u64 {
        self.covered
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, number: u64) -> bool {
        let at = self.ranges.partition_point(|known| known.end <= number);
        self.ranges
            .get(at)
            .is_some_and(|known| known.start <= number)
    }

    /// The ranges from the highest to the lowest.
    pub(crate) fn descending(&self) -> impl Iterator<Item = &Range<u64>> {
        self.ranges.iter().rev()
    }

    /// What of `range` is not in the set, from low to high.
    pub(crate) fn missing(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = self
            .ranges
            .partition_point(|known| known.end <= range.start);
        let mut from = range.start;
        std::iter::from_fn(move || {
            while from < range.end {
                let known = self.ranges.get(at).filter(|known| known.start < range.end);
                let gap = from..known.map_or(range.end, |known| known.start);
                from = known.map_or(range.end, |known| known.end);
                at += 1;
                if !gap.is_empty() {
                    return Some(gap);
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Range<u64>),
        Remove(Range<u64>),
        Below(u64),
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        let range = (0_u64..60, 0_u64..12).prop_map(|(start, len)| start..start + len);
        prop_oneof![
            6 => range.clone().prop_map(Step::Insert),
            3 => range.prop_map(Step::Remove),
            1 => (0_u64..40).prop_map(Step::Below),
            1 => Just(Step::Pop),
        ]
    }

    fn take(set: &mut RangeSet, model: &mut BTreeSet<u64>, step: Step) {
        match step {
            Step::Insert(range) => {
                model.extend(range.clone());
                set.insert(range);
            }
            Step::Remove(range) => {
                model.retain(|number| !range.contains(number));
                set.remove(range);
            }
            Step::Below(number) => {
                model.retain(|&known| known >= number);
                set.remove_below(number);
            }
            Step::Pop => {
                let first = set.pop_first().unwrap_or(0..0);
                assert_eq!(model.first().copied(), first.clone().next());
                model.retain(|number| !first.contains(number));
            }
        }
    }

    proptest! {
        #[test]
        fn a_range_set_is_a_set(steps in vec(step(), 0..60), asked in 0_u64..60, len in 0_u64..20) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for step in steps {
                take(&mut set, &mut model, step);
                let numbers: Vec<u64> = set.ranges.iter().cloned().flatten().collect();
                prop_assert_eq!(&numbers, &model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(set.covered(), model.len() as u64);
                prop_assert!(set.ranges.iter().zip(set.ranges.iter().skip(1)).all(|(low, high)| low.end < high.start));
            }
            let missing: Vec<u64> = set.missing(asked..asked + len).flatten().collect();
            let expected: Vec<u64> = (asked..asked + len).filter(|number| !model.contains(number)).collect();
            prop_assert_eq!(missing, expected);
            prop_assert_eq!(set.contains(asked), model.contains(&asked));
        }
    }
}
