//! `daybook service`

use daybook_domain::Currency;
use daybook_domain::time::SECOND;
use daybook_projections::metrics::{Days, Service, ServiceFigures, ServiceQuestion};

use crate::asked::{Limit, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{aftermath, currency, days, ratio, share, span};
use crate::value::{Table, Value};

/// Print how agents serve: first response, conversion of inquiries, GMV, what comes back, bad reviews, violations
///
/// An inquiry counts for the agent that answered it first, else for the one it was given to; a guest is received by every agent
/// that answered it; an order, in the period in which it was paid, counts for the agent it names, whether or not its buyer asked,
/// else for the last who answered before the payment. A guest converts who paid after asking, in the same period or within
/// --window days of it. within_30_s is of all inquiries. The GMV ratio is an agent's GMV by the mean of all agents of the period.
#[derive(Debug, clap::Args)]
#[command(mut_arg("limit", |limit| limit.help(LIMIT)))]
pub struct Args {
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// Take all days as one period, not each calendar month for itself
    #[arg(long)]
    whole: bool,
    /// Count payments within so many days after asking [default: within the period]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
    window: Option<u32>,
    /// Most guests whom an agent should serve at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    at_once: u32,
    /// How long a guest is still served after an agent's last answer, unless the inquiry is closed or another answers
    #[arg(long, value_name = "MINUTES", default_value_t = LINGERS, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    lingers: u32,
    /// Most violations of an agent in a period
    #[arg(long, value_name = "N", default_value_t = VIOLATIONS, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    violations: u32,
    /// Sales in this currency [default: the one there is]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "period",
    "agent",
    "currency",
    "inquiries",
    "answered",
    "response_median_s",
    "response_p95_s",
    "within_30_s",
    "most_at_once",
    "crowded_share",
    "received",
    "converted",
    "inquiry_conversion",
    "orders",
    "gmv",
    "gmv_ratio",
    "return_rate",
    "exchange_rate",
    "refund_rate",
    "bad_reviews",
    "violations",
    "violations_by",
    "too_many_violations",
];

/// Most guests whom an agent should serve at once.
pub const AT_ONCE: u32 = 5;
/// How long a guest is still served after an answer, in minutes.
pub const LINGERS: u32 = 5;
/// Most violations of an agent in a period.
pub const VIOLATIONS: u32 = 5;

const LIMIT: &str = "At most so many agents of a period: those with the most GMV, then inquiries";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let (found, currency) = aftermath(global, &args.cuts, args.days.from, args.currency)?;
    let question = ServiceQuestion {
        days: args.days,
        by_month: !args.whole,
        currency,
        window: args.window,
        at_once: args.at_once,
        lingers: i64::from(args.lingers) * 60 * SECOND,
    };
    let found = found.service(&question)?;
    let (table, left) = table(&found, &question, args.violations, Some(&args.limit));
    print(global, &table, &[])?;
    tell(left, "agents");
    Ok(())
}

/// Rows of the agents of each period, so many of each at most, and of all of it; and how many agents are left out.
pub fn table(
    found: &ServiceFigures,
    question: &ServiceQuestion,
    violations: u32,
    limit: Option<&Limit>,
) -> (Table, usize) {
    let (mut table, mut left) = (Table::new(COLUMNS), 0);
    for all in &found.all {
        let mut agents: Vec<&Service> = found.agents.iter().filter(|of| of.from == all.from).collect();
        // the mean is of all agents, also of those that are not shown
        let mean = (agents.iter().map(|of| i128::from(of.gmv.minor)).sum(), agents.len());
        if let Some(limit) = limit {
            left += limit.keep(&mut agents, |of| (of.gmv.minor, of.inquiries, of.violations));
        }
        for agent in agents {
            table.push(row(agent, mean, question, violations));
        }
        table.push(row(all, (0, 0), question, violations));
    }
    (table, left)
}

/// `of_all` is the GMV of how many agents.
fn row(of: &Service, of_all: (i128, usize), question: &ServiceQuestion, violations: u32) -> Vec<Value> {
    let (gmv, agents) = of_all;
    let agents = i128::try_from(agents).unwrap_or_default();
    let causes: Vec<String> = of.violations_by.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
    let too_many = of.agent.as_ref().map(|_| of.violations > u64::from(violations));
    vec![
        if question.by_month {
            of.from.format("%Y-%m").to_string()
        } else {
            format!("{}..{}", question.days.from, question.days.to)
        }
        .into(),
        of.agent.as_deref().unwrap_or("(all)").into(),
        of.gmv.currency.as_str().into(),
        of.inquiries.into(),
        of.answered.into(),
        span(of.response.median, 1, 1),
        span(of.response.p95, 1, 1),
        share(of.fast, of.inquiries),
        of.agent.as_ref().map(|_| of.most_at_once).into(),
        ratio(of.crowded.into(), of.serving.into(), 4).map(Value::Ratio).into(),
        of.received.into(),
        of.converted.into(),
        share(of.converted, of.received),
        of.orders.into(),
        of.gmv.into(),
        ratio(i128::from(of.gmv.minor) * agents, gmv, 4).map(Value::Ratio).into(),
        share(of.returns, of.orders),
        share(of.exchanges, of.orders),
        share(of.refunded, of.converted),
        of.bad_reviews.into(),
        of.violations.into(),
        (!causes.is_empty()).then(|| causes.join(", ")).into(),
        too_many.into(),
    ]
}
