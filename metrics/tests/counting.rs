//! Sets of visitors counted as their bytes lie are the sets that they are.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use daybook_metrics::VisitorSet;
use daybook_metrics::counting::{Counter, KeptSets, Within};
use proptest::prelude::*;

fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
    // long runs, dense halves and strays, so that all forms of containers come up
    let run = (0u32..300_000, 0u32..9_000).prop_map(|(from, len)| (from..from + len).collect::<Vec<u32>>());
    let half = (0u32..200_000, 0u32..12_000).prop_map(|(from, len)| (0..len).map(|n| from + n * 2).collect());
    let strays = prop::collection::vec(prop_oneof![0u32..200_000, any::<u32>()], 0..300);
    (run, half, strays).prop_map(|(a, b, c): (_, Vec<u32>, _)| [a, b, c].into_iter().flatten().collect())
}

fn kept(sets: &[Vec<u8>]) -> KeptSets<'_> {
    let mut kept = KeptSets::default();
    sets.iter().for_each(|bytes| kept.add(bytes).unwrap());
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_are_counted_as_the_sets_that_they_are(
        sets in prop::collection::vec(numbers(), 0..5), others in prop::collection::vec(numbers(), 0..3),
    ) {
        let made = |all: &[BTreeSet<u32>]| -> Vec<VisitorSet> {
            all.iter().map(|set| set.iter().copied().collect()).collect()
        };
        let bytes = |all: &[VisitorSet]| -> Vec<Vec<u8>> { all.iter().map(VisitorSet::to_bytes).collect() };
        let (sets, others) = (made(&sets), made(&others));
        let (kept_sets, kept_others) = (bytes(&sets), bytes(&others));
        let (union, within) = (VisitorSet::union_of(&sets), VisitorSet::union_of(&others));
        let mut counter = Counter::default();
        let expected = (union.len(), union.shared_with(&within));
        let within = Within::any_of(kept(&kept_others));
        prop_assert_eq!(counter.count(kept(&kept_sets), &within), expected);
        // what was counted before leaves nothing behind
        prop_assert_eq!(counter.count(kept(&kept_sets), &within), expected);
        prop_assert_eq!(counter.count(kept(&kept_sets), &Within::default()), (union.len(), 0));
        prop_assert_eq!(kept(&kept_sets).together(), sets.iter().map(VisitorSet::len).sum::<u64>());
    }

    #[test]
    fn bytes_that_are_no_set_are_refused_and_never_panic(
        set in numbers(), cut in any::<prop::sample::Index>(), change in any::<(prop::sample::Index, u8)>(),
    ) {
        let whole = set.into_iter().collect::<VisitorSet>().to_bytes();
        let mut sets = KeptSets::default();
        prop_assert!(sets.add(&whole[..cut.index(whole.len())]).is_err());
        let long = [&whole[..], &[0]].concat();
        prop_assert!(sets.add(&long).is_err());
        prop_assert_eq!(sets.together(), 0);
        let mut spoilt = whole.clone();
        let at = change.0.index(spoilt.len());
        spoilt[at] ^= change.1;
        if sets.add(&spoilt).is_ok() {
            let _counted = Counter::default().count(sets, &Within::default());
        }
    }
}

#[test]
fn a_set_of_nobody_and_the_highest_number_are_counted() {
    let all: Vec<Vec<u8>> =
        [VisitorSet::new(), [u32::MAX].into_iter().collect(), [u32::MAX, 0].into_iter().collect()]
            .iter()
            .map(VisitorSet::to_bytes)
            .collect();
    let mut counter = Counter::default();
    let last = Within::any_of(kept(&all[1..2]));
    assert_eq!(counter.count(kept(&all), &last), (2, 1));
    assert_eq!(counter.count(KeptSets::default(), &last), (0, 0));
}
