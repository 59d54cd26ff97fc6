//! Rows of spend as they will be decided, before the first of them is recorded.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::campaign::Campaign;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::campaign::events::CampaignKind;
use daybook_domain::{Aggregate, CampaignId, Context, Facts, Money, Rejection, Timestamp};
use uuid::Uuid;

use super::{AdSpendError, AdSpendOptions, FIELDS, NAMESPACE, Spend, actor};
use crate::lines::TextFile;
use crate::{AnyCommand, AnyRequest, Calendar, Market};

/// Decides every row on a copy of its campaign, so that the first refusal comes before anything is recorded. Returns the plans
/// of campaigns that the market does not know, where they are to be planned.
pub(super) async fn all(
    market: &Market,
    file: &TextFile,
    rows: &[Spend],
    options: &AdSpendOptions,
    calendar: Calendar,
) -> Result<Vec<AnyRequest>, AdSpendError> {
    let policy = market.commands().policy()?;
    let (now, facts) = (market.commands().now(), Facts::default());
    let latest = now.plus(policy.clock_tolerance());
    let context = |occurred_at: Timestamp| Context {
        now,
        occurred_at,
        actor: actor(),
        policy: &policy,
        import: true,
        facts: &facts,
    };
    let mut campaigns: BTreeMap<CampaignId, Vec<&Spend>> = BTreeMap::new();
    rows.iter().for_each(|row| campaigns.entry(row.campaign).or_default().push(row));
    let (mut plans, mut names) = (Vec::new(), BTreeMap::new());
    for (campaign, rows) in campaigns {
        let first = rows[0];
        if let Some(row) = rows.iter().find(|row| calendar.start_of(row.day) > latest) {
            let why = format!("{} has not begun: a spend is recorded on its day or after it", row.day);
            return Err(file.wrong(row.line, "day", why).into());
        }
        let (mut state, _) = market.commands().state::<Campaign>(campaign)?;
        if state.plan().is_none() {
            let unplanned = |why: String| AdSpendError::from(file.wrong(first.line, "campaign", why));
            if !options.plan {
                let why = "is not known: plan it first, or have it planned with --plan";
                return Err(unplanned(format!("campaign {campaign} {why}")));
            }
            if let Some(other) = names.insert(campaign.as_str().to_lowercase(), campaign) {
                let why = "differ in case only: plan them by hand, under names of their own";
                return Err(unplanned(format!("campaigns {other} and {campaign} {why}")));
            }
            let command = plan(file, campaign, &rows, calendar)?;
            let starts = calendar.start_of(rows.iter().map(|row| row.day).min().unwrap_or(first.day));
            let refused = |rejection: Rejection| unplanned(rejection.to_string());
            let events = state.decide(&command, &context(starts)).map_err(refused)?;
            events.iter().for_each(|event| state.evolve(event, starts));
            let command = AnyCommand::Campaign { id: campaign, command };
            market.name_is_free(&command).await.map(drop).map_err(|error| unplanned(error.to_string()))?;
            let id = Uuid::new_v5(&NAMESPACE, format!("plan/{campaign}").as_bytes());
            let mut request = AnyRequest::new(command, id, actor());
            request.occurred_at = Some(starts);
            request.import = true;
            plans.push(request);
        }
        for row in rows {
            let day = calendar.start_of(row.day);
            let decided = state.decide(&row.command, &context(day));
            let events = decided.map_err(|rejection| refused(file, row, &rejection))?;
            events.iter().for_each(|event| state.evolve(event, day));
        }
    }
    Ok(plans)
}

/// A row that the campaign refuses, with the column that the refusal is about.
pub(super) fn refused(file: &TextFile, row: &Spend, rejection: &Rejection) -> AdSpendError {
    match rejection.code {
        "number_used" => otherwise(file, row),
        "currency_mismatch" => file.wrong(row.line, "currency", rejection.message.as_ref()).into(),
        _ => {
            let word = rejection.message.split(' ').next().unwrap_or_default();
            let field = FIELDS.into_iter().find(|field| *field == word).unwrap_or_default();
            file.wrong(row.line, field, rejection.to_string()).into()
        }
    }
}

/// A row whose number stands for something else.
pub(super) fn otherwise(file: &TextFile, row: &Spend) -> AdSpendError {
    let problem = format!("spend {} was recorded before with other content", row.spend);
    file.wrong(row.line, "id", problem).into()
}

/// The plan of a campaign that is known from its spend alone.
fn plan(
    file: &TextFile,
    campaign: CampaignId,
    rows: &[&Spend],
    calendar: Calendar,
) -> Result<CampaignCommand, AdSpendError> {
    let first = rows[0];
    let days = || rows.iter().map(|row| row.day);
    let (from, to) = (days().min().unwrap_or(first.day), days().max().unwrap_or(first.day));
    let zero = Money::zero(first.amount.currency);
    let budget = rows.iter().try_fold(zero, |sum, row| sum.add(row.amount));
    Ok(CampaignCommand::Plan {
        name: campaign.to_string(),
        kind: CampaignKind::PaidAds,
        starts: calendar.start_of(from),
        ends: calendar.end_of(to).plus(1),
        budget: budget.map_err(|error| file.wrong(first.line, "spend", error.to_string()))?,
        daily_cap: None,
        discount_floor: None,
        channels: rows.iter().map(|row| row.channel).collect::<BTreeSet<_>>().into_iter().collect(),
        pages: Vec::new(),
        targets: Vec::new(),
        holdout: None,
        merchant: None,
    })
}
