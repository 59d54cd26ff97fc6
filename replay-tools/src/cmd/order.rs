//! `daybook order ID`

use daybook_domain::{Currency, OrderId};
use daybook_projections::fields::{Fields, fields};
use daybook_projections::queries::OrderInquiry;
use serde::Serialize;

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::rows;

/// Show an order: status, money, goods, refunds, dispute, lines, timeline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of the order
    id: OrderId,
    #[command(flatten)]
    cuts: Cuts,
}

#[derive(Serialize)]
struct Answer {
    order: Fields,
    lines: Vec<Fields>,
    timeline: Vec<Fields>,
}

/// Columns of a line for people; the others are in JSON.
const LINE: &[&str] = &[
    "line_id",
    "product_id",
    "category",
    "quantity",
    "unit_price",
    "goods",
    "shipping",
    "tax",
    "shipped",
    "received",
    "cancelled",
    "returned",
    "released",
    "refunded",
    "commission",
];

const TIMELINE: &[&str] = &["number", "occurred_at", "event", "amount", "detail"];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let Some(found) = models.order_as_of(args.id.as_str(), at)?.filter(OrderInquiry::is_placed) else {
        return Err(Failure::Refused(format!("there is no order {} in {}", args.id, global.journal)));
    };
    let currency = Currency::new(&found.order.currency).ok();
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(&Answer {
            order: fields(&found.order, None),
            lines: found.lines.iter().map(|line| fields(line, currency)).collect(),
            timeline: found.timeline.iter().map(|event| fields(event, currency)).collect(),
        })?,
        Format::Csv => {
            out.table(&rows::table(&[found.order], None))?;
            say!("the order alone: --format json has its lines and its timeline");
        }
        Format::Table => {
            out.heading(&format!("Order {}", args.id))?;
            out.record(&rows::table(&[found.order], None).without_nothing())?;
            out.heading("Lines")?;
            out.table(&rows::table(&found.lines, currency).select(LINE))?;
            out.heading("Timeline")?;
            out.table(&rows::table(&found.timeline, currency).select(TIMELINE))?;
        }
    }
    out.finish()
}
