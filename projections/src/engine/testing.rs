//! Journals for the engine's own tests.

use daybook_journal::conformance::tools::block_on;
use daybook_journal::{Append, Cause, Expected, Journal as _, MemoryJournal, NewEvent};
use uuid::Uuid;

/// So many payments of deposits, by a thousand merchants in turn.
pub(super) fn deposits(events: u64) -> MemoryJournal {
    let data = r#"{"amount":{"amount":"1.00","currency":"CNY"},"provider":"p","provider_ref":"x"}"#;
    let item = |n: u64| {
        let refs = format!(r#"{{"merchant":"m{}"}}"#, n % 1_000);
        append(n, &format!("deposit-m{}", n % 1_000), "DepositPaid", n as i64, refs, data.to_owned())
    };
    filled((1..=events).map(item))
}

/// So many payments of checkouts, each of its own.
pub(crate) fn payments(events: u64) -> MemoryJournal {
    let data = r#"{"payment":"p1","method":"card","provider":"p","provider_ref":"x",
        "amount":{"amount":"1.00","currency":"CNY"}}"#;
    let item = |n: u64| {
        let refs = format!(r#"{{"checkout":"c{n}"}}"#);
        append(n, &format!("checkout-c{n}"), "PaymentCaptured", n as i64, refs, data.to_owned())
    };
    filled((1..=events).map(item))
}

/// So many events about the visitors of a market: half of them of orders, which are placed, paid and refunded in part, by
/// visitors and merchants that come up again and again, at times that are not in order. Its days change in the middle.
pub(crate) fn visits(events: u64) -> MemoryJournal {
    filled((1..=events).map(|n| visit(n, events)))
}

/// As [`visits`], with an event at a position that cannot be read.
pub(super) fn spoilt(events: u64, at: u64) -> MemoryJournal {
    filled((1..=events).map(|n| match n == at {
        true => append(n, "traffic-x", "PageViewed", 0, "{}".to_owned(), "{}".to_owned()),
        false => visit(n, events),
    }))
}

fn visit(n: u64, events: u64) -> Append {
    const MINUTE: i64 = 60_000_000;
    let money = |minor: u64| format!(r#"{{"amount":"{minor}.00","currency":"CNY"}}"#);
    let some = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let at = 1_761_696_000_000_000 + (some % 90_000) as i64 * MINUTE;
    let order = n / 6;
    let refs = format!(r#"{{"order":"o{order}","merchant":"m{}"}}"#, order % 7);
    let stream = format!("order-o{order}");
    let (total, zero) = (money(10 + order % 9), money(0));
    if n == events / 2 + 1 {
        let data = r#"{"name":"m","time_zone":"America/Sao_Paulo","currencies":["CNY"]}"#;
        return append(n, "market-market", "MarketOpened", at, "{}".to_owned(), data.to_owned());
    }
    match n % 6 {
        0 => {
            let data = format!(
                r#"{{"checkout":"c","buyer":"b{}","merchant":"m{}","lines":[],"shipping":{zero},"subsidies":[],
                "buyer_pays":{total},"total":{total},"fee_schedule_version":1,"sales_channel":"own","visitor":"v{}"}}"#,
                some % 50,
                order % 7,
                some % 300
            );
            append(n, &stream, "OrderPlaced", at, refs, data)
        }
        3 => {
            let data = format!(
                r#"{{"parts":[{{"payment":"p1","provider":"a","method":"wallet","amount":{total}}}],"shortfall":{zero},"subsidies":[]}}"#
            );
            append(n, &stream, "EscrowFunded", at, refs, data)
        }
        5 => {
            let back = money(3);
            let data = format!(
                r#"{{"refund":"r","lines":[],"to_buyer":{back},"subsidies_back":[],"shortfall_back":{zero},"parts":[],"reason":"x"}}"#
            );
            append(n, &stream, "EscrowRefunded", at, refs, data)
        }
        _ => {
            let way = match some % 4 {
                0 => format!(r#","tags":{{"campaign":"k{}","medium":"cpc","source":"baidu"}}"#, n % 40),
                1 => format!(r#","referrer":"https://site-{}.example/""#, n % 90),
                _ => String::new(),
            };
            let data = format!(
                r#"{{"visitor":"v{}","page":"/p/{}","merchant":"m{}"{way}}}"#,
                some % 300,
                n % 800,
                some % 7
            );
            append(n, "traffic-x", "PageViewed", at, "{}".to_owned(), data)
        }
    }
}

fn append(n: u64, stream: &str, kind: &'static str, at: i64, refs: String, data: String) -> Append {
    let event = NewEvent {
        id: Uuid::from_u128(u128::from(n)),
        kind: kind.into(),
        schema: 1,
        occurred_at: at,
        refs,
        data,
    };
    let cause =
        Cause { command: event.id, fingerprint: [0; 16], correlation: event.id, actor: "test".into() };
    Append { stream: stream.to_owned(), expected: Expected::Any, cause, events: vec![event] }
}

fn filled(items: impl Iterator<Item = Append>) -> MemoryJournal {
    let journal = MemoryJournal::new();
    let receipts = block_on(journal.append(items.collect()));
    assert!(receipts.iter().all(Result::is_ok));
    journal
}
