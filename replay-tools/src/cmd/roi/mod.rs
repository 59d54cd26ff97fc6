//! `daybook roi`

mod one;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use daybook_domain::time::DAY;
use daybook_domain::{CampaignId, Currency, Money, Timestamp};
use daybook_metrics::attribution::{AttributionRule, Model};
use daybook_metrics::{ChannelRule, SessionRule};
use daybook_projections::metrics::{
    Brought, CampaignBooks, Campaigns, Credited, Days, Dimension, History, PARTS, Question, planned,
};
use daybook_projections::models::campaigns::CampaignRow;
use daybook_projections::{Calendar, Events, ReadModels};
use rust_decimal::Decimal;

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Visits, per, ratio};
use crate::open::told;
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value};

/// Print what campaigns cost and what they brought
///
/// Visits are a campaign's where their link named it, by its id or its name (utm_campaign); all counts since it began, and on
/// after it ended. Cost is what the market bore: spend, partners' commission less what was reversed, subsidies less what came back,
/// points less what came back or expired; what merchants bore stands beside it. ROI is the credited GMV by the cost, ROAS by
/// the spend alone, net ROI what is left of the GMV after refunds and lost chargebacks by the cost. Contribution is what
/// the credited orders left the market (commission less provider's fees, goodwill and losses) less the cost.
///
/// Of one campaign also: what happened within its time on its pages and with its coupons, beside all of the shop, and, where it
/// holds visitors out, how much more the others spent, with a 95 % interval, beside what last click credits it with.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this campaign, in full
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<CampaignId>,
    /// Who earned an order: first, last, last_non_direct, linear, time_decay or position
    #[arg(long, value_name = "MODEL", default_value = "last")]
    model: Model,
    /// How long before an order a visit counts
    #[arg(long, value_name = "DAYS", default_value_t = LOOK_BACK, value_parser = clap::value_parser!(u32).range(1..=365))]
    look_back: u32,
    /// Only campaigns beyond this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many campaigns
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    visits: Visits,
    #[command(flatten)]
    cuts: Cuts,
}

/// Figures under their names.
type Figures = Vec<(&'static str, Value)>;

/// A campaign with all that is asked about it.
struct Of<'a> {
    id: CampaignId,
    books: &'a CampaignBooks,
    currency: Currency,
    subsidies: i64,
    brought: Brought,
    /// None where orders were paid, and none in its currency.
    credited: Option<Credited>,
}

/// How campaigns are asked about.
pub struct Asking<'a> {
    /// Of which events.
    pub events: &'a dyn Events,
    /// The market's.
    pub calendar: Calendar,
    /// How visitors came.
    pub channels: &'a ChannelRule,
    /// What a visit is.
    pub sessions: SessionRule,
    /// Who earned an order.
    pub rule: AttributionRule,
}

/// Campaigns with when they start.
type Starting = Vec<(CampaignId, Timestamp)>;

/// How far back one looks where nothing else is said, in days.
pub const LOOK_BACK: u32 = 30;

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (rows, next) = asked(&models, args)?;
    let mut out = Output::new(global.format);
    let rows = starting(&rows);
    if rows.is_empty() {
        say!(
            "no campaign is planned: `daybook import ad-spend FILE --plan` or POST /v1/campaigns makes some"
        );
        out.table(&none())?;
        return out.finish();
    }
    let (events, calendar) = (models.events(at), models.calendar()?);
    let rule =
        AttributionRule { look_back: i64::from(args.look_back) * DAY, ..AttributionRule::of(args.model) };
    let sessions = args.visits.sessions();
    let channels = args.visits.channels(&models)?;
    let asking = Asking { events: &events, calendar, channels: &channels, sessions, rule };
    let mut table: Option<Table> = None;
    asking.each(global, &rows, args.campaign, &mut |folded, of, paid_in| {
        if args.campaign.is_some() {
            one::print(&mut out, args, folded, of, at)?;
        } else {
            of.push(&mut table, args.model);
        }
        tell_others(of, paid_in);
        Ok(())
    })?;
    match &table {
        Some(table) if out.format == Format::Table => out.table(&table.without_empty())?,
        Some(table) => out.table(table)?,
        None if args.campaign.is_none() => out.table(&none())?,
        None => {}
    }
    out.finish()?;
    if let Some(next) = next {
        say!("more campaigns: go on with --after {next}");
    }
    Ok(())
}

/// So many campaigns, a row for each.
pub fn table(global: &Global, asking: &Asking<'_>, limit: usize) -> Result<Table, Failure> {
    let mut table: Option<Table> = None;
    let planned = planned(asking.events)?.into_iter().take(limit).collect::<Starting>();
    asking.each(global, &planned, None, &mut |_, of, _| {
        of.push(&mut table, asking.rule.model);
        Ok(())
    })?;
    Ok(table.unwrap_or_else(none))
}

/// The campaigns of a list that were planned.
fn starting(rows: &[CampaignRow]) -> Starting {
    let of = |row: &CampaignRow| Some((row.campaign_id.parse().ok()?, Timestamp(row.starts_at?)));
    rows.iter().filter_map(of).collect()
}

fn none() -> Table {
    Table::new(&["campaign_id"])
}

/// Takes a campaign, what it was asked of, and the currencies that orders were paid in.
type Take<'t> = dyn FnMut(Folded<'_>, &Of<'_>, &[Currency]) -> Result<(), Failure> + 't;

impl Asking<'_> {
    /// Hands over each campaign of some rows, or the only one that is asked about.
    fn each(
        &self,
        global: &Global,
        rows: &[(CampaignId, Timestamp)],
        only: Option<CampaignId>,
        take: &mut Take<'_>,
    ) -> Result<(), Failure> {
        let Some(began) = rows.iter().map(|(_, starts)| *starts).min() else { return Ok(()) };
        let Self { calendar, sessions, rule, .. } = *self;
        let since = (calendar.day(began), rule.look_back);
        let progress = Progress::new(!global.no_progress, "traffic and sales", 1);
        let (history, campaigns) =
            Campaigns::read(self.events, calendar, since, only, self.channels.clone(), &mut told(&progress))?;
        drop(progress);

        let planned: Vec<(CampaignId, &CampaignBooks)> =
            rows.iter().filter_map(|(id, _)| Some((*id, campaigns.of(*id)?))).collect();
        let starts =
            planned.iter().filter_map(|(id, books)| Some((*id, books.plan.as_ref()?.starts))).collect();
        let brought = history.brought(&sessions, &starts);
        let paid_in = history.currencies();
        let mut answers: BTreeMap<(Currency, NaiveDate), BTreeMap<String, Credited>> = BTreeMap::new();
        for (id, books) in planned {
            let (Some(currency), Some(starts)) = (books.currency(), starts.get(&id)) else { continue };
            // each since it began itself, whichever others are listed
            let from = calendar.day(*starts);
            let credited = match answers.entry((currency, from)) {
                Entry::Occupied(answer) => answer.into_mut(),
                Entry::Vacant(none) => {
                    // credit does not end with a campaign: orders follow for as long as one looks back
                    let days = Days { from, to: NaiveDate::MAX };
                    let by = vec![Dimension::Campaign];
                    let question = Question { days, by, sessions, currency };
                    none.insert(campaigns.credited(&history, &question, &rule)?)
                }
            };
            let known = paid_in.is_empty() || paid_in.contains(&currency);
            let of = Of {
                id,
                books,
                currency,
                subsidies: history.subsidies(id.as_str(), currency),
                brought: brought.get(&id).copied().unwrap_or_default(),
                credited: known.then(|| credited.get(id.as_str()).copied().unwrap_or(nothing(currency))),
            };
            take((&history, &campaigns), &of, &paid_in)?;
        }
        Ok(())
    }
}

/// The campaigns asked for, and where the next ones begin.
fn asked(models: &ReadModels, args: &Args) -> Result<(Vec<CampaignRow>, Option<String>), Failure> {
    if let Some(id) = &args.campaign {
        let found = models.campaign(id.as_str())?;
        let unknown =
            || Failure::Refused(format!("campaign {id} is not known: daybook roi lists those there are"));
        return Ok((vec![found.ok_or_else(unknown)?], None));
    }
    let page = models.campaigns(args.after.as_deref(), args.limit)?;
    Ok((page.rows, page.next))
}

/// Says which sales a campaign's figures leave out.
fn tell_others(of: &Of<'_>, paid_in: &[Currency]) {
    let others: Vec<&str> =
        paid_in.iter().filter(|other| **other != of.currency).map(Currency::as_str).collect();
    if !others.is_empty() {
        say!(
            "{}: its costs are in {}, and orders in {} are not in it",
            of.id,
            of.currency,
            others.join(", ")
        );
    }
}

fn nothing(currency: Currency) -> Credited {
    let zero = Money::zero(currency);
    Credited { earned: daybook_projections::metrics::Earned { orders: 0, gmv: zero, net: zero }, left: 0 }
}

/// A ratio to four places; none of nothing.
fn share(of: impl Into<i128>, through: impl Into<i128>) -> Value {
    ratio(of.into(), through.into(), 4).map(Value::Ratio).into()
}

impl Of<'_> {
    fn money(&self, minor: i64) -> Value {
        Money::new(minor, self.currency).into()
    }

    /// What the market bore.
    fn cost(&self) -> i64 {
        let books = self.books;
        [books.spend, books.affiliate, self.subsidies, books.points].into_iter().fold(0, i64::saturating_add)
    }

    fn cost_of_merchant(&self) -> i64 {
        self.books.spend_of_merchant.saturating_add(self.books.affiliate_of_merchant)
    }

    fn who(&self, model: Model) -> Figures {
        let plan = self.books.plan.as_deref();
        vec![
            ("campaign_id", self.id.as_str().into()),
            ("name", plan.map(|plan| plan.name.as_str()).into()),
            ("state", self.books.state.into()),
            ("model", model.as_str().into()),
            ("currency", self.currency.as_str().into()),
        ]
    }

    fn costs(&self) -> Figures {
        vec![
            ("spend", self.money(self.books.spend)),
            ("affiliate", self.money(self.books.affiliate)),
            ("subsidies", self.money(self.subsidies)),
            ("points", self.money(self.books.points)),
            ("cost", self.money(self.cost())),
            ("cost_of_merchant", self.money(self.cost_of_merchant())),
        ]
    }

    fn promotion(&self) -> Figures {
        let Brought { arrivals, uv, new_uv } = self.brought;
        let spend = Money::new(self.books.spend, self.currency);
        vec![
            ("impressions", self.books.impressions.into()),
            ("clicks", self.books.clicks.into()),
            ("arrivals", arrivals.into()),
            ("uv", uv.into()),
            ("new_uv", new_uv.into()),
            ("cost_per_uv", per(spend, uv)),
            ("cost_per_new_uv", per(spend, new_uv)),
        ]
    }

    fn returns(&self) -> Figures {
        let cost = self.cost();
        let of = |of: Option<i64>, through: i64| of.map_or(Value::None, |of| share(of, through));
        let gmv = self.credited.map(|of| of.earned.gmv.minor);
        let net = self.credited.map(|of| of.earned.net.minor);
        let contribution = self.credited.map(|of| of.left.saturating_sub(cost));
        let orders = |of: Credited| Value::Ratio(Decimal::new(of.earned.orders, PARTS.ilog10()).round_dp(2));
        vec![
            ("orders", self.credited.map_or(Value::None, orders)),
            ("gmv", gmv.map_or(Value::None, |minor| self.money(minor))),
            ("refund_net", net.map_or(Value::None, |minor| self.money(minor))),
            ("roi", of(gmv, cost)),
            ("roas", of(gmv, self.books.spend)),
            ("net_roi", of(net, cost)),
            ("contribution", contribution.map_or(Value::None, |minor| self.money(minor))),
            ("contribution_roi", of(contribution, cost)),
        ]
    }

    fn push(&self, table: &mut Option<Table>, model: Model) {
        let (columns, row) = self.row(model).into_iter().unzip::<_, _, Vec<_>, _>();
        table.get_or_insert_with(|| Table::new(&columns)).push(row);
    }

    fn row(&self, model: Model) -> Figures {
        [self.who(model), self.costs(), self.promotion(), self.returns()].into_iter().flatten().collect()
    }
}

/// What campaigns are asked of.
type Folded<'a> = (&'a History, &'a Campaigns);
