//! Live, rebuilt and as-of are the same rows, wherever batches begin and end.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_projections::AsOf;
use proptest::prelude::*;
use support::{Happening, every_type, happen, memory, open, shown};

fn history() -> impl Strategy<Value = Vec<Happening>> {
    let one = (any::<usize>(), 0u8..5, 0u16..500).prop_map(|(sample, entity, hour)| Happening {
        sample,
        entity,
        hour,
    });
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn live_equals_rebuilt_equals_as_of_the_head(history in history(), batch in 1usize..40) {
        let room = tempfile::tempdir().unwrap();
        let journal = memory();
        let live = open(&room.path().join("live.db"), &journal);
        for part in history.chunks(batch) {
            happen(journal.as_ref(), part);
            live.catch_up(&mut |_| {}).unwrap();
        }
        let rebuilt = open(&room.path().join("rebuilt.db"), &journal);
        let then = live.as_of(AsOf::HEAD, &[], &mut |_| {}).unwrap();
        let expected = shown(&live.digests().unwrap());
        prop_assert_eq!(&expected, &shown(&rebuilt.digests().unwrap()));
        prop_assert_eq!(&expected, &shown(&then.digests()));
        live.rebuild(&["orders", "book_accounts"], &mut |_| {}).unwrap();
        prop_assert_eq!(&expected, &shown(&live.digests().unwrap()));
    }
}

#[test]
fn every_event_type_passes_through_all_models() {
    let room = tempfile::tempdir().unwrap();
    let journal = memory();
    happen(journal.as_ref(), &every_type());
    let models = open(&room.path().join("all.db"), &journal);
    assert_eq!(models.applied(), journal.head().unwrap());
    let rows: u64 = models.digests().unwrap().iter().map(|d| d.rows).sum();
    assert!(rows > 100, "{rows} rows of {} events", models.applied());
}
