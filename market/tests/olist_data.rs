//! The real Olist data set, where it is at hand: `DAYBOOK_DATA` names the folder that holds `olist/`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::posting::post;
use daybook_domain::{Event, EventKind, Money, Rate, Refs, Timestamp};
use daybook_journal::{Filter, Journal};
use daybook_market::olist::{Plan, import};
use daybook_market::payouts::{self, Outcome, Run, Runs};
use daybook_market::settlement::{Every, Ran, audit};
use daybook_market::verify::verify;
use daybook_market::{Market, Options};
use daybook_projections::ReadModels;

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

/// What stands in a journal: events by type, balances by account name, reviews of 4 and 5.
#[derive(Debug, Default, PartialEq)]
struct Standing {
    events: BTreeMap<&'static str, u64>,
    balances: BTreeMap<String, i64>,
    positive: u64,
    /// Debits and credits of the platform's shares, by event: how the totals came about.
    released: i64,
    refunded: i64,
    funded: i64,
    captured: i64,
    given_back: i64,
}

/// What stands in the journal of business up to `as_of`.
fn standing(journal: &dyn Journal, as_of: Timestamp) -> Standing {
    let mut standing = Standing::default();
    let minor = |amounts: &[Money]| amounts.iter().map(|m| m.minor).sum::<i64>();
    let visit = &mut |recorded: daybook_journal::Recorded<'_>| {
        if recorded.occurred_at > as_of.0 {
            return ControlFlow::Continue(());
        }
        let kind = EventKind::parse(recorded.kind).expect("a known type");
        *standing.events.entry(kind.as_str()).or_default() += 1;
        let event = Event::decode_kind(kind, recorded.schema, recorded.data).expect("decodes");
        match &event {
            Event::ReviewPosted(e) => standing.positive += u64::from(e.overall >= 4),
            Event::PaymentCaptured(e) => standing.captured += e.amount.minor,
            Event::EscrowReleased(e) => standing.released += e.to_merchant.minor,
            Event::EscrowRefunded(e) => standing.refunded += minor(&[e.to_buyer, e.shortfall_back]),
            Event::EscrowFunded(e) => {
                standing.funded += e.shortfall.minor + e.parts.iter().map(|p| p.amount.minor).sum::<i64>();
            }
            Event::UnallocatedRefunded(e) => {
                standing.given_back += e.parts.iter().map(|p| p.amount.minor).sum::<i64>();
            }
            _ => {}
        }
        if kind.posts() {
            let refs: Refs = serde_json::from_str(recorded.refs).expect("decodes");
            let mut entries = Vec::new();
            post(&event, &refs, &mut entries);
            assert_eq!(entries.iter().map(|e| e.amount.minor).sum::<i64>(), 0, "{event:?}");
            for entry in entries {
                let name = format!("{}:{}", entry.account.class.as_str(), entry.account.name);
                *standing.balances.entry(name).or_default() += entry.amount.minor;
            }
        }
        ControlFlow::Continue(())
    };
    journal.scan(0, None, &Filter::default(), visit).expect("readable");
    standing.balances.retain(|_, balance| *balance != 0);
    standing
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr)] // how long it took is worth knowing
async fn the_whole_data_set_is_recorded_to_the_cent_and_recording_it_again_adds_nothing() {
    let Some(folder) = olist() else { return };
    let home = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", home.path().join("olist.db").display());
    let open = || Market::open(&url, Options::default()).expect("opens");
    let market = open();
    let began = Instant::now();
    let plan = Plan::read(&folder, Rate::new(10, 2)).expect("sound input");
    let read = began.elapsed();
    let report = import(&market, &plan, |_, _| {}).await.expect("recorded");
    eprintln!("read in {read:.1?}, {} events recorded in {:.1?}", report.events, began.elapsed() - read);
    assert_eq!(report.refusals, []);
    assert!(report.complete);
    assert_eq!(
        report.events + 1,
        market.journal().head().expect("readable"),
        "with the market's own beginning"
    );
    as_of_business_times(&**market.journal());

    let standing = standing(&**market.journal(), Timestamp(i64::MAX));
    let count = |kind: &str| standing.events.get(kind).copied().unwrap_or_default();
    assert_eq!((count("CheckoutOpened"), count("OrderPlaced")), (99_441, 100_010));
    assert_eq!((count("PaymentCaptured"), standing.captured), (103_877, 1_600_887_212));
    assert_eq!((count("ShortfallAccepted"), standing.funded), (210, 1_584_355_324));
    assert_eq!(
        (standing.released, standing.refunded, standing.given_back),
        (1_541_977_375, 10_802_621, 16_170_890)
    );
    assert_eq!((standing.positive, count("ReviewPosted")), (76_470, 99_224));
    assert_eq!((count("MerchantImported"), count("LeadCaptured"), count("LeadWon")), (3_095, 8_000, 842));
    assert_eq!(count("EscrowFunded"), 100_010, "every order is funded, each once");
    let expected = BTreeMap::from([
        ("Assets:Provider", 1_573_913_701),
        ("Expenses:PaymentDifference", 34_424),
        ("Income:Commission", -132_217_536),
        ("Liabilities:Checkout", -395_422),
        ("Liabilities:Escrow", -31_575_328),
        ("Liabilities:MerchantPending", -(1_541_977_375 - 132_217_536)),
    ]);
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(name, b)| (name.to_owned(), b)).collect();
    assert_eq!(standing.balances, expected);
    assert_eq!(standing.balances.values().sum::<i64>(), 0);

    // a new process: nothing is remembered but what stands in the files
    drop(market);
    let market = open();
    let began = Instant::now();
    let again = import(&market, &plan, |_, _| {}).await.expect("recorded");
    eprintln!("recorded again in {:.1?}", began.elapsed());
    assert_eq!((again.events, again.complete), (0, true));
    assert_eq!(market.journal().head().expect("readable"), report.events + 1);
    assert_eq!((again.findings, again.totals), (report.findings, report.totals));
    let driven = market.run_until_quiet().await.expect("runs");
    assert_eq!((driven.accepted, driven.refused), (0, 0));

    let began = Instant::now();
    let checked = verify(&**market.journal(), &mut |_, _, _| {}).expect("readable");
    eprintln!("verified in {:.1?}", began.elapsed());
    let violated: Vec<_> = checked.checks.iter().filter(|check| check.violated > 0).collect();
    assert!(checked.clean(), "{violated:#?}");
    settled_month_by_month(&market, home.path()).await;
}

/// Its two years, settled on the first of each month and paid on the fifth: every line once, to the cent.
#[allow(clippy::print_stderr)] // how long it took is worth knowing
async fn settled_month_by_month(market: &Market, home: &std::path::Path) {
    let journal = Arc::clone(market.journal());
    let models = ReadModels::open(home.join("views.db"), Arc::clone(&journal), &mut |_| {}).expect("opens");
    let began = Instant::now();
    let first = models.first_line_booked_at().expect("readable").expect("there are lines");
    let from = market.business_day_of(first).expect("the market is open");
    let until = "2018-11-01".parse().expect("a day");
    let (mut ran, mut paid, mut runner) = (Ran::default(), Outcome::default(), Runs::default());
    let (mut settling, mut paying) = (Duration::ZERO, Duration::ZERO);
    let runs: Vec<_> = Every::Month.runs(from, until).collect();
    let calendar = market.calendar().expect("the market is open");
    for cut in &runs {
        let began = Instant::now();
        ran.add(market.settle(&models, *cut, None).await.expect("settles"));
        settling += began.elapsed();
        let (began, day) = (Instant::now(), cut.day() + chrono::Days::new(4));
        let bank = Some("bank".parse().expect("an id"));
        let run = Run { day, at: calendar.start_of(day), merchant: None, minimum: None, paid_by: bank };
        paid.add(runner.run(market, &run).await.expect("pays"));
        paying += began.elapsed();
    }
    eprintln!(
        "{} runs closed {} settlements of {} lines in {settling:.1?}, and made {} payouts in {paying:.1?}; {:.1?} in all",
        runs.len(),
        ran.settlements,
        ran.lines,
        paid.confirmed,
        began.elapsed()
    );
    assert_eq!((&ran.refused[..], &paid.reasons[..]), (&[][..], &[][..]));
    let net: i64 = ran.settled.values().sum();
    let standing = standing(&*journal, Timestamp(i64::MAX));
    let balance = |name: &str| standing.balances.get(name).copied().unwrap_or_default();
    let (pending, commission) = (-balance("Liabilities:MerchantPending"), -balance("Income:Commission"));
    assert_eq!(net + pending + commission, 1_541_977_375, "settled + pending + commission = released");
    assert_eq!((net, pending), (1_541_977_375 - 132_217_536, 0));
    let (available, transit) =
        (balance("Liabilities:MerchantAvailable"), balance("Liabilities:PayoutInTransit"));
    assert_eq!(
        -balance("Assets:Bank") - available - transit,
        net,
        "what was settled is available or was paid"
    );
    assert_eq!((available, transit, paid.requested), (0, 0, paid.confirmed), "and all of it was paid");
    assert_eq!(1_541_977_375 - balance("Liabilities:Escrow") + standing.refunded, 1_584_355_324);
    models.catch_up(&mut |_| {}).expect("follows");
    assert_eq!(models.unsettled_accounts(None, 1).expect("readable").rows, [], "every line is settled");

    let began = Instant::now();
    let found = audit(&*journal, None, &mut |_, _| {}).expect("readable");
    eprintln!("audited in {:.1?}", began.elapsed());
    assert_eq!((&found.differences[..], &found.unaccounted[..]), (&[][..], &[][..]));
    assert_eq!((found.settlements, found.lines), (ran.settlements, ran.lines));

    let began = Instant::now();
    let explained = payouts::audit(&models, &mut |_| {}).expect("readable");
    eprintln!("{} payouts explained in {:.1?}", explained.payouts, began.elapsed());
    assert!(explained.clean(), "{explained:#?}");
    assert_eq!((explained.payouts, explained.unexplained), (paid.requested, 0));

    let head = journal.head().expect("readable");
    for cut in runs {
        assert_eq!(market.settle(&models, cut, None).await.expect("settles"), Ran::default());
    }
    assert_eq!(journal.head().expect("readable"), head);
}

/// Balances at business times as `tests/check/olist.py` takes them from the CSV files, in minor units.
fn as_of_business_times(journal: &dyn Journal) {
    type Balances = &'static [(&'static str, i64)];
    let known: [(&str, Balances); 3] = [
        (
            "2016-10-05T12:00:00-03:00",
            &[
                ("Assets:Provider", 458_193),
                ("Expenses:PaymentDifference", 14_346),
                ("Liabilities:Escrow", -472_539),
            ],
        ),
        (
            "2017-02-18T23:59:59-02:00",
            &[
                ("Assets:Provider", 39_153_365),
                ("Expenses:PaymentDifference", 20_892),
                ("Income:Commission", -1_226_761),
                ("Liabilities:Checkout", -47_658),
                ("Liabilities:Escrow", -25_046_634),
                ("Liabilities:MerchantPending", -12_853_204),
            ],
        ),
        (
            "2018-01-01T00:00:00-02:00",
            &[
                ("Assets:Provider", 713_511_040),
                ("Expenses:PaymentDifference", 20_992),
                ("Income:Commission", -54_244_299),
                ("Liabilities:Checkout", -229_188),
                ("Liabilities:Escrow", -84_354_645),
                ("Liabilities:MerchantPending", -574_703_900),
            ],
        ),
    ];
    for (as_of, balances) in known {
        let then = standing(journal, Timestamp::parse(as_of).expect("a time"));
        let found: Vec<_> = then.balances.iter().map(|(name, balance)| (name.as_str(), *balance)).collect();
        assert_eq!(found, balances, "{as_of}");
        if as_of.starts_with("2018") {
            assert_eq!(then.captured, 729_961_544);
        }
    }
}
