//! Figures of traffic and sales, and campaigns.

use std::sync::Arc;

use daybook_domain::time::SECOND;
use daybook_domain::{Code, Currency};
use daybook_projections::metrics::{
    Cell, Cells, Days, Definition, Dimension, MAX_DIMENSIONS, Question as Asked,
};
use daybook_projections::models::campaigns::CampaignRow;
use daybook_projections::queries::Page;
use daybook_projections::{AsOf, ReadModels, record};

use super::build::{Found, Section, list, one, pinned_list};
use super::question::{AS_OF, KNOWN, Kind, Parameter, Question};
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
        /// The hour of the day, 00 to 23, where asked by.
        hour: Option<String>,
        /// The day of the week, where asked by.
        weekday: Option<String>,
        /// The traffic channel, where asked by.
        channel: Option<String>,
        /// Paid or free traffic, where asked by.
        paid: Option<String>,
        /// The search engine, network, partner or host that the visitor came from, where asked by and known.
        site: Option<String>,
        /// What the visitor searched for, or the link's term, where asked by and known.
        term: Option<String>,
        /// The campaign that links named, where asked by and known.
        campaign: Option<String>,
        /// Where the visitor was, where asked by and known.
        region: Option<String>,
        /// The merchant whose pages were seen and who sold, where asked by and known.
        merchant_id: Option<String>,
        /// Where pages stand and sales were made, where asked by and known.
        sales_channel: Option<String>,
        /// The category of what was seen and sold, where asked by and known.
        category: Option<String>,
        /// What was seen and sold, where asked by and known.
        product: Option<String>,
        /// The page seen, where asked by. No sale is made on one: buyers, orders and amounts are null.
        page: Option<String>,
        /// What kind of page was seen, where asked by and known. Likewise.
        topic: Option<String>,
        /// new where the visitor was first seen in the days (and in the row's day, week or month), or returning, where
        /// asked by.
        visitor: Option<String>,
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
        buyers: Option<i64>,
        /// Orders whose payment was completed.
        orders: Option<i64>,
        /// ISO 4217 code.
        currency: String,
        /// What merchants are credited for them, before commission.
        order_value: Option<i64> = money,
        /// What buyers paid for them.
        gmv: Option<i64> = money,
        /// What went back to them of that, whenever.
        refunded: Option<i64> = money,
        /// Who counted the visitors, where they were not recorded here: sales channel; several sources, none of which
        /// counts; nobody, where something was sold to visitors who were not seen in these days.
        traffic_by: Option<String>,
        /// Orders as the sales channel says.
        reported_orders: Option<i64>,
        /// What customers paid as the sales channel says, where that is in this currency.
        reported_gmv: Option<i64> = money,
        /// kept: figures kept by day, as they are; journal: one pass over the journal, as of the list's position.
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
    Kind::Words(&BY_WORDS),
    "By what, up to three with commas. What figures kept by day tell (one of day, week and month, with one of channel, \
     campaign, merchant and sales_channel) is answered at once; for other questions the journal is read",
);
const BY_WORDS: [&str; Dimension::ALL.len()] = {
    let mut words = [""; Dimension::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Dimension::ALL[at].as_str();
        at += 1;
    }
    words
};
const DEFINITION: Parameter = Parameter::new(
    "definition",
    Kind::Word(&["plan", "ga4", "matomo", "plausible"]),
    "Whose definition of visits, bounces and page views; `plan` where none is named",
);
const TIMEOUT: Parameter = Parameter::new(
    "timeout",
    Kind::Number(1, 1_440),
    "The longest pause within a visit, in minutes; 30 where none is named",
);
const REPORT_SOURCE: Parameter = Parameter::new(
    "report_source",
    Kind::Codes,
    "Where several sources reported a sales channel's day, count this one, or the first of these that did, with commas",
);
const CURRENCY: Parameter =
    Parameter::new("currency", Kind::Currency, "Sales in this currency, where they are in more than one");

const FIGURES: Section = Section { tag: "Figures", permission: ReadFigures };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        pinned_list(
            FIGURES.about(
                "figures",
                "/v1/metrics",
                "Figures of traffic and sales over some days",
                "GMV = UV x conversion x unit price in every row that has visitors. A view counts on its own day, a visit on the \
                 one it began on, an order on the one on which it was paid for, and for the channel and campaign of the last \
                 visit before it. The sums of all cells stand first, then the cells by their words. Channels are told by the \
                 service's own lists of sites. Where figures kept by day tell (`source` says kept), a page is as they are when it is \
                 asked for. Else the journal is read once through, some two seconds for a million events: few such questions are \
                 answered at the same time, and one that takes longer than a request may is refused (`took_too_long`, which says what to \
                 ask for instead), as is one that rests on more than 512 MiB (of figures kept by day, 256); so is an answer of more \
                 than 200,000 rows or 128 MiB (`bad_request`). Its pages are of the position of the first. Analysts see \
                 merchants by pseudonyms.",
                &[DAYS, BY, DEFINITION, TIMEOUT, CURRENCY, REPORT_SOURCE, AS_OF, KNOWN],
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

fn metrics(models: &ReadModels, asked: &Question, position: u64) -> Result<Page<MetricsRow>, Problem> {
    let question = question(models, asked)?;
    let at = asked.at(models, Some(position))?;
    let now = AsOf { position: None, ..at } == AsOf::HEAD;
    let actor = asked.caller.actor;
    let kept = if now {
        asked.deep()?.kept(actor, |most| Ok(models.kept_cells_within(&question, most)?))?
    } else {
        None
    };
    let (found, source) = match kept {
        Some(found) => (Arc::new(found), "kept"),
        None => {
            let sources = sources(asked)?;
            let make = |most| Ok(models.journal_cells(&question, at, sources, most)?);
            let found = asked.deep()?.answer(actor, (&asked.text(), position), make)?;
            (found, "journal")
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
        .map(|(row, words, cell)| figures(row, words.map(Vec::as_slice), cell, &question, source))
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
    if by.len() > MAX_DIMENSIONS {
        return Err(Problem::bad(
            "by",
            format!("names {} dimensions: name {MAX_DIMENSIONS} at most", by.len()),
        ));
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
    let mut question = Asked::new(days, by, definition, currency);
    if let Some(minutes) = asked.get("timeout").and_then(|minutes| minutes.parse::<i64>().ok()) {
        question.sessions.timeout = minutes * 60 * SECOND;
    }
    Ok(question)
}

/// Whose reports of a sales channel's visitors count.
fn sources(asked: &Question) -> Result<Vec<Code>, Problem> {
    let codes = asked.get("report_source").into_iter().flat_map(|codes| codes.split(','));
    codes.map(|code| Code::new(code).map_err(|why| Problem::bad("report_source", why))).collect()
}

/// The sums, each under its word; what there is none of is left out.
fn sums(found: &Cells) -> Vec<(&'static str, &Cell)> {
    let reported = found.reported.reported.map(|_| ("reported", &found.reported));
    let untracked = (found.untracked.orders > 0).then_some(("untracked", &found.untracked));
    [Some(("tracked", &found.total)), reported, untracked].into_iter().flatten().collect()
}

/// A row: of a cell under its words, or of a sum.
fn figures(row: &str, words: Option<&[String]>, cell: &Cell, question: &Asked, source: &str) -> MetricsRow {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let of_visits = |n: i64| cell.reported.is_none().then_some(n);
    let word = |dimension: Dimension| {
        let at = question.by.iter().position(|by| *by == dimension)?;
        words?.get(at).filter(|word| !word.is_empty()).cloned()
    };
    // no sale is made on a page
    let sells =
        words.is_none() || !question.by.iter().any(|by| matches!(by, Dimension::Page | Dimension::Topic));
    let sold = |n: i64| sells.then_some(n);
    MetricsRow {
        row: row.to_owned(),
        day: word(Dimension::Day),
        week: word(Dimension::Week),
        month: word(Dimension::Month),
        hour: word(Dimension::Hour),
        weekday: word(Dimension::Weekday),
        channel: word(Dimension::Channel),
        paid: word(Dimension::Paid),
        site: word(Dimension::Site),
        term: word(Dimension::Term),
        campaign: word(Dimension::Campaign),
        region: word(Dimension::Region),
        merchant_id: word(Dimension::Merchant),
        sales_channel: word(Dimension::SalesChannel),
        category: word(Dimension::Category),
        product: word(Dimension::Product),
        page: word(Dimension::Page),
        topic: word(Dimension::Topic),
        visitor: word(Dimension::Visitor),
        uv: cell.visitors().map(count),
        new_uv: of_visits(count(cell.new_uv)),
        bouncers: of_visits(count(cell.bouncers)),
        pv: cell.pages().map(count),
        views: of_visits(count(cell.views)),
        visits: of_visits(count(cell.visits)),
        bounces: of_visits(count(cell.bounces)),
        stay: of_visits(cell.stay),
        buyers: sold(count(cell.buyers)),
        orders: sold(count(cell.orders)),
        currency: cell.gmv.currency.as_str().to_owned(),
        order_value: sold(cell.order_value.minor),
        gmv: sold(cell.gmv.minor),
        refunded: sold(cell.refunded.minor),
        traffic_by: cell.traffic_by().map(str::to_owned),
        reported_orders: cell.reported.and_then(|said| said.orders).map(count),
        reported_gmv: cell.reported.and_then(|said| said.gmv).map(|gmv| gmv.minor),
        source: source.to_owned(),
    }
}
