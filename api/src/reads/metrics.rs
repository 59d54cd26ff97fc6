//! Figures of traffic and sales, and campaigns.

use daybook_domain::Currency;
use daybook_projections::metrics::{Cell, Cells, Days, Definition, Dimension, Question as Asked};
use daybook_projections::models::campaigns::CampaignRow;
use daybook_projections::queries::Page;
use daybook_projections::{ReadModels, record};

use super::build::{Found, Section, list, one};
use super::question::{Kind, Parameter, Question};
use super::schema::{row_schema, shown};
use crate::access::Permission::ReadFigures;
use crate::endpoint::{Components, Endpoint};
use crate::problem::Problem;

record! {
    /// Figures of a cell, or of all there are. Ratios are left to take: conversion is buyers / uv, unit price gmv / buyers.
    MetricsRow in "", key(row) {
        /// cell; or all of them: tracked (what recorded visits led to), reported (what sales channels reported visitors of),
        /// untracked (what no visit led to). Visitors, pages and buyers are distinct within a row: cells do not add up.
        row: String,
        /// The business day, where asked by.
        day: Option<String>,
        /// The Monday of the week, where asked by.
        week: Option<String>,
        /// The month, where asked by.
        month: Option<String>,
        /// The traffic channel, where asked by.
        channel: Option<String>,
        /// The campaign that links named, where asked by and known.
        campaign: Option<String>,
        /// The merchant whose pages were seen and who sold, where asked by and known.
        merchant_id: Option<String>,
        /// Where pages stand and sales were made, where asked by and known.
        sales_channel: Option<String>,
        /// Distinct visitors who were shown a page. Where a sales channel reported them they are known of one day only, and
        /// nothing is of their visits.
        uv: Option<i64>,
        /// Of them, those first seen in the period.
        new_uv: Option<i64>,
        /// Of them, those with a visit that was a bounce.
        bouncers: Option<i64>,
        /// Page views as the definition counts them.
        pv: Option<i64>,
        /// Every page shown.
        views: Option<i64>,
        /// Visits that began.
        visits: Option<i64>,
        /// Of them, bounces.
        bounces: Option<i64>,
        /// How long they lasted together, microseconds.
        stay: Option<i64>,
        /// Distinct buyers whose payment was completed.
        buyers: i64,
        /// Orders whose payment was completed.
        orders: i64,
        /// ISO 4217 code.
        currency: String,
        /// What merchants are credited for them, before commission.
        order_value: i64 = money,
        /// What buyers paid for them.
        gmv: i64 = money,
        /// What went back to them of that, whenever.
        refunded: i64 = money,
        /// Who counted the visitors, where they were not recorded here: sales channel; several sources, none of which counts.
        traffic_by: Option<String>,
        /// Orders as the sales channel says.
        reported_orders: Option<i64>,
        /// What customers paid as the sales channel says, where that is in this currency.
        reported_gmv: Option<i64> = money,
        /// kept: figures kept by day; journal: one pass over the journal.
        source: String,
    }
}

const DAYS: Parameter = Parameter::new(
    "days",
    Kind::Days,
    "Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)",
)
.required();
const BY: Parameter = Parameter::new(
    "by",
    Kind::Words(&["day", "week", "month", "channel", "campaign", "merchant", "sales_channel"]),
    "By what, up to three with commas. One of time and one other are answered at once; others where `definition` is named",
);
const DEFINITION: Parameter = Parameter::new(
    "definition",
    Kind::Word(&["plan", "ga4", "matomo", "plausible"]),
    "Whose definition of visits, bounces and page views. Named, the journal is read where figures kept by day do not tell: \
     such a question waits for its turn",
);
const CURRENCY: Parameter =
    Parameter::new("currency", Kind::Currency, "Sales in this currency, where they are in more than one");

const FIGURES: Section = Section { tag: "Figures", permission: ReadFigures };

/// Most memory of one pass over the journal, bytes.
const MOST_BYTES: usize = 512 << 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        list(
            FIGURES.about(
                "figures",
                "/v1/metrics",
                "Figures of traffic and sales over some days",
                "GMV = UV x conversion x unit price in every row that has visitors. A view counts on its own day, a visit on the \
                 one it began on, an order on the one on which it was paid for, and for the channel and campaign of the last \
                 visit before it. The sums of all cells stand first, then the cells by their words. A page is as figures are \
                 when it is asked for. Analysts see merchants by pseudonyms.",
                &[DAYS, BY, DEFINITION, CURRENCY],
            ),
            metrics,
        ),
        list(
            FIGURES.about(
                "campaigns",
                "/v1/campaigns",
                "Campaigns: their plans and what they cost",
                "In the order in which they were planned. A row is as it is when its page is asked for. Analysts see merchants \
                 by pseudonyms.",
                &[],
            ),
            |models, asked| {
                Ok(models.campaigns(asked.after.as_deref(), asked.limit)?) as Result<Page<CampaignRow>, _>
            },
        ),
        one(
            FIGURES.about("campaign", "/v1/campaigns/{campaign}", "A campaign: its plan and what it cost", "", &[]),
            {
                let mut components = Components::new();
                (row_schema::<CampaignRow>(&mut components), components)
            },
            false,
            campaign,
        ),
    ]
}

fn campaign(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let found = models.campaign(asked.path("campaign"))?;
    found.map(|row| Found::of(row.merchant_id.as_deref(), &shown(&row, None))).transpose()
}

fn metrics(models: &ReadModels, asked: &Question) -> Result<Page<MetricsRow>, Problem> {
    let question = question(models, asked)?;
    let (found, source) = match (models.kept_cells(&question)?, asked.get("definition")) {
        (Some(found), _) => (found, "kept"),
        (None, Some(_)) => (models.journal_cells(&question, MOST_BYTES)?, "journal"),
        (None, None) => {
            let why =
                "figures kept by day do not tell this; name `definition` as well, and the journal is read";
            return Err(Problem::bad("by", why));
        }
    };
    let from = match asked.after.as_deref() {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| Problem::bad("cursor", "is none of this list"))?,
    };
    let all = sums(&found).into_iter().map(|(row, cell)| (row, None, cell));
    let cells = found.cells.iter().map(|(words, cell)| ("cell", Some(words), cell));
    let limit = asked.limit as usize;
    let mut rows: Vec<MetricsRow> = all
        .chain(cells)
        .skip(from)
        .take(limit + 1)
        .map(|(row, words, cell)| figures(row, words.map_or(&[], Vec::as_slice), cell, &question, source))
        .collect();
    let next = (rows.len() > limit).then(|| (from + limit).to_string());
    rows.truncate(limit);
    Ok(Page { rows, next })
}

fn question(models: &ReadModels, asked: &Question) -> Result<Asked, Problem> {
    let days: Days =
        asked.get("days").unwrap_or_default().parse().map_err(|why| Problem::bad("days", why))?;
    let mut by: Vec<Dimension> = Vec::new();
    for word in asked.get("by").unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        let dimension = word.parse().map_err(|why: String| Problem::bad("by", why))?;
        if by.contains(&dimension) {
            return Err(Problem::bad("by", format!("names {word} twice")));
        }
        by.push(dimension);
    }
    let definition: Definition = match asked.get("definition") {
        Some(word) => word.parse().map_err(|why| Problem::bad("definition", why))?,
        None => Definition::default(),
    };
    let currency = match asked.get("currency").and_then(|code| Currency::new(code).ok()) {
        Some(currency) => currency,
        None => match models.kept_currencies()?.as_slice() {
            [] => Currency::new("CNY").map_err(|error| Problem::bad("currency", error.to_string()))?,
            [only] => *only,
            several => {
                let all: Vec<&str> = several.iter().map(Currency::as_str).collect();
                return Err(Problem::bad("currency", format!("name one: sales are in {}", all.join(", "))));
            }
        },
    };
    Ok(Asked::new(days, by, definition, currency))
}

/// The sums, each under its word; what there is none of is left out.
fn sums(found: &Cells) -> Vec<(&'static str, &Cell)> {
    let reported = found.reported.reported.map(|_| ("reported", &found.reported));
    let untracked = (found.untracked.orders > 0).then_some(("untracked", &found.untracked));
    [Some(("tracked", &found.total)), reported, untracked].into_iter().flatten().collect()
}

fn figures(row: &str, words: &[String], cell: &Cell, question: &Asked, source: &str) -> MetricsRow {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let of_visits = |n: i64| cell.reported.is_none().then_some(n);
    let word = |dimension: Dimension| {
        let at = question.by.iter().position(|by| *by == dimension)?;
        words.get(at).filter(|word| !word.is_empty()).cloned()
    };
    MetricsRow {
        row: row.to_owned(),
        day: word(Dimension::Day),
        week: word(Dimension::Week),
        month: word(Dimension::Month),
        channel: word(Dimension::Channel),
        campaign: word(Dimension::Campaign),
        merchant_id: word(Dimension::Merchant),
        sales_channel: word(Dimension::SalesChannel),
        uv: cell.visitors().map(count),
        new_uv: of_visits(count(cell.new_uv)),
        bouncers: of_visits(count(cell.bouncers)),
        pv: cell.pages().map(count),
        views: of_visits(count(cell.views)),
        visits: of_visits(count(cell.visits)),
        bounces: of_visits(count(cell.bounces)),
        stay: of_visits(cell.stay),
        buyers: count(cell.buyers),
        orders: count(cell.orders),
        currency: cell.gmv.currency.as_str().to_owned(),
        order_value: cell.order_value.minor,
        gmv: cell.gmv.minor,
        refunded: cell.refunded.minor,
        traffic_by: cell.traffic_by().map(str::to_owned),
        reported_orders: cell.reported.and_then(|said| said.orders).map(count),
        reported_gmv: cell.reported.and_then(|said| said.gmv).map(|gmv| gmv.minor),
        source: source.to_owned(),
    }
}
