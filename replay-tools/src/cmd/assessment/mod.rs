//! `daybook assessment`

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use daybook_domain::Currency;
use daybook_projections::metrics::{Assessment, AssessmentRules, Days, Figure};

use crate::asked::{Limit, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{aftermath, currency, days, left_out, per, share};
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// The rules where no others are named.
const RULES: &str = include_str!("rules.toml");

/// Assess merchants by a set of rules: score, tier, who passes, and who has failed too often in a row
///
/// Figures are those of daybook after-sales; the deposit is that at the end of the period. Fails in a row are counted over the
/// periods before, of the same length (a month's are calendar months); one with too few orders neither counts nor breaks the row.
/// --print-rules shows the rules, which a file may replace.
#[derive(Debug, clap::Args)]
#[command(mut_arg("limit", |limit| limit.help(LIMIT)))]
pub struct Args {
    /// Which business days: a month (2018-05), a quarter (2018-01..2018-03), or any days
    #[arg(long, value_name = "DAYS", value_parser = days, required_unless_present = "print_rules")]
    days: Option<Days>,
    /// Only this merchant
    #[arg(value_name = "MERCHANT")]
    merchant: Option<String>,
    /// A TOML file of rules [default: those that --print-rules shows]
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Print the rules and stop
    #[arg(long)]
    print_rules: bool,
    /// Orders in this currency [default: the one there is]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "merchant_id",
    "rules",
    "score",
    "tier",
    "passed",
    "beyond",
    "fails",
    "should_go",
    "reward",
    "currency",
    "orders",
    "gmv",
    "net_gmv",
    "unit_price",
    "refund_rate",
    "return_rate",
    "dispute_rate",
    "positive_rate",
    "on_time_rate",
    "commission",
    "fees",
    "deposit",
    "deposit_required",
];

const LIMIT: &str =
    "At most so many merchants: those that should go, then those with the most fails and the lowest score";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let (text, rules) = read(args.rules.as_deref(), "--rules")?;
    let Some(days) = args.days.filter(|_| !args.print_rules) else {
        let mut out = Output::new(Format::Table);
        text.lines().try_for_each(|line| out.line(line))?;
        return out.finish();
    };
    let (found, currency) = aftermath(global, &args.cuts, AssessmentRules::since(days), args.currency)?;
    left_out(&found, days, currency, args.merchant.as_deref());
    let mut found = found.assess(days, currency, &rules)?;
    if let Some(merchant) = &args.merchant {
        found.retain(|of| of.merchant == *merchant);
        if found.is_empty() {
            let why = format!(
                "merchant {merchant} has nothing to assess in these days: without its id all are listed"
            );
            return Err(Failure::Refused(why));
        }
    }
    let going: Vec<String> = found.iter().filter(|of| of.should_go).map(|of| of.merchant.clone()).collect();
    // who should go, then who fails, then who is near it
    let left = args
        .limit
        .keep(&mut found, |of| (of.should_go, of.fails, of.score.map(Reverse), of.figures.gmv.minor));
    print(global, &table(&found, &rules)?, &[])?;
    if !going.is_empty() {
        say!("failed {} periods in a row: {}", rules.fails_to_go, going.join(", "));
    }
    tell(left, "merchants");
    Ok(())
}

/// The text of a set of rules and what it says: those of a file, or the ones that are built in.
pub fn read(file: Option<&Path>, named_by: &str) -> Result<(String, AssessmentRules), Failure> {
    let (text, place) = match file {
        None => (RULES.to_owned(), "the built-in rules".to_owned()),
        Some(path) => {
            let place = format!("{named_by} {}", path.display());
            let read = std::fs::read_to_string(path);
            (read.map_err(|error| Failure::Usage(format!("{place}: {error}")))?, place)
        }
    };
    let rules: AssessmentRules =
        toml::from_str(&text).map_err(|error| Failure::Usage(format!("{place}: {error}")))?;
    rules.check().map_err(|error| Failure::Usage(format!("{place}: {error}")))?;
    Ok((text, rules))
}

/// A row for each merchant.
pub fn table(found: &[Assessment], rules: &AssessmentRules) -> Result<Table, Failure> {
    let mut table = Table::new(COLUMNS);
    for of in found {
        table.push(row(of, rules)?);
    }
    Ok(table)
}

fn row(of: &Assessment, rules: &AssessmentRules) -> Result<Vec<Value>, Failure> {
    let figures = &of.figures;
    let net = figures.gmv.sub(figures.refunded).map_err(|error| Failure::Refused(error.to_string()))?;
    let beyond: Vec<&str> = of.beyond.iter().copied().map(Figure::as_str).collect();
    let (deposit, required) = of.deposit.unzip();
    Ok(vec![
        of.merchant.as_str().into(),
        rules.version.as_str().into(),
        of.score.map(Value::Ratio).into(),
        of.tier.as_deref().into(),
        of.passed.into(),
        (!beyond.is_empty()).then(|| beyond.join(" ")).into(),
        of.fails.into(),
        of.should_go.into(),
        of.reward.as_deref().into(),
        figures.gmv.currency.as_str().into(),
        figures.orders.into(),
        figures.gmv.into(),
        net.into(),
        per(figures.gmv, figures.buyers),
        share(figures.orders_refunded, figures.orders),
        share(figures.returns, figures.delivered),
        share(figures.orders_disputed, figures.orders),
        share(figures.positive, figures.reviews),
        share(figures.delivered_on_time, figures.delivered_promised),
        figures.commission.into(),
        figures.fees.into(),
        deposit.into(),
        required.into(),
    ])
}
