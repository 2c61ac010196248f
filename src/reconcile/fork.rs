//! The search for the last position at which two chains are equal.
//!
//! Pure arithmetic over a closure "chain at this position, if known"; the same for any length. In a
//! million entries it ends within three round trips, within one where the fork is near the end.
//!
//! ```text
//! origin: ladder m, m-1, m-3, m-7 … base  ─►  hub: highest equal, ≤ 32 own points up to the lowest unequal
//! origin: exact → fork; else ≤ 32 points between  ─►  …
//! ```

use super::message::{Point, ShortHash};

/// Points of one message between the two that bound the fork.
pub const SPREAD: usize = 32;

/// What a side knows of its own chain.
pub trait ChainAt<E> {
    /// The chain at this position; `None` below the base or above the head.
    fn at(&self, seq: u64) -> Result<Option<ShortHash>, E>;
}

impl<E, F: Fn(u64) -> Result<Option<ShortHash>, E>> ChainAt<E> for F {
    fn at(&self, seq: u64) -> Result<Option<ShortHash>, E> {
        self(seq)
    }
}

/// What a hub answers to a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The highest point that is equal here.
    pub equal: Option<u64>,
    /// Own chain between that and the lowest unequal point.
    pub points: Vec<Point>,
}

/// What an answer to a ladder tells its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowed {
    /// The chains are equal up to here and not after.
    Fork(u64),
    /// Nothing is common from the higher base on.
    Nothing,
    /// The fork lies between these points, below `below`: the next ladder.
    Between {
        /// Of the next ladder.
        points: Vec<Point>,
        /// Of the next ladder.
        below: u64,
    },
}

/// Positions of the first ladder: m, m-1, m-3, m-7 … base; at most [`SPREAD`].
#[must_use]
pub fn ladder(base: u64, m: u64) -> Vec<u64> {
    let steps = (0..SPREAD as u32 - 1).map(|n| (1_u64 << n) - 1);
    let above = steps.map_while(|step| m.checked_sub(step)).take_while(|&seq| seq > base);
    above.chain([base]).collect()
}

/// The positions that the chain is known at, as points.
pub fn points<E>(chain: &impl ChainAt<E>, seqs: &[u64]) -> Result<Vec<Point>, E> {
    let known = seqs.iter().map(|&seq| Ok(chain.at(seq)?.map(|chain| Point { seq, chain })));
    known.filter_map(Result::transpose).collect()
}

/// At most [`SPREAD`] positions strictly between two; `low` `None` is one before the first position.
fn spread(low: Option<u64>, high: u64) -> Vec<u64> {
    let start = low.map_or(0, |low| low.saturating_add(1));
    let inside = high.saturating_sub(start);
    if inside <= SPREAD as u64 {
        return (start..start + inside).collect();
    }
    let parts = SPREAD as u128 + 1;
    let width = u128::from(inside) + 1;
    // Counted from the position before `start`, which may be -1.
    (1..parts)
        .filter_map(|i| u64::try_from(u128::from(start) + width * i / parts - 1).ok())
        .collect()
}

/// A hub's answer: the highest equal point, and own points between it and the lowest unequal one.
pub fn matched<E>(
    chain: &impl ChainAt<E>,
    base: u64,
    ladder: &[Point],
    below: u64,
) -> Result<Matched, E> {
    let equal = highest_equal(chain, ladder)?;
    let unequal = lowest_above(ladder, equal, base).unwrap_or(below).min(below);
    let low = equal.or_else(|| base.checked_sub(1));
    Ok(Matched { equal, points: points(chain, &spread(low, unequal))? })
}

/// What the origin learns from the answer to `ladder`: `hub_base` and `matched` are the hub's.
pub fn narrow<E>(
    chain: &impl ChainAt<E>,
    ladder: &[Point],
    below: u64,
    hub_base: u64,
    matched: &Matched,
) -> Result<Narrowed, E> {
    let high = lowest_above(ladder, matched.equal, hub_base).unwrap_or(below).min(below);
    let Some(low) = highest_equal(chain, &matched.points)?.max(matched.equal) else {
        return Ok(Narrowed::Nothing);
    };
    let unequal = matched.points.iter().map(|point| point.seq).filter(|&seq| seq > low).min();
    let high = unequal.unwrap_or(high).min(high);
    if high <= low.saturating_add(1) || chain.at(low)?.is_none() {
        return Ok(Narrowed::Fork(low)); // or trimmed meanwhile: the batch then begins at the base
    }
    let seqs: Vec<u64> = spread(Some(low), high).into_iter().rev().chain([low]).collect();
    Ok(Narrowed::Between { points: points(chain, &seqs)?, below: high })
}

fn highest_equal<E>(chain: &impl ChainAt<E>, theirs: &[Point]) -> Result<Option<u64>, E> {
    let mut highest = None;
    for point in theirs.iter().filter(|point| point.seq <= i64::MAX as u64) {
        if Some(point.seq) > highest && chain.at(point.seq)? == Some(point.chain) {
            highest = Some(point.seq);
        }
    }
    Ok(highest)
}

/// The lowest point above the highest equal one, or not below the hub's base where none is equal.
fn lowest_above(ladder: &[Point], equal: Option<u64>, base: u64) -> Option<u64> {
    let above = |seq: &u64| equal.map_or(*seq >= base, |equal| *seq > equal);
    ladder.iter().map(|point| point.seq).filter(above).min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// A chain of `head` entries that equals all others up to `fork`.
    fn chain(
        head: u64,
        fork: u64,
        salt: u8,
    ) -> impl Fn(u64) -> Result<Option<ShortHash>, Infallible> {
        move |seq| {
            let mut value = seq.to_be_bytes();
            value[0] = if seq <= fork { 0 } else { salt };
            Ok((seq <= head).then_some(value))
        }
    }

    struct Search {
        round_trips: u32,
        bytes: usize,
        most_points: usize,
        fork: u64,
    }

    /// A hub with `hub` entries, an origin with `own`, equal up to `fork`: 12 bytes a point, 40 a message.
    fn search(hub: u64, own: u64, fork: u64) -> Search {
        let (ours, theirs) = (chain(own, fork, 1), chain(hub, fork, 2));
        let top = hub.min(own);
        let mut rungs = points(&ours, &ladder(0, top)).unwrap();
        let mut below = top + 1;
        let mut search = Search { round_trips: 0, bytes: 0, most_points: 0, fork: 0 };
        loop {
            let answer = matched(&theirs, 0, &rungs, below).unwrap();
            search.round_trips += 1;
            search.bytes += 80 + 12 * (rungs.len() + answer.points.len());
            search.most_points = search.most_points.max(rungs.len()).max(answer.points.len());
            match narrow(&ours, &rungs, below, 0, &answer).unwrap() {
                Narrowed::Fork(seq) => return Search { fork: seq, ..search },
                Narrowed::Nothing => panic!("position 0 is common"),
                Narrowed::Between { points, below: next } => (rungs, below) = (points, next),
            }
        }
    }

    #[test]
    fn a_fork_in_a_million_entries_takes_three_round_trips_at_most() {
        for n in [1_000, 1_000_000] {
            for back in [1, 2, 10, 1_000, 500_000, n - 1].into_iter().filter(|back| *back < n) {
                for new in [1, 5, 2 * back] {
                    let found = search(n, n - back + new, n - back);
                    assert_eq!(found.fork, n - back);
                    assert!(found.round_trips <= 3, "{n} {back} {new}: {}", found.round_trips);
                    assert!(found.bytes <= 2048, "{n} {back} {new}: {} bytes", found.bytes);
                    assert!(found.most_points <= SPREAD + 1);
                }
            }
        }
        for back in [1, 2, 10] {
            let near = search(1_000_000, 1_000_000 - back + 3, 1_000_000 - back);
            assert_eq!(near.round_trips, 1, "{back} from the end");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_fork_is_found_exactly(hub in 1..1_000_000_u64, back in 0..1_000_000_u64, new in 1..5_000_u64) {
            let fork = hub.saturating_sub(back);
            let found = search(hub, fork + new, fork);
            proptest::prop_assert_eq!(found.fork, fork);
            proptest::prop_assert!(found.round_trips <= 3);
            proptest::prop_assert!(found.most_points <= SPREAD + 1);
        }

        #[test]
        fn nonsense_from_either_side_gives_few_points(
            points in proptest::collection::vec((0..u64::MAX, 0..3_u8), 0..64),
            below: u64, base: u64, equal: Option<u64>,
        ) {
            let theirs: Vec<_> = points.iter()
                .map(|&(seq, salt)| Point { seq: seq >> (salt * 20), chain: [salt; 8] }).collect();
            let own = chain(1_000, 500, 1);
            let answer = matched(&own, base, &theirs, below).unwrap();
            proptest::prop_assert!(answer.points.len() <= SPREAD);
            let answer = Matched { equal, points: theirs.clone() };
            if let Narrowed::Between { points, .. } = narrow(&own, &theirs, below, base, &answer).unwrap() {
                proptest::prop_assert!(points.len() <= SPREAD + 1);
            }
        }
    }
}
