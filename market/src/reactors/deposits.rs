//! Between a merchant's schedule, its deposit, its standing and its account.

use daybook_commands::{CommandError, Commands};
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use daybook_domain::{Event, MerchantId};

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
        Event::BalanceHeld(e) => match e.claimed {
            Some(claimed) if claimed.minor > e.amount.minor => {
                let rest = daybook_domain::Money::new(claimed.minor - e.amount.minor, claimed.currency);
                let freeze = DepositCommand::Freeze {
                    hold: e.hold,
                    amount: rest,
                    reason: e.reason.clone(),
                    order: None,
                };
                vec![Reaction::new("freeze", to_deposit(freeze))]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
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
    let balance = daybook_domain::Money::new(free.minor + frozen.minor, free.currency);
    let command = if deposit.satisfied() {
        MerchantCommand::SatisfyDeposit { balance, required }
    } else {
        MerchantCommand::ReportDepositShort { balance, required }
    };
    Ok(Some(Reaction::new("standing", AnyCommand::Merchant { id: merchant, command })))
}
