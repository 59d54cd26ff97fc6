//! `daybook roi`

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::attribution::{AttributionRule, Model};
use daybook_projections::metrics::{Cell, Days, Dimension, Earned, PARTS, Question};
use daybook_projections::models::campaigns::CampaignRow;
use daybook_projections::{AsOf, ReadModels};
use rust_decimal::Decimal;

use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::{Rules, per, ratio};
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// Print what campaigns cost and what they are credited with, since each began
///
/// Visits are a campaign's where their link named it, by its id or its name (utm_campaign). Cost is what the market bore: spend,
/// partners' commission less what was reversed, subsidies less what came back with refunds (points, and what banks took back, are
/// not in it); what merchants bore stands beside it. A visitor is new whose first visit of all lies in the time since. ROI is
/// the credited GMV by the cost, ROAS by the spend alone, net ROI what is left of the GMV after refunds by the cost.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this campaign
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// Who earned an order: first, last, last_non_direct, linear, time_decay or position
    #[arg(long, value_name = "MODEL", default_value = "last")]
    model: Model,
    /// How long before an order a visit counts
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    look_back: u32,
    /// Only campaigns beyond this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many campaigns
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    rules: Rules,
}

const COLUMNS: &[&str] = &[
    "campaign_id",
    "name",
    "state",
    "model",
    "currency",
    "spend",
    "affiliate",
    "subsidies",
    "cost",
    "cost_of_merchant",
    "impressions",
    "clicks",
    "uv",
    "new_uv",
    "cost_per_uv",
    "cost_per_new_uv",
    "orders",
    "gmv",
    "refund_net",
    "roi",
    "roas",
    "net_roi",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let (campaigns, next) = asked(&models, args)?;
    let calendar = models.calendar()?;
    let began = campaigns.iter().filter_map(|campaign| campaign.starts_at).min();
    let mut table = Table::new(COLUMNS);
    if let Some(began) = began {
        let look_back = i64::from(args.look_back) * DAY;
        let rule = AttributionRule { look_back, ..AttributionRule::of(args.model) };
        let since = calendar.day(Timestamp(began));
        let history = args.rules.events(global, &models, (since, look_back), AsOf::HEAD)?;
        let mut answers = BTreeMap::new();
        for campaign in &campaigns {
            let currency = Currency::new(&campaign.currency).map_err(|e| Failure::Refused(e.to_string()))?;
            // each since it began itself, whichever others are listed
            let from = campaign.starts_at.map_or(since, |starts| calendar.day(Timestamp(starts)));
            let (seen, credited) = match answers.entry((currency, from)) {
                Entry::Occupied(answer) => answer.into_mut(),
                Entry::Vacant(none) => {
                    // credit does not end with a campaign: orders follow for as long as one looks back
                    let days = Days { from, to: NaiveDate::MAX };
                    let by = vec![Dimension::Campaign];
                    let question = Question { days, by, sessions: args.rules.sessions(), currency };
                    none.insert((history.cells(&question)?, history.attribute(&question, &rule)?))
                }
            };
            let id = &campaign.campaign_id;
            let seen = seen.cells.iter().find(|(words, _)| words[0] == *id).map(|(_, cell)| cell);
            let earned = credited.earned.iter().find(|(word, _)| word == id).map(|(_, earned)| earned);
            let subsidies = history.subsidies(id, currency);
            table.push(row(campaign, args.model, Money::new(subsidies, currency), seen, earned));
        }
    }
    if campaigns.is_empty() {
        say!(
            "no campaign is planned: `daybook import ad-spend FILE --plan` or POST /v1/campaigns makes some"
        );
    }
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.without_empty())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if let Some(next) = next {
        say!("more campaigns: go on with --after {next}");
    }
    Ok(())
}

/// The campaigns asked for, and where the next ones begin.
fn asked(models: &ReadModels, args: &Args) -> Result<(Vec<CampaignRow>, Option<String>), Failure> {
    if let Some(id) = &args.campaign {
        let found = models.campaign(id)?;
        let unknown =
            || Failure::Refused(format!("campaign {id} is not known: daybook roi lists those there are"));
        return Ok((vec![found.ok_or_else(unknown)?], None));
    }
    let page = models.campaigns(args.after.as_deref(), args.limit)?;
    Ok((page.rows, page.next))
}

fn row(
    campaign: &CampaignRow,
    model: Model,
    subsidies: Money,
    seen: Option<&Cell>,
    earned: Option<&Earned>,
) -> Vec<Value> {
    let currency = subsidies.currency;
    let money = |minor: i64| Value::from(Money::new(minor, currency));
    let cost = campaign.spend.saturating_add(campaign.affiliate).saturating_add(subsidies.minor);
    let (uv, new_uv) = seen.map_or((0, 0), |cell| (cell.uv, cell.new_uv));
    let (orders, gmv, net) = earned.map_or((0, 0, 0), |of| (of.orders, of.gmv.minor, of.net.minor));
    let of = |of: i64, through: i64| Value::from(ratio(of.into(), through.into(), 4).map(Value::Ratio));
    let spend = Money::new(campaign.spend, currency);
    vec![
        campaign.campaign_id.as_str().into(),
        campaign.name.as_str().into(),
        campaign.state.as_str().into(),
        model.as_str().into(),
        currency.as_str().into(),
        spend.into(),
        money(campaign.affiliate),
        subsidies.into(),
        money(cost),
        money(campaign.spend_of_merchant.saturating_add(campaign.affiliate_of_merchant)),
        campaign.impressions.into(),
        campaign.clicks.into(),
        uv.into(),
        new_uv.into(),
        per(spend, uv),
        per(spend, new_uv),
        Value::Ratio(Decimal::new(orders, PARTS.ilog10()).round_dp(2)),
        money(gmv),
        money(net),
        of(gmv, cost),
        of(gmv, campaign.spend),
        of(net, cost),
    ]
}
