//! `daybook attribution`

use daybook_domain::time::DAY;
use daybook_metrics::attribution::{AttributionRule, Model};
use daybook_projections::metrics::{Attributed, Days, Dimension, Earned, PARTS, Question};
use rust_decimal::Decimal;

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, days};
use crate::output::Output;
use crate::value::{Table, Value};

/// Credit the orders of some days to the visits before them, to the cent
///
/// Credits of an order sum to one, and credited revenue to what buyers paid less what went back to them by now: asked again
/// after a refund, the same shares split what is left. Orders that no visit precedes are unattributed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Orders paid on which business days: a month (2018-05), a day, or days (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// By what: channel or campaign
    #[arg(long, value_name = "DIMENSION", default_value = "channel")]
    by: Dimension,
    /// Who earned it: first, last, last_non_direct, linear, time_decay or position
    #[arg(long, value_name = "MODEL", default_value = "last")]
    model: Model,
    /// How long before an order a visit counts
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    look_back: u32,
    /// In which time a visit's weight halves, under time_decay
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    half_life: u32,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (look_back, half_life) = (i64::from(args.look_back) * DAY, i64::from(args.half_life) * DAY);
    let rule = AttributionRule { model: args.model, look_back, half_life };
    let (history, currency) = args.rules.history(global, &models, (args.days.from, look_back), at)?;
    let question = Question { days: args.days, by: vec![args.by], sessions: args.rules.sessions(), currency };
    let found = history.attribute(&question, &rule)?;
    let mut out = Output::new(global.format);
    out.table(&table(&found, args.by, args.model))?;
    out.finish()
}

/// A row for whoever earned anything, for what nobody did, and for all of it.
pub fn table(found: &Attributed, by: Dimension, model: Model) -> Table {
    let mut table = Table::new(&[by.as_str(), "model", "currency", "orders", "gmv", "refund_net"]);
    let mut row = |name: &str, of: &Earned| {
        let orders = Decimal::new(of.orders, PARTS.ilog10());
        table.push(vec![
            name.into(),
            model.as_str().into(),
            of.gmv.currency.as_str().into(),
            Value::Ratio(orders.round_dp(2)),
            of.gmv.into(),
            of.net.into(),
        ]);
    };
    for (name, of) in &found.earned {
        row(name, of);
    }
    row("(unattributed)", &found.unattributed);
    row("(all)", &found.total);
    table
}
