//! The lines of a loan pack, drawn from journals written by hand.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use std::borrow::Cow;

use chrono::NaiveDate;
use daybook_domain::{Event, Refs, Timestamp};
use daybook_journal::{Append, Cause, Expected, Journal, MemoryJournal, NewEvent};
use daybook_market::Calendar;
use daybook_market::loan_pack::{Asked, draw};
use daybook_packs::{Facts, Figures, Minor, Pack};
use daybook_projections::metrics::Sites;
use uuid::Uuid;

fn yuan(amount: &str) -> String {
    money(amount, "CNY")
}

fn money(amount: &str, currency: &str) -> String {
    format!(r#"{{"amount":"{amount}","currency":"{currency}"}}"#)
}

/// When, of which stream, what.
type Row = (&'static str, &'static str, &'static str, String);

async fn journal(rows: &[Row]) -> MemoryJournal {
    let journal = MemoryJournal::default();
    for (at, (when, stream, kind, data)) in rows.iter().enumerate() {
        let event = Event::decode(kind, 1, data).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let (category, id) = stream.split_once('-').unwrap();
        let mut refs = Refs { merchant: Some("m".parse().unwrap()), ..Refs::default() };
        if category == "order" {
            (refs.order, refs.checkout) = (Some(id.parse().unwrap()), Some("c".parse().unwrap()));
        }
        let id = |of: u128| Uuid::from_u128((of << 64) | (at as u128 + 1));
        let cause =
            Cause { command: id(1), fingerprint: [0; 16], correlation: id(1), actor: Cow::Borrowed("test") };
        let event = NewEvent {
            id: id(2),
            kind: Cow::Borrowed(kind),
            schema: event.kind().schema(),
            occurred_at: Timestamp::parse(when).unwrap().0,
            refs: serde_json::to_string(&refs).unwrap(),
            data: data.clone(),
        };
        let item =
            Append { stream: (*stream).to_owned(), expected: Expected::Any, cause, events: vec![event] };
        journal.append(vec![item]).await.remove(0).unwrap();
    }
    journal
}

/// The lines of these days, which must hold together.
fn drawn(journal: &dyn Journal, from: &str, to: &str) -> Facts {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let asked = Asked {
        merchant: "m".parse().unwrap(),
        from: day(from),
        to: day(to),
        currency: None,
        through: None,
        sites: Sites::default(),
        drawn_at: Timestamp(0),
        issued: None,
    };
    let facts = draw(journal, Calendar::of("Asia/Shanghai").unwrap(), &asked, &mut |_, _| {}).unwrap();
    let pack = Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap();
    assert_eq!(pack.check().wrong, Vec::<String>::new());
    facts
}

fn placed(buyer: &str, pieces: u32, price: &str, total: &str, subsidy: &str, currency: &str) -> String {
    let (price, total, zero) = (money(price, currency), money(total, currency), money("0.00", currency));
    let subsidies = match subsidy {
        "" => "[]".to_owned(),
        amount => format!(r#"[{{"campaign":"sale","amount":{}}}]"#, money(amount, currency)),
    };
    format!(
        r#"{{"checkout":"c","buyer":"{buyer}","merchant":"m","lines":[{{"line":"1","product":"p","category":"toys",
        "quantity":{pieces},"unit_price":{price},"discount":{zero},"commission_rate":"0.1","shipping":{zero},"tax":{zero},
        "subsidies":{subsidies}}}],"shipping":{zero},"subsidies":{subsidies},"buyer_pays":{total},"total":{total},
        "fee_schedule_version":1,"sales_channel":"web"}}"#
    )
}

fn funded(paid: &str, subsidy: &str, currency: &str) -> String {
    let subsidies = match subsidy {
        "" => "[]".to_owned(),
        amount => format!(r#"[{{"campaign":"sale","amount":{}}}]"#, money(amount, currency)),
    };
    format!(
        r#"{{"parts":[{{"payment":"pay","provider":"card","method":"card","amount":{}}}],"shortfall":{},"subsidies":{subsidies}}}"#,
        money(paid, currency),
        money("0.00", currency)
    )
}

fn opened(id: &str, claim: &str) -> String {
    format!(
        r#"{{"dispute":"{id}","by":"buyer","category":"quality","claim":{claim},"lines":[],"answer_due":"2024-02-08T00:00:00Z"}}"#
    )
}

fn applied() -> [Row; 2] {
    let applied = r#"{"name":"=1+1","kind":"retailer","country":"CN","settlement_currency":"CNY"}"#;
    [
        ("2023-12-01T00:00:00Z", "merchant-m", "MerchantApplied", applied.to_owned()),
        // the first of January in Shanghai
        ("2023-12-31T17:00:00Z", "merchant-m", "StoreOpened", r#"{"fee_schedule_version":1}"#.to_owned()),
    ]
}

#[tokio::test]
async fn a_second_shipment_a_second_currency_and_an_appeal_are_told_as_they_stood() {
    let shipped =
        |id: &str| format!(r#"{{"shipment":"{id}","lines":[{{"line":"1","quantity":1}}],"mode":"parcel"}}"#);
    let ruled = format!(
        r#"{{"dispute":"d1","for":"buyer","refund":{forty},"penalty":{none},"from_escrow":{forty},"from_merchant":{none},
        "from_deposit":{none},"from_platform":{none},"rule":{{"version":1,"clause":"4"}},"reason":"r","reads":[],
        "appeal_due":"2024-02-20T00:00:00Z"}}"#,
        forty = yuan("40.00"),
        none = yuan("0.00")
    );
    // gross 40.00, of which the market had added 2.00
    let refunded = format!(
        r#"{{"refund":"d1","lines":[],"to_buyer":{},"subsidies_back":[{{"campaign":"sale","amount":{}}}],"shortfall_back":{},
        "parts":[],"reason":"r","dispute":"d1"}}"#,
        yuan("38.00"),
        yuan("2.00"),
        yuan("0.00")
    );
    let appealed = r#"{"dispute":"d1","by":"merchant","reason":"r","answer_due":"2024-02-13T00:00:00Z"}"#;
    let reversed = format!(
        r#"{{"dispute":"d1","to_merchant":{},"to_deposit":{},"reason":"r"}}"#,
        yuan("0.00"),
        yuan("0.00")
    );
    let delivered = r#"{"shipment":"s1","release_due":"2024-03-01T00:00:00Z"}"#;
    let rows: Vec<Row> = applied()
        .into_iter()
        .chain([
            ("2024-01-03T02:00:00Z", "order-u", "OrderPlaced", placed("b1", 1, "50.00", "50.00", "", "USD")),
            ("2024-01-03T03:00:00Z", "order-u", "EscrowFunded", funded("50.00", "", "USD")),
            ("2024-01-05T03:00:00Z", "order-u", "DisputeOpened", opened("d0", &money("20.00", "USD"))),
            (
                "2024-02-01T02:00:00Z",
                "order-d",
                "OrderPlaced",
                placed("b2", 1, "100.00", "100.00", "5.00", "CNY"),
            ),
            ("2024-02-01T03:00:00Z", "order-d", "EscrowFunded", funded("95.00", "5.00", "CNY")),
            ("2024-02-05T03:00:00Z", "order-d", "DisputeOpened", opened("d1", &yuan("40.00"))),
            ("2024-02-08T03:00:00Z", "order-d", "DisputeRuled", ruled),
            ("2024-02-08T03:00:00Z", "order-d", "EscrowRefunded", refunded),
            ("2024-02-10T02:00:00Z", "order-a", "OrderPlaced", placed("b1", 2, "30.00", "60.00", "", "CNY")),
            ("2024-02-10T03:00:00Z", "order-a", "EscrowFunded", funded("60.00", "", "CNY")),
            ("2024-02-10T03:00:00Z", "order-d", "DisputeAppealed", appealed.to_owned()),
            ("2024-02-11T02:00:00Z", "order-a", "OrderShipped", shipped("s1")),
            ("2024-02-12T02:00:00Z", "order-a", "OrderDelivered", delivered.to_owned()),
            ("2024-02-13T02:00:00Z", "order-a", "OrderShipped", shipped("s2")),
            ("2024-02-14T02:00:00Z", "order-d", "RulingReversed", reversed),
            ("2024-02-14T02:00:00Z", "order-d", "DisputeClosed", r#"{"dispute":"d1"}"#.to_owned()),
            ("2024-02-15T02:00:00Z", "order-a", "OrderDelivered", delivered.replace("s1", "s2")),
        ])
        .collect();
    let journal = journal(&rows).await;

    let facts = drawn(&journal, "2024-02-01", "2024-02-13");
    assert_eq!(facts.subject.began, Some("2024-01-01".parse().unwrap()));
    let [d, a] = &facts.orders[..] else { panic!("{:?}", facts.orders) };
    assert_eq!((d.order.as_str(), d.paid, d.subsidy), ("d", Minor(95_00), Minor(5_00)));
    // b1 had paid in dollars before
    assert_eq!(a.buyer_since, Some("2024-01-03".parse().unwrap()));
    assert_eq!(a.shipped_at, Some(Timestamp::parse("2024-02-11T02:00:00Z").unwrap()));
    assert_eq!(a.shipped_all_at, Some(Timestamp::parse("2024-02-13T02:00:00Z").unwrap()));
    assert_eq!(a.delivered_at, None, "one of two pieces is under way");
    let dispute = &facts.disputes[0];
    assert_eq!((dispute.decided_at, dispute.refund), (None, Minor(38_00)), "appealed");
    assert!(dispute.ruled_at.is_some());
    let [dollars] = &facts.elsewhere[..] else { panic!("{:?}", facts.elsewhere) };
    // it was paid in January, and its dispute is open
    assert_eq!((dollars.orders, dollars.disputes.to_string()), (0, "20.00 USD".to_owned()));

    let facts = drawn(&journal, "2024-01-01", "2024-02-29");
    assert_eq!(facts.orders[1].delivered_at, Some(Timestamp::parse("2024-02-15T02:00:00Z").unwrap()));
    let dispute = &facts.disputes[0];
    assert_eq!((dispute.outcome.as_deref(), dispute.refund), (Some("merchant"), Minor(38_00)));
    assert_eq!((facts.elsewhere[0].orders, facts.elsewhere[0].paid.to_string()), (1, "50.00 USD".to_owned()));
    let facts = drawn(&journal, "2024-02-10", "2024-02-10");
    assert_eq!(facts.orders[1].shipped_all_at, None);
}

#[tokio::test]
async fn a_payout_that_left_the_currency_and_a_settlement_of_older_lines_are_told() {
    let rewarded = format!(r#"{{"amount":{},"period":"2024-01","kind":"growth"}}"#, yuan("10.00"));
    let figures: String =
        ["carried_in", "refunds", "commission", "fees", "penalties", "chargebacks", "adjustments"]
            .into_iter()
            .chain(["held_as_reserve", "taken_from_available", "carried_out", "gross"])
            .map(|name| format!(r#""{name}":{},"#, yuan("0.00")))
            .collect();
    let settled = format!(
        r#"{{"settlement":"s","until":"2024-01-31T16:00:00Z","through":1,"currency":"CNY",{figures}"rewards":{ten},"total":{ten},
        "orders":0,"lines":1,"digest":"9f"}}"#,
        ten = yuan("10.00")
    );
    let asked = format!(r#"{{"payout":"p","amount":{},"destination_ref":"iban"}}"#, yuan("10.00"));
    let converted = format!(
        r#"{{"payout":"p","from":{},"to":{},"rate":"0.14","rate_ref":"r","spread":{}}}"#,
        yuan("10.00"),
        money("1.40", "USD"),
        yuan("0.00")
    );
    let failed = format!(r#"{{"payout":"p","amount":{},"reason":"unknown"}}"#, money("1.40", "USD"));
    let released = format!(
        r#"{{"lines":[{{"line":"1","quantity":1,"to_merchant":{twenty},"tax":{none}}}],"to_merchant":{twenty}}}"#,
        twenty = yuan("20.00"),
        none = yuan("0.00")
    );
    let share = format!(
        r#"{{"by":"merchant","gross":{five},"to_buyer":{five},"subsidies_back":[],"shortfall_back":{none}}}"#,
        five = yuan("5.00"),
        none = yuan("0.00")
    );
    let refunded = format!(
        r#"{{"refund":"r1","lines":[],"to_buyer":{},"borne_by":[{share}],"parts":[],"reason":"r"}}"#,
        yuan("5.00")
    );
    let rows: Vec<Row> = applied()
        .into_iter()
        .chain([
            ("2024-01-10T02:00:00Z", "account-m", "RewardGranted", rewarded),
            ("2024-01-31T16:00:00Z", "account-m", "SettlementClosed", settled),
            ("2024-02-01T02:00:00Z", "account-m", "PayoutRequested", asked),
            ("2024-02-02T02:00:00Z", "account-m", "PayoutConverted", converted),
            ("2024-02-05T02:00:00Z", "account-m", "PayoutFailed", failed),
            ("2024-02-05T03:00:00Z", "order-e", "OrderPlaced", placed("b", 1, "20.00", "20.00", "", "CNY")),
            ("2024-02-05T04:00:00Z", "order-e", "EscrowFunded", funded("20.00", "", "CNY")),
            ("2024-02-06T02:00:00Z", "order-e", "EscrowReleased", released),
            ("2024-02-20T02:00:00Z", "order-e", "RefundIssued", refunded),
        ])
        .collect();
    let journal = journal(&rows).await;

    // the reward was pending on the first day, and the settlement of the first of February took it
    let facts = drawn(&journal, "2024-01-15", "2024-02-29");
    let told: Vec<(&str, i64, Option<&str>)> = facts
        .account
        .iter()
        .map(|movement| (movement.event.as_str(), movement.pending.0, movement.settlement.as_deref()))
        .collect();
    assert_eq!(
        told[..3],
        [("opening", 0, None), ("opening", 10_00, Some("s")), ("SettlementClosed", -10_00, None)]
    );
    let figures = Figures::of(&facts).unwrap();
    for (id, value) in [
        ("account.settled", "10.00"),
        ("account.converted", "10.00"),
        ("account.paid_out", "0.00"),
        ("payouts.failed", "1"),
        ("payouts.failed_amount", "10.00"),
        ("payouts.residual", "0.00"),
        ("account.refunds", "5.00"),
        ("closing.balance", "15.00"),
    ] {
        assert_eq!(figures.get(id), Some(value), "{id}");
    }
    assert_eq!(facts.elsewhere[0].balance.to_string(), "1.40 USD");
    // a movement left out by somebody who numbers the rest anew
    for left_out in ["RefundIssued", "SettlementClosed"] {
        let mut forged = facts.clone();
        forged.account.retain(|movement| movement.event != left_out);
        forged.account.iter_mut().enumerate().for_each(|(at, movement)| movement.number = at as u64 + 1);
        let pack = Pack::of(&forged, &Figures::of(&forged).unwrap(), Vec::new()).unwrap();
        assert_eq!(pack.check().wrong.len(), 1, "{left_out}");
    }
}
