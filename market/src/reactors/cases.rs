//! Disputes and chargebacks: money held while they last, and the shares that lie in other streams.

use daybook_commands::{CommandError, Commands};
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::checkout::events::ChargebackPart;
use daybook_domain::decider::passed_on;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::deposit::events::DeductedTo;
use daybook_domain::order::Order;
use daybook_domain::order::commands::{OrderCommand, RefundOf};
use daybook_domain::order::events::{Bearer, ChargebackOutcome, DisputeRuled};
use daybook_domain::{DisputeId, Event, HoldId, MerchantId, Money, OrderId, RefundId};
use uuid::Uuid;

use super::{Happened, Reaction, own_id};
use crate::AnyCommand;

pub(super) fn react(happened: &Happened, commands: &Commands) -> Result<Vec<Reaction>, CommandError> {
    Ok(match &happened.event {
        Event::ChargebackReceived(e) => on_orders(&e.parts, |amount| OrderCommand::OpenChargeback {
            chargeback: e.chargeback,
            payment: e.payment,
            provider: e.provider,
            amount,
            reason: e.reason.clone(),
        }),
        Event::ChargebackWon(e) => on_orders(&e.parts, |amount| OrderCommand::CloseChargeback {
            chargeback: e.chargeback,
            outcome: ChargebackOutcome::Won,
            amount,
            round: e.round,
        }),
        Event::ChargebackLost(e) => on_orders(&e.parts, |amount| OrderCommand::CloseChargeback {
            chargeback: e.chargeback,
            outcome: ChargebackOutcome::Lost,
            amount,
            round: e.round,
        }),
        Event::DepositDeducted(e) => match e.to {
            DeductedTo::Buyer { order } => {
                vec![Reaction::new(
                    "refund",
                    issue(order, happened.id, e.amount, Bearer::Deposit, &passed_on(e.reason.clone()), None),
                )]
            }
            DeductedTo::Penalty | DeductedTo::MerchantBalance => Vec::new(),
        },
        _ => match (happened.refs.order, happened.refs.merchant) {
            (Some(order), Some(merchant)) => Case { order, merchant, happened }.react(commands)?,
            _ => Vec::new(),
        },
    })
}

fn on_orders(parts: &[ChargebackPart], command: impl Fn(Money) -> OrderCommand) -> Vec<Reaction> {
    let of_orders = parts.iter().filter_map(|part| Some((part.order?, part.amount)));
    of_orders
        .map(|(id, amount)| {
            Reaction::new(format!("order:{id}"), AnyCommand::Order { id, command: command(amount) })
        })
        .collect()
}

/// A refund after release; its id comes from the event that asks for it.
fn issue(
    order: OrderId,
    cause: Uuid,
    amount: Money,
    borne_by: Bearer,
    reason: &str,
    dispute: Option<DisputeId>,
) -> AnyCommand {
    let refund = RefundId::new(&cause.to_string()).expect("invariant: a UUID is an id");
    let of = RefundOf::Amount(amount);
    let command = OrderCommand::IssueRefund { refund, of, borne_by, reason: reason.to_owned(), dispute };
    AnyCommand::Order { id: order, command }
}

/// An order's event, with whose order it is.
struct Case<'a> {
    order: OrderId,
    merchant: MerchantId,
    happened: &'a Happened,
}

impl Case<'_> {
    fn react(&self, commands: &Commands) -> Result<Vec<Reaction>, CommandError> {
        Ok(match &self.happened.event {
            Event::DisputeOpened(e) => {
                let order = self.order_then(commands)?;
                let disputed = order.lines().iter().filter(|l| e.lines.iter().any(|d| d.line == l.id));
                let escrow = if order.funded() { disputed.map(|l| l.escrow.left()).sum() } else { 0 };
                self.hold(e.dispute.as_str(), e.claim, escrow, "a dispute", Some(e.dispute))
            }
            Event::ChargebackOpened(e) => {
                let escrow = self.order_then(commands)?.escrow().map_or(0, |money| money.minor);
                self.hold(e.chargeback.as_str(), e.amount, escrow, "a chargeback", None)
            }
            Event::DisputeRuled(e) => self.ruled(e),
            Event::RulingReversed(e) => {
                let mut out = Vec::new();
                if e.to_deposit.minor > 0 {
                    let restore = DepositCommand::Restore {
                        order: self.order,
                        dispute: e.dispute,
                        amount: e.to_deposit,
                        reason: passed_on(e.reason.clone()),
                    };
                    out.push(Reaction::new("restore", self.deposit(restore)));
                }
                if let Some(amount) = e.penalty_back {
                    let reason = passed_on(format!("dispute {} reversed: {}", e.dispute, e.reason));
                    let waive = self.account(AccountCommand::WaiveFee { amount, reason });
                    out.push(Reaction::new("waive", waive));
                }
                out
            }
            Event::DisputeClosed(e) => self.free(e.dispute.as_str()).into(),
            Event::ChargebackClosed(e) => {
                let hold = self.hold_id(e.chargeback.as_str());
                let mut out = Vec::new();
                if let Some(amount) = e.from_deposit.filter(|amount| amount.minor > 0) {
                    let reason = format!("chargeback {} lost", e.chargeback);
                    out.push(self.deduct(hold, amount, &reason, DeductedTo::MerchantBalance, None));
                }
                out.extend(self.free(e.chargeback.as_str()));
                out
            }
            _ => Vec::new(),
        })
    }

    fn order_then(&self, commands: &Commands) -> Result<Order, CommandError> {
        commands.state_at::<Order>(own_id(self.happened), self.happened.version)
    }

    fn hold_id(&self, case: &str) -> HoldId {
        HoldId::of_case(self.order, case)
    }

    fn deposit(&self, command: DepositCommand) -> AnyCommand {
        AnyCommand::Deposit { id: self.merchant, command }
    }

    fn account(&self, command: AccountCommand) -> AnyCommand {
        AnyCommand::Account { id: self.merchant, command }
    }

    /// Holds on the merchant's account what escrow does not cover of a claim.
    fn hold(
        &self,
        case: &str,
        claim: Money,
        escrow: i64,
        what: &str,
        dispute: Option<DisputeId>,
    ) -> Vec<Reaction> {
        let beyond = claim.minor - escrow;
        if beyond <= 0 {
            return Vec::new();
        }
        let command = AccountCommand::Hold {
            hold: self.hold_id(case),
            claim: Money::new(beyond, claim.currency),
            reason: format!("{what} on order {}", self.order),
            dispute,
        };
        vec![Reaction::new("hold", self.account(command))]
    }

    /// The case is over: what was held for it is free.
    fn free(&self, case: &str) -> [Reaction; 2] {
        let hold = self.hold_id(case);
        let lift = self.account(AccountCommand::LiftHold { hold, amount: None });
        let release = self.deposit(DepositCommand::Release { hold, keep: None });
        // Without a claim beyond escrow, or money to hold, there was no hold.
        [
            Reaction::new("lift", lift).fine(&["hold_unknown"]),
            Reaction::new("release", release).fine(&["hold_unknown"]),
        ]
    }

    fn ruled(&self, e: &DisputeRuled) -> Vec<Reaction> {
        let mut out = Vec::new();
        let reason = passed_on(format!("dispute {} ruled: {}", e.dispute, e.reason));
        if e.from_deposit.minor > 0 {
            let instead = issue(
                self.order,
                self.happened.id,
                e.from_deposit,
                Bearer::Platform,
                &reason,
                Some(e.dispute),
            );
            let to = DeductedTo::Buyer { order: self.order };
            let hold = self.hold_id(e.dispute.as_str());
            out.push(self.deduct(hold, e.from_deposit, &reason, to, Some(instead)));
        }
        if e.penalty.minor > 0 {
            let penalty =
                AccountCommand::ChargePenalty { amount: e.penalty, reason, dispute: Some(e.dispute) };
            out.push(Reaction::new("penalty", self.account(penalty)));
        }
        out
    }

    /// Takes from the hold of the case; where that is not enough, the hold is released and all is taken from what
    /// is then free; where the deposit does not have it, `instead`.
    fn deduct(
        &self,
        hold: HoldId,
        amount: Money,
        reason: &str,
        to: DeductedTo,
        instead: Option<AnyCommand>,
    ) -> Reaction {
        let deduct =
            |hold| self.deposit(DepositCommand::Deduct { amount, hold, reason: reason.to_owned(), to });
        let release = self.deposit(DepositCommand::Release { hold, keep: None });
        let last = Reaction::new("deduct", deduct(None))
            .or(instead.map(|command| Reaction::new("instead", command)));
        let release = Reaction::new("free", release).fine(&["hold_unknown"]);
        Reaction::new("deduct held", deduct(Some(hold))).or([release, last])
    }
}
