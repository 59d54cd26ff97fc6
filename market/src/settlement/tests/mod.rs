//! Runs on a market of its own: what they close, that they repeat without effect, and go on where they stopped.

mod contracts;
mod paid;

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::NaiveDate;
use daybook_commands::ManualClock;
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand as Ask;
use daybook_domain::account::events::SettlementClosed;
use daybook_domain::account::lines::Bounds;
use daybook_domain::books::Month;
use daybook_domain::merchant::commands::{AgreedFees, MerchantCommand};
use daybook_domain::merchant::events::{PlatformFee, ReserveTerms, SettlementCycle, SettlementTerms};
use daybook_domain::{Currency, Event, MerchantId, Money, Rate, Timestamp};
use daybook_journal::Filter;
use daybook_projections::ReadModels;
use tempfile::TempDir;
use uuid::Uuid;

use super::source::{FromJournal, FromModels, Source};
use super::{Cut, Every, Ran, audit};
use crate::{AnyCommand, AnyRequest, Market, MarketError, Opening, Options};

fn yuan(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

/// An instant in Shanghai.
fn at(local: &str) -> Timestamp {
    Timestamp::parse(&format!("{local}:00+08:00")).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn id(text: &str) -> MerchantId {
    text.parse().unwrap()
}

/// A market in a folder, its clock at the start of 2026-06-01 in Shanghai unless it is moved.
struct Place {
    folder: TempDir,
    clock: Arc<ManualClock>,
    market: Market,
    models: ReadModels,
    sent: u128,
}

fn open(folder: &Path, clock: &Arc<ManualClock>, time_zone: &str) -> (Market, ReadModels) {
    let url = format!("sqlite:{}", folder.join("m.db").display());
    let opening = Opening { time_zone: time_zone.to_owned(), ..Options::default().opening };
    let options = Options { clock: Arc::clone(clock) as _, opening, ..Options::default() };
    let market = Market::open(&url, options).unwrap();
    let journal = Arc::clone(market.journal());
    let models = ReadModels::open(folder.join("views.db"), journal, &mut |_| {}).unwrap();
    (market, models)
}

impl Place {
    fn new() -> Self {
        Self::in_zone("Asia/Shanghai")
    }

    fn in_zone(time_zone: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(at("2026-06-01T00:00").0));
        let (market, models) = open(folder.path(), &clock, time_zone);
        Self { folder, clock, market, models, sent: 0 }
    }

    /// The same folder, opened again as after a crash.
    async fn reopened(self) -> Self {
        let Self { folder, clock, market, models, sent } = self;
        let journal = Arc::downgrade(market.journal());
        drop((market, models));
        // what was on its way to the journal when the run died is still being written
        while journal.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (market, models) = open(folder.path(), &clock, "Asia/Shanghai");
        Self { folder, clock, market, models, sent }
    }

    async fn tell(&mut self, command: AnyCommand, when: &str) {
        self.send(command, when, false).await;
    }

    async fn send(&mut self, command: AnyCommand, when: &str, import: bool) {
        self.sent += 1;
        let request = AnyRequest {
            occurred_at: Some(at(when)),
            import,
            ..AnyRequest::new(command, Uuid::from_u128(self.sent), "li".parse().unwrap())
        };
        self.market.execute(request).await.unwrap();
    }

    async fn account(&mut self, merchant: &str, ask: Ask, when: &str) {
        self.tell(AnyCommand::Account { id: id(merchant), command: ask }, when).await;
    }

    /// A line for the merchant, or against it: of a history, for most of these merchants have no contract.
    async fn line(&mut self, merchant: &str, minor: i64, when: &str) {
        let ask = if minor >= 0 {
            let (period, kind) = ("2026".parse().unwrap(), "growth".parse().unwrap());
            Ask::GrantReward { amount: yuan(minor), period, kind }
        } else {
            Ask::ChargePenalty { amount: yuan(-minor), reason: "by rule".to_owned(), dispute: None }
        };
        self.send(AnyCommand::Account { id: id(merchant), command: ask }, when, true).await;
    }

    /// Enters a merchant with these terms in force from an instant, and opens its store on 2026-01-01.
    async fn contract(&mut self, merchant: &str, terms: AgreedFees) {
        let apply = MerchantCommand::Apply {
            name: merchant.to_owned(),
            kind: daybook_domain::merchant::events::MerchantKind::Individual,
            country: "CN".parse().unwrap(),
            settlement_currency: yuan(0).currency,
        };
        use daybook_domain::merchant::events::QualificationKind::{IdentityCheck, UnifiedLicence};
        let mut steps = vec![apply];
        for kind in [IdentityCheck, UnifiedLicence] {
            let document_ref = "doc".parse().unwrap();
            steps.push(MerchantCommand::SubmitQualification { kind, document_ref, valid_until: None });
            steps.push(MerchantCommand::VerifyQualification { kind });
        }
        steps.push(MerchantCommand::Approve {});
        let (document_ref, valid_until) = ("contract".parse().unwrap(), at("2030-01-01T00:00"));
        steps.push(MerchantCommand::SignContract { document_ref, valid_until });
        steps.push(MerchantCommand::CommitService {
            ship_within_hours: 48,
            return_days: 7,
            exchange: true,
            warranty_months: 0,
        });
        steps.push(MerchantCommand::AgreeFeeSchedule(terms));
        steps.push(MerchantCommand::OpenStore {});
        for command in steps {
            self.tell(AnyCommand::Merchant { id: id(merchant), command }, "2026-01-01T00:00").await;
            self.market.settle_reactions().await.unwrap();
        }
    }

    async fn settle(&self, cut: Cut) -> Ran {
        self.market.settle(&self.models, cut, None).await.unwrap()
    }

    async fn before(&self, date: &str) -> Ran {
        self.settle(Cut::Before(day(date))).await
    }

    fn closed(&self) -> Vec<SettlementClosed> {
        closed(&self.market)
    }

    /// Period and amount of each platform fee, in the order in which they were charged.
    fn fees(&self) -> Vec<(String, i64)> {
        let mut fees = Vec::new();
        let filter = Filter { kinds: Some(vec!["PlatformFeeCharged".into()]), categories: None };
        let mut take = |e: daybook_journal::Recorded<'_>| {
            if let Event::PlatformFeeCharged(e) = Event::decode(e.kind, e.schema, e.data).unwrap() {
                fees.push((e.period.to_string(), e.amount.minor));
            }
            ControlFlow::Continue(())
        };
        self.market.journal().scan(0, None, &filter, &mut take).unwrap();
        fees
    }

    /// settlement, lines, total, carried out of each.
    fn sums(&self) -> Vec<(String, u64, i64, i64)> {
        let closed = self.closed().into_iter();
        closed.map(|e| (e.settlement.to_string(), e.lines, e.total.minor, e.carried_out.minor)).collect()
    }

    /// available, reserve, carried.
    fn stands(&self, merchant: &str) -> [i64; 3] {
        let (a, _) = self.market.commands().state::<MerchantAccount>(id(merchant)).unwrap();
        let currency = yuan(0).currency;
        [a.available(currency).minor, a.reserve(currency).minor, a.carried(currency).minor]
    }

    #[track_caller]
    fn audited(&self) {
        let audit = audit(self.market.journal().as_ref(), None, &mut |_, _| {}).unwrap();
        assert!(audit.clean(), "{audit:#?}");
        let report = crate::verify::verify(self.market.journal().as_ref(), &mut |_, _, _| {}).unwrap();
        assert!(report.clean(), "{:#?}", report.checks.iter().filter(|c| c.violated > 0).collect::<Vec<_>>());
    }
}

/// Every settlement of the journal, in its order.
fn closed(market: &Market) -> Vec<SettlementClosed> {
    let mut closed = Vec::new();
    let filter = Filter { kinds: Some(vec!["SettlementClosed".into()]), categories: None };
    let mut take = |e: daybook_journal::Recorded<'_>| {
        if let Event::SettlementClosed(e) = Event::decode(e.kind, e.schema, e.data).unwrap() {
            closed.push(e);
        }
        ControlFlow::Continue(())
    };
    market.journal().scan(0, None, &filter, &mut take).unwrap();
    closed
}

fn terms(cycle: SettlementCycle, days: u32, fee: Option<(i64, SettlementCycle)>) -> AgreedFees {
    AgreedFees {
        effective_from: at("2026-01-01T00:00"),
        default_commission: Rate::new(5, 2),
        categories: Vec::new(),
        deposit_required: yuan(0),
        settlement: SettlementTerms { cycle, days, minimum_payout: yuan(0) },
        vat_on_fees: None,
        platform_fee: fee.map(|(amount, period)| PlatformFee { amount: yuan(amount), period }),
        reserve: None,
    }
}

#[tokio::test]
async fn a_run_settles_what_was_booked_before_its_day_and_twice_adds_nothing() {
    let mut place = Place::new();
    place.line("a", 1_000, "2026-04-30T23:59").await;
    place.line("a", -300, "2026-04-02T12:00").await;
    place.line("a", 500, "2026-05-01T00:00").await;
    place.line("b", 70, "2026-04-15T12:00").await;
    let ran = place.before("2026-05-01").await;
    assert_eq!((ran.settlements, ran.lines, ran.settled[&yuan(0).currency]), (2, 3, 770));
    let first = [("a.2026-05-01".to_owned(), 2, 700, 0), ("b.2026-05-01".to_owned(), 1, 70, 0)];
    assert_eq!(place.sums(), first);
    let head = place.market.journal().head().unwrap();
    assert_eq!(place.before("2026-05-01").await, Ran::default());
    assert_eq!(place.before("2026-04-01").await, Ran::default());
    assert_eq!(place.market.journal().head().unwrap(), head);
    let ran = place.before("2026-06-01").await;
    assert_eq!((ran.settlements, ran.lines), (1, 1));
    assert_eq!(place.stands("a"), [1_200, 0, 0]);
    place.audited();
}

#[tokio::test]
async fn a_run_that_died_between_two_writes_goes_on_as_if_it_had_not() {
    let merchants: Vec<String> = (0..1_300).map(|n| format!("m{n:04}")).collect();
    let sell = async |place: &mut Place| {
        let mut batch = place.market.commands().batch();
        for (n, merchant) in merchants.iter().enumerate() {
            let (period, kind) = ("2026".parse().unwrap(), "growth".parse().unwrap());
            let command = Ask::GrantReward { amount: yuan(n as i64 + 1), period, kind };
            let command = AnyCommand::Account { id: id(merchant), command };
            let request = AnyRequest {
                occurred_at: Some(at("2026-05-03T12:00")),
                import: true,
                ..AnyRequest::new(command, Uuid::from_u128(n as u128), "li".parse().unwrap())
            };
            request.add_to(&mut batch).unwrap();
        }
        batch.commit().await.unwrap();
    };
    let mut whole = Place::new();
    whole.market.begin().await.unwrap();
    sell(&mut whole).await;
    assert_eq!(whole.before("2026-06-01").await.settlements, 1_300);

    let mut place = Place::new();
    place.market.begin().await.unwrap();
    sell(&mut place).await;
    let head = place.market.journal().head().unwrap();
    {
        let journal = Arc::clone(place.market.journal());
        let mut run = pin!(place.before("2026-06-01"));
        let until_it_has_written = poll_fn(|cx| match run.as_mut().poll(cx) {
            Poll::Ready(ran) => panic!("it was not stopped: {ran:?}"),
            Poll::Pending if journal.head().unwrap() > head => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        });
        until_it_has_written.await;
    }
    let place = place.reopened().await;
    let closed = place.closed().len();
    assert!((1..1_300).contains(&closed), "{closed} were closed before it died");
    let ran = place.before("2026-06-01").await;
    assert_eq!(ran.settlements as usize, 1_300 - closed);
    assert_eq!(place.closed(), whole.closed());
    assert_eq!(place.before("2026-06-01").await, Ran::default());
    place.audited();
}

#[tokio::test]
async fn a_line_written_after_a_run_waits_for_the_next_though_it_is_booked_before_its_day() {
    let mut place = Place::new();
    place.line("a", 1_000, "2026-04-20T12:00").await;
    place.before("2026-05-01").await;
    place.line("a", -400, "2026-04-10T12:00").await;
    assert_eq!(place.before("2026-05-01").await, Ran::default());
    place.line("a", 30, "2026-05-10T12:00").await;
    place.before("2026-06-01").await;
    let expected = [("a.2026-05-01".to_owned(), 1, 1_000, 0), ("a.2026-06-01".to_owned(), 2, -370, 0)];
    assert_eq!(place.sums(), expected);
    assert_eq!(place.stands("a"), [630, 0, 0]);
    place.audited();
}

#[tokio::test]
async fn a_history_out_of_time_order_is_settled_month_by_month_all_the_same() {
    let mut place = Place::new();
    for (n, when) in ["2026-05-20", "2026-02-10", "2026-04-01", "2026-02-28", "2026-03-31", "2026-01-05"]
        .into_iter()
        .enumerate()
    {
        place.line("a", 10_i64.pow(n as u32), &format!("{when}T12:00")).await;
    }
    let first = place.models.catch_up(&mut |_| {}).map(|_| place.models.first_line_booked_at().unwrap());
    assert_eq!(first.unwrap(), Some(at("2026-01-05T12:00")));
    for cut in Every::Month.runs(day("2026-01-05"), day("2026-06-01")) {
        place.settle(cut).await;
    }
    let sums: Vec<_> = place.sums().into_iter().map(|(name, lines, total, _)| (name, lines, total)).collect();
    let expected = [
        ("a.2026-02-01", 1, 100_000),
        ("a.2026-03-01", 2, 1_010),
        ("a.2026-04-01", 1, 10_000),
        ("a.2026-05-01", 1, 100),
        ("a.2026-06-01", 1, 1),
    ];
    assert_eq!(sums, expected.map(|(name, lines, total)| (name.to_owned(), lines, total)));
    place.audited();
}

#[tokio::test]
async fn what_happened_in_a_closed_month_is_settled_with_the_month_it_is_booked_in() {
    let mut place = Place::new();
    place.line("a", 1_000, "2026-03-20T12:00").await;
    let march = Month::parse("2026-03".parse().unwrap()).unwrap();
    let close = place.market.closing(&place.models, march).unwrap();
    place.tell(AnyCommand::Books { id: place.market.id(), command: close }, "2026-04-02T00:00").await;
    place.line("a", 200, "2026-03-25T12:00").await;
    assert_eq!(place.before("2026-04-01").await.lines, 1);
    assert_eq!(place.before("2026-05-01").await.lines, 1);
    assert_eq!(place.sums()[1], ("a.2026-05-01".to_owned(), 1, 200, 0));
    place.audited();
}

#[tokio::test]
async fn a_debt_is_carried_over_several_settlements_until_what_comes_pays_it() {
    let mut place = Place::new();
    place.line("a", -900, "2026-01-10T12:00").await;
    place.line("a", 200, "2026-02-10T12:00").await;
    place.line("a", 300, "2026-04-10T12:00").await;
    place.line("a", 1_000, "2026-05-10T12:00").await;
    for cut in Every::Month.runs(day("2026-01-10"), day("2026-06-01")) {
        place.settle(cut).await;
    }
    let sums: Vec<_> =
        place.sums().into_iter().map(|(name, _, total, carried)| (name, total, carried)).collect();
    let expected = [
        ("a.2026-02-01", -900, -900),
        ("a.2026-03-01", -700, -700),
        ("a.2026-05-01", -400, -400),
        ("a.2026-06-01", 600, 0),
    ];
    assert_eq!(sums, expected.map(|(name, total, carried)| (name.to_owned(), total, carried)));
    assert_eq!(place.stands("a"), [600, 0, 0]);
    place.line("a", -1_000, "2026-05-31T12:00").await;
    place.clock.set(at("2026-07-01T00:00").0);
    place.before("2026-07-01").await;
    assert_eq!(place.stands("a"), [0, 0, -400]);
    place.audited();
}

#[tokio::test]
async fn a_day_that_has_not_come_and_an_unknown_merchant_are_refused_and_nothing_is_written() {
    let mut place = Place::new();
    place.line("a", 1_000, "2026-03-20T12:00").await;
    let head = place.market.journal().head().unwrap();
    let refused = |answer: Result<Ran, MarketError>| match answer {
        Err(MarketError::Command(error)) => error.code(),
        other => panic!("{other:?}"),
    };
    let ahead = place.market.settle(&place.models, Cut::Before(day("2026-06-02")), None).await;
    assert_eq!(refused(ahead), "settlement_cut_ahead");
    let unknown = place.market.settle(&place.models, Cut::Before(day("2026-06-01")), Some(id("x"))).await;
    assert_eq!(refused(unknown), "merchant_unknown");
    assert_eq!(place.market.journal().head().unwrap(), head);
    let one = place.market.settle(&place.models, Cut::Before(day("2026-06-01")), Some(id("a"))).await;
    assert_eq!(one.unwrap().settlements, 1);
}

#[tokio::test]
async fn the_journal_and_the_read_models_say_the_same_of_what_there_is_to_settle() {
    let mut place = Place::new();
    let reserve = Some(ReserveTerms { share: Rate::new(10, 2), days: 10 });
    let fee = Some((100, SettlementCycle::Weekly));
    place.contract("a", AgreedFees { reserve, ..terms(SettlementCycle::Weekly, 0, fee) }).await;
    let mut journal = FromJournal::new(Arc::clone(place.market.journal()));
    for n in 0..40_i64 {
        let merchant = ["a", "b", "c"][n as usize % 3];
        place.line(merchant, 700 - 61 * (n % 17), &format!("2026-0{}-1{}T12:00", 1 + n % 5, n % 7)).await;
        if n % 9 == 8 {
            place.before(&format!("2026-0{}-01", 1 + n / 9)).await;
        }
        let models = place.models.clone();
        let mut models = FromModels(&models);
        models.catch_up().unwrap();
        journal.catch_up().unwrap();
        assert_eq!(models.open_accounts(None).unwrap(), journal.open_accounts(None).unwrap());
        assert_eq!(models.contracted(None).unwrap(), journal.contracted(None).unwrap());
        let now = at("2026-06-01T00:00");
        for only in [None, Some(id("a")), Some(id("b"))] {
            assert_eq!(models.reserves_due(now, only).unwrap(), journal.reserves_due(now, only).unwrap());
        }
        for account in models.open_accounts(None).unwrap() {
            let merchant = account.merchant;
            assert_eq!(journal.account(merchant).unwrap(), Some(account));
            assert_eq!(models.currencies(merchant).unwrap(), journal.currencies(merchant).unwrap());
            let cut = place
                .market
                .commands()
                .look(merchant, |a: &MerchantAccount| a.cut(yuan(0).currency))
                .unwrap();
            let settled = cut.map_or(Bounds::NONE, Bounds::from);
            let bounds = Bounds { until: at("2026-04-01T00:00").max(settled.until), through: account.lines };
            let currency = yuan(0).currency;
            assert_eq!(
                models.lines(merchant, currency, cut, bounds).unwrap(),
                journal.lines(merchant, currency, cut, bounds).unwrap()
            );
        }
    }
    assert!(place.closed().len() > 5);
    place.audited();
}
