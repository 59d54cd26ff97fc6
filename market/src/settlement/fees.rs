//! The platform fees of periods that have ended, charged by a run before it settles.

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::merchant::Merchant;

use super::cycle::period_before;
use super::run::Run;
use super::source::{Contracted, Source};
use crate::MarketError;

/// Fee periods looked back at, at most: ten years of days.
const PERIODS: usize = 3_660;

impl Run<'_> {
    /// Charges the platform fees of the periods that ended by the run's day: what the schedule in force at a
    /// period's end asks for, of merchants that were open by then and had not left before it began.
    pub(super) async fn charge_fees(&mut self, source: &mut dyn Source) -> Result<u64, MarketError> {
        let before = self.ran.fees;
        let mut after = None;
        loop {
            let contracted = source.contracted(after)?;
            let Some(last) = contracted.last() else { break };
            after = Some(last.merchant);
            let only = self.merchant;
            for merchant in contracted.into_iter().filter(|c| only.is_none_or(|only| only == c.merchant)) {
                self.charge_merchant(merchant).await?;
            }
        }
        self.write().await?;
        Ok(self.ran.fees - before)
    }

    async fn charge_merchant(&mut self, contracted: Contracted) -> Result<(), MarketError> {
        let (calendar, commands) = (self.calendar, &self.market.commands);
        let Contracted { merchant, opened_at } = contracted;
        let mut owed = Vec::new();
        let mut day = self.cut.day();
        for _ in 0..PERIODS {
            let end = calendar.start_of(day).plus(-1);
            if end < opened_at {
                break;
            }
            // the schedule in force at the end of the period decides whether there is a fee, and for what cycle
            let (cycle, left_at) = commands.look(merchant, |m: &Merchant| {
                let schedule = m.schedule_at(end);
                let fee = schedule.and_then(|s| s.platform_fee.as_ref()).filter(|fee| fee.amount.minor > 0);
                (fee.map(|fee| fee.period), m.facts(end).terminated_at)
            })?;
            let Some(cycle) = cycle else {
                // none was agreed then: the one before may have been
                match commands.look(merchant, |m: &Merchant| m.schedule_at(end).map(|s| s.effective_from))? {
                    Some(from) if calendar.day(from) < day => day = calendar.day(from),
                    _ => break,
                }
                continue;
            };
            let Some(period) = period_before(cycle, day) else { break };
            if period.until < day {
                // the schedule may be younger than the end of this period
                day = period.until;
                continue;
            }
            // one may have been charged by hand before those that came before it
            let charged =
                commands.look(merchant, |a: &MerchantAccount| a.platform_fee_charged(period.name))?;
            if !charged && left_at.is_none_or(|left| left >= calendar.start_of(period.from)) {
                owed.push((period, end));
            }
            day = period.from;
        }
        for (period, end) in owed.into_iter().rev() {
            let command = AccountCommand::ChargePlatformFee { period: period.name, amount: None };
            self.ask(merchant, command, &format!("platform fee {merchant} {}", period.name), end).await?;
        }
        Ok(())
    }
}
