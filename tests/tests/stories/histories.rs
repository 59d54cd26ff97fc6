//! Whatever is asked in whatever order, with reactors and deadlines running, every invariant holds.

use daybook_tests::history::live;
use daybook_tests::stage::Stage;

#[tokio::test]
async fn any_history_keeps_every_invariant() {
    let seeds = std::env::var("HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let (mut accepted, mut settlements, mut payouts) = (0, 0, 0);
    for seed in 0..seeds {
        let mut stage = Stage::in_memory();
        let lived = live(&mut stage, seed, 80).await;
        accepted += lived.accepted;
        settlements += lived.settlements;
        stage.keeps_invariants(&format!("seed {seed}"));
        payouts += stage.money_adds_up(&format!("seed {seed}")).payouts;
        let refused = stage.refused_reactions();
        assert!(refused.is_empty(), "seed {seed}: {refused:#?}");
    }
    assert!(accepted > seeds * 15, "only {accepted} acts were accepted: the histories go nowhere");
    assert!(settlements > seeds * 2 && payouts * 3 > seeds, "{settlements} settlements, {payouts} payouts");
}
