//! What each decider's own state says, against the books: invariant 1, third part.
//!
//! Cost: every stream is read once more and folded; one state is in memory at a time.

use std::ops::ControlFlow;

use ahash::RandomState;
use daybook_domain::account::MerchantAccount;
use daybook_domain::checkout::Checkout;
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::events::DeductedTo;
use daybook_domain::order::Order;
use daybook_domain::order::events::{Bearer, ChargebackOutcome, RefundShare};
use daybook_domain::{Aggregate, CheckoutId, Currency, Event, Money, OrderId, Timestamp};
use daybook_journal::{Journal, Position};
use hashbrown::HashMap;

use super::books::Books;
use super::report::{Check, Report};
use super::{Seen, Told, VerifyError, decode};

/// The streams whose state says an amount, and what left each checkout for escrow.
#[derive(Default)]
pub struct Streams {
    names: Vec<Box<str>>,
    into_escrow: HashMap<(CheckoutId, Currency), i64, RandomState>,
    /// Deducted from a deposit for an order's buyer and not yet issued by the order: on its way between two
    /// streams, it stands on the order's refund account already.
    on_its_way: HashMap<(OrderId, Currency), i64, RandomState>,
}

/// What a deposit bears of a refund.
fn by_deposit(shares: &[RefundShare]) -> i64 {
    shares.iter().filter(|share| share.by == Bearer::Deposit).map(|share| share.gross.minor).sum()
}

/// Folds one stream with its decider.
fn fold<A: Aggregate>(
    journal: &dyn Journal,
    stream: &str,
    id: &str,
    head: Position,
) -> Result<A, VerifyError> {
    let mut state = A::named(id);
    let mut failed = None;
    journal.read_stream(stream, 0, &mut |recorded| {
        if recorded.position > head {
            return ControlFlow::Break(());
        }
        match decode(&recorded) {
            Ok((event, _)) => {
                state.evolve(&event, Timestamp(recorded.occurred_at));
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(state), Err)
}

/// What a state says of an account, and the account.
type Says = (&'static str, Money);

impl Streams {
    fn order(
        &self,
        journal: &dyn Journal,
        stream: &str,
        id: &str,
        head: Position,
    ) -> Result<Vec<Says>, VerifyError> {
        let state: Order = fold(journal, stream, id, head)?;
        let escrow = state.escrow().map(|amount| ("Escrow", amount));
        let refunds = state.refunds_due().map(|due| {
            let key = OrderId::new(id).ok().map(|order| (order, due.currency));
            let more = key.and_then(|key| self.on_its_way.get(&key)).copied().unwrap_or(0);
            ("Refunds", Money::new(due.minor + more, due.currency))
        });
        Ok(escrow.into_iter().chain(refunds).collect())
    }

    /// Notes a stream when its first event passes.
    pub fn see(&mut self, seen: &Seen<'_>) {
        if seen.recorded.version == 1 {
            self.names.push(seen.recorded.stream.into());
        }
        match seen.event {
            Event::EscrowFunded(e) => {
                let Some(checkout) = seen.refs.checkout else { return };
                for part in &e.parts {
                    *self.into_escrow.entry((checkout, part.amount.currency)).or_default() +=
                        part.amount.minor;
                }
            }
            Event::DepositDeducted(e) => {
                if let DeductedTo::Buyer { order } = &e.to {
                    *self.on_its_way.entry((*order, e.amount.currency)).or_default() += e.amount.minor;
                }
            }
            Event::RefundIssued(e) => self.issued(seen, e.to_buyer.currency, by_deposit(&e.borne_by)),
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                self.issued(seen, e.amount.currency, by_deposit(&e.borne_by));
            }
            _ => {}
        }
    }

    fn issued(&mut self, seen: &Seen<'_>, currency: Currency, minor: i64) {
        if let (Some(order), true) = (seen.refs.order, minor != 0) {
            *self.on_its_way.entry((order, currency)).or_default() -= minor;
        }
    }

    /// Folds each stream and compares.
    pub fn compare(
        self,
        journal: &dyn Journal,
        head: Position,
        books: &Books,
        told: Told<'_>,
        report: &mut Report,
    ) -> Result<(), VerifyError> {
        let of = |holds, unit| Check::new(1, holds, unit);
        let mut orders =
            of("what an order's state says of its escrow and refunds equals its accounts", "orders");
        let mut checkouts = of("what a checkout's state says equals its account", "checkouts");
        let mut deposits = of("what a deposit's state says equals its accounts", "deposits");
        let mut accounts =
            of("what a merchant account's state says equals its accounts", "merchant accounts");
        for (at, stream) in self.names.iter().enumerate() {
            if at.is_multiple_of(1024) {
                told("folding every stream again", at as u64, self.names.len() as u64);
            }
            let Some((category, id)) = stream.split_once('-') else { continue };
            let (check, says) = match category {
                "order" => (&mut orders, self.order(journal, stream, id, head)?),
                "checkout" => (&mut checkouts, self.checkout(journal, stream, id, head)?),
                "deposit" => (&mut deposits, deposit(journal, stream, id, head)?),
                "account" => (&mut accounts, account(journal, stream, id, head)?),
                _ => continue,
            };
            check.look(|| stream.to_string(), difference(&says, id, books));
        }
        for check in [orders, checkouts, deposits, accounts] {
            report.add(check);
        }
        Ok(())
    }

    fn checkout(
        &self,
        journal: &dyn Journal,
        stream: &str,
        id: &str,
        head: Position,
    ) -> Result<Vec<Says>, VerifyError> {
        let state: Checkout = fold(journal, stream, id, head)?;
        let mut says = Vec::new();
        for total in state.totals() {
            let currency = total.captured.currency;
            let key = CheckoutId::new(id).ok().map(|checkout| (checkout, currency));
            let taken = key.and_then(|key| self.into_escrow.get(&key)).copied().unwrap_or(0);
            let there = total.allocated.minor + total.waiting.minor + total.unallocated.minor - taken;
            says.push(("Checkout", Money::new(there, currency)));
        }
        Ok(says)
    }
}

fn deposit(journal: &dyn Journal, stream: &str, id: &str, head: Position) -> Result<Vec<Says>, VerifyError> {
    let state: Deposit = fold(journal, stream, id, head)?;
    let free = state.balance().map(|amount| ("Deposit", amount));
    let frozen = state.frozen().map(|amount| ("DepositFrozen", amount));
    Ok(free.into_iter().chain(frozen).collect())
}

fn account(journal: &dyn Journal, stream: &str, id: &str, head: Position) -> Result<Vec<Says>, VerifyError> {
    let state: MerchantAccount = fold(journal, stream, id, head)?;
    let mut says = Vec::new();
    for currency in state.currencies() {
        says.push(("MerchantAvailable", state.available(currency)));
        says.push(("MerchantHeld", state.held(currency)));
        says.push(("MerchantReserve", state.reserve(currency)));
        says.push(("PayoutInTransit", state.in_transit(currency)));
    }
    Ok(says)
}

/// Where state and books differ.
fn difference(says: &[Says], id: &str, books: &Books) -> Option<String> {
    says.iter().find_map(|(name, amount)| {
        let booked = Money::new(books.owed(name, id, amount.currency), amount.currency);
        (booked != *amount).then(|| format!("the state says {amount}, Liabilities:{name}:{id} says {booked}"))
    })
}
