//! The story of a late report: what a day's books said, say today, and were known to say.

use std::cell::Cell;
use std::sync::Arc;

use daybook_domain::books::Month;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::books::events::PeriodClosed;
use daybook_domain::posting::{Account, Class};
use daybook_domain::{Currency, Event, MarketId, PartyId, Reference, Timestamp};
use daybook_journal::{Append, Cause, Clock as _, Expected, NewEvent};
use daybook_market::periods::periods;
use daybook_market::{AnyCommand, AnyRequest};
use daybook_market::{Calendar, When};
use daybook_projections::queries::{LedgerQuestion, trial_digest};
use daybook_projections::{AsOf, ReadModels};
use daybook_tests::stage::{START, Stage, cny, command};
use serde_json::{Value, json};
use uuid::Uuid;

/// The accounts that add up to what a merchant is owed: a settlement only moves money from one to the other.
const OWED: &[&str] =
    &["MerchantPending", "MerchantAvailable", "MerchantHeld", "MerchantReserve", "PayoutInTransit"];

/// A market whose books are looked at.
struct Books {
    stage: Stage,
    models: ReadModels,
    calendar: Calendar,
    _room: tempfile::TempDir,
}

impl Books {
    fn open() -> Self {
        let room = tempfile::tempdir().unwrap();
        let stage = Stage::in_memory();
        let journal = Arc::clone(stage.market.journal());
        let models = ReadModels::open(room.path().join("views.db"), journal, &mut |_| {}).unwrap();
        Self { stage, models, calendar: Calendar::of("Asia/Shanghai").unwrap(), _room: room }
    }

    fn end_of(&self, day: &str) -> i64 {
        day.parse::<When>().unwrap().end(self.calendar).0
    }

    /// As of the end of a day, with all that is known.
    fn as_of(&self, day: &str) -> AsOf {
        AsOf::business(self.end_of(day))
    }

    /// As known at the end of a day.
    fn known(&self, day: &str) -> AsOf {
        AsOf::known(self.end_of(day))
    }

    /// As of the end of a day, as known at the end of another.
    fn as_of_known(&self, day: &str, known: &str) -> AsOf {
        AsOf { known: Some(self.end_of(known)), ..self.as_of(day) }
    }

    fn head(&self) -> u64 {
        self.stage.market.journal().head().unwrap()
    }

    /// What the one merchant is owed, in cents, by every way of asking: they agree.
    fn owed(&self, at: AsOf) -> i64 {
        self.models.catch_up(&mut |_| {}).unwrap();
        let books = self.models.trial_balance(at).unwrap();
        assert!(books.totals().iter().all(|(_, debit, credit)| debit == credit), "{books:?}");
        let owed = OWED.iter().map(|name| {
            let asked = LedgerQuestion {
                account: Account { class: Class::Liabilities, name, dimension: "m1" },
                currency: Currency::new("CNY").unwrap(),
                from: None,
                at,
                after: None,
                limit: 1_000,
            };
            let balance = books.balance("Liabilities", name, "CNY");
            let ledger = self.models.ledger(&asked).unwrap();
            assert_eq!(ledger.closing, balance, "the ledger and the books, {name} {at:?}");
            -balance
        });
        let owed: i64 = owed.sum();
        let merchant = self.models.merchant_as_of("m1", at).unwrap();
        let of_merchant = merchant.map_or(0, |m| m.balances.iter().map(|b| b.owed).sum());
        assert_eq!(of_merchant, owed, "the merchant and the books, {at:?}");
        let sheet = self.models.balance_sheet(at).unwrap();
        assert!(sheet.sheets.iter().all(|s| s.difference() == 0), "{sheet:?}");
        owed
    }

    /// Commission earned in a span of days, in cents, and how much of it belongs to earlier periods.
    fn commission(&self, from: &str, to: &str) -> (i64, i64) {
        self.models.catch_up(&mut |_| {}).unwrap();
        let from = from.parse::<When>().unwrap().start(self.calendar).0;
        let found = self.models.profit_loss(Some(from), self.as_of(to), false).unwrap();
        let line = found.lines.iter().find(|line| line.name == "Commission");
        line.map_or((0, 0), |line| (line.amount, line.of_earlier))
    }

    /// The clock goes to an instant; what is due on the way happens.
    async fn come_to(&self, time: &str) {
        self.stage.clock.set(Timestamp::parse(time).unwrap().0);
        self.stage.settle().await;
    }

    /// Reports now what happened at `time`, by `actor`.
    async fn report(
        &self,
        category: &str,
        id: &str,
        time: &str,
        actor: &str,
        ask: Value,
    ) -> Result<Vec<&'static str>, String> {
        let command: AnyCommand = command(category, id, &ask);
        let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{time} {actor} {ask}").as_bytes());
        let mut request = AnyRequest::new(command, command_id, PartyId::new(actor).unwrap());
        request.occurred_at = Some(Timestamp::parse(time).unwrap());
        match self.stage.market.execute(request).await {
            Ok(done) => {
                self.stage.settle().await;
                Ok(done.events.iter().map(|event| event.kind().as_str()).collect())
            }
            Err(daybook_market::MarketError::Command(error)) => Err(error.code().to_owned()),
            Err(other) => panic!("{category} {id} {ask}: {other}"),
        }
    }

    /// Closes a month as the command line does.
    async fn close(&self, month: &str, at: &str) -> Result<Vec<&'static str>, String> {
        self.stage.market.knows(&self.models);
        let ask = json!({"action": "close_period", "period": month});
        self.report("books", "main", at, "chen", ask).await
    }
}

fn refund(refund: &str, amount: &str) -> Value {
    json!({"action": "issue_refund", "refund": refund, "of": {"amount": cny(amount)}, "borne_by": "merchant",
        "reason": "goods returned"})
}

fn voucher(voucher: &str) -> Value {
    json!({"action": "post_voucher", "voucher": voucher, "reason": "bank fees", "proposed_by": "li", "entries": [
        {"account": "Expenses:BankFee", "side": "debit", "amount": cny("5.00")},
        {"account": "Assets:Bank:main", "side": "credit", "amount": cny("5.00")}]})
}

/// Two orders of March, received in March: 100.00 and 50.00, 10 % commission.
async fn march() -> Books {
    let mut books = Books::open();
    books.stage.sell_two().await;
    books
}

#[tokio::test]
async fn a_late_report_moves_what_a_day_says_until_its_period_is_closed_and_never_what_was_known() {
    let books = march().await;
    assert_eq!(books.owed(books.as_of("2026-03-31")), 13_500, "150 less 10 %");

    // On the third of April it is reported that 20.00 of the first order were refunded on the 28th of March.
    books.come_to("2026-04-03T02:00:00Z").await;
    let before = books.head();
    let told = books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00")).await;
    assert_eq!(told.unwrap(), ["RefundIssued", "CommissionReversed"]);
    // March is open, so the end of March says something else today than it said then.
    assert_eq!(books.owed(books.as_of("2026-03-31")), 11_700, "20 less 10 % have gone");
    assert_eq!(books.owed(books.as_of("2026-03-27")), 13_500, "the day before it happened");
    assert_eq!(books.owed(books.known("2026-04-02")), 13_500, "nobody knew");
    assert_eq!(books.owed(AsOf::position(before)), 13_500, "nor had the journal");
    assert_eq!(
        books.owed(books.as_of_known("2026-03-31", "2026-04-02")),
        13_500,
        "March as it was known then"
    );
    assert_eq!(books.owed(books.as_of_known("2026-03-31", "2026-04-03")), 11_700, "and a day later");

    // On the second of May everything through April is closed.
    books.come_to("2026-05-02T02:00:00Z").await;
    assert_eq!(books.close("2026-04", "2026-05-02T02:00:00Z").await.unwrap(), ["PeriodClosed"]);
    let closed = books.head();

    // On the fifth of May it is reported that 30.00 of the second were refunded on the 29th of March.
    books.come_to("2026-05-05T02:00:00Z").await;
    let told = books.report("order", "o2", "2026-03-29T04:00:00Z", "teller", refund("r2", "30.00")).await;
    assert_eq!(told.unwrap(), ["RefundIssued", "CommissionReversed"], "a fact is never refused");
    // It keeps its day and is booked when May begins: March and April say what was signed.
    assert_eq!(books.owed(books.as_of("2026-03-31")), 11_700);
    assert_eq!(books.owed(books.as_of("2026-04-30")), 11_700);
    assert_eq!(books.owed(books.as_of("2026-05-01")), 9_000, "30 less 10 % have gone");
    assert_eq!(books.owed(books.known("2026-05-04")), 11_700);
    assert_eq!(books.owed(AsOf::position(closed)), 11_700);
    assert_eq!(
        books.owed(books.as_of_known("2026-05-31", "2026-05-04")),
        11_700,
        "May as known on the fourth"
    );
    assert_eq!(
        books.owed(books.as_of_known("2026-03-31", "2026-04-02")),
        13_500,
        "still what was known then"
    );
    assert_eq!(books.owed(AsOf { position: Some(closed), ..books.as_of("2026-05-31") }), 11_700);
    // The result of March stays; May bears the commission given back, and says that it belongs to an earlier month.
    assert_eq!(books.commission("2026-03-01", "2026-03-31"), (1_300, 0));
    assert_eq!(books.commission("2026-05-01", "2026-05-31"), (-300, -300));
    books.stage.holds();
}

#[tokio::test]
async fn what_is_written_by_hand_into_a_closed_period_is_refused_and_a_fact_is_booked_in_the_open_one() {
    let books = march().await;
    books.come_to("2026-04-02T02:00:00Z").await;
    let now = "2026-04-02T02:00:00Z";
    books.close("2026-03", now).await.unwrap();
    let closed = books.head();

    let in_march = "2026-03-30T04:00:00Z";
    assert_eq!(
        books.report("books", "main", in_march, "chen", voucher("v1")).await,
        Err("period_closed".into())
    );
    let propose = json!({"action": "propose_adjustment", "adjustment": "a1", "amount": cny("1.00"),
        "direction": "for_merchant", "reason": "goodwill"});
    assert_eq!(
        books.report("account", "m1", in_march, "li", propose.clone()).await,
        Err("period_closed".into())
    );
    assert_eq!(books.head(), closed, "nothing was written");
    // proposed today and approved into the past: refused as well
    books.report("account", "m1", now, "li", propose).await.unwrap();
    let approve = json!({"action": "approve_adjustment", "adjustment": "a1"});
    assert_eq!(
        books.report("account", "m1", in_march, "chen", approve.clone()).await,
        Err("period_closed".into())
    );
    assert_eq!(books.report("account", "m1", now, "chen", approve).await.unwrap(), ["AdjustmentApproved"]);

    let paid = json!({"action": "record_provider_payout", "provider": "alipay", "amount": cny("150.00"),
        "bank": "main", "reference": "po-1"});
    assert_eq!(books.report("books", "main", in_march, "chen", paid).await.unwrap(), ["ProviderPaidOut"]);
    assert_eq!(books.report("books", "main", now, "chen", voucher("v1")).await.unwrap(), ["JournalVoucher"]);
    books.models.catch_up(&mut |_| {}).unwrap();
    let bank =
        |day: &str| books.models.trial_balance(books.as_of(day)).unwrap().balance("Assets", "Bank", "CNY");
    assert_eq!((bank("2026-03-31"), bank("2026-04-01"), bank("2026-04-02")), (0, 15_000, 14_500));
    books.stage.holds();
}

#[tokio::test]
async fn a_period_is_closed_once_reopened_by_two_and_closed_again_with_what_has_come_since() {
    let books = march().await;
    let refused = books.close("2026-03", START).await;
    assert_eq!(refused, Err("period_not_over".into()));
    books.come_to("2026-04-02T02:00:00Z").await;
    let now = "2026-04-02T02:00:00Z";
    assert_eq!(books.close("2031-05", now).await, Err("period_not_over".into()), "it has not begun");
    books.close("2026-03", now).await.unwrap();
    assert_eq!(
        books.close("2026-03", "2026-04-02T02:00:01Z").await.unwrap(),
        [""; 0],
        "the same again is nothing new"
    );
    assert_eq!(books.close("2026-05", now).await, Err("period_out_of_order".into()));

    let reopen = json!({"action": "reopen_period", "period": "2026-03", "requested_by": "li",
        "reason": "a bank statement came late"});
    assert_eq!(books.report("books", "main", now, "li", reopen.clone()).await, Err("same_person".into()));
    books.report("books", "main", now, "chen", reopen).await.unwrap();
    books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00")).await.unwrap();
    assert_eq!(books.owed(books.as_of("2026-03-31")), 11_700, "March is open again");
    books.close("2026-03", "2026-04-02T02:00:02Z").await.unwrap();

    let listed = periods(books.stage.market.journal().as_ref(), books.stage.market.id()).unwrap();
    let [first, second] = listed.as_slice() else { panic!("{listed:?}") };
    let reopened = first.reopened.as_ref().unwrap();
    assert_eq!((reopened.by.as_str(), reopened.approved_by.as_str()), ("li", "chen"));
    assert!(second.reopened.is_none());
    assert_ne!(first.digest, second.digest, "the refund came between");
    // both digests derive, each from what was known at its close
    books.stage.holds();
}

/// What asks for a close of March on the second of April.
fn closing_march(command: BooksCommand) -> AnyRequest {
    let id = MarketId::new("main").unwrap();
    let command_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, b"close March");
    AnyRequest::new(AnyCommand::Books { id, command }, command_id, PartyId::new("chen").unwrap())
}

#[tokio::test]
async fn a_close_by_books_that_leave_part_of_the_month_out_is_refused_and_found_where_it_was_written() {
    let books = march().await;
    books.come_to("2026-04-02T02:00:00Z").await;
    let month = Month::parse("2026-03".parse().unwrap()).unwrap();
    let outdated = books.stage.market.closing(&books.models, month).unwrap();
    books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00")).await.unwrap();
    let refused = books.stage.market.execute(closing_march(outdated.clone())).await.unwrap_err();
    assert!(refused.to_string().contains("leaves out what was booked in 2026-03"), "{refused}");
    // what is booked in April leaves the books of March as they are
    let current = books.stage.market.closing(&books.models, month).unwrap();
    books.report("order", "o1", "2026-04-01T04:00:00Z", "teller", refund("r2", "1.00")).await.unwrap();
    books.stage.market.execute(closing_march(current.clone())).await.unwrap();
    // sent again after a late report it is still the close it was
    books.report("order", "o1", "2026-03-29T04:00:00Z", "teller", refund("r3", "1.00")).await.unwrap();
    let again = books.stage.market.execute(closing_march(current)).await.unwrap();
    assert_eq!(again.events.len(), 1, "the first answer");
    books.stage.holds();

    // nor does it come into the journal past the market: its writer counts once more
    let books = march().await;
    books.come_to("2026-04-02T02:00:00Z").await;
    books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00")).await.unwrap();
    let (head, past) = (books.head(), closing_march(outdated.clone()));
    let refused = past.execute(books.stage.market.commands()).await.unwrap_err();
    assert_eq!((refused.code(), books.head()), ("books_moved_on", head), "{refused}");

    // written into the journal by other hands: with the digest of what had happened then, of nothing, and of anything
    let nothing = Reference::new(&trial_digest([].into_iter())).unwrap();
    let BooksCommand::ClosePeriod { books: Some(drawn), period } = outdated else { panic!("{outdated:?}") };
    let closings = [
        (nothing, 0, "position 0, without"),
        (drawn.digest, drawn.through, "without 4 entries"),
        ("ab12".parse().unwrap(), head, "closed with digest ab12"),
    ];
    for (digest, through, why) in closings {
        let books = march().await;
        books.come_to("2026-04-02T02:00:00Z").await;
        books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00")).await.unwrap();
        let (until, by) = (drawn.until, PartyId::new("chen").unwrap());
        let close = PeriodClosed { period, until, digest, by, through: Some(through), seal: None };
        write(&books, &close.into()).await;
        let journal = books.stage.market.journal().as_ref();
        let report = daybook_market::verify::verify(journal, &mut |_, _, _| {}).unwrap();
        let broken: Vec<_> = report.checks.iter().filter(|check| check.violated > 0).collect();
        let [check] = broken[..] else { panic!("{broken:?}") };
        assert_eq!((check.invariant, check.violated), (8, 1));
        assert!(check.violations[0].what.contains(why), "{:?}", check.violations);
    }
}

/// Writes the first event of the books as it is, past all who decide.
async fn write(books: &Books, event: &Event) {
    let event = NewEvent {
        id: Uuid::from_u128(1),
        kind: event.kind().as_str().into(),
        schema: event.kind().schema(),
        occurred_at: books.stage.clock.now(),
        refs: "{}".to_owned(),
        data: event.encode(),
    };
    let cause = Cause {
        command: Uuid::from_u128(2),
        fingerprint: [0; 16],
        correlation: Uuid::from_u128(2),
        actor: "chen".into(),
    };
    let append =
        Append { stream: "books-main".to_owned(), expected: Expected::NoStream, cause, events: vec![event] };
    books.stage.market.journal().append(vec![append]).await.remove(0).unwrap();
}

#[tokio::test]
async fn a_month_in_which_something_is_booked_while_it_is_closed_is_closed_with_it() {
    let books = march().await;
    books.come_to("2026-04-02T02:00:00Z").await;
    let month = Month::parse("2026-03".parse().unwrap()).unwrap();
    let tries = Cell::new(0);
    let done = books.stage.market.close(&books.models, month, |command| {
        tries.set(tries.get() + 1);
        if tries.get() == 1 {
            // between the digest and the close
            let late = books.report("order", "o1", "2026-03-28T04:00:00Z", "teller", refund("r1", "20.00"));
            let report = || tokio::runtime::Runtime::new().unwrap().block_on(late).unwrap();
            std::thread::scope(|scope| scope.spawn(report).join().unwrap());
        }
        closing_march(command)
    });
    assert_eq!(done.await.unwrap().events.len(), 1);
    assert_eq!(tries.get(), 2);
    assert_eq!(books.owed(books.as_of("2026-03-31")), 11_700, "20 less 10 % have gone");
    books.stage.holds();
}

#[tokio::test]
async fn the_pages_of_a_ledger_join_and_end_at_the_balance() {
    let books = march().await;
    books.models.catch_up(&mut |_| {}).unwrap();
    let account = Account { class: Class::Liabilities, name: "MerchantPending", dimension: "m1" };
    let currency = Currency::new("CNY").unwrap();
    let whole = LedgerQuestion { account, currency, from: None, at: AsOf::HEAD, after: None, limit: 1_000 };
    let all = books.models.ledger(&whole).unwrap();
    assert_eq!((all.opening, all.entries.len(), all.closing), (0, 4, -13_500));
    let (mut entries, mut after, mut balance) = (Vec::new(), None, 0);
    loop {
        let page =
            books.models.ledger(&LedgerQuestion { after: after.as_deref(), limit: 1, ..whole }).unwrap();
        assert_eq!(page.opening, balance, "a page begins where the one before ended");
        balance = page.closing;
        entries.extend(page.entries);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(entries, all.entries);
    let from = all.entries[2].entry.booked_at;
    let later = books.models.ledger(&LedgerQuestion { from: Some(from), ..whole }).unwrap();
    assert_eq!(later.closing, all.closing);
    assert_eq!(later.opening, all.closing - later.entries.iter().map(|e| e.entry.amount).sum::<i64>());
    assert!(books.models.ledger(&LedgerQuestion { after: Some("page two"), ..whole }).is_err());
}
