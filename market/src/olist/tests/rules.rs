use daybook_domain::Timestamp;
use daybook_domain::checkout::events::PaymentMethod;

use super::Folder;
use crate::olist::FindingKind;
use crate::olist::plan::CheckoutPlan;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn count(folder: &Folder, kind: FindingKind) -> u64 {
    folder.plan().findings.count(kind)
}

/// One order with one item of 10.00 + 1.00 and these columns and payments.
fn one(order: &str, payments: &str) -> CheckoutPlan {
    one_folder(order, payments).plan().checkouts.remove(0)
}

fn one_folder(order: &str, payments: &str) -> Folder {
    Folder::new()
        .orders(&format!("a,ca,{order},2018-07-20 00:00:00\n"))
        .items("a,1,p1,s1,2018-07-04 00:00:00,10.00,1.00\n")
        .payments(payments)
        .reviews("")
}

const PAID: &str = "a,1,boleto,1,11.00\n";

#[test]
fn items_are_grouped_into_orders_by_seller_in_the_order_of_their_first_item() {
    let plan = Folder::new().plan();
    let a = &plan.checkouts[0];
    let orders: Vec<_> = a.orders.iter().map(|o| (o.id.to_string(), o.merchant.to_string())).collect();
    assert_eq!(orders, [("a-1".to_owned(), "s2".to_owned()), ("a-2".to_owned(), "s1".to_owned())]);
    let lines: Vec<_> = a.orders[0].lines.iter().map(|l| l.line.to_string()).collect();
    assert_eq!(lines, ["1", "3"]);
    assert_eq!(a.orders[0].ship_by, Some(at("2018-07-03T15:00:00Z")), "the strictest of its items");
    assert_eq!(plan.checkouts[1].orders[0].id.as_str(), "b", "one seller: the Olist id");
    assert_eq!(a.buyer.as_str(), "ua");
}

#[test]
fn categories_are_translated_and_the_missing_is_a_finding() {
    let plan = Folder::new().plan();
    let orders = &plan.checkouts[0].orders;
    assert_eq!(orders[0].lines[0].category.as_str(), "toys");
    assert_eq!(orders[1].lines[0].category.as_str(), "uncategorised");
    assert_eq!(plan.findings.count(FindingKind::ProductWithoutCategory), 1);
    let own =
        Folder::new().file("olist_products_dataset.csv", "product_id,product_category_name\np1,pc_gamer\n");
    assert_eq!(own.plan().checkouts[0].orders[0].lines[0].category.as_str(), "pc_gamer");
    assert_eq!(count(&own, FindingKind::CategoryWithoutTranslation), 1);
    assert_eq!(count(&own, FindingKind::ProductUnknown), 1, "p2 is sold and in no file");
}

#[test]
fn payments_go_to_the_provider_named_by_their_type() {
    let order = "delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,";
    let rows = "a,1,credit_card,8,1.00\na,2,boleto,1,2.00\na,3,voucher,1,3.00\na,4,debit_card,1,5.00\n\
                a,5,not_defined,1,0.00\n";
    let folder = one_folder(order, rows);
    let plan = folder.plan();
    let methods: Vec<_> =
        plan.checkouts[0].payments.iter().map(|p| (p.provider.to_string(), p.method)).collect();
    assert_eq!(
        methods,
        [
            ("credit_card".to_owned(), PaymentMethod::Card),
            ("boleto".to_owned(), PaymentMethod::BankSlip),
            ("voucher".to_owned(), PaymentMethod::ThirdPartyVoucher),
            ("debit_card".to_owned(), PaymentMethod::DebitCard),
        ],
        "a payment of zero is a finding, not an event"
    );
    assert_eq!(plan.findings.count(FindingKind::PaymentZero), 1);
    assert_eq!(plan.findings.count(FindingKind::PaymentNotDefined), 1);
}

#[test]
fn a_gap_in_the_payments_and_zero_instalments_are_findings() {
    let order = "delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,";
    let folder = one_folder(order, "a,3,voucher,0,10.00\na,1,voucher,1,1.00\n");
    let numbers: Vec<_> = folder.plan().checkouts[0].payments.iter().map(|p| p.id.to_string()).collect();
    assert_eq!(numbers, ["1", "3"]);
    assert_eq!(count(&folder, FindingKind::PaymentSequenceGap), 1);
    assert_eq!(count(&folder, FindingKind::InstalmentsZero), 1);
}

#[test]
fn a_payment_is_captured_at_its_approval_or_else_at_the_purchase() {
    let approved = one("delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,", PAID);
    assert_eq!(approved.paid_at, at("2018-07-01T14:00:00Z"));
    let folder = one_folder("delivered,2018-07-01 10:00:00,,,", PAID);
    assert_eq!(folder.plan().checkouts[0].paid_at, at("2018-07-01T13:00:00Z"));
    assert_eq!(count(&folder, FindingKind::ApprovalMissing), 1);
}

#[test]
fn a_delivery_without_a_date_is_taken_at_the_last_of_the_four_times() {
    let folder = one_folder("delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,", PAID);
    let plan = folder.plan();
    assert_eq!(plan.checkouts[0].delivered_at, Some(at("2018-07-02T12:00:00Z")));
    assert_eq!(plan.findings.count(FindingKind::DeliveredWithoutDate), 1);
    let folder = one_folder("delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,2018-07-05 09:00:00", PAID);
    assert_eq!(folder.plan().checkouts[0].shipped_at, Some(at("2018-07-05T12:00:00Z")));
    assert_eq!(count(&folder, FindingKind::DeliveredWithoutCarrierDate), 1);
}

#[test]
fn an_open_order_goes_as_far_as_its_status_says() {
    for status in ["created", "approved", "invoiced", "processing"] {
        let plan = one(&format!("{status},2018-07-01 10:00:00,,,"), PAID);
        assert_eq!((plan.shipped_at, plan.delivered_at, plan.cancelled_at), (None, None, None), "{status}");
        assert!(plan.funded);
    }
    let shipped = one("shipped,2018-07-01 10:00:00,,2018-07-02 09:00:00,", PAID);
    assert_eq!((shipped.shipped_at, shipped.delivered_at), (Some(at("2018-07-02T12:00:00Z")), None));
    let folder = one_folder("shipped,2018-07-01 10:00:00,,2018-07-02 09:00:00,2018-07-03 09:00:00", PAID);
    assert_eq!(folder.plan().checkouts[0].delivered_at, None, "its status does not say so");
    assert_eq!(count(&folder, FindingKind::DateBeyondStatus), 1);
}

#[test]
fn a_cancelled_order_is_cancelled_at_its_last_time_and_all_of_its_money_goes_back() {
    for status in ["canceled", "unavailable"] {
        let folder = one_folder(
            &format!("{status},2018-07-01 10:00:00,2018-07-03 11:00:00,,"),
            "a,1,boleto,1,12.00\n",
        );
        let plan = folder.plan();
        assert_eq!(plan.checkouts[0].cancelled_at, Some(at("2018-07-03T14:00:00Z")));
        assert_eq!(plan.totals.escrow_refunded.minor, 1_100);
        assert_eq!(plan.totals.unallocated_refunded.minor, 100);
        assert_eq!(plan.totals.provider_assets.minor, 0);
    }
    let late = "canceled,2018-07-01 10:00:00,2018-07-01 11:00:00,2018-07-02 09:00:00,2018-07-05 09:00:00";
    let folder = one_folder(late, PAID);
    let plan = folder.plan().checkouts.remove(0);
    assert_eq!(plan.delivered_at, plan.cancelled_at, "what was delivered is recorded as delivered");
    assert_eq!(count(&folder, FindingKind::CancelledAfterHandover), 1);
    assert_eq!(count(&folder, FindingKind::CancelledAfterDelivery), 1);
}

#[test]
fn what_is_paid_above_the_due_stays_unallocated() {
    let folder = one_folder("delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,", "a,1,boleto,1,11.01\n");
    let plan = folder.plan();
    assert_eq!(plan.totals.still_unallocated.minor, 1);
    assert_eq!(plan.totals.released.minor, 1_100);
    assert_eq!(plan.findings.count(FindingKind::Overpaid), 1);
    assert_eq!(plan.findings.count(FindingKind::PaymentsDifferByOneCent), 1);
}

#[test]
fn what_is_missing_is_a_shortfall_that_the_importer_accepts() {
    let order = "delivered,2018-07-01 10:00:00,2018-07-01 11:00:00,,";
    let plan = one_folder(order, "a,1,boleto,1,10.80\n").plan();
    assert_eq!(plan.checkouts[0].shortfall.minor, 20);
    assert_eq!(plan.totals.funded.minor, 1_100);
    assert_eq!(plan.findings.count(FindingKind::ShortfallAccepted), 1);
    let never = one_folder(order, "").plan();
    assert_eq!(never.checkouts[0].shortfall.minor, 1_100);
    assert_eq!(never.findings.count(FindingKind::NeverPaid), 1);
    assert_eq!(never.findings.count(FindingKind::PaymentsDiffer), 0, "there is no payment to differ");
}

#[test]
fn an_order_never_paid_that_did_not_go_on_stays_unfunded() {
    let plan = one_folder("created,2018-07-01 10:00:00,,,", "").plan();
    assert!(!plan.checkouts[0].funded);
    assert_eq!((plan.totals.funded.minor, plan.totals.shortfall.minor), (0, 0));
    assert_eq!(plan.findings.count(FindingKind::NeverPaid), 1);
}

#[test]
fn an_order_without_items_is_a_checkout_without_an_order() {
    let folder = Folder::new()
        .orders(
            "a,ca,created,2018-07-01 10:00:00,,,,\n\
             b,cb,unavailable,2018-07-02 10:00:00,2018-07-02 11:00:00,,,\n\
             c,cc,canceled,2018-07-03 10:00:00,,,,\n",
        )
        .items("")
        .payments("a,1,boleto,1,5.00\nb,1,boleto,1,7.00\nc,1,voucher,1,0.00\n");
    let plan = folder.plan();
    assert_eq!((plan.totals.checkouts, plan.totals.orders), (3, 0));
    assert_eq!(plan.totals.still_unallocated.minor, 500);
    assert_eq!(plan.totals.unallocated_refunded.minor, 700);
    assert_eq!(plan.findings.count(FindingKind::OrderWithoutItems), 3);
    assert_eq!(plan.findings.count(FindingKind::OrderWithoutItemsUnpaid), 1);
    assert_eq!(plan.findings.count(FindingKind::CustomerUnknown), 1, "cc is in no file");
    assert_eq!(plan.checkouts[0].reviews.len(), 1, "its review has no order but the checkout");
}

#[test]
fn commission_is_taken_of_each_price_half_to_even() {
    let folder = Folder::new()
        .items(
            "a,1,p1,s1,,0.05,9.00\n\
             a,2,p1,s1,,0.15,9.00\n\
             a,3,p1,s1,,0.26,9.00\n",
        )
        .payments("a,1,boleto,1,27.46\n");
    assert_eq!(folder.plan().totals.commission.minor, 2 + 3, "0.005 is 0.00, 0.015 is 0.02, 0.026 is 0.03");
}

#[test]
fn times_that_contradict_each_other_are_kept_and_listed() {
    let order = "delivered,2018-07-04 10:00:00,2018-07-06 10:00:00,2018-07-03 09:00:00,2018-07-02 09:00:00";
    let folder = one_folder(order, PAID);
    for kind in [
        FindingKind::CarrierBeforeApproval,
        FindingKind::CarrierBeforePurchase,
        FindingKind::DeliveredBeforeCarrier,
        FindingKind::DeliveredBeforeApproval,
    ] {
        assert_eq!(count(&folder, kind), 1, "{kind:?}");
    }
    let plan = folder.plan().checkouts.remove(0);
    assert_eq!(plan.shipped_at, Some(at("2018-07-03T12:00:00Z")));
    assert_eq!(plan.delivered_at, Some(at("2018-07-02T12:00:00Z")));
}

#[test]
fn checkouts_are_recorded_by_time_of_purchase_whatever_the_file_says() {
    let folder = Folder::new()
        .orders(
            "b,cb,created,2018-07-02 10:00:00,,,,\n\
             a,ca,created,2018-07-01 10:00:00,,,,\n",
        )
        .items("")
        .payments("")
        .reviews("");
    let plan = folder.plan();
    assert_eq!(plan.checkouts[0].id.as_str(), "a");
    assert_eq!(plan.findings.count(FindingKind::OrdersOutOfOrder), 1);
}

#[test]
fn a_review_id_used_for_several_orders_is_told_apart_by_the_order() {
    let folder = Folder::new().reviews(
        "r1,a,5,,,2018-06-30 00:00:00,2018-07-07 08:00:00\n\
         r1,b,4,,,2018-07-06 00:00:00,2018-07-07 08:00:00\n\
         r2,a,1,,,2018-07-06 00:00:00,2018-07-06 08:00:00\n",
    );
    let plan = folder.plan();
    let ids: Vec<_> = plan.checkouts.iter().flat_map(|c| &c.reviews).map(|r| r.id.to_string()).collect();
    assert_eq!(ids, ["r2", "r1-a", "r1-b"]);
    assert_eq!(plan.findings.count(FindingKind::ReviewIdRepeated), 1);
    assert_eq!(plan.findings.count(FindingKind::ReviewsSeveral), 1);
    assert_eq!(plan.findings.count(FindingKind::ReviewBeforePurchase), 1);
    assert_eq!(plan.totals.positive_reviews, 2);
}

#[test]
fn an_hour_that_came_twice_is_read_as_the_first_and_listed() {
    let folder = one_folder("delivered,2018-02-17 23:30:00,2018-07-01 11:00:00,,", PAID);
    assert_eq!(folder.plan().checkouts[0].opened_at, at("2018-02-18T01:30:00Z"));
    assert_eq!(count(&folder, FindingKind::AmbiguousTime), 1);
    let detail = folder.plan().findings.cases()[0].detail.clone();
    assert_eq!(detail, "order_purchase_timestamp 2018-02-17 23:30:00 read as 2018-02-18T01:30:00Z");
}

#[test]
fn sellers_and_leads_enter_with_what_is_known_of_them() {
    let plan = Folder::new().plan();
    let merchants: Vec<_> = plan.merchants.iter().map(|m| (m.id.to_string(), m.region.clone())).collect();
    assert_eq!(
        merchants,
        [("s1".to_owned(), Some("SP".to_owned())), ("s2".to_owned(), Some("RJ".to_owned()))]
    );
    assert_eq!(plan.merchants[0].at, at("2018-07-01T13:00:00Z"), "its first sale");
    assert_eq!(plan.leads[1].origin.as_str(), "unknown");
    assert_eq!(plan.findings.count(FindingKind::LeadWithoutOrigin), 1);
    assert_eq!(plan.leads[0].won.as_ref().map(|d| d.merchant.to_string()), Some("s1".to_owned()));
    let unknown = Folder::new().file("olist_sellers_dataset.csv", "seller_id,seller_state\ns2,RJ\n");
    assert_eq!(unknown.plan().merchants.len(), 2, "who sells is a merchant, in the file or not");
    assert_eq!(count(&unknown, FindingKind::SellerUnknown), 1);
    assert_eq!(count(&unknown, FindingKind::DealWithoutSeller), 1);
}

#[test]
fn findings_are_counted_by_kind_with_samples_and_written_in_full() {
    let plan = Folder::new().plan();
    let by_kind = plan.findings.by_kind();
    let freight = by_kind.iter().find(|f| f.kind == FindingKind::FreightZero).expect("found");
    assert_eq!((freight.count, freight.samples.as_slice()), (1, &["b/1".to_owned()][..]));
    let mut csv = Vec::new();
    plan.findings.write_csv(&mut csv).expect("memory takes every write");
    let csv = String::from_utf8(csv).expect("text");
    assert!(csv.starts_with("kind,id,detail\n"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + plan.findings.cases().len());
}
