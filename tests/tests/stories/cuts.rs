//! The books at any cut, held to a journal that ends there and to sums that share nothing with the read models.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_commands::{Clock, ManualClock};
use daybook_domain::posting::post;
use daybook_domain::{Event, PartyId, Refs, Timestamp};
use daybook_journal::{Append, Cause, Expected, Filter, Journal, MemoryJournal, NewEvent};
use daybook_market::{AnyRequest, Market, Options, demo};
use daybook_projections::models::books::Books;
use daybook_projections::queries::{OrdersWanted, TrialBalance};
use daybook_projections::{AsOf, ReadModels, Snapshot};
use daybook_tests::stage::{cny, command};
use serde_json::json;
use uuid::Uuid;

/// Debits and credits by class, name and currency.
type Sums = BTreeMap<(String, String, String), (i64, i64)>;

/// Numbers without a pattern, the same in every run.
struct Dice(u64);

impl Dice {
    /// From `low` through `high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + ((z ^ (z >> 31)) % (high - low + 1) as u64) as i64
    }
}

/// An event with its entries, as the journal alone gives them.
struct Told {
    position: u64,
    recorded_at: i64,
    booked_at: i64,
    append: Append,
    entries: Vec<(String, String, String, i64)>,
}

/// Every event of a journal in order; booked when it happened, or when the first open period begins.
fn told(journal: &dyn Journal) -> Vec<Told> {
    let (mut all, mut open_from) = (Vec::new(), i64::MIN);
    journal
        .scan(0, None, &Filter::default(), &mut |e| {
            let event = Event::decode(e.kind, e.schema, e.data).unwrap();
            let refs: Refs = serde_json::from_str(e.refs).unwrap();
            match &event {
                Event::PeriodClosed(closed) => open_from = closed.until.0,
                Event::PeriodReopened(reopened) => {
                    open_from = reopened.closed_until.map_or(i64::MIN, |until| until.0);
                }
                _ => {}
            }
            let mut entries = Vec::new();
            post(&event, &refs, &mut entries);
            let owned = entries.iter().map(|x| {
                let (class, name) = (x.account.class.as_str().to_owned(), x.account.name.to_owned());
                (class, name, x.amount.currency.to_string(), x.amount.minor)
            });
            let new = NewEvent {
                id: e.id,
                kind: Cow::Owned(e.kind.to_owned()),
                schema: e.schema,
                occurred_at: e.occurred_at,
                refs: e.refs.to_owned(),
                data: e.data.to_owned(),
            };
            let cause = Cause {
                command: e.command,
                fingerprint: e.fingerprint,
                correlation: e.correlation,
                actor: Cow::Owned(e.actor.to_owned()),
            };
            all.push(Told {
                position: e.position,
                recorded_at: e.recorded_at,
                booked_at: e.occurred_at.max(open_from),
                append: Append {
                    stream: e.stream.to_owned(),
                    expected: Expected::Any,
                    cause,
                    events: vec![new],
                },
                entries: owned.collect(),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

/// The sums of the events that count.
fn sums<'t>(events: impl Iterator<Item = &'t Told>) -> Sums {
    let mut sums = Sums::new();
    for (class, name, currency, amount) in events.flat_map(|told| &told.entries) {
        let cell = sums.entry((class.clone(), name.clone(), currency.clone())).or_default();
        if *amount >= 0 { cell.0 += amount } else { cell.1 -= amount }
    }
    sums
}

fn of(books: &TrialBalance) -> Sums {
    let lines = books.lines.iter();
    lines.map(|l| ((l.class.clone(), l.name.clone(), l.currency.clone()), (l.debit, l.credit))).collect()
}

/// A copy of a journal that ends with these events, as they were appended.
async fn copy(events: &[Told]) -> MemoryJournal {
    let mut appends: Vec<Append> = Vec::new();
    for told in events {
        match appends.last_mut() {
            Some(last)
                if last.stream == told.append.stream && last.cause.command == told.append.cause.command =>
            {
                last.events.extend(told.append.events.clone());
            }
            _ => appends.push(told.append.clone()),
        }
    }
    let journal = MemoryJournal::new();
    for receipt in journal.append(appends).await {
        receipt.unwrap();
    }
    journal
}

/// A simulated market whose second month is closed at its end; then some of what happened before is reported.
async fn market(room: &std::path::Path) -> (Market, ReadModels) {
    let clock = Arc::new(ManualClock::at(0));
    let options = Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Options::default() };
    let market = Market::open("memory:", options).unwrap();
    let simulated = demo::Options { days: 5, orders_per_day: 20, seed: 7 };
    demo::run(&market, &clock, simulated, &mut |_, _| {}).await.unwrap();
    let models = ReadModels::open(room.join("views.db"), Arc::clone(market.journal()), &mut |_| {}).unwrap();
    let first = told(market.journal().as_ref())[0].booked_at;
    let month = market.calendar().unwrap().month(Timestamp(first));
    let after = market.calendar().unwrap().end_of_month(month.next()).plus(1);
    clock.set(clock.now().max(after.0));
    market.knows(&models);
    let close = json!({"action": "close_period", "period": month.to_string()});
    let mut asks = vec![(clock.now(), close)];
    for n in 0..20 {
        let paid = json!({"action": "record_provider_payout", "provider": "alipay", "amount": cny("10.00"),
            "bank": "main", "reference": format!("late-{n}")});
        asks.push((first + n * 86_400_000_000, paid));
    }
    for (n, (at, ask)) in asks.into_iter().enumerate() {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes());
        let ask = command("books", "main", &ask);
        let mut request = AnyRequest::new(ask, id, PartyId::new("chen").unwrap());
        request.occurred_at = Some(Timestamp(at));
        market.execute(request).await.unwrap();
    }
    models.catch_up(&mut |_| {}).unwrap();
    (market, models)
}

#[tokio::test]
async fn the_books_at_fifty_positions_are_those_of_a_journal_that_ends_there() {
    let room = tempfile::tempdir().unwrap();
    let (market, models) = market(room.path()).await;
    let all = told(market.journal().as_ref());
    let mut dice = Dice(11);
    for _ in 0..50 {
        let position = dice.between(1, all.len() as i64) as usize;
        let ends_there = copy(&all[..position]).await;
        assert_eq!(ends_there.head().unwrap(), position as u64);
        let then = Snapshot::replay(&ends_there, AsOf::HEAD, &["book_accounts"], &mut |_| {}).unwrap();
        let mut replayed = Sums::new();
        for row in then.rows::<Books>() {
            let key = (row.class.clone(), row.name.clone(), row.currency.clone());
            let cell = replayed.entry(key).or_default();
            *cell = (cell.0 + row.debit, cell.1 + row.credit);
        }
        let books = models.trial_balance(AsOf::position(position as u64)).unwrap();
        assert_eq!(of(&books), replayed, "at position {position}");
    }
}

#[tokio::test]
async fn the_books_at_fifty_business_times_and_at_fifty_cuts_of_all_kinds_are_the_sums_of_their_events() {
    let room = tempfile::tempdir().unwrap();
    let (market, models) = market(room.path()).await;
    let all = told(market.journal().as_ref());
    assert!(all.iter().any(|t| t.booked_at > t.append.events[0].occurred_at), "some is booked late");
    let times = |of: fn(&Told) -> i64| {
        let times = all.iter().map(of);
        (times.clone().min().unwrap() - 1, times.max().unwrap() + 1)
    };
    let (booked, recorded) = (times(|t| t.booked_at), times(|t| t.recorded_at));
    let mut dice = Dice(23);
    for n in 0..100 {
        let mut at = AsOf::business(dice.between(booked.0, booked.1));
        if n >= 50 {
            at.known = Some(dice.between(recorded.0, recorded.1));
            at.position = Some(dice.between(1, all.len() as i64) as u64).filter(|_| n % 2 == 0);
        }
        let counted = all.iter().filter(|t| {
            at.business.is_none_or(|last| t.booked_at <= last)
                && at.known.is_none_or(|last| t.recorded_at <= last)
                && at.position.is_none_or(|last| t.position <= last)
        });
        assert_eq!(of(&models.trial_balance(at).unwrap()), sums(counted), "{at:?}");
    }
}

#[tokio::test]
async fn what_a_merchant_is_owed_is_the_same_from_its_entries_from_its_streams_and_from_all_models() {
    let room = tempfile::tempdir().unwrap();
    let (market, models) = market(room.path()).await;
    let all = told(market.journal().as_ref());
    let (first, last) = (all[0].booked_at, all.iter().map(|t| t.booked_at).max().unwrap());
    let merchants = models.merchants(None, None, 1_000).unwrap().rows;
    assert!(merchants.len() > 10);
    let mut owing = 0;
    for merchant in &merchants {
        let id = merchant.merchant_id.as_str();
        let now = models.merchant_money(id, AsOf::HEAD).unwrap();
        assert_eq!(now, models.merchant_money(id, AsOf::position(all.len() as u64)).unwrap(), "{id}");
        owing += now.iter().filter(|money| money.owed != 0 || money.escrow != 0).count();
    }
    assert!(owing > 3, "{owing}");
    let mut dice = Dice(5);
    for n in 0..6 {
        let mut at = AsOf::business(dice.between(first, last));
        if n % 2 == 0 {
            at.position = Some(dice.between(1, all.len() as i64) as u64);
        }
        let whole = models.merchants_as_of(at, &mut |_| {}).unwrap();
        for merchant in &merchants {
            let id = merchant.merchant_id.as_str();
            let money = models.merchant_money(id, at).unwrap();
            let streams = models.merchant_as_of(id, at).unwrap().map_or_else(Vec::new, |m| m.balances);
            let of_all: Vec<_> = whole.iter().filter(|b| b.merchant_id == id).cloned().collect();
            assert_eq!(streams, of_all, "{id} {at:?}");
            for balance in &streams {
                let owed = money.iter().find(|m| m.currency == balance.currency);
                let owed = owed.cloned().unwrap_or_default();
                assert_eq!(
                    (
                        owed.escrow,
                        owed.pending,
                        owed.available,
                        owed.held,
                        owed.reserve,
                        owed.in_transit,
                        owed.owed
                    ),
                    (
                        balance.escrow,
                        balance.pending,
                        balance.available,
                        balance.held,
                        balance.reserve,
                        balance.in_transit,
                        balance.owed
                    ),
                    "{id} {at:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn pages_of_orders_in_a_state_join_however_few_are_looked_at_for_one() {
    let room = tempfile::tempdir().unwrap();
    let (_market, models) = market(room.path()).await;
    let merchants = models.merchants(None, None, 3).unwrap().rows;
    let mut short = 0;
    for merchant in &merchants {
        let own = OrdersWanted { merchant: Some(&merchant.merchant_id), ..OrdersWanted::default() };
        let all = models.orders_wanted(own, None, 1_000).unwrap();
        assert_eq!(all.next, None);
        for (status, oldest_first) in
            [("completed", true), ("released", false), ("cancelled", true), ("held", false)]
        {
            let mut expected: Vec<_> = all.rows.iter().filter(|order| order.status == status).collect();
            if oldest_first {
                expected.reverse();
            }
            let wanted = OrdersWanted { status: Some(status), oldest_first, looked_at: Some(3), ..own };
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = models.orders_wanted(wanted, after.as_deref(), 2).unwrap();
                short += usize::from(page.rows.len() < 2 && page.next.is_some());
                found.extend(page.rows);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{status}");
        }
    }
    assert!(short > 3, "{short}: so few are looked at that pages are short");
}
