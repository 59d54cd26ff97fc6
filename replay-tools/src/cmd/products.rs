//! `daybook products`

use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{Days, Pareto, ProductFigures, Products, Question};
use rust_decimal::Decimal;

use crate::asked::{Limit, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, days, per, ratio};
use crate::value::{Table, Value};

/// Print what was seen and sold, product by product, and what the first fifth of them brings
///
/// Products with the most GMV come first. The discount is 1 - price / list over the lines that carry a list price: what the
/// buyer paid for the goods against the list price; the deepest is that of a single line.
#[derive(Debug, clap::Args)]
#[command(mut_arg("limit", |limit| limit.help("At most so many products").default_value("100")))]
pub struct Args {
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// Only how much the first fifth of all products has of visitors and of GMV
    #[arg(long)]
    pareto: bool,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "product",
    "category",
    "currency",
    "uv",
    "buyers",
    "orders",
    "gmv",
    "gmv_share",
    "unit_price",
    "discount",
    "deepest_discount",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (history, currency) = args.rules.history(global, &models, (args.days.from, DEFAULT_LOOK_BACK), at)?;
    let question = Question { days: args.days, by: Vec::new(), sessions: args.rules.sessions(), currency };
    let mut found = history.products(&question)?;
    if args.pareto {
        let mut table = Table::new(&["by", "products", "first_fifth", "share"]);
        for (by, pareto) in [("uv", found.by_uv), ("gmv", found.by_gmv)] {
            let Pareto { products, first, of_first, of_all } = pareto;
            let share = ratio(of_first, of_all, 4).map(Value::Ratio);
            table.push(vec![by.into(), products.into(), first.into(), share.into()]);
        }
        return print(global, &table, &[]);
    }
    let left = args.limit.keep(&mut found.products, |of| (of.gmv.minor, of.uv));
    print(global, &table(&found), &[])?;
    tell(left, "products");
    Ok(())
}

/// A row for each product.
pub fn table(found: &Products) -> Table {
    let mut table = Table::new(COLUMNS);
    for product in &found.products {
        table.push(row(product, found.by_gmv.of_all));
    }
    table
}

fn row(of: &ProductFigures, all: i128) -> Vec<Value> {
    let discount = |price: i64, list: i64| {
        let paid = ratio(price.into(), list.into(), 4);
        Value::from(paid.map(|paid| Value::Ratio(Decimal::ONE - paid)))
    };
    vec![
        of.product.as_str().into(),
        of.category.as_deref().into(),
        of.gmv.currency.as_str().into(),
        of.uv.into(),
        of.buyers.into(),
        of.orders.into(),
        of.gmv.into(),
        ratio(of.gmv.minor.into(), all, 4).map(Value::Ratio).into(),
        per(of.gmv, of.buyers),
        discount(of.price.minor, of.list.minor),
        of.deepest.map_or(Value::None, |(price, list)| discount(price.minor, list.minor)),
    ]
}
