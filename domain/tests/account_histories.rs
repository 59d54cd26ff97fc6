//! Any history of commands keeps an account's balances above zero and equal to its books.

mod support;

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::{AccountCommand as Ask, SettlementFigures};
use daybook_domain::account::draws::Draws;
use daybook_domain::account::events::Direction;
use daybook_domain::account::lines::{Bounds, figures as of_lines};
use daybook_domain::merchant::events::{FeeScheduleAgreed, ReserveTerms, SettlementCycle, SettlementTerms};
use daybook_domain::{Aggregate, Event, Facts, MerchantFacts, Money};
use proptest::prelude::*;
use support::{Books, Scenario, cny, currency, given, id, noon};

/// What may be asked, before the run fills in what it would look up.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a test makes few of them
enum Wish {
    /// Settle lines of this sum; `honest` false spoils what was carried in, the cut or the total.
    Settle {
        gross: i64,
        commission: i64,
        lines: u64,
        honest: u8,
    },
    Plain(Ask),
}

fn wish() -> impl Strategy<Value = Wish> {
    let name = |prefix: &'static str| (0..4u8).prop_map(move |n| format!("{prefix}{n}"));
    let minor = -5..400i64;
    let reason = || "by rule".to_owned();
    let plain = prop_oneof![
        name("s").prop_map(|s| Ask::ReleaseReserve { settlement: id(&s) }),
        (name("h"), minor.clone()).prop_map(move |(h, m)| Ask::Hold {
            hold: id(&h),
            claim: cny(m),
            reason: reason(),
            dispute: None
        }),
        (name("h"), proptest::option::of(minor.clone()))
            .prop_map(|(h, m)| Ask::LiftHold { hold: id(&h), amount: m.map(cny) }),
        (name("h"), minor.clone()).prop_map(|(h, m)| Ask::SpendHold { hold: id(&h), amount: cny(m) }),
        (name("p"), name("iban"), minor.clone(), any::<bool>()).prop_map(|(p, d, m, dollars)| {
            let amount = Money::new(m, currency(if dollars { "USD" } else { "CNY" }));
            Ask::RequestPayout { payout: id(&p), amount, destination_ref: id(&d) }
        }),
        (name("p"), 0..40i64, 0..9u8).prop_map(|(p, rate, spread)| Ask::ConvertPayout {
            payout: id(&p),
            currency: currency("USD"),
            rate: rust_decimal_of(rate),
            rate_ref: id("desk"),
            spread: cny(i64::from(spread)),
        }),
        (name("p"), name("ref")).prop_map(|(p, r)| Ask::SendPayout { payout: id(&p), provider_ref: id(&r) }),
        (name("p"), proptest::option::of(-1..9i64)).prop_map(|(p, fee)| Ask::ConfirmPayout {
            payout: id(&p),
            bank: id("icbc"),
            fee: fee.map(cny)
        }),
        name("p").prop_map(move |p| Ask::FailPayout { payout: id(&p), reason: reason() }),
        name("p").prop_map(move |p| Ask::ReturnPayout { payout: id(&p), bank: id("icbc"), reason: reason() }),
        name("iban").prop_map(|d| Ask::UnblockDestination { destination_ref: id(&d) }),
        (name("2018-0"), minor.clone())
            .prop_map(|(p, m)| Ask::ChargePlatformFee { period: id(&p), amount: Some(cny(m)) }),
        minor.clone().prop_map(|m| Ask::ChargeAdvertisingFee { campaign: id("spring"), amount: cny(m) }),
        minor.clone().prop_map(move |m| Ask::ChargePenalty {
            amount: cny(m),
            reason: reason(),
            dispute: None
        }),
        minor.clone().prop_map(move |m| Ask::WaiveFee { amount: cny(m), reason: reason() }),
        minor.clone().prop_map(|m| Ask::GrantReward {
            amount: cny(m),
            period: id("2018-Q1"),
            kind: id("growth")
        }),
        (name("a"), minor, any::<bool>()).prop_map(move |(a, m, forth)| Ask::ProposeAdjustment {
            adjustment: id(&a),
            amount: cny(m),
            direction: if forth { Direction::ForMerchant } else { Direction::AgainstMerchant },
            reason: reason(),
            document_ref: None,
        }),
        name("a").prop_map(|a| Ask::ApproveAdjustment { adjustment: id(&a) }),
        name("a").prop_map(move |a| Ask::RejectAdjustment { adjustment: id(&a), reason: reason() }),
    ];
    prop_oneof![
        1 => (-600..900i64, -20..60i64, 0..5u64, 0..8u8)
            .prop_map(|(gross, commission, lines, honest)| Wish::Settle { gross, commission, lines, honest }),
        4 => plain.prop_map(Wish::Plain),
    ]
}

fn rust_decimal_of(cents: i64) -> daybook_domain::Rate {
    format!("{}.{:02}", cents / 10, cents % 10 * 7).parse().expect("a rate")
}

fn reserve_of_a_tenth() -> Facts {
    let schedule = FeeScheduleAgreed {
        version: 1,
        effective_from: noon(),
        default_commission: "0.05".parse().expect("a rate"),
        categories: Vec::new(),
        deposit_required: cny(0),
        settlement: SettlementTerms { cycle: SettlementCycle::Daily, days: 0, minimum_payout: cny(0) },
        vat_on_fees: "0.06".parse().ok(),
        platform_fee: None,
        reserve: Some(ReserveTerms { share: "0.1".parse().expect("a rate"), days: 0 }),
    };
    let merchant =
        MerchantFacts { open: true, suspended_for: None, terminated_at: None, schedule: Some(schedule) };
    Facts { merchant: Some(merchant), ..Facts::default() }
}

/// The figures a run would find, from the account as it stands.
fn run(
    account: &Scenario<MerchantAccount>,
    n: usize,
    gross: i64,
    commission: i64,
    lines: u64,
    honest: u8,
) -> Ask {
    let cut = account.state.cut(currency("CNY"));
    let (through, carried) = cut.map_or((0, 0), |c| (c.through, c.carried.minor));
    let (gross, commission) = if lines == 0 { (0, 0) } else { (gross, commission) };
    let bounds = Bounds { until: noon(), through: through + lines };
    let mut figures = SettlementFigures {
        gross: cny(gross),
        commission: cny(commission),
        total: cny(carried + gross - commission),
        orders: lines,
        lines,
        ..of_lines(id(&format!("s{n}")), bounds, cny(carried), &[]).expect("figures")
    };
    match honest {
        0 => figures.carried_in = cny(carried - 1),
        1 => figures.total = cny(figures.total.minor + 1),
        2 => figures.through = through.saturating_sub(1),
        3 => figures.lines += 1,
        _ => {}
    }
    Ask::CloseSettlement(figures)
}

proptest! {
    #[test]
    fn no_balance_is_ever_below_zero_and_each_equals_its_account(
        wishes in proptest::collection::vec(wish(), 0..80),
        import in any::<bool>(),
    ) {
        let mut account = given::<MerchantAccount>("m1", []).knowing(reserve_of_a_tenth());
        account.import = import;
        let mut books = Books::default();
        let mut spent = 0;
        let mut draws = Draws::default();
        for (n, wish) in wishes.into_iter().enumerate() {
            account.actor = id(["li", "chen"][n % 2]);
            let before = account.state.clone();
            let (command, spoilt) = match wish {
                Wish::Settle { gross, commission, lines, honest } => {
                    (run(&account, n % 4, gross, commission, lines, honest), honest < 2)
                }
                Wish::Plain(command) => (command, false),
            };
            let Ok(events) = account.ask(&command) else {
                prop_assert_eq!(&account.state, &before, "a refusal changes nothing");
                continue;
            };
            prop_assert!(!spoilt || events.is_empty(), "a spoilt settlement was closed: {:?}", events);
            books.book(&account.state, &events);
            let mut read_back = before.clone();
            for event in &events {
                let decoded = Event::decode(event.kind().as_str(), event.kind().schema(), &event.encode());
                read_back.evolve(&decoded.expect("an event reads back"), noon());
                draws.evolve(event);
                match event {
                    Event::SettlementClosed(e) => {
                        let moved = if e.total.minor >= 0 { e.total } else { e.taken_from_available };
                        prop_assert!(moved.minor >= 0 && e.carried_out.minor <= 0);
                        prop_assert!(e.held_as_reserve.minor >= 0 && e.held_as_reserve <= moved);
                        let out = if e.total.minor >= 0 { 0 } else { e.total.minor + moved.minor };
                        prop_assert_eq!(e.carried_out.minor, out);
                        prop_assert_eq!(e.carried_in, before.carried(e.currency));
                        let cut = before.cut(e.currency);
                        prop_assert!(cut.is_none_or(|c| c.until <= e.until && c.through <= e.through));
                    }
                    Event::BalanceHoldSpent(e) => spent += e.amount.minor,
                    Event::AdjustmentApproved(e) => {
                        prop_assert_ne!(Some(e.by), before.adjustment(e.adjustment).map(|a| a.by));
                    }
                    Event::PayoutRequested(e) => {
                        prop_assert!(!before.is_blocked(e.destination_ref));
                        let drawn = draws.payout(e.payout).expect("what it drew on");
                        let sum: i64 = drawn.parts.iter().map(|part| part.amount.minor).sum();
                        prop_assert_eq!((sum, drawn.missing), (e.amount.minor, 0), "a payout is its parts");
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(&read_back, &account.state, "what JSON keeps leaves the same state");

            for currency in account.state.currencies() {
                let a = &account.state;
                let owed = |name: &str| -books.balance(&format!("Liabilities:{name}:m1"), currency);
                // the other stream, which used the hold, posts what was spent
                let parts: i64 = draws.available(currency).map(|part| part.amount.minor).sum();
                prop_assert_eq!(parts, a.available(currency).minor, "what is available is its parts");
                let elsewhere = if currency == cny(0).currency { spent } else { 0 };
                for (name, found, booked) in [
                    ("available", a.available(currency), owed("MerchantAvailable")),
                    ("held", a.held(currency), owed("MerchantHeld") - elsewhere),
                    ("reserve", a.reserve(currency), owed("MerchantReserve")),
                    ("in transit", a.in_transit(currency), owed("PayoutInTransit")),
                    ("paid out", a.paid_out(currency), -books.balance("Assets:Bank:icbc", currency) - bank_fees(&books, currency)),
                ] {
                    prop_assert!(found.minor >= 0, "{} is {}", name, found);
                    prop_assert_eq!(found.minor, booked, "{} in {}", name, currency);
                }
            }
        }
    }
}

/// Fees that left the market's bank beside the payouts.
fn bank_fees(books: &Books, currency: daybook_domain::Currency) -> i64 {
    books.balance("Expenses:BankFee", currency)
}
