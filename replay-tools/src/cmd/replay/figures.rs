//! Figures under other rules: each is asked twice by the function of its own subcommand, and the two tables are laid beside
//! each other, row by row and number by number.

use std::collections::BTreeMap;

use clap::ValueEnum;
use daybook_domain::time::SECOND;
use daybook_metrics::attribution::AttributionRule;
use daybook_metrics::{ChannelRule, SessionRule};
use daybook_projections::metrics::{
    AfterSalesQuestion, Aftermath, AssessmentRules, Days, Dimension, History, Question, ServiceQuestion,
    Sites,
};
use daybook_projections::{Calendar, Events};

use super::Args;
use super::difference::{Number, Row, Told};
use super::file::Asked;
use crate::cli::Global;
use crate::cmd::roi::Asking;
use crate::cmd::{after_sales, assessment, attribution, buyers, funnel, metrics, products, roi, service};
use crate::cuts::last_over;
use crate::failure::Failure;
use crate::open::told as progress_of;
use crate::plans;
use crate::progress::Progress;
use crate::source::Sourced;
use crate::value::{Table, Value};

/// A figure of a subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Figure {
    /// daybook metrics, by channel or --by
    Metrics,
    /// daybook attribution, by channel or --by
    Attribution,
    /// daybook funnel, by channel or --by
    Funnel,
    /// daybook buyers, by month or --by
    Buyers,
    /// daybook products
    Products,
    /// daybook roi
    Roi,
    /// daybook service
    Service,
    /// daybook after-sales, by month or --by
    AfterSales,
    /// daybook assessment; takes --days
    Assessment,
    /// daybook plan; takes --plan
    Plan,
}

impl Figure {
    /// Its word, and what it is called above a table.
    const fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::Metrics => ("metrics", "Metrics"),
            Self::Attribution => ("attribution", "Attribution"),
            Self::Funnel => ("funnel", "Funnel"),
            Self::Buyers => ("buyers", "Buyers"),
            Self::Products => ("products", "Products"),
            Self::Roi => ("roi", "Campaigns"),
            Self::Service => ("service", "Service"),
            Self::AfterSales => ("after_sales", "After-sales"),
            Self::Assessment => ("assessment", "Assessment"),
            Self::Plan => ("plan", "Plan"),
        }
    }

    /// Why nothing of it differs.
    const fn follows_from(self) -> &'static str {
        match self {
            Self::Metrics => "it follows from [sessions], and what merchants are credited from [[coupons]]",
            Self::Attribution => "it follows from [sessions] and [attribution]",
            Self::Funnel => {
                "it follows from [sessions], and from these only by what the visit brought: channel, campaign, site, term"
            }
            Self::Products => {
                "it follows from [sessions], and of these only how visitors of several days are counted"
            }
            Self::Roi => "it follows from [sessions], [attribution], [[commission]] and [[coupons]]",
            Self::Service => "it follows from [service]",
            Self::Assessment => {
                "it follows from [assessment], [[commission]], [[platform_fee]], [[deposit]] and [[coupons]]"
            }
            Self::Plan => "it follows from [sessions], and what an order is worth from the rules of money",
            Self::Buyers | Self::AfterSales => {
                "no rule of such a file can change it, it tells what people did and what they paid"
            }
        }
    }
}

/// What a figure is asked of and by.
struct Side<'e> {
    events: &'e dyn Events,
    channels: ChannelRule,
    sessions: SessionRule,
    attribution: AttributionRule,
    service: Service,
    assessment: AssessmentRules,
}

/// How service is judged.
#[derive(Clone, Copy)]
struct Service {
    window: Option<u32>,
    lingers: u32,
    at_once: u32,
}

/// Figures, each with its rows.
type Found = Vec<(Figure, Rows)>;

/// What a row is of: its words; whether its visitors are those that a sales channel reported, which may stand beside those
/// recorded under the same words; and which it is of several alike.
type Of = (Vec<String>, bool, u32);

/// A figure's rows, each with its values.
struct Rows {
    by: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<(Of, Vec<Value>)>,
}

impl Rows {
    /// Of a table whose first columns name its rows.
    fn of(by: &'static str, words: usize, table: Table) -> Self {
        let columns = table.columns[words..].to_vec();
        let traffic_by = columns.iter().position(|column| *column == "traffic_by");
        let mut seen: BTreeMap<(Vec<String>, bool), u32> = BTreeMap::new();
        let named = |mut row: Vec<Value>| {
            let values = row.split_off(words);
            let said = traffic_by.and_then(|at| values.get(at)).map(Value::plain).unwrap_or_default();
            let reported = !matches!(said.as_str(), "" | "nobody");
            let words: Vec<String> = row.iter().map(Value::plain).collect();
            let times = seen.entry((words.clone(), reported)).or_default();
            *times += 1;
            ((words, reported, *times), values)
        };
        Self { by, rows: table.rows.into_iter().map(named).collect(), columns }
    }
}

/// How a row is called.
fn subject((words, reported, times): &Of) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let mut name = words.join(" ");
    if *reported && name != REPORTED {
        name = format!("{name} {REPORTED}").trim_start().to_owned();
    }
    if *times > 1 { format!("{name} ({times})") } else { name }
}

/// What `daybook metrics` calls all that sales channels reported.
const REPORTED: &str = "(reported)";

/// What is compared, of which days.
pub struct Comparison<'a> {
    pub global: &'a Global,
    pub args: &'a Args,
    pub asked: &'a Asked,
    pub calendar: Calendar,
    pub days: Days,
    /// By which lists channels are told.
    pub sites: Sites,
}

/// The figures that are compared where none is named: those whose own sections the file has.
fn implied(args: &Args, asked: &Asked) -> Vec<Figure> {
    let of = &asked.definitions;
    let by_way = matches!(args.by, None | Some(Dimension::Channel | Dimension::Campaign));
    let attribution = of.attribution.is_some() || (of.sessions.is_some() && by_way);
    let all = [
        (of.sessions.is_some(), Figure::Metrics),
        (attribution, Figure::Attribution),
        (of.service.is_some(), Figure::Service),
        (of.assessment.is_some(), Figure::Assessment),
    ];
    all.into_iter().filter_map(|(is, figure)| is.then_some(figure)).collect()
}

impl Comparison<'_> {
    /// Adds what differs between the events as written and as they would be.
    pub fn tell(&self, written: &dyn Events, restated: &dyn Events, told: &mut Told) -> Result<(), Failure> {
        let mut figures = self.args.figure.clone();
        if figures.is_empty() {
            figures = implied(self.args, self.asked);
        }
        figures.sort_unstable();
        figures.dedup();
        let (before, after) = (self.side(written, false)?, self.side(restated, true)?);
        let rules = &self.asked.rules;
        // who is credited with what changes with coupons alone; what merchants are charged with any rule of money
        let same_sales = rules.coupons.is_empty();
        let same_charges = rules.commission.is_empty()
            && rules.platform_fee.is_empty()
            && rules.deposit.is_empty()
            && rules.coupons.is_empty();
        let of = |wanted: &[Figure]| -> Vec<Figure> {
            figures.iter().copied().filter(|figure| wanted.contains(figure)).collect()
        };
        let visits =
            of(&[Figure::Metrics, Figure::Attribution, Figure::Funnel, Figure::Buyers, Figure::Products]);
        let orders = of(&[Figure::Service, Figure::AfterSales, Figure::Assessment]);
        let mut found: (Found, Found) = (Vec::new(), Vec::new());
        let mut take = |(before, after): (Found, Found)| {
            found.0.extend(before);
            found.1.extend(after);
        };
        if !visits.is_empty() {
            let ask = |history: &History, side: &Side<'_>| self.of_history(&visits, history, side);
            take(both((&before, &after), same_sales, |side| self.history(side), ask)?);
        }
        if !orders.is_empty() {
            let ask = |aftermath: &Aftermath, side: &Side<'_>| self.of_aftermath(&orders, aftermath, side);
            take(both((&before, &after), same_charges, |side| self.aftermath(side), ask)?);
        }
        for figure in of(&[Figure::Roi, Figure::Plan]) {
            take((
                vec![(figure, self.folded(figure, &before)?)],
                vec![(figure, self.folded(figure, &after)?)],
            ));
        }
        for ((figure, before), (_, after)) in found.0.iter().zip(&found.1) {
            let (part, heading) = figure.named();
            told.heading(part, heading);
            if !lay_beside(part, before, after, told) {
                told.note(format!(
                    "{heading}: no number of it would be different; {}.",
                    figure.follows_from()
                ));
            }
        }
        Ok(())
    }

    fn side<'e>(&self, events: &'e dyn Events, asked: bool) -> Result<Side<'e>, Failure> {
        let of = &self.asked.definitions;
        let base = self.args.rules.sessions();
        let service = of.service.filter(|_| asked);
        Ok(Side {
            events,
            channels: self.sites.rule().clone(),
            sessions: of.sessions.filter(|_| asked).map_or(base, |sessions| sessions.over(base)),
            attribution: of.attribution.filter(|_| asked).unwrap_or_default(),
            service: Service {
                window: service.and_then(|of| of.window),
                lingers: service.and_then(|of| of.lingers).unwrap_or(service::LINGERS),
                at_once: service.and_then(|of| of.at_once).unwrap_or(service::AT_ONCE),
            },
            assessment: assessment::read(of.assessment.as_deref().filter(|_| asked), "[assessment] rules")?.1,
        })
    }

    fn history(&self, side: &Side<'_>) -> Result<History, Failure> {
        let usual = AttributionRule::default().look_back;
        let look_back = self.asked.definitions.attribution.map_or(usual, |rule| rule.look_back.max(usual));
        let (events, since) = ((side.events, self.calendar), (self.days.from, look_back));
        self.args.rules.fold(self.global, events, side.channels.clone(), since)
    }

    fn aftermath(&self, side: &Side<'_>) -> Result<Aftermath, Failure> {
        let progress = Progress::new(!self.global.no_progress, "orders and inquiries", 1);
        let since = AssessmentRules::since(self.days).min(self.days.from);
        Ok(Aftermath::read(side.events, self.calendar, since, &mut progress_of(&progress))?)
    }

    fn of_history(&self, figures: &[Figure], history: &History, side: &Side<'_>) -> Result<Found, Failure> {
        let currency = self.args.rules.currency_of(&history.currencies())?;
        let ask = |figure: &Figure| {
            let usual = if *figure == Figure::Buyers { Dimension::Month } else { Dimension::Channel };
            let by = self.args.by.unwrap_or(usual);
            let question = Question { days: self.days, by: vec![by], sessions: side.sessions, currency };
            let (by, of) = (by.as_str(), question.by.as_slice());
            let rows = match figure {
                Figure::Attribution => {
                    let found = history.attribute(&question, &side.attribution)?;
                    Rows::of(by, 1, attribution::table(&found, question.by[0], side.attribution.model))
                }
                Figure::Funnel => Rows::of(by, 1, funnel::table(&history.funnel(&question)?, of)?),
                Figure::Buyers => Rows::of(by, 1, buyers::table(&history.buyers(&question)?, of)?),
                Figure::Products => Rows::of("product", 1, products::table(&history.products(&question)?)),
                _ => {
                    let found = Sourced { answer: history.cells(&question)?, source: "journal" };
                    Rows::of(by, 1, metrics::table(found, of, side.sessions.definition, u32::MAX))
                }
            };
            Ok((*figure, rows))
        };
        figures.iter().map(ask).collect()
    }

    fn of_aftermath(&self, figures: &[Figure], found: &Aftermath, side: &Side<'_>) -> Result<Found, Failure> {
        let currency = self.args.rules.currency_of(&found.currencies())?;
        let days = self.days;
        let ask = |figure: &Figure| {
            let rows = match figure {
                Figure::Service => {
                    let Service { window, lingers, at_once } = side.service;
                    let by_month = self.args.days.is_some();
                    let lingers = i64::from(lingers) * 60 * SECOND;
                    let question = ServiceQuestion { days, by_month, currency, window, at_once, lingers };
                    let found = found.service(&question)?;
                    Rows::of("agent", 2, service::table(&found, &question, service::VIOLATIONS, None).0)
                }
                Figure::AfterSales => {
                    let by = self.args.by.unwrap_or(Dimension::Month);
                    let found = found.after_sales(&AfterSalesQuestion { days, by: vec![by], currency })?;
                    Rows::of(by.as_str(), 1, after_sales::table(&found, &[by])?)
                }
                _ => {
                    let Some(days) = self.args.days else {
                        let why = "an assessment judges a period: name its days with --days";
                        return Err(Failure::Usage(why.to_owned()));
                    };
                    let rules = &side.assessment;
                    Rows::of("merchant", 1, assessment::table(&found.assess(days, currency, rules)?, rules)?)
                }
            };
            Ok((*figure, rows))
        };
        figures.iter().map(ask).collect()
    }

    /// A figure with a fold of its own.
    fn folded(&self, figure: Figure, side: &Side<'_>) -> Result<Rows, Failure> {
        let (global, args, calendar) = (self.global, self.args, self.calendar);
        if figure == Figure::Roi {
            let (events, channels) = (side.events, &side.channels);
            let (sessions, rule) = (side.sessions, side.attribution);
            let asking = Asking { events, calendar, channels, sessions, rule };
            return Ok(Rows::of("campaign", 1, roi::table(global, &asking, MOST_CAMPAIGNS)?));
        }
        let Some(plan) = &args.plan else {
            return Err(Failure::Usage("--figure plan holds a plan: name its file with --plan".to_owned()));
        };
        let (plan, today) = (plans::read(plan)?, last_over(side.events.at(), calendar));
        let rules = (&args.rules, side.channels.clone(), side.sessions);
        let held = plans::hold_events(global, (side.events, calendar), &plan, rules, today, LAST_DAYS)?;
        Ok(Rows::of("target", plans::NAMED_BY, plans::table(&plan, &held.reached)))
    }
}

/// Most campaigns that are compared.
const MOST_CAMPAIGNS: usize = 1_000;
/// A plan's rates are those of so many last days, as `daybook plan` has them.
const LAST_DAYS: u32 = 28;

/// Asks on both sides, of one fold where both have the same events.
fn both<F>(
    (before, after): (&Side<'_>, &Side<'_>),
    same: bool,
    fold: impl Fn(&Side<'_>) -> Result<F, Failure>,
    ask: impl Fn(&F, &Side<'_>) -> Result<Found, Failure>,
) -> Result<(Found, Found), Failure> {
    let mut folded = fold(before)?;
    let actual = ask(&folded, before)?;
    if !same {
        // one at a time: each may take much memory
        drop(folded);
        folded = fold(after)?;
    }
    Ok((actual, ask(&folded, after)?))
}

/// Adds the numbers that differ; whether there are any.
fn lay_beside(part: &'static str, before: &Rows, after: &Rows, told: &mut Told) -> bool {
    fn named(rows: &Rows) -> BTreeMap<&Of, &[Value]> {
        rows.rows.iter().map(|(of, values)| (of, values.as_slice())).collect()
    }
    let (was, is) = (named(before), named(after));
    // one side may have no rows, and then no columns
    let columns = if before.rows.is_empty() { &after.columns } else { &before.columns };
    let new = after.rows.iter().filter(|(of, _)| !was.contains_key(of));
    let mut differs = false;
    for (row, _) in before.rows.iter().chain(new) {
        for (at, column) in columns.iter().enumerate() {
            let number = |rows: &BTreeMap<&Of, &[Value]>| {
                rows.get(row).and_then(|values| values.get(at)).and_then(Number::of_value)
            };
            let (actual, what_if) = (number(&was), number(&is));
            differs |= actual != what_if;
            let (subject, figure) = (subject(row), (*column).to_owned());
            told.add(Row { part, by: before.by, subject, figure, actual, what_if });
        }
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rows: &[(&str, i64, Option<&str>)]) -> Rows {
        let mut table = Table::new(&["sales_channel", "uv", "traffic_by"]);
        for (channel, uv, traffic_by) in rows {
            table.push(vec![(*channel).into(), (*uv).into(), traffic_by.map(str::to_owned).into()]);
        }
        Rows::of("sales_channel", 1, table)
    }

    #[test]
    fn what_was_reported_is_laid_beside_what_was_reported_and_nothing_else() {
        let reported = Some("sales channel");
        // pages of the channel itself were recorded here under the one rule alone
        let before = cells(&[("own", 5, None), ("tmall", 7, None), ("(reported)", 300, reported)]);
        let after =
            cells(&[("own", 0, Some("nobody")), ("tmall", 300, reported), ("(reported)", 300, reported)]);
        let mut told = Told::nothing();
        assert!(lay_beside("metrics", &before, &after, &mut told));
        let rows: Vec<_> =
            told.rows().iter().map(|row| (row.subject.as_str(), row.actual, row.what_if)).collect();
        let count = |n| Some(Number::Count(n));
        assert_eq!(
            rows,
            [("own", count(5), count(0)), ("tmall", count(7), None), ("tmall (reported)", None, count(300)),]
        );
    }

    #[test]
    fn rows_of_one_name_and_other_words_are_no_row_twice() {
        let of = |words: [&str; 2]| {
            let mut table = Table::new(&["phase", "channel", "actual"]);
            table.push(vec![words[0].into(), words[1].into(), 1i64.into()]);
            Rows::of("target", 2, table)
        };
        let mut told = Told::nothing();
        assert!(lay_beside("plan", &of(["own", ""]), &of(["", "own"]), &mut told));
        assert_eq!(told.rows().len(), 2);
        assert!(!lay_beside("plan", &of(["own", ""]), &of(["own", ""]), &mut told));
    }
}
