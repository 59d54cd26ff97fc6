//! Settlements derived again from the journal: what each took, what its figures come to, and how they compare with
//! those that were closed. `verify` and the audit of settlements both rest on it.

use std::collections::BTreeMap;

use ahash::RandomState;
use daybook_domain::account::events::SettlementClosed;
use daybook_domain::account::lines::{Bounds, Line, OpenLines, figures, is_line};
use daybook_domain::merchant::events::FeeScheduleAgreed;
use daybook_domain::posting::Entry;
use daybook_domain::{Currency, Event, EventKind, MerchantId, Money, Refs, SettlementId, Timestamp};
use daybook_journal::Recorded;
use hashbrown::{HashMap, HashSet};

/// How far one currency of an account is settled.
struct Settled {
    bounds: Bounds,
    /// Lines that settlements say they took.
    lines: u64,
    /// What the last one carried out.
    carried: Money,
}

#[derive(Default)]
struct Account {
    open: OpenLines,
    /// Lines ever, by currency.
    lines: BTreeMap<Currency, u64>,
    settled: BTreeMap<Currency, Settled>,
    closed: HashSet<SettlementId, RandomState>,
    /// What may be paid out, minor units.
    available: BTreeMap<Currency, i64>,
    schedules: Vec<FeeScheduleAgreed>,
}

/// A settlement that was derived again.
pub(crate) struct Derived {
    /// Whose it is.
    pub(crate) merchant: MerchantId,
    /// Which one.
    pub(crate) settlement: SettlementId,
    /// In what it differs from what was closed: each a sentence with both figures.
    pub(crate) wrong: Vec<String>,
    /// The lines it takes.
    pub(crate) lines: Vec<Line>,
}

/// The accounts of all merchants as the journal has them, up to the event seen last.
#[derive(Default)]
pub(crate) struct Derivation {
    accounts: HashMap<MerchantId, Account, RandomState>,
    /// Start of the first open period.
    open_from: Option<Timestamp>,
}

/// The event types a derivation looks at, besides those that post.
pub(crate) const ALSO_SEEN: &[EventKind] =
    &[EventKind::FeeScheduleAgreed, EventKind::PeriodClosed, EventKind::PeriodReopened];

impl Derivation {
    /// Takes the next event of the journal with its entries; a settlement that it closes is derived again.
    pub(crate) fn see(
        &mut self,
        recorded: &Recorded<'_>,
        refs: &Refs,
        event: &Event,
        entries: &[Entry<'_>],
    ) -> Option<Derived> {
        let occurred_at = Timestamp(recorded.occurred_at);
        let derived = match event {
            Event::PeriodClosed(e) => {
                self.open_from = self.open_from.max(Some(e.until));
                None
            }
            Event::PeriodReopened(e) => {
                self.open_from = e.closed_until;
                None
            }
            Event::FeeScheduleAgreed(e) => {
                let merchant = refs.merchant?;
                self.accounts.entry(merchant).or_default().schedules.push(e.clone());
                None
            }
            Event::SettlementClosed(e) => {
                let merchant = refs.merchant?;
                let (wrong, lines) = self.accounts.entry(merchant).or_default().settle(e, occurred_at);
                Some(Derived { merchant, settlement: e.settlement, wrong, lines })
            }
            _ => None,
        };
        for entry in entries {
            self.enter(event.kind(), occurred_at, refs, entry);
        }
        derived
    }

    fn enter(&mut self, event: EventKind, occurred_at: Timestamp, refs: &Refs, entry: &Entry<'_>) {
        let (line, currency) = (is_line(event, entry), entry.amount.currency);
        if !line && entry.account.name != "MerchantAvailable" {
            return;
        }
        let Ok(merchant) = entry.account.dimension.parse() else { return };
        let account = self.accounts.entry(merchant).or_default();
        if !line {
            *account.available.entry(currency).or_default() -= entry.amount.minor;
            return;
        }
        *account.lines.entry(currency).or_default() += 1;
        account.open.push(Line {
            number: 0,
            amount: Money::new(-entry.amount.minor, currency),
            event,
            occurred_at,
            booked_at: self.open_from.map_or(occurred_at, |from| from.max(occurred_at)),
            order: refs.order,
        });
    }

    /// The merchants with lines that no settlement has, or with a debt carried on, in order; each with the number of
    /// its last line.
    pub(crate) fn open_accounts(&self) -> Vec<(MerchantId, u64)> {
        let open = |account: &Account| {
            !account.open.lines().is_empty() || account.settled.values().any(|s| s.carried.minor < 0)
        };
        let open = self.accounts.iter().filter(|(_, account)| open(account));
        let mut open: Vec<_> = open.map(|(merchant, account)| (*merchant, account.open.count())).collect();
        open.sort_unstable();
        open
    }

    /// The number of a merchant's last line; none where it has no account.
    pub(crate) fn lines_of(&self, merchant: MerchantId) -> Option<u64> {
        self.accounts.get(&merchant).map(|account| account.open.count())
    }

    /// The currencies in which a merchant has lines, in order.
    pub(crate) fn currencies(&self, merchant: MerchantId) -> Vec<Currency> {
        self.accounts.get(&merchant).map_or_else(Vec::new, |account| account.lines.keys().copied().collect())
    }

    /// The lines of a merchant that no settlement has.
    pub(crate) fn open_lines(&self, merchant: MerchantId) -> &[Line] {
        self.accounts.get(&merchant).map_or(&[], |account| account.open.lines())
    }

    /// Whether a merchant has agreed on a fee schedule.
    pub(crate) fn has_schedule(&self, merchant: MerchantId) -> bool {
        self.accounts.get(&merchant).is_some_and(|account| !account.schedules.is_empty())
    }

    /// What the cuts and the lines of each account in each currency say of each other once everything was seen;
    /// `wrong` where a line that a cut reaches is in no settlement, or in two.
    pub(crate) fn accounts(&self) -> Vec<(MerchantId, Currency, Option<String>)> {
        let mut all = Vec::new();
        for (merchant, account) in &self.accounts {
            for (currency, lines) in &account.lines {
                let settled = account.settled.get(currency);
                let (bounds, taken) = settled.map_or((Bounds::NONE, 0), |s| (s.bounds, s.lines));
                let own = |line: &&Line| line.amount.currency == *currency;
                let waiting = account.open.lines().iter().filter(own);
                let waiting = waiting.filter(|line| !bounds.take(line.number, line.booked_at)).count() as u64;
                let wrong = (taken + waiting != *lines).then(|| {
                    format!("{lines} lines in {currency}: settlements took {taken}, {waiting} lie beyond the last cut")
                });
                all.push((*merchant, *currency, wrong));
            }
        }
        all.sort_unstable_by_key(|(merchant, currency, _)| (*merchant, *currency));
        all
    }
}

impl Account {
    /// Takes the lines of a settlement; what is wrong with it.
    fn settle(&mut self, e: &SettlementClosed, closed_at: Timestamp) -> (Vec<String>, Vec<Line>) {
        let bounds = Bounds::from(e);
        let before = self.settled.get(&e.currency);
        let last = before.map_or(Bounds::NONE, |s| s.bounds);
        let carried = before.map_or(Money::zero(e.currency), |s| s.carried);
        let taken_before = before.map_or(0, |s| s.lines);
        let lines = self.open.take(e.currency, bounds);
        let mut wrong = match figures(e.settlement, bounds, carried, &lines) {
            Ok(derived) => self.differences(e, &derived, closed_at),
            Err(error) => vec![format!("its lines do not add up: {error}")],
        };
        if !self.closed.insert(e.settlement) {
            wrong.push(format!("settlement {} was closed before", e.settlement));
        }
        if bounds.until < last.until || bounds.through < last.through {
            wrong.push("its cut lies before the last one".to_owned());
        }
        if bounds.through > self.open.count() {
            wrong.push(format!(
                "it goes through line {}, of {} there were",
                bounds.through,
                self.open.count()
            ));
        }
        let settled = Settled { bounds, lines: taken_before + e.lines, carried: e.carried_out };
        self.settled.insert(e.currency, settled);
        (wrong, lines)
    }

    /// Figure by figure.
    fn differences(
        &self,
        e: &SettlementClosed,
        derived: &daybook_domain::account::commands::SettlementFigures,
        closed_at: Timestamp,
    ) -> Vec<String> {
        let total = derived.total;
        let available = self.available.get(&e.currency).copied().unwrap_or(0);
        let owed = total.minor.min(0).saturating_neg();
        let taken = Money::new(owed.min(available.max(0)), e.currency);
        let carried_out = Money::new(taken.minor.saturating_sub(owed), e.currency);
        let (reserve, reserve_until) = self.reserve(total, closed_at);
        let mut wrong = Vec::new();
        for (figure, closed, again) in [
            ("carried_in", e.carried_in, derived.carried_in),
            ("gross", e.gross, derived.gross),
            ("refunds", e.refunds, derived.refunds),
            ("commission", e.commission, derived.commission),
            ("fees", e.fees, derived.fees),
            ("rewards", e.rewards, derived.rewards),
            ("penalties", e.penalties, derived.penalties),
            ("chargebacks", e.chargebacks, derived.chargebacks),
            ("adjustments", e.adjustments, derived.adjustments),
            ("total", e.total, total),
            ("held_as_reserve", e.held_as_reserve, reserve),
            ("taken_from_available", e.taken_from_available, taken),
            ("carried_out", e.carried_out, carried_out),
        ] {
            if closed != again {
                wrong.push(format!("{figure} is {closed}, derived {again}"));
            }
        }
        for (figure, closed, again) in
            [("lines", e.lines, derived.lines), ("orders", e.orders, derived.orders)]
        {
            if closed != again {
                wrong.push(format!("{figure} is {closed}, derived {again}"));
            }
        }
        if e.digest != derived.digest {
            wrong.push(format!("the digest of its lines is {}, derived {}", e.digest, derived.digest));
        }
        if e.reserve_until != reserve_until {
            let day = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
            let (closed, again) = (day(e.reserve_until), day(reserve_until));
            wrong.push(format!("its reserve is released {closed}, derived {again}"));
        }
        wrong
    }

    /// What the schedule in force keeps back, and until when.
    fn reserve(&self, total: Money, closed_at: Timestamp) -> (Money, Option<Timestamp>) {
        let in_force = self.schedules.iter().rev().find(|s| s.effective_from <= closed_at);
        let terms = in_force.and_then(|s| s.reserve.as_ref()).filter(|_| total.minor > 0);
        let share = terms.and_then(|terms| Some((total.at_rate(terms.share).ok()?, terms.days)));
        match share {
            Some((share, days)) if !share.is_zero() => (share, Some(closed_at.plus_days(days))),
            _ => (Money::zero(total.currency), None),
        }
    }
}
