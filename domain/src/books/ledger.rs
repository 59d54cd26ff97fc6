//! The books: periods, bank movements, vouchers.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{BooksCommand, ClosingBooks, DrawnLiabilities};
use super::events::*;
use super::period::Month;
use crate::decider::{in_open_period, not_negative, positive, said, two_persons};
use crate::posting::Account;
use crate::{Aggregate, BankAccountId, Code, Context, Event, Money, ProviderId};
use crate::{Currency, Reference, Refs, Rejection, Timestamp, VoucherId};

/// Who gave a reference: a reference is unique only with its giver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Giver {
    Provider(ProviderId),
    Bank(BankAccountId),
}

/// The state of `books-{market}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Closed months in order, each with its end and digest.
    closed: Vec<(Code, Timestamp, Reference)>,
    used: BTreeSet<(Giver, Reference)>,
    vouchers: BTreeSet<VoucherId>,
    /// The last statement of what is owed: through which position, and the sums.
    stated: Option<(u64, Vec<LiabilitiesSum>)>,
}

impl Books {
    /// Start of the first open period: what happened before it is booked at it. None while nothing is closed.
    #[must_use]
    pub fn closed_until(&self) -> Option<Timestamp> {
        self.closed.last().map(|(_, until, _)| *until)
    }
    /// The last closed period.
    #[must_use]
    pub fn last_closed(&self) -> Option<Code> {
        self.closed.last().map(|(period, ..)| *period)
    }

    fn fresh(&self, giver: Giver, reference: Reference) -> Result<(), Rejection> {
        if !self.used.contains(&(giver, reference)) {
            return Ok(());
        }
        let message = format!("reference {reference} is booked already: each movement has its own");
        Err(Rejection::new("reference_used", message))
    }
}

type Decided = Result<Vec<Event>, Rejection>;

fn close(books: &Books, period: Code, drawn: Option<&ClosingBooks>, ctx: &Context<'_>) -> Decided {
    let month = Month::parse(period)?;
    if let Some((_, ended, was)) = books.closed.iter().find(|(p, ..)| *p == period) {
        if drawn.is_none_or(|drawn| drawn.until == *ended && drawn.digest == *was) {
            return Ok(Vec::new());
        }
        let message =
            format!("period {period} is closed with digest {was}: reopen it to close it differently");
        return Err(Rejection::new("period_closed", message));
    }
    if let Some((last, ..)) = books.closed.last() {
        let next = Month::parse(*last)?.next();
        if month != next {
            let message = format!("period {last} was closed last: close {next} next");
            return Err(Rejection::new("period_out_of_order", message));
        }
    }
    let Some(ClosingBooks { until, digest, through, seal }) = drawn else {
        let message = "the market draws up what it closes: ask it, and not the journal, to close";
        return Err(Rejection::new("books_not_drawn_up", message));
    };
    if !month.next().may_start_at(*until) {
        let message = format!("until {until} is not the start of {} in any time zone", month.next());
        return Err(Rejection::new("period_end_wrong", message));
    }
    if ctx.occurred_at < *until && !ctx.import {
        let message = format!("period {period} ends at {until}: close it after that");
        return Err(Rejection::new("period_not_over", message));
    }
    let (through, seal) = (Some(*through), Some(seal.clone()));
    Ok(vec![PeriodClosed { period, until: *until, digest: *digest, by: ctx.actor, through, seal }.into()])
}

fn state_liabilities(books: &Books, drawn: Option<&DrawnLiabilities>, ctx: &Context<'_>) -> Decided {
    let Some(DrawnLiabilities { through, sums }) = drawn else {
        let message = "the market draws up what it owes: ask it, and not the journal, to state it";
        return Err(Rejection::new("books_not_drawn_up", message));
    };
    match &books.stated {
        Some((last, was)) if last == through && was == sums => Ok(Vec::new()),
        Some((last, _)) if last >= through => {
            let message =
                format!("what is owed through {last} is stated already: there is one sum for a position");
            Err(Rejection::new("stated_already", message))
        }
        _ => Ok(vec![LiabilitiesStated { through: *through, by: ctx.actor, sums: sums.clone() }.into()]),
    }
}

fn voucher(
    books: &Books,
    id: VoucherId,
    entries: &[VoucherEntry],
    reason: &str,
    proposed_by: crate::PartyId,
    ctx: &Context<'_>,
) -> Decided {
    if books.vouchers.contains(&id) {
        let message = format!("voucher {id} is posted: give the new one its own number");
        return Err(Rejection::new("voucher_exists", message));
    }
    said("reason", reason)?;
    two_persons("the voucher", proposed_by, ctx.actor)?;
    in_open_period("the voucher", ctx.occurred_at, books.closed_until())?;
    balanced(entries)?;
    Ok(vec![
        JournalVoucher {
            voucher: id,
            entries: entries.to_vec(),
            reason: reason.to_owned(),
            proposed_by,
            approved_by: ctx.actor,
        }
        .into(),
    ])
}

/// Refuses entries by hand that do not sum to zero in each currency, or name an account that a stream keeps.
pub(crate) fn balanced(entries: &[VoucherEntry]) -> Result<(), Rejection> {
    if entries.len() < 2 {
        return Err(Rejection::new("voucher_too_short", "entries needs a debit and a credit at least"));
    }
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for entry in entries {
        positive("entries.amount", entry.amount)?;
        free_account(entry.account)?;
        let sum = sums.entry(entry.amount.currency).or_insert(Money::zero(entry.amount.currency));
        *sum = match entry.side {
            Side::Debit => sum.add(entry.amount)?,
            Side::Credit => sum.sub(entry.amount)?,
        };
    }
    if let Some(off) = sums.values().find(|sum| !sum.is_zero()) {
        let message = format!("entries are off by {off}: debits and credits sum to zero in each currency");
        return Err(Rejection::new("voucher_unbalanced", message));
    }
    Ok(())
}

/// An account of the chart that no stream keeps beside the books: an entry by hand would part the two for ever.
/// What is owed to a merchant is corrected by an adjustment, a buyer by a refund.
fn free_account(text: Reference) -> Result<(), Rejection> {
    let account =
        Account::parse(text.as_str()).map_err(|e| Rejection::new("account_unknown", e.to_string()))?;
    if account.chart_line().is_some_and(|line| line.by_hand) {
        return Ok(());
    }
    let message = format!("account {text} is kept by its stream: use a refund or an adjustment instead");
    Err(Rejection::new("account_kept_by_stream", message))
}

impl Aggregate for Books {
    const CATEGORY: &'static str = "books";
    type Command = BooksCommand;

    fn named(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: &BooksCommand, ctx: &Context<'_>) -> Decided {
        match command {
            BooksCommand::ClosePeriod { period, books } => close(self, *period, books.as_deref(), ctx),
            BooksCommand::StateLiabilities { drawn } => state_liabilities(self, drawn.as_deref(), ctx),
            BooksCommand::ReopenPeriod { period, requested_by, reason } => {
                said("reason", reason)?;
                two_persons("reopening", *requested_by, ctx.actor)?;
                if self.last_closed() != Some(*period) {
                    let message = match self.last_closed() {
                        Some(last) => format!("period {last} was closed last: only it can be reopened"),
                        None => "no period is closed".to_owned(),
                    };
                    return Err(Rejection::new("period_not_last", message));
                }
                let before = self.closed.len().checked_sub(2).map(|n| self.closed[n].1);
                Ok(vec![
                    PeriodReopened {
                        period: *period,
                        by: *requested_by,
                        approved_by: ctx.actor,
                        reason: reason.clone(),
                        closed_until: before,
                    }
                    .into(),
                ])
            }
            BooksCommand::RecordProviderPayout { provider, amount, bank, reference, fee } => {
                positive("amount", *amount)?;
                if let Some(fee) = fee {
                    not_negative("fee", *fee)?;
                    amount.add(*fee)?;
                }
                self.fresh(Giver::Provider(*provider), *reference)?;
                Ok(vec![
                    ProviderPaidOut {
                        provider: *provider,
                        amount: *amount,
                        bank: *bank,
                        reference: *reference,
                        fee: *fee,
                    }
                    .into(),
                ])
            }
            BooksCommand::RemitTax { jurisdiction, amount, bank, reference } => {
                positive("amount", *amount)?;
                self.fresh(Giver::Bank(*bank), *reference)?;
                Ok(vec![
                    TaxRemitted {
                        jurisdiction: *jurisdiction,
                        amount: *amount,
                        bank: *bank,
                        reference: *reference,
                    }
                    .into(),
                ])
            }
            BooksCommand::SettlePayable { channel, amount, bank, reference } => {
                positive("amount", *amount)?;
                self.fresh(Giver::Bank(*bank), *reference)?;
                Ok(vec![
                    PayableSettled { channel: *channel, amount: *amount, bank: *bank, reference: *reference }
                        .into(),
                ])
            }
            BooksCommand::MoveOwnFunds { from, to, amount, reference } => {
                positive("amount", *amount)?;
                if from == to {
                    let message = format!("from and to are both {from}: name two accounts");
                    return Err(Rejection::new("same_account", message));
                }
                self.fresh(Giver::Bank(*from), *reference)?;
                Ok(vec![
                    OwnFundsMoved { from: *from, to: *to, amount: *amount, reference: *reference }.into(),
                ])
            }
            BooksCommand::PostVoucher { voucher: id, entries, reason, proposed_by } => {
                voucher(self, *id, entries, reason, *proposed_by, ctx)
            }
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::PeriodClosed(e) => self.closed.push((e.period, e.until, e.digest)),
            Event::LiabilitiesStated(e) => self.stated = Some((e.through, e.sums.clone())),
            Event::PeriodReopened(e) => self.closed.retain(|(period, ..)| *period != e.period),
            Event::ProviderPaidOut(e) => {
                self.used.insert((Giver::Provider(e.provider), e.reference));
            }
            Event::TaxRemitted(e) => {
                self.used.insert((Giver::Bank(e.bank), e.reference));
            }
            Event::PayableSettled(e) => {
                self.used.insert((Giver::Bank(e.bank), e.reference));
            }
            Event::OwnFundsMoved(e) => {
                self.used.insert((Giver::Bank(e.from), e.reference));
            }
            Event::JournalVoucher(e) => {
                self.vouchers.insert(e.voucher);
            }
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs::default()
    }

    fn status(&self) -> &'static str {
        if self.closed.is_empty() { "open" } else { "closed_in_part" }
    }
}
