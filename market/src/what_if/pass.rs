//! The pass over the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ahash::RandomState;
use chrono::NaiveDate;
use daybook_domain::account::events::PlatformFeeCharged;
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::events::{DeductedTo, DepositDeducted, DepositRequired, DepositRestored};
use daybook_domain::merchant::Merchant;
use daybook_domain::order::events::{Bearer, OrderPlaced};
use daybook_domain::order::{RESTATED_FROM, Restatement};
use daybook_domain::posting::post;
use daybook_domain::{
    Aggregate, CampaignId, Category, DisputeId, Event, EventKind, MerchantId, Money, OrderId, Refs, Timestamp,
};
use daybook_journal::{Journal, Position, Version};
use daybook_projections::model::{Cut, Envelope, KindSet};
use daybook_projections::{AsOf, AsWritten, Calendar, Events, Progress};
use hashbrown::{HashMap, HashSet};

use super::books::{Books, Which};
use super::difference::Difference;
use super::restated::{Corrections, Restated};
use super::rules::Rules;
use super::timing::Days;
use super::{WhatIfError, fees};
use crate::verify::decode;

/// What a contract, a deposit and a store's opening are folded from.
const OF_MERCHANTS: KindSet = KindSet::of_category("merchant").or(KindSet::of_category("deposit"));
/// What an order is folded from.
pub(super) const OF_ORDERS: KindSet = KindSet::of(RESTATED_FROM);

/// A merchant as the pass knows it.
pub(super) struct Known {
    pub(super) merchant: Merchant,
    pub(super) deposit: Deposit,
    /// When it was heard of first.
    pub(super) known_at: Timestamp,
    /// When its store was opened first.
    pub(super) opened_at: Option<Timestamp>,
    /// The platform fees it was charged, where fees are asked about, with their positions; whether each counts at the
    /// moment.
    pub(super) charged: Vec<(PlatformFeeCharged, Position, Timestamp, bool)>,
}

/// The fold.
pub(super) struct Pass<'r> {
    pub(super) rules: &'r Rules,
    pub(super) calendar: Calendar,
    pub(super) at: AsOf,
    pub(super) books: Books,
    pub(super) known: BTreeMap<MerchantId, Known>,
    /// What was booked for merchants by day, where cycles are asked about.
    pub(super) days: Option<Days>,
    /// Orders under other terms.
    orders: HashMap<OrderId, Restatement, RandomState>,
    /// What deposits last gave for refunds of those, where that stands, and when it is booked where it counts.
    deducted: HashMap<OrderId, (DepositDeducted, Position, Option<Timestamp>), RandomState>,
    /// Hashes of those that are completed.
    completed: HashSet<u64, RandomState>,
    hasher: RandomState,
    /// Streams of completed orders with what happened to them afterwards, by version: whether it counts, and when it is
    /// booked.
    late: BTreeMap<String, BTreeMap<Version, (bool, Timestamp)>>,
    /// What reversed rulings would give back to deposits.
    restored: BTreeMap<(OrderId, DisputeId), Money>,
    /// What only all of the journal tells.
    pub(super) corrections: Corrections,
    /// Categories that were sold, of those that rules name.
    categories: BTreeSet<Category>,
    /// Campaigns that added to orders, of those that rules name.
    campaigns: BTreeSet<CampaignId>,
    pub(super) last: Timestamp,
    through: Position,
    events: u64,
    restated: u64,
    under_other_terms: u64,
}

/// What would have been under `rules`, as of a moment.
///
/// # Errors
/// [`WhatIfError::Rule`] for rules that contradict each other or name what the journal does not know; else why the
/// journal cannot be read.
pub fn what_if(
    journal: &dyn Journal,
    rules: &Rules,
    at: AsOf,
    progress: &mut dyn FnMut(Progress),
) -> Result<Difference, WhatIfError> {
    restate(journal, rules, at, progress).map(|(difference, _)| difference)
}

/// The same, and the events as they would be, for any figure to be folded from.
///
/// # Errors
/// As [`what_if`].
pub fn restate<'j>(
    journal: &'j dyn Journal,
    rules: &'j Rules,
    at: AsOf,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Difference, Restated<'j>), WhatIfError> {
    rules.check().map_err(WhatIfError::Rule)?;
    let mut pass = Pass::new(rules, Calendar::of_journal(journal)?, at);
    let mut kinds = KindSet::MONEY.or(OF_MERCHANTS);
    if !rules.commission.is_empty() || !rules.coupons.is_empty() {
        kinds = kinds.or(OF_ORDERS);
    }
    let events = AsWritten::of(journal, at);
    events.visit(kinds, progress, &mut |e| {
        pass.see(e);
        ControlFlow::Continue(())
    })?;
    pass.go_on_with_late_orders(journal)?;
    pass.check_names()?;
    fees::charge(&mut pass)?;
    pass.require_deposits();
    let corrections = std::mem::take(&mut pass.corrections);
    let restated = Restated::of(events, rules, pass.calendar, corrections);
    Ok((Difference::of(pass)?, restated))
}

impl<'r> Pass<'r> {
    pub(super) fn new(rules: &'r Rules, calendar: Calendar, at: AsOf) -> Self {
        Self {
            rules,
            calendar,
            at,
            books: Books::default(),
            known: BTreeMap::new(),
            days: (!rules.settlement.is_empty()).then(Days::default),
            orders: HashMap::default(),
            deducted: HashMap::default(),
            completed: HashSet::default(),
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            late: BTreeMap::new(),
            restored: BTreeMap::new(),
            corrections: Corrections::default(),
            categories: BTreeSet::new(),
            campaigns: BTreeSet::new(),
            last: Timestamp(i64::MIN),
            through: 0,
            events: 0,
            restated: 0,
            under_other_terms: 0,
        }
    }

    fn see(&mut self, e: &Envelope<'_>) {
        let at = Timestamp(e.occurred_at);
        self.events += 1;
        self.through = e.position;
        self.last = self.last.max(at);
        let counts = self.at.counts(Cut::Booked, e);
        if OF_MERCHANTS.has(e.kind) || e.kind == EventKind::PlatformFeeCharged {
            self.of_merchant(e, at, counts);
        }
        let Some(restated) = self.restated(e, at, counts) else {
            if counts {
                self.books.post(Which::Both, e.refs, e.entries);
                self.book_day(Which::Both, e, e.entries);
            }
            return;
        };
        if !counts {
            return;
        }
        let mut entries = Vec::with_capacity(e.entries.len());
        post(&restated, e.refs, &mut entries);
        self.restated += u64::from(entries != e.entries);
        self.books.post(Which::Actual, e.refs, e.entries);
        self.books.post(Which::WhatIf, e.refs, &entries);
        self.book_day(Which::Actual, e, e.entries);
        self.book_day(Which::WhatIf, e, &entries);
    }

    fn book_day(&mut self, which: Which, e: &Envelope<'_>, entries: &[daybook_domain::posting::Entry<'_>]) {
        if let Some(days) = &mut self.days {
            days.book(self.calendar, which, e.kind, Timestamp(e.booked_at), entries);
        }
    }

    fn of_merchant(&mut self, e: &Envelope<'_>, at: Timestamp, counts: bool) {
        let Some(id) = e.refs.merchant else { return };
        let known = self.known.entry(id).or_insert_with(|| Known {
            merchant: Merchant::named(id.as_str()),
            deposit: Deposit::named(id.as_str()),
            known_at: at,
            opened_at: None,
            charged: Vec::new(),
        });
        match e.event {
            Event::PlatformFeeCharged(fee) => {
                if !self.rules.platform_fee.is_empty() {
                    known.charged.push((fee.clone(), e.position, at, counts));
                }
                return;
            }
            Event::StoreOpened(_) | Event::MerchantImported(_) => {
                known.opened_at = known.opened_at.or(Some(at));
            }
            _ => {}
        }
        if e.kind.category() == Merchant::CATEGORY {
            known.merchant.evolve(e.event, at);
        } else if counts {
            known.deposit.evolve(e.event, at);
        }
    }

    /// The event as it would be, where rules that are asked about say another.
    pub(super) fn restated(&mut self, e: &Envelope<'_>, at: Timestamp, counts: bool) -> Option<Event> {
        if let Event::DepositRequired(required) = e.event {
            let asked = self.rules.deposit_of(e.refs.merchant?)?;
            return (asked.currency == required.amount.currency)
                .then(|| DepositRequired { amount: asked }.into());
        }
        if let Event::DepositRestored(restored) = e.event {
            let amount = *self.restored.get(&(restored.order, restored.dispute))?;
            return Some(DepositRestored { amount, ..restored.clone() }.into());
        }
        if let Event::DepositDeducted(given) = e.event {
            let DeductedTo::Buyer { order } = given.to else { return None };
            if self.orders.contains_key(&order) {
                let booked_at = counts.then_some(Timestamp(e.booked_at));
                self.deducted.insert(order, (given.clone(), e.position, booked_at));
            }
            return None;
        }
        if !OF_ORDERS.has(e.kind) {
            return None;
        }
        let id = e.refs.order?;
        if let Event::OrderPlaced(placed) = e.event {
            let asked = self.placed(placed, at)?;
            self.under_other_terms += 1;
            self.orders.insert(id, Restatement::begin(id.as_str(), placed, asked.clone(), at));
            return Some(asked.into());
        }
        let Some(order) = self.orders.get_mut(&id) else {
            if self.completed.contains(&self.hasher.hash_one(id)) {
                let of = self.late.entry(e.stream.to_owned()).or_default();
                of.insert(e.version, (counts, Timestamp(e.booked_at)));
            }
            return None;
        };
        let restated = order.take(e.event, at);
        match &restated {
            Some(Event::RulingReversed(reversed)) => {
                self.restored.insert((id, reversed.dispute), reversed.to_deposit);
            }
            Some(Event::RefundIssued(_)) => self.deduct_less(id, e.event, restated.as_ref(), e.refs),
            _ => {}
        }
        if e.kind == EventKind::OrderCompleted {
            self.orders.remove(&id);
            self.deducted.remove(&id);
            self.completed.insert(self.hasher.hash_one(id));
        }
        restated
    }

    /// What a deposit gave for a refund was the refund's gross: of a smaller one it gives as much less.
    fn deduct_less(&mut self, id: OrderId, was: &Event, is: Option<&Event>, refs: &Refs) {
        let gross = |event: Option<&Event>| match event {
            Some(Event::RefundIssued(e)) => {
                let of_deposit = e.borne_by.iter().filter(|share| share.by == Bearer::Deposit);
                of_deposit.map(|share| share.gross.minor).sum()
            }
            _ => 0,
        };
        let less: i64 = gross(Some(was)) - gross(is);
        if less == 0 {
            return;
        }
        if let Some((given, position, booked_at)) = self.deducted.remove(&id) {
            let amount = Money::new(given.amount.minor.saturating_sub(less), given.amount.currency);
            let asked = Event::from(DepositDeducted { amount, ..given.clone() });
            let refs = Refs { merchant: refs.merchant, ..Refs::default() };
            if let Some(booked_at) = booked_at {
                self.replace(Some(&given.into()), Some(&asked), &refs, booked_at);
            }
            self.corrections.at.insert(position, Some(asked));
        }
    }

    /// The order as it would have been placed, where that differs.
    fn placed(&mut self, placed: &OrderPlaced, at: Timestamp) -> Option<OrderPlaced> {
        let (rules, merchant, day) = (self.rules, placed.merchant, self.calendar.day(at));
        let mut changed: Option<OrderPlaced> = None;
        for (nth, line) in placed.lines.iter().enumerate() {
            if rules.commission.iter().any(|rule| rule.category == Some(line.category)) {
                self.categories.insert(line.category);
            }
            let rate = rules.commission_of(merchant, line.category, day);
            if let Some(rate) = rate.filter(|rate| *rate != line.commission_rate) {
                changed.get_or_insert_with(|| placed.clone()).lines[nth].commission_rate = rate;
            }
        }
        let share = |campaign| rules.coupons_of(merchant, campaign, day).filter(|share| !share.is_zero());
        for subsidy in &placed.subsidies {
            if rules.coupons.iter().any(|rule| rule.campaign == subsidy.campaign) {
                self.campaigns.insert(subsidy.campaign);
            }
        }
        if placed.subsidies.iter().any(|subsidy| share(subsidy.campaign).is_some()) {
            let asked = changed.get_or_insert_with(|| placed.clone());
            // the decider summed these very amounts when the order was placed
            asked.funded_by_merchant(share).expect("invariant: parts of amounts that were added up before");
        }
        changed
    }

    /// Orders to which something happened after they were completed: their streams are read again, from their beginning.
    fn go_on_with_late_orders(&mut self, journal: &dyn Journal) -> Result<(), WhatIfError> {
        for (stream, late) in std::mem::take(&mut self.late) {
            let (mut order, mut failed) = (None, None);
            journal.read_streams(
                &[&stream],
                Some(self.through),
                &mut |recorded| match decode(&recorded) {
                    Ok((event, refs)) => {
                        let at = Timestamp(recorded.occurred_at);
                        let late = late.get(&recorded.version).copied();
                        self.again(&mut order, (&event, recorded.position), &refs, at, late);
                        ControlFlow::Continue(())
                    }
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                },
            )?;
            if let Some(error) = failed {
                return Err(WhatIfError::Refused(error.to_string()));
            }
        }
        Ok(())
    }

    /// Folds one event of an order again; what it posts differently goes to the books where it happened late.
    fn again(
        &mut self,
        order: &mut Option<Restatement>,
        (event, position): (&Event, Position),
        refs: &Refs,
        at: Timestamp,
        late: Option<(bool, Timestamp)>,
    ) {
        if let Event::OrderPlaced(placed) = event {
            let asked = self.placed(placed, at).unwrap_or_else(|| placed.clone());
            let id = refs.order.as_ref().map_or("", OrderId::as_str);
            *order = Some(Restatement::begin(id, placed, asked, at));
            return;
        }
        let restated = order.as_mut().and_then(|order| order.take(event, at));
        if let Some((restated, (counts, booked_at))) = restated.zip(late) {
            if counts {
                self.replace(Some(event), Some(&restated), refs, booked_at);
            }
            self.corrections.at.insert(position, Some(restated));
        }
    }

    /// A deposit that nobody asked for yet is asked for from when its merchant was heard of.
    fn require_deposits(&mut self) {
        for (id, known) in &self.known {
            let asked = self.rules.deposit_of(*id);
            let Some(amount) = asked.filter(|of| known.merchant.settlement_currency() == Some(of.currency))
            else {
                continue;
            };
            if known.deposit.required().is_none() {
                let refs = Refs { merchant: Some(*id), ..Refs::default() };
                self.corrections.beside.push((DepositRequired { amount }.into(), refs, known.known_at));
            }
        }
    }

    /// Takes out of the second books what an event posted, and puts in what another does.
    pub(super) fn replace(
        &mut self,
        was: Option<&Event>,
        is: Option<&Event>,
        refs: &Refs,
        booked_at: Timestamp,
    ) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        was.inspect(|event| post(event, refs, &mut before));
        is.inspect(|event| post(event, refs, &mut after));
        if before == after {
            return;
        }
        self.restated += 1;
        before.iter_mut().for_each(|entry| entry.amount.minor = entry.amount.minor.saturating_neg());
        for (event, entries) in [(was, before), (is, after)] {
            self.books.post(Which::WhatIf, refs, &entries);
            if let Some((days, event)) = self.days.as_mut().zip(event) {
                days.book(self.calendar, Which::WhatIf, event.kind(), booked_at, &entries);
            }
        }
    }

    /// Refuses rules about merchants, categories and campaigns that nobody has heard of.
    fn check_names(&self) -> Result<(), WhatIfError> {
        let unknown = |why: String| Err(WhatIfError::Rule(why));
        let sold = |merchant: MerchantId| {
            self.known.contains_key(&merchant) || self.books.merchants.keys().any(|(id, _)| *id == merchant)
        };
        if let Some((rule, merchant)) = self.rules.merchants().into_iter().find(|(_, id)| !sold(*id)) {
            return unknown(format!(
                "{rule}: merchant {merchant} is not in this journal as of this moment: `daybook merchants` lists those there are"
            ));
        }
        for (nth, rule) in self.rules.commission.iter().enumerate() {
            if let Some(category) = rule.category.filter(|category| !self.categories.contains(category)) {
                return unknown(format!(
                    "commission {}: nothing of category {category} was sold as of this moment: \
                     `daybook profit-loss --detail` lists the categories",
                    nth + 1
                ));
            }
        }
        for (nth, rule) in self.rules.coupons.iter().enumerate() {
            if !self.campaigns.contains(&rule.campaign) {
                return unknown(format!(
                    "coupons {}: campaign {} added to no order as of this moment: \
                     `daybook profit-loss --detail` lists what was added by campaign",
                    nth + 1,
                    rule.campaign
                ));
            }
        }
        Ok(())
    }

    /// How far the pass came: position, events, orders under other terms, events restated.
    pub(super) const fn came(&self) -> (Position, u64, u64, u64) {
        (self.through, self.events, self.under_other_terms, self.restated)
    }

    /// The business day that is asked about: that of the last event, or of the moment where that is earlier.
    pub(super) fn today(&self) -> NaiveDate {
        let end = self.at.business.map_or(self.last, |business| self.last.min(Timestamp(business)));
        self.calendar.day(end)
    }
}
