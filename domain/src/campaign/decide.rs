//! What a campaign says to a command.

use super::commands::CampaignCommand;
use super::events::*;
use super::state::{Accrual, Campaign, CampaignStage};
use crate::decider::{calendar_day, not_negative, positive, said};
use crate::{Context, Event, Money, Rate, Rejection};

/// Most channels, pages or targets of one campaign.
const MOST: usize = 100;

type Decided = Result<Vec<Event>, Rejection>;

impl Campaign {
    pub(super) fn decided(&self, command: &CampaignCommand, context: &Context<'_>) -> Decided {
        use CampaignCommand as C;
        match command {
            C::Plan { .. } => self.planned(command),
            C::Start {} => match self.known()?.0 {
                CampaignStage::Started => Ok(Vec::new()),
                CampaignStage::Ended => Err(over("plan another under another id")),
                _ => Ok(vec![CampaignStarted { by: context.actor }.into()]),
            },
            C::RecordSpend { .. } => self.spend(command),
            C::AccrueCommission { .. } => self.accrue(command),
            C::ReverseCommission { accrual, amount, reason } => {
                self.known()?;
                said("reason", reason)?;
                let unknown = || {
                    Rejection::new("accrual_unknown", format!("accrual {accrual} is not of this campaign"))
                };
                let of = *self.accruals.get(accrual).ok_or_else(unknown)?;
                let Accrual { order, partner, left, funded_by } = of;
                let amount = amount.unwrap_or(left);
                self.own("amount", amount)?;
                if left.is_zero() && amount.is_zero() {
                    return Ok(Vec::new());
                }
                positive("amount", amount)?;
                if amount.minor > left.minor {
                    let message = format!("amount is {amount}, and {left} of accrual {accrual} are left");
                    return Err(Rejection::new("more_than_accrued", message));
                }
                let (accrual, reason) = (*accrual, reason.clone());
                Ok(vec![
                    AffiliateCommissionReversed { accrual, order, partner, amount, funded_by, reason }.into(),
                ])
            }
            C::PayCommission { partner, amount, bank, reference } => {
                self.known()?;
                self.own("amount", *amount)?;
                positive("amount", *amount)?;
                let (partner, amount, bank, reference) = (*partner, *amount, *bank, *reference);
                let paid = AffiliateCommissionPaid { partner, amount, bank, reference };
                if self.payments.has("reference", &reference, &paid)? {
                    return Ok(Vec::new());
                }
                let owed = self.owed(partner).unwrap_or(Money::zero(amount.currency));
                if amount.minor > owed.minor {
                    let message =
                        format!("amount is {amount}, and {partner} is owed {owed} for this campaign");
                    return Err(Rejection::new("more_than_owed", message));
                }
                Ok(vec![paid.into()])
            }
            C::IssueCoupons { batch, count, value, minimum, valid_until } => {
                self.known()?;
                self.own("value", *value)?;
                positive("value", *value)?;
                minimum.map_or(Ok(()), |minimum| self.own("minimum", minimum))?;
                minimum.map_or(Ok(()), |minimum| not_negative("minimum", minimum))?;
                if *count == 0 {
                    return Err(Rejection::new("count_zero", "count is 0: say how many were given out"));
                }
                let (batch, count, value) = (*batch, *count, *value);
                let (minimum, valid_until) = (*minimum, *valid_until);
                let issued = CouponsIssued { batch, count, value, minimum, valid_until };
                let known = self.coupons.has("batch", &batch, &issued)?;
                Ok(if known { Vec::new() } else { vec![issued.into()] })
            }
            C::End { reason } => {
                reason.as_ref().map_or(Ok(()), |reason| said("reason", reason))?;
                match self.known()?.0 {
                    CampaignStage::Ended => Ok(Vec::new()),
                    _ => Ok(vec![CampaignEnded { by: context.actor, reason: reason.clone() }.into()]),
                }
            }
        }
    }

    fn known(&self) -> Result<(CampaignStage, &CampaignPlanned), Rejection> {
        let unknown = || Rejection::new("campaign_unknown", "this campaign is not known: plan it first");
        self.plan().map(|plan| (self.stage(), plan)).ok_or_else(unknown)
    }

    /// Refuses money in another currency than the plan's.
    fn own(&self, field: &'static str, amount: Money) -> Result<(), Rejection> {
        let planned = self.known()?.1.budget.currency;
        if amount.currency == planned {
            return Ok(());
        }
        let message =
            format!("{field} is {amount}, and the campaign is planned in {planned}: convert it first");
        Err(Rejection::new("currency_mismatch", message))
    }

    fn planned(&self, command: &CampaignCommand) -> Decided {
        let CampaignCommand::Plan {
            name,
            kind,
            starts,
            ends,
            budget,
            daily_cap,
            discount_floor,
            channels,
            pages,
            targets,
            holdout,
            merchant,
        } = command
        else {
            return Ok(Vec::new());
        };
        said("name", name)?;
        if starts >= ends {
            let message = format!("starts {starts} is not before ends {ends}");
            return Err(Rejection::new("period_backwards", message));
        }
        not_negative("budget", *budget)?;
        if let Some(cap) = daily_cap {
            positive("daily_cap", *cap)?;
            cap.sub(*budget)?;
        }
        let share = |field: &'static str, share: Rate, open: bool| {
            let inside = if open { share > Rate::ZERO && share < Rate::ONE } else { within(share) };
            let message = || format!("{field} is {share}: a share lies between 0 and 1");
            if inside { Ok(()) } else { Err(Rejection::new("rate_out_of_range", message())) }
        };
        discount_floor.map_or(Ok(()), |floor| share("discount_floor", floor, false))?;
        holdout.as_ref().map_or(Ok(()), |holdout| share("holdout.share", holdout.share, true))?;
        for (field, count) in
            [("channels", channels.len()), ("pages", pages.len()), ("targets", targets.len())]
        {
            if count > MOST {
                let message = format!("{field} has {count} items: name at most {MOST}");
                return Err(Rejection::new("too_many", message));
            }
        }
        pages.iter().try_for_each(|page| said("pages", page))?;
        let event = CampaignPlanned {
            name: name.trim().to_owned(),
            kind: *kind,
            starts: *starts,
            ends: *ends,
            budget: *budget,
            channels: channels.clone(),
            pages: pages.clone(),
            targets: targets.clone(),
            daily_cap: *daily_cap,
            discount_floor: *discount_floor,
            holdout: holdout.clone(),
            merchant: *merchant,
        };
        match self.plan() {
            Some(plan) if *plan == event => Ok(Vec::new()),
            Some(_) => {
                Err(Rejection::new("campaign_known", "this campaign was planned otherwise: use another id"))
            }
            None => Ok(vec![event.into()]),
        }
    }

    fn spend(&self, command: &CampaignCommand) -> Decided {
        let CampaignCommand::RecordSpend {
            spend,
            channel,
            day,
            kind,
            amount,
            impressions,
            clicks,
            funded_by,
            keyword,
        } = command
        else {
            return Ok(Vec::new());
        };
        self.known()?;
        self.own("amount", *amount)?;
        not_negative("amount", *amount)?;
        calendar_day("day", *day)?;
        self.bearer(*funded_by)?;
        keyword.as_ref().map_or(Ok(()), |keyword| said("keyword", keyword))?;
        let recorded = CampaignSpendRecorded {
            spend: *spend,
            channel: *channel,
            day: *day,
            kind: *kind,
            amount: *amount,
            impressions: *impressions,
            clicks: *clicks,
            funded_by: *funded_by,
            keyword: keyword.clone(),
        };
        let known = self.spends.has("spend", spend, &recorded)?;
        Ok(if known { Vec::new() } else { vec![recorded.into()] })
    }

    fn accrue(&self, command: &CampaignCommand) -> Decided {
        let CampaignCommand::AccrueCommission { accrual, order, partner, base, rate, funded_by } = command
        else {
            return Ok(Vec::new());
        };
        self.known()?;
        self.own("base", *base)?;
        positive("base", *base)?;
        self.bearer(*funded_by)?;
        if !within(*rate) {
            let message = format!("rate is {rate}: a share lies between 0 and 1, never in percent");
            return Err(Rejection::new("rate_out_of_range", message));
        }
        let amount = base.at_rate(*rate)?;
        positive("amount (rate x base)", amount)?;
        let (accrual, order, partner) = (*accrual, *order, *partner);
        let (base, rate, funded_by) = (*base, *rate, *funded_by);
        let accrued = AffiliateCommissionAccrued { accrual, order, partner, base, rate, amount, funded_by };
        let known = self.accrued.has("accrual", &accrual, &accrued)?;
        Ok(if known { Vec::new() } else { vec![accrued.into()] })
    }

    /// Refuses a merchant's share in a campaign that is nobody's but the market's.
    fn bearer(&self, funded_by: FundedBy) -> Result<(), Rejection> {
        if funded_by == FundedBy::Market || self.known()?.1.merchant.is_some() {
            return Ok(());
        }
        let message =
            "funded_by is merchant, and the campaign is the market's own: plan it with its merchant";
        Err(Rejection::new("no_merchant", message))
    }
}

fn within(share: Rate) -> bool {
    share >= Rate::ZERO && share <= Rate::ONE
}

fn over(cure: &str) -> Rejection {
    Rejection::new("campaign_over", format!("the campaign has ended: {cure}"))
}
