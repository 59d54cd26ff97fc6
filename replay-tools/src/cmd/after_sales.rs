//! `daybook after-sales`

use daybook_domain::Currency;
use daybook_projections::metrics::{AfterSales, AfterSalesByCell, AfterSalesQuestion, Dimension};

use crate::asked::{Asked, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{aftermath, askable, by_cell, currency, ratio, share, span};
use crate::value::{Table, Value};

/// Print what became of orders: refunds, returns, disputes, reviews, delivery against the promise
///
/// Each thing counts on its own day: an order where it was paid, shipped or delivered, a refund where it was granted, a dispute
/// where it was opened, a review where it was posted. Rates say what became of the orders of those days, whenever. On time is on
/// the day promised or before, as the market counts days; median and p95 are nearest ranks.
#[derive(Debug, clap::Args)]
#[command(mut_arg("by", |by| by.help(BY)), mut_arg("limit", |limit| limit.help(LIMIT)))]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Orders in this currency [default: the one there is]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "currency",
    "orders",
    "gmv",
    "refunded",
    "net_gmv",
    "net_gmv_of_orders",
    "refund_rate",
    "refund_rate_before_release",
    "refund_rate_after_release",
    "delivered",
    "return_rate",
    "exchange_rate",
    "dispute_rate",
    "dispute_rates",
    "disputes",
    "about",
    "ruled_for_buyer",
    "resolution_median_days",
    "resolution_p95_days",
    "reviews",
    "positive_rate",
    "shipped_on_time",
    "delivered_on_time",
    "delivery_median_days",
    "delivery_p95_days",
    "delivery_median_s",
    "delivery_p95_s",
];

/// What is too much for a line, and times that people see in days only.
const FOR_PROGRAMS: &[&str] = &["dispute_rates", "about", "delivery_median_s", "delivery_p95_s"];

const BY: &str = "By what, up to three with commas: day, week, month, merchant, sales_channel";
const LIMIT: &str = "At most so many rows: those with the most GMV, then orders";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let asked = &args.asked;
    askable(&asked.by)?;
    let (found, currency) = aftermath(global, &args.cuts, asked.days.from, args.currency)?;
    let question = AfterSalesQuestion { days: asked.days, by: asked.by.clone(), currency };
    let (mut cells, total) = found.after_sales(&question)?;
    let left = asked.limit.keep(&mut cells, |(_, of)| (of.gmv.minor, of.orders, of.disputes));
    print(global, &table(&(cells, total), &asked.by)?, FOR_PROGRAMS)?;
    tell(left, "rows");
    Ok(())
}

/// Rows of the cells, and of all.
pub fn table((cells, total): &AfterSalesByCell, by: &[Dimension]) -> Result<Table, Failure> {
    Ok(by_cell(by, COLUMNS, (cells, total), values)?.0)
}

/// The dispute rate of each category that there was a dispute about.
fn by_category(of: &AfterSales) -> Option<String> {
    let rate = |(about, orders): (&&str, &u64)| {
        Some(format!("{about} {}", ratio((*orders).into(), of.orders.into(), 4)?))
    };
    let rates: Vec<String> = of.orders_disputed_about.iter().filter_map(rate).collect();
    (!rates.is_empty()).then(|| rates.join(", "))
}

fn values(of: &AfterSales) -> Result<Vec<Value>, Failure> {
    let about: Vec<String> = of.about.iter().map(|(what, disputes)| format!("{what} {disputes}")).collect();
    let less = |back| of.gmv.sub(back).map_err(|error| Failure::Refused(error.to_string()));
    Ok(vec![
        of.gmv.currency.as_str().into(),
        of.orders.into(),
        of.gmv.into(),
        of.refunded.into(),
        less(of.refunded)?.into(),
        less(of.refunded_of_orders)?.into(),
        share(of.orders_refunded, of.orders),
        share(of.refunded_before_release, of.orders),
        share(of.refunded_after_release, of.orders),
        of.delivered.into(),
        share(of.returns, of.delivered),
        share(of.exchanges, of.delivered),
        share(of.orders_disputed, of.orders),
        by_category(of).into(),
        of.disputes.into(),
        (!about.is_empty()).then(|| about.join(", ")).into(),
        share(of.ruled_for_buyer, of.ruled),
        span(of.resolution.median, 86_400, 2),
        span(of.resolution.p95, 86_400, 2),
        of.reviews.into(),
        share(of.positive, of.reviews),
        share(of.shipped_on_time, of.shipped_promised),
        share(of.delivered_on_time, of.delivered_promised),
        span(of.delivery.median, 86_400, 2),
        span(of.delivery.p95, 86_400, 2),
        span(of.delivery.median, 1, 0),
        span(of.delivery.p95, 1, 0),
    ])
}
