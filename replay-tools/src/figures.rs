//! What the subcommands about traffic and sales take and print alike.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use daybook_domain::time::SECOND;
use daybook_domain::{Code, Currency, Money};
use daybook_metrics::{ChannelRule, Definition, SessionRule};
use daybook_projections::metrics::{Aftermath, Cell, Days, Dimension, History, MAX_DIMENSIONS, Sites};
use daybook_projections::{AsOf, Calendar, Events, ReadModels};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::open::told;
use crate::output::say;
use crate::progress::Progress;
use crate::sites;
use crate::value::{Table, Value};

/// What visits, channels and sales are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Definitions")]
pub struct Rules {
    #[command(flatten)]
    visits: Visits,
    /// Sales in this currency [default: the one there is]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Where several sources reported a sales channel's day, count this one, or the first of these that did
    #[arg(long, value_name = "SOURCE", value_delimiter = ',', value_parser = code)]
    report_source: Vec<Code>,
}

/// What visits and channels are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Definitions")]
pub struct Visits {
    /// Whose definition of visits, bounces and page views: plan, ga4, matomo or plausible
    #[arg(long, value_name = "WHOSE", default_value = "plan")]
    definition: Definition,
    /// The longest pause within a visit
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    timeout: u32,
    /// A TOML file of the market's own hosts, and of search engines, social networks and partners of its own [default: the
    /// lists with which the read models were made, see `daybook serve --sites`]
    #[arg(long, value_name = "FILE", env = "DAYBOOK_SITES")]
    sites: Option<PathBuf>,
}

fn code(text: &str) -> Result<Code, String> {
    Code::new(text).map_err(|error| error.to_string())
}

pub fn currency(text: &str) -> Result<Currency, String> {
    Currency::new(text).map_err(|error| error.to_string())
}

/// The lists of a file that is named.
pub fn lists(named: Option<&Path>) -> Result<Option<Sites>, Failure> {
    let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(None);
    };
    let sites = sites::read(path);
    sites.map(Some).map_err(|why| Failure::Usage(format!("--sites {}: {why}", path.display())))
}

impl Visits {
    /// What a visit is.
    pub fn sessions(&self) -> SessionRule {
        SessionRule { definition: self.definition, timeout: i64::from(self.timeout) * 60 * SECOND }
    }

    /// The lists that are named.
    pub fn named(&self) -> Result<Option<Sites>, Failure> {
        lists(self.sites.as_deref())
    }

    /// How a visitor came: by the lists that are named, else by those of the read models.
    pub fn channels(&self, models: &ReadModels) -> Result<ChannelRule, Failure> {
        Ok(match self.named()? {
            Some(named) => named.rule().clone(),
            None => models.sites()?.rule().clone(),
        })
    }
}

impl Rules {
    /// What visits and channels are.
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// Whose definition is asked for.
    pub fn definition(&self) -> Definition {
        self.visits.definition
    }

    /// What a visit is.
    pub fn sessions(&self) -> SessionRule {
        self.visits.sessions()
    }

    /// Refuses a currency asked for that is not the one that everything is in.
    pub fn only(&self, currency: Currency) -> Result<(), Failure> {
        match self.currency.filter(|asked| *asked != currency) {
            None => Ok(()),
            Some(asked) => Err(Failure::Usage(format!(
                "--currency {asked}: the plan is in {currency}; leave it out, or write a plan in {asked}"
            ))),
        }
    }

    /// The history from a day on, with what its orders look back on.
    pub fn events(
        &self,
        global: &Global,
        models: &ReadModels,
        (since, look_back): (NaiveDate, i64),
        at: AsOf,
    ) -> Result<History, Failure> {
        let rule = self.visits.channels(models)?;
        self.fold(global, (&models.events(at), models.calendar()?), rule, (since, look_back))
    }

    /// The same of any events.
    pub fn fold(
        &self,
        global: &Global,
        (events, calendar): (&dyn Events, Calendar),
        rule: ChannelRule,
        since: (NaiveDate, i64),
    ) -> Result<History, Failure> {
        let progress = Progress::new(!global.no_progress, "traffic and sales", 1);
        let mut history = History::read(events, calendar, since, rule, &mut told(&progress))?;
        history.prefer_sources(self.report_source.clone());
        Ok(history)
    }

    /// The same, and the currency of its sales.
    pub fn history(
        &self,
        global: &Global,
        models: &ReadModels,
        since: (NaiveDate, i64),
        at: AsOf,
    ) -> Result<(History, Currency), Failure> {
        let history = self.events(global, models, since, at)?;
        let currency = self.currency_of(&history.currencies())?;
        Ok((history, currency))
    }

    /// The currency asked for, or the one that sales are in.
    pub fn currency_of(&self, paid: &[Currency]) -> Result<Currency, Failure> {
        of_sales(self.currency, paid)
    }

    /// Whether the read models tell channels as is asked for.
    pub fn are_of(&self, models: &ReadModels) -> Result<bool, Failure> {
        let named = self.visits.named()?;
        Ok(match named {
            Some(named) => named == *models.sites()?,
            None => true,
        })
    }
}

/// The currency asked for, or the one that sales are in.
fn of_sales(asked: Option<Currency>, paid: &[Currency]) -> Result<Currency, Failure> {
    match (asked, paid) {
        (Some(asked), _) => Ok(asked),
        (None, [only]) => Ok(*only),
        // nothing was sold: zero of any currency
        (None, []) => Currency::new("CNY").map_err(|error| Failure::Usage(error.to_string())),
        (None, several) => {
            let all: Vec<&str> = several.iter().map(Currency::as_str).collect();
            let why = format!("sales are in {}: name one with --currency", all.join(", "));
            Err(Failure::Usage(why))
        }
    }
}

/// Says of which sales channels several sources reported one day.
pub fn tell_unclear(history: &History, days: Days) {
    for (channel, sources) in history.unclear_sources(days) {
        let sources = sources.into_iter().collect::<Vec<_>>().join(", ");
        say!(
            "{channel} was reported by several sources ({sources}), whose visitors may be the same: name one with \
             --report-source"
        );
    }
}

/// What became of orders and inquiries for questions about days from one on, and the currency of its sales.
pub fn aftermath(
    global: &Global,
    cuts: &Cuts,
    since: NaiveDate,
    asked: Option<Currency>,
) -> Result<(Aftermath, Currency), Failure> {
    let models = global.read_models()?;
    let at = cuts.at(&models)?;
    let progress = Progress::new(!global.no_progress, "orders and inquiries", 1);
    let found = models.aftermath(since, at, &mut told(&progress))?;
    let currency = of_sales(asked, &found.currencies())?;
    Ok((found, currency))
}

/// Says which charges of some days, and of one merchant where it is named, a question in a currency leaves out.
pub fn left_out(found: &Aftermath, days: Days, asked: Currency, merchant: Option<&str>) {
    let others = found.also_charged_in(days, asked, merchant);
    let others: Vec<String> = others.iter().map(Currency::to_string).collect();
    if !others.is_empty() {
        let others = others.join(", ");
        say!("commission and fees in {others} are left out of figures in {asked}: name it with --currency");
    }
}

/// Days as an argument: `2018-05`, `2018-05-03`, or `2018-05-01..2018-05-15`.
pub fn days(text: &str) -> Result<Days, String> {
    text.parse()
}

/// Sums, distinct counts and the ratios taken from them.
pub const COLUMNS: &[&str] = &[
    "currency",
    "uv",
    "new_uv",
    "pv",
    "views",
    "visits",
    "bounces",
    "stay_s",
    "pv_per_uv",
    "average_stay_s",
    "bouncers",
    "bounce_rate",
    "visit_bounce_rate",
    "buyers",
    "orders",
    "gmv",
    "conversion",
    "unit_price",
    "average_order_value",
    "orders_per_buyer",
    "order_value",
    "refunded",
    "traffic_by",
    "reported_orders",
    "reported_gmv",
];

/// Sums that people see as ratios only.
pub const FOR_PROGRAMS: &[&str] = &["views", "bounces", "bouncers", "stay_s", "source"];

/// Whether figures of sales are known by these: no sale is made on a page.
pub fn sells(by: &[Dimension]) -> bool {
    !by.iter().any(|by| matches!(by, Dimension::Page | Dimension::Topic))
}

/// The values of [`COLUMNS`]; those of sales only where they are known.
pub fn values(cell: &Cell, definition: Definition, sells: bool) -> Vec<Value> {
    let bounce = cell.bounce_rate(definition);
    let sold = |value: Value| if sells { value } else { Value::None };
    // a sales channel reports visitors and pages, and nothing of visits
    let said = cell.reported;
    let visits = |value: Value| if said.is_some() { Value::None } else { value };
    let through = |of: Option<u64>, through: Option<u64>| match of.zip(through) {
        Some((of, through)) => share(of, through),
        None => Value::None,
    };
    vec![
        cell.gmv.currency.as_str().into(),
        cell.visitors().into(),
        visits(cell.new_uv.into()),
        cell.pages().into(),
        visits(cell.views.into()),
        visits(cell.visits.into()),
        visits(cell.bounces.into()),
        visits(ratio(cell.stay.into(), SECOND.into(), 6).map(Value::Ratio).into()),
        through(cell.pages(), cell.visitors()),
        ratio(cell.stay.into(), i128::from(cell.visits) * i128::from(SECOND), 1).map(Value::Ratio).into(),
        visits(cell.bouncers.into()),
        visits(share(bounce.0, bounce.1)),
        share(cell.bounces, cell.visits),
        sold(cell.buyers.into()),
        sold(cell.orders.into()),
        sold(cell.gmv.into()),
        sold(through(Some(cell.buyers), cell.visitors())),
        sold(per(cell.gmv, cell.buyers)),
        sold(per(cell.gmv, cell.orders)),
        sold(share(cell.orders, cell.buyers)),
        sold(cell.order_value.into()),
        sold(cell.refunded.into()),
        cell.traffic_by().into(),
        said.and_then(|said| said.orders).into(),
        said.and_then(|said| said.gmv).into(),
    ]
}

/// An amount by a count, rounded half to even to the minor unit.
pub fn per(money: Money, of: u64) -> Value {
    let rounded = ratio(i128::from(money.minor), i128::from(of), 0);
    rounded
        .and_then(|value| i64::try_from(value.mantissa()).ok())
        .map(|m| Money::new(m, money.currency))
        .into()
}

/// Whether figures can be asked by these.
pub fn askable(by: &[Dimension]) -> Result<(), Failure> {
    if by.len() > MAX_DIMENSIONS {
        return Err(Failure::Usage(format!("--by takes {MAX_DIMENSIONS} dimensions at most")));
    }
    match by.iter().enumerate().find(|(at, dimension)| by[..*at].contains(dimension)) {
        Some((_, twice)) => Err(Failure::Usage(format!("--by names {twice} twice: name it once"))),
        None => Ok(()),
    }
}

/// Keeps so many cells at most, those with the most first to be kept, in the order that they had; says how many are left
/// out.
pub fn foremost<T, K: Ord>(cells: &mut Vec<T>, limit: u32, most: impl Fn(&T) -> K) -> usize {
    let left = cells.len().saturating_sub(limit as usize);
    if left > 0 {
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_cached_key(|at| Reverse(most(&cells[*at])));
        let mut kept = vec![false; cells.len()];
        order.iter().take(limit as usize).for_each(|at| kept[*at] = true);
        let mut kept = kept.into_iter();
        cells.retain(|_| kept.next().unwrap_or_default());
    }
    left
}

/// The columns of a table by some dimensions, and how many of them name a row.
pub fn dimensions(by: &[Dimension], figures: &[&'static str]) -> (Vec<&'static str>, usize) {
    let mut columns: Vec<&'static str> = by.iter().map(|dimension| dimension.as_str()).collect();
    if columns.is_empty() {
        columns.push("row");
    }
    let words = columns.len();
    columns.extend(figures);
    (columns, words)
}

/// Puts a row into such a table.
pub fn put(table: &mut Table, words: usize, mut named: Vec<Value>, figures: Vec<Value>) {
    named.resize(words, Value::None);
    named.extend(figures);
    table.push(named);
}

/// A table by some dimensions, a row for each cell and one for all; and how many of its columns name a row.
pub fn by_cell<T>(
    by: &[Dimension],
    columns: &[&'static str],
    (cells, total): (&[(Vec<String>, T)], &T),
    values: impl Fn(&T) -> Result<Vec<Value>, Failure>,
) -> Result<(Table, usize), Failure> {
    let (columns, words) = dimensions(by, columns);
    let mut table = Table::new(&columns);
    for (named, figures) in cells {
        put(&mut table, words, named.iter().map(|word| word.as_str().into()).collect(), values(figures)?);
    }
    put(&mut table, words, vec!["(all)".into()], values(total)?);
    Ok((table, words))
}

/// A time in units of so many seconds, to so many places.
pub fn span(micros: Option<i64>, seconds: i64, places: u32) -> Value {
    let of = |micros: i64| ratio(micros.into(), i128::from(seconds) * i128::from(SECOND), places);
    micros.and_then(of).map(Value::Ratio).into()
}

/// A count by another, to four places.
pub fn share(of: u64, through: u64) -> Value {
    ratio(of.into(), through.into(), 4).map(Value::Ratio).into()
}

/// A ratio to so many places, half to even; none of nothing.
pub fn ratio(of: i128, through: i128, places: u32) -> Option<Decimal> {
    let of = Decimal::try_from_i128_with_scale(of, 0).ok()?;
    let through = Decimal::try_from_i128_with_scale(through, 0).ok().filter(|through| !through.is_zero())?;
    let mut exact =
        of.checked_div(through)?.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven);
    exact.rescale(places);
    Some(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_month_a_day_or_from_one_to_another() {
        let of = |text: &str| days(text).map(|days| format!("{} {}", days.from, days.to));
        assert_eq!(of("2020-02"), Ok("2020-02-01 2020-02-29".into()));
        assert_eq!(of("2018-05-03"), Ok("2018-05-03 2018-05-03".into()));
        assert_eq!(of("2018-05-03..2018-06"), Ok("2018-05-03 2018-06-30".into()));
        for bad in ["", "2018", "2018-13", "2018-02-30", "yesterday", "2018-05.."] {
            assert!(of(bad).unwrap_err().contains("write 2018-05"), "{bad}");
        }
        assert!(of("2018-06..2018-05").unwrap_err().contains("ends before it begins"));
    }

    #[test]
    fn what_a_limit_leaves_out_is_what_matters_least_and_the_rest_keeps_its_order() {
        let all = [("a", 1), ("b", 0), ("c", 9), ("d", 1), ("e", 7)];
        let kept = |limit| {
            let mut cells = all.to_vec();
            let left = foremost(&mut cells, limit, |(_, n)| *n);
            (cells.iter().map(|(name, _)| *name).collect::<String>(), left)
        };
        assert_eq!((kept(2), kept(3)), (("ce".into(), 3), ("ace".into(), 2)), "of two alike the first");
        assert_eq!(
            (kept(5), kept(99), kept(0)),
            (("abcde".into(), 0), ("abcde".into(), 0), (String::new(), 5))
        );
    }

    #[test]
    fn a_ratio_is_rounded_half_to_even_and_there_is_none_of_nothing() {
        let text = |of, through, places| ratio(of, through, places).map(|r| r.to_string());
        assert_eq!(text(1, 3, 4), Some("0.3333".into()));
        assert_eq!(text(1, 8, 2), Some("0.12".into()));
        assert_eq!(text(2, 1, 4), Some("2.0000".into()));
        assert_eq!(text(5, 0, 4), None);
    }
}
