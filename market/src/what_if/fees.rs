//! Platform fees under other contracts.
//!
//! The periods that a contract asks a fee for, and the shares of those that it changes within, come from the settlement run's own
//! function, under the contract as it was and as it would be; what is charged is said by the account's decider. What was charged
//! for a period that both ask for stands corrected; for one that only the old asks for it falls away; for one that only
//! the new asks for it is added. A period that was not charged although the old contract asks for it (it was left
//! out by hand, or no run was made) is not charged under the new one either.

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::books::Policy;
use daybook_domain::merchant::Merchant;
use daybook_domain::merchant::events::FeeScheduleAgreed;
use daybook_domain::{Aggregate, Context, Event, Facts, MerchantId, PartyId, Refs, Timestamp};

use super::WhatIfError;
use super::pass::Pass;
use super::rules::Rules;
use crate::Calendar;
use crate::settlement::fees::{Part, before, owed};

/// The contract as it would be: from its first day on, a schedule for each stretch of days on which neither contract
/// nor rules change. `None` where no rule changes it.
pub(super) fn contract(
    rules: &Rules,
    calendar: Calendar,
    id: MerchantId,
    actual: &Merchant,
) -> Option<Merchant> {
    let first = actual.schedules().iter().map(|schedule| schedule.effective_from).min()?;
    let turns = rules.turns().map(|day| calendar.start_of(day)).filter(|turn| *turn > first);
    let mut turns: Vec<Timestamp> =
        actual.schedules().iter().map(|schedule| schedule.effective_from).chain(turns).collect();
    turns.sort_unstable();
    turns.dedup();
    let (mut contract, mut changed) = (actual.clone(), false);
    for turn in turns {
        let Some(agreed) = actual.schedule_at(turn) else { continue };
        let asked = under(rules, id, calendar, turn, agreed);
        changed |= asked != *agreed;
        contract.evolve(&FeeScheduleAgreed { effective_from: turn, ..asked }.into(), turn);
    }
    changed.then_some(contract)
}

/// A schedule under the rules that hold from an instant on.
fn under(
    rules: &Rules,
    id: MerchantId,
    calendar: Calendar,
    turn: Timestamp,
    agreed: &FeeScheduleAgreed,
) -> FeeScheduleAgreed {
    let day = calendar.day(turn);
    let mut asked = agreed.clone();
    // a contract is kept in one currency: a rule for all in another is not for it
    let currency = agreed.settlement.minimum_payout.currency;
    if let Some(fee) = rules.fee_of(id, day).filter(|fee| fee.amount.currency == currency) {
        asked.platform_fee = (fee.amount.minor > 0).then(|| fee.clone());
    }
    if let Some((cycle, days)) = rules.cycle_of(id, day) {
        (asked.settlement.cycle, asked.settlement.days) = (cycle, days);
    }
    asked
}

/// Charges what would have been charged.
pub(super) fn charge(pass: &mut Pass<'_>) -> Result<(), WhatIfError> {
    if pass.rules.platform_fee.is_empty() {
        return Ok(());
    }
    let mut replaced = Vec::new();
    let today = pass.today();
    for (id, known) in &pass.known {
        let asked = contract(pass.rules, pass.calendar, *id, &known.merchant);
        let Some((asked, opened_at)) = asked.zip(known.opened_at) else { continue };
        let actual = owed(&known.merchant, pass.calendar, opened_at, today);
        let what_if = owed(&asked, pass.calendar, opened_at, today);
        let refs = Refs { merchant: Some(*id), ..Refs::default() };
        for (charged, position, at, _) in known.charged.iter().filter(|(.., counts)| *counts) {
            if !actual.iter().any(|part| part.name == charged.period) {
                continue;
            }
            let part = what_if.iter().find(|part| part.name == charged.period);
            let is = part.map(|part| said(*id, &asked, pass.calendar, part)).transpose()?;
            replaced.push((Some((charged.clone(), *position)), is, refs, *at));
        }
        for part in &what_if {
            let new = !actual.iter().any(|of| of.name == part.name)
                && !known.charged.iter().any(|(charged, ..)| charged.period == part.name);
            if new {
                let is = said(*id, &asked, pass.calendar, part)?;
                replaced.push((None, Some(is), refs, before(pass.calendar, part.until)));
            }
        }
    }
    for (was, is, refs, at) in replaced {
        match &was {
            Some((_, position)) => drop(pass.corrections.at.insert(*position, is.clone())),
            None => pass.corrections.beside.extend(is.clone().map(|is| (is, refs, at))),
        }
        pass.replace(was.map(|(was, _)| Event::from(was)).as_ref(), is.as_ref(), &refs, at);
    }
    Ok(())
}

/// What an account's decider says to a charge.
fn said(id: MerchantId, merchant: &Merchant, calendar: Calendar, part: &Part) -> Result<Event, WhatIfError> {
    let at = before(calendar, part.until);
    let command = AccountCommand::ChargePlatformFee { period: part.name, amount: part.amount };
    let facts = Facts { merchant: Some(merchant.facts(at)), ..Facts::default() };
    let decided = decide(&MerchantAccount::named(id.as_str()), &command, &facts, at)?;
    decided.into_iter().next().ok_or_else(|| {
        WhatIfError::Refused(format!("merchant {id}: no fee is said for period {}", part.name))
    })
}

/// Asks an account, with these facts.
pub(super) fn decide(
    account: &MerchantAccount,
    command: &AccountCommand,
    facts: &Facts,
    at: Timestamp,
) -> Result<Vec<Event>, WhatIfError> {
    let actor = PartyId::new("what-if").expect("invariant: the word is an id");
    let policy = Policy::default();
    let context = Context { now: at, occurred_at: at, actor, policy: &policy, import: false, facts };
    account.decide(command, &context).map_err(|refused| WhatIfError::Refused(refused.to_string()))
}
