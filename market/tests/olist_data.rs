//! The real Olist data set, where it is at hand: `DAYBOOK_DATA` names the folder that holds `olist/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use daybook_domain::Rate;
use daybook_market::olist::Plan;

/// The folder, or a loud word that the test was skipped.
#[allow(clippy::print_stderr)] // a test that did not run must say so
fn olist() -> Option<PathBuf> {
    let folder = std::env::var_os("DAYBOOK_DATA").map(|data| PathBuf::from(data).join("olist"));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: set DAYBOOK_DATA to the folder that holds olist/ to test with the real data");
    }
    found
}

#[test]
fn the_plan_sums_to_what_the_data_set_is_known_to_hold() {
    let Some(folder) = olist() else { return };
    let totals = Plan::read(&folder, Rate::new(10, 2)).expect("sound input").totals;
    let money = |m: daybook_domain::Money| m.amount().to_string();
    assert_eq!((totals.checkouts, totals.orders, totals.lines), (99_441, 100_010, 112_650));
    assert_eq!(totals.checkouts_of_several_merchants, 1_278);
    assert_eq!((totals.merchants, totals.leads, totals.deals), (3_095, 8_000, 842));
    assert_eq!((totals.positive_reviews, totals.reviews), (76_470, 99_224));
    assert_eq!((totals.payments, money(totals.captured)), (103_877, "16008872.12".to_owned()));
    assert_eq!(money(totals.funded), "15843553.24");
    assert_eq!(money(totals.shortfall), "344.24");
    assert_eq!(money(totals.released), "15419773.75");
    assert_eq!(money(totals.in_escrow), "315753.28");
    assert_eq!(money(totals.escrow_refunded), "108026.21");
    assert_eq!(money(totals.unallocated_refunded), "161708.90");
    assert_eq!(money(totals.still_unallocated), "3954.22");
    assert_eq!(money(totals.provider_assets), "15739137.01");
}

#[test]
fn every_oddity_of_the_data_set_is_found_with_its_count() {
    let Some(folder) = olist() else { return };
    let findings = Plan::read(&folder, Rate::new(10, 2)).expect("sound input").findings.by_kind();
    let counted: BTreeMap<_, _> = findings.iter().map(|f| (f.kind.as_str(), f.count)).collect();
    let expected = BTreeMap::from([
        ("carrier_before_approval", 1_359),
        ("carrier_before_purchase", 166),
        ("delivered_before_carrier", 23),
        ("delivered_before_approval", 61),
        ("delivered_without_date", 8),
        ("delivered_without_carrier_date", 2),
        ("approval_time_missing", 157),
        ("cancelled_after_handover", 75),
        ("cancelled_after_delivery", 6),
        ("ship_limit_after_estimate", 372),
        ("orders_out_of_time_order", 47_861),
        ("payments_differ", 576),
        ("payments_differ_by_one_cent", 273),
        ("overpaid", 367),
        ("shortfall_accepted", 210),
        ("never_paid", 1),
        ("payment_zero", 9),
        ("payment_type_not_defined", 3),
        ("payment_without_instalments", 2),
        ("payment_sequence_gap", 80),
        ("order_without_items", 775),
        ("order_without_items_unpaid", 3),
        ("freight_zero", 383),
        ("product_without_category", 610),
        ("category_without_translation", 13),
        ("review_before_purchase", 64),
        ("review_answer_time_lost", 61),
        ("review_creation_time_lost", 18),
        ("review_id_repeated", 814),
        ("order_reviewed_several_times", 547),
        ("lead_without_origin", 60),
        ("deal_without_seller", 462),
        ("deal_without_segment", 1),
        ("deal_without_type", 6),
        ("deal_before_contact", 1),
        ("ambiguous_time", 39),
        ("nonexistent_time", 7),
        ("file_without_line_end", 1),
    ]);
    assert_eq!(counted, expected);
    let amount = |kind: &str| {
        let finding = findings.iter().find(|f| f.kind.as_str() == kind).expect("found");
        finding.amount.expect("a sum").amount().to_string()
    };
    assert_eq!(amount("shortfall_accepted"), "344.24");
    assert_eq!(amount("overpaid"), "3071.17");
    assert_eq!(amount("never_paid"), "143.46");
    assert_eq!(amount("order_without_items"), "162591.95");
}
