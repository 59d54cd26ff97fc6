//! Between a merchant's schedule, its deposit, its standing and its account.

use daybook_commands::{CommandError, Commands};
use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::merchant::{DEPOSIT_SHORT, Merchant};
use daybook_domain::{Event, HoldId, MerchantId, Money};

use super::{Happened, Reaction, own_id};
use crate::AnyCommand;

pub(super) fn react(happened: &Happened, commands: &Commands) -> Result<Vec<Reaction>, CommandError> {
    let Some(merchant) = happened.refs.merchant else { return Ok(Vec::new()) };
    let to_deposit = |command| AnyCommand::Deposit { id: merchant, command };
    let to_account = |command| AnyCommand::Account { id: merchant, command };
    Ok(match &happened.event {
        Event::FeeScheduleAgreed(e) => {
            vec![Reaction::new("require", to_deposit(DepositCommand::Require { amount: e.deposit_required }))]
        }
        Event::DepositPaidFromBalance(e) => {
            let spend = AccountCommand::SpendHold { hold: e.hold, amount: e.amount };
            let mut out = vec![Reaction::new("spend", to_account(spend))];
            out.extend(standing(merchant, happened, commands)?);
            out
        }
        Event::DepositRequired(_)
        | Event::DepositPaid(_)
        | Event::DepositDeducted(_)
        | Event::DepositRefunded(_)
        | Event::DepositRestored(_) => standing(merchant, happened, commands)?.into_iter().collect(),
        Event::MerchantSuspended(e) if e.reason == DEPOSIT_SHORT => {
            top_up(merchant, happened, commands)?.into_iter().collect()
        }
        Event::MerchantAssessed(e) if e.passed => {
            let reward = AccountCommand::RewardTier { period: e.period, tier: e.tier };
            vec![Reaction::new("reward", to_account(reward)).fine(&["no_reward_for_tier"])]
        }
        Event::BalanceHeld(e) if e.hold.tops_up() => {
            if e.amount.is_zero() {
                return Ok(Vec::new());
            }
            let pay = DepositCommand::PayFromBalance { hold: e.hold, amount: e.amount };
            vec![Reaction::new("pay", to_deposit(pay))]
        }
        Event::BalanceHeld(e) => match e.claimed {
            Some(claimed) if claimed.minor > e.amount.minor => {
                let rest = Money::new(claimed.minor - e.amount.minor, claimed.currency);
                let freeze = DepositCommand::Freeze {
                    hold: e.hold,
                    amount: rest,
                    reason: e.reason.clone(),
                    order: None,
                };
                vec![Reaction::new("freeze", to_deposit(freeze))]
            }
            Some(_) => Vec::new(),
            None => thaw(merchant, happened, commands, e.hold)?.into_iter().collect(),
        },
        _ => Vec::new(),
    })
}

/// What the account came to hold for a claim after all, the deposit need not hold too.
fn thaw(
    merchant: MerchantId,
    happened: &Happened,
    commands: &Commands,
    hold: HoldId,
) -> Result<Option<Reaction>, CommandError> {
    // a claim that was held in full at once lacks nothing of the deposit's
    let before =
        commands.state_at::<MerchantAccount>(own_id(happened), happened.version.saturating_sub(1))?;
    if before.hold(hold).is_none() {
        return Ok(None);
    }
    let now = commands.state_at::<MerchantAccount>(own_id(happened), happened.version)?;
    let Some(held) = now.hold(hold) else { return Ok(None) };
    let lacks = Money::new(held.lacks(), held.claim.currency);
    let release =
        AnyCommand::Deposit { id: merchant, command: DepositCommand::Release { hold, keep: Some(lacks) } };
    // a deposit without money had nothing to hold
    Ok(Some(Reaction::new("thaw", release).fine(&["hold_unknown"])))
}

/// A store that was suspended because its deposit stayed short: what is missing is taken from what is available to
/// the merchant, as far as that goes.
fn top_up(
    merchant: MerchantId,
    happened: &Happened,
    commands: &Commands,
) -> Result<Option<Reaction>, CommandError> {
    let state = commands.state_at::<Merchant>(own_id(happened), happened.version)?;
    let Some(standing) = state.deposit() else { return Ok(None) };
    let missing = standing.required.minor - standing.balance.minor;
    if missing <= 0 {
        return Ok(None);
    }
    let hold = format!("{}{}", HoldId::TOP_UP, happened.id);
    let command = AccountCommand::Hold {
        hold: HoldId::new(&hold).expect("invariant: a word and a UUID are an id"),
        claim: Money::new(missing, standing.required.currency),
        reason: "the deposit is short".to_owned(),
        dispute: None,
    };
    Ok(Some(Reaction::new("top up", AnyCommand::Account { id: merchant, command })))
}

/// Tells the merchant how its deposit stands after the event.
fn standing(
    merchant: MerchantId,
    happened: &Happened,
    commands: &Commands,
) -> Result<Option<Reaction>, CommandError> {
    let deposit = commands.state_at::<Deposit>(own_id(happened), happened.version)?;
    let (Some(required), Some(free), Some(frozen)) =
        (deposit.required(), deposit.balance(), deposit.frozen())
    else {
        return Ok(None);
    };
    let balance = Money::new(free.minor + frozen.minor, free.currency);
    let command = if deposit.satisfied() {
        MerchantCommand::SatisfyDeposit { balance, required }
    } else {
        MerchantCommand::ReportDepositShort { balance, required }
    };
    Ok(Some(Reaction::new("standing", AnyCommand::Merchant { id: merchant, command })))
}
