//! Runs the script against a market with a clock of its own.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::NaiveDate;
use daybook_commands::{CommandError, ManualClock};
use daybook_domain::checkout::events::{PaymentPart, RefundPart};
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, DecodeError, Event, OrderId, RefundId, Timestamp};
use daybook_journal::{Filter, JournalError, Position};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use uuid::Uuid;

use super::basket::{Counters, basket};
use super::crowd::Crowd;
use super::desk::Desk;
use super::finance::{Finance, actor_of, capital, settings};
use super::story::Story;
use super::{Options, Script, cast, text};
use crate::payouts::Outcome;
use crate::settlement::source::FromJournal;
use crate::settlement::{Cut, Ran};
use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// Midnight of 2025-09-01 in Shanghai: the simulated market's first day.
pub const START: Timestamp = Timestamp(1_756_656_000 * SECOND);
/// Days that the market runs on after the last order was placed.
const TAIL_DAYS: u32 = 60;
const MERCHANTS: usize = 24;
const SLICE: i64 = 3_600 * SECOND;
/// Names the commands of the demo: uuid5 of (this, seed and number).
const NAMESPACE: Uuid = Uuid::from_u128(0x6461_7962_6f6f_6b2d_6465_6d6f_0000_0001);

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A command failed for another reason than a rejection.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A stored event.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A file that could not be written.
    #[error("{0}")]
    File(String),
}

/// A story that was told, and of how many orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What happened, in a sentence.
    pub story: &'static str,
    /// Of how many orders.
    pub orders: u32,
    /// One of them, to look at.
    pub example: String,
}

/// What the demo did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Merchants that entered.
    pub merchants: usize,
    /// Baskets filled.
    pub baskets: u32,
    /// Orders placed.
    pub orders: u32,
    /// Commands sent by the script and by providers.
    pub commands: u64,
    /// Hits of visitors.
    pub hits: u64,
    /// Commands that a decider refused, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// What settlement runs did.
    pub settlements: Ran,
    /// What payout runs did.
    pub payouts: Outcome,
    /// The journal's head at the end.
    pub head: Position,
    /// The stories with an example each.
    pub stories: Vec<Told>,
}

/// Simulates a market from [`START`]. The market's clock must be `clock`; the journal should be new.
///
/// `progress` is told (hours done, hours in all).
///
/// # Errors
/// [`DemoError`]; what was done until then stays in the journal.
pub async fn run(
    market: &Market,
    clock: &ManualClock,
    options: Options,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, DemoError> {
    let mut run = Run::new(market, clock, options);
    clock.set(START.0);
    market.begin().await?;
    run.settled = market.business_day()?;
    run.enter();
    let hours = u64::from(options.days + TAIL_DAYS) * 24;
    for hour in 0..hours {
        if hour % 24 == 0 && hour / 24 < u64::from(options.days) {
            run.fill_day(hour as i64 / 24);
        }
        run.hour(START.plus(hour as i64 * SLICE)).await?;
        if hour % 24 == 0 {
            run.record_hits(START.plus(hour as i64 * SLICE)).await?;
            run.pay_merchants(hour as i64 / 24).await?;
        }
        progress(hour + 1, hours);
    }
    // what the last deadlines and refunds set off
    let mut hour = START.plus(hours as i64 * SLICE);
    while run.script.len() > 0 {
        run.hour(hour).await?;
        hour = hour.plus(SLICE);
    }
    run.report()
}

struct Run<'a> {
    market: &'a Market,
    clock: &'a ManualClock,
    options: Options,
    rng: ChaCha8Rng,
    currency: Currency,
    sellers: Vec<cast::Seller>,
    script: Script,
    crowd: Crowd,
    desk: Desk,
    counters: Counters,
    /// Hits recorded so far.
    hits: u64,
    told: BTreeMap<Story, (u32, OrderId)>,
    refused: BTreeMap<&'static str, u64>,
    commands: u64,
    /// Refunds looked at up to here.
    seen: Position,
    paid: HashSet<(OrderId, RefundId)>,
    /// What there is to settle, as the journal says.
    open: FromJournal,
    /// The business day that was settled last.
    settled: NaiveDate,
    ran: Ran,
    finance: Finance,
}

impl<'a> Run<'a> {
    fn new(market: &'a Market, clock: &'a ManualClock, options: Options) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let currency = Currency::new("CNY").expect("invariant: CNY is in ISO 4217");
        let sellers = cast::sellers(&mut rng, MERCHANTS, currency);
        Self {
            market,
            clock,
            options,
            rng,
            currency,
            sellers,
            script: Script::default(),
            crowd: Crowd::new(options),
            desk: Desk::new(options),
            counters: Counters::default(),
            hits: 0,
            told: BTreeMap::new(),
            refused: BTreeMap::new(),
            commands: 0,
            seen: 0,
            paid: HashSet::new(),
            open: FromJournal::new(Arc::clone(market.journal())),
            settled: NaiveDate::default(),
            ran: Ran::default(),
            finance: Finance::default(),
        }
    }

    /// The merchants enter on the first night: terms first, the deposit an hour later, the store an hour after.
    fn enter(&mut self) {
        self.script.push(START.plus(30 * SECOND), settings(self.market, self.currency));
        self.script.push(START.plus(45 * SECOND), capital(self.market, self.currency));
        self.crowd.campaigns(self.options, self.currency, &mut self.script);
        for seller in &self.sellers {
            let id = seller.id;
            for command in cast::entry(seller, START, self.currency) {
                self.script.push(START.plus(60 * SECOND), AnyCommand::Merchant { id, command });
            }
            let pay = DepositCommand::Pay {
                amount: seller.deposit,
                provider: text("bankcard"),
                provider_ref: text(&format!("deposit/{id}")),
            };
            self.script.push(START.plus(SLICE), AnyCommand::Deposit { id, command: pay });
            let open = AnyCommand::Merchant { id, command: MerchantCommand::OpenStore {} };
            self.script.push(START.plus(2 * SLICE), open);
        }
    }

    /// Fills the baskets of a day, from three in the morning on.
    fn fill_day(&mut self, day: i64) {
        let mut times: Vec<Timestamp> = (0..self.options.orders_per_day)
            .map(|_| {
                let second = self.rng.random_range(3 * SLICE..DAY) / SECOND * SECOND;
                START.plus(day * DAY + second)
            })
            .collect();
        times.sort_unstable();
        for at in times {
            let (rng, counters, script) = (&mut self.rng, &mut self.counters, &mut self.script);
            let around = (&mut self.crowd, &mut self.desk);
            let told = basket(rng, &self.sellers, counters, at, self.currency, script, around);
            for (order, story) in told {
                self.told.entry(story).or_insert((0, order)).0 += 1;
            }
        }
        self.crowd.browse(day, &self.sellers);
        self.desk.day(day, &self.sellers, self.currency, &mut self.script);
    }

    /// What visitors did comes in as a day ends.
    async fn record_hits(&mut self, until: Timestamp) -> Result<(), DemoError> {
        let hits = self.crowd.hits_before(until);
        if !hits.is_empty() {
            self.hits += self.market.traffic().record(hits, text("demo")).await?.recorded;
        }
        Ok(())
    }

    /// An hour of the market: the script's commands, what they set off, refunds paid, deadlines fired.
    async fn hour(&mut self, from: Timestamp) -> Result<(), DemoError> {
        let until = from.plus(SLICE);
        self.clock.set(until.0);
        let mut batch = self.market.commands().batch();
        while let Some((at, n, command)) = self.script.pop_before(until) {
            let name = format!("{}/{n}", self.options.seed);
            let actor = actor_of(&command);
            let mut request = AnyRequest::new(command, Uuid::new_v5(&NAMESPACE, name.as_bytes()), actor);
            request.occurred_at = Some(at);
            self.commands += 1;
            match request.add_to(&mut batch) {
                Ok(_) => {}
                Err(CommandError::Rejected(rejection)) => {
                    *self.refused.entry(rejection.code).or_default() += 1;
                }
                Err(e) => return Err(e.into()),
            }
        }
        batch.commit().await?;
        self.market.fire_due(until).await?;
        self.settle().await?;
        self.pay_refunds()
    }

    /// As each business day begins, the merchants are settled as their contracts say.
    async fn settle(&mut self) -> Result<(), DemoError> {
        let today = self.market.business_day()?;
        if today == self.settled {
            return Ok(());
        }
        self.settled = today;
        self.ran.add(self.market.settle_from(&mut self.open, Cut::ByContract(today), None).await?);
        Ok(())
    }

    /// Then what is available is paid out, and the banks go to work.
    async fn pay_merchants(&mut self, day: i64) -> Result<(), DemoError> {
        let today = self.market.business_day()?;
        self.finance.day(self.market, (today, day), &self.sellers, self.currency, &mut self.script).await
    }

    /// Each refund granted is paid by its providers a day later: as they would report it.
    fn pay_refunds(&mut self) -> Result<(), DemoError> {
        let filter =
            Filter { kinds: Some(vec!["EscrowRefunded".into(), "RefundIssued".into()]), categories: None };
        let mut failed = None;
        let script = &mut self.script;
        let paid = &mut self.paid;
        let scanned = self.market.journal().scan(self.seen, None, &filter, &mut |stored| {
            let order = stored.stream.strip_prefix("order-").and_then(|id| OrderId::new(id).ok());
            match (Event::decode(stored.kind, stored.schema, stored.data), order) {
                (Ok(event), Some(order)) => {
                    let at = Timestamp(stored.occurred_at).plus_days(1);
                    schedule(script, paid, order, &event, at);
                }
                (Ok(_), None) => {}
                (Err(e), _) => {
                    failed = Some(e);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(e) = failed {
            return Err(e.into());
        }
        self.seen = scanned.through;
        Ok(())
    }

    fn report(self) -> Result<Report, DemoError> {
        let stories = self
            .told
            .iter()
            .map(|(story, (orders, example))| Told {
                story: story.title(),
                orders: *orders,
                example: example.to_string(),
            })
            .collect();
        Ok(Report {
            merchants: self.sellers.len(),
            baskets: self.counters.baskets,
            orders: self.counters.orders,
            commands: self.commands,
            hits: self.hits,
            refused: self.refused,
            settlements: self.ran,
            payouts: self.finance.outcome,
            head: self.market.journal().head()?,
            stories,
        })
    }
}

fn schedule(
    script: &mut Script,
    paid: &mut HashSet<(OrderId, RefundId)>,
    order: OrderId,
    event: &Event,
    at: Timestamp,
) {
    let (refund, parts): (RefundId, &[PaymentPart]) = match event {
        Event::EscrowRefunded(e) => (e.refund, &e.parts),
        Event::RefundIssued(e) => (e.refund, &e.parts),
        _ => return,
    };
    if parts.is_empty() || !paid.insert((order, refund)) {
        return;
    }
    let parts = parts
        .iter()
        .map(|part| RefundPart {
            payment: part.payment,
            provider: part.provider,
            amount: part.amount,
            provider_ref: Some(text(&format!("{order}/{refund}/{}", part.payment))),
        })
        .collect();
    let command = OrderCommand::PayRefund { refund, parts };
    script.push(at, AnyCommand::Order { id: order, command });
}
