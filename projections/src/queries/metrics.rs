//! Figures of traffic and sales from what is kept by day.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::store::{self, Db, params};
use crate::engine::{AsOf, ReadModelError, ReadModels};
use crate::metrics::live::answer::{Asked, Kept, KeptSales, KeptTraffic};
use crate::metrics::live::heard::currency;
use crate::metrics::live::parts::Part;
use crate::metrics::live::{Group, NONE};
use crate::metrics::{Cells, Days, Dimension, Explanation, History, Most, Question};
use chrono::{Months, NaiveDate};
use daybook_domain::{Code, Currency};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::{Channel, SessionRule};

impl ReadModels {
    /// Figures from what is kept by day: those of [`History::cells`](crate::metrics::History::cells), in milliseconds. None
    /// where what is kept does not tell: under another definition or timeout than the plan's, by more than one dimension
    /// beside one of time, by another dimension than channel, campaign, merchant and sales channel, by sales channel
    /// where channels reported visitors of their own, and by campaign where a visitor came by two words of the same
    /// campaign on one day or by a name that several have had; and where an event of traffic cannot be read.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn kept_cells(&self, question: &Question) -> Result<Option<Cells>, ReadModelError> {
        self.kept_cells_within(question, Most::default())
    }

    /// The same within these bounds, also of time.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where more memory or cells would be needed, `LateKept` where more time.
    pub fn kept_cells_within(
        &self,
        question: &Question,
        most: Most,
    ) -> Result<Option<Cells>, ReadModelError> {
        match Asked::of(question).filter(|_| !self.is_apart_stopped()) {
            Some(asked) => {
                let db = self.read()?;
                if self.is_told_so(&db)? { kept_cells(&db, question, asked, most) } else { Ok(None) }
            }
            None => Ok(None),
        }
    }

    /// Figures as of a moment from one pass over the journal, by the lists of these read models. Where several sources
    /// reported a sales channel's day, the first of `sources` that did counts.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where more memory or cells would be needed, `TookTooLong` where more time.
    pub fn journal_cells(
        &self,
        question: &Question,
        at: AsOf,
        sources: Vec<Code>,
        most: Most,
    ) -> Result<Cells, ReadModelError> {
        let since = (question.days.from, DEFAULT_LOOK_BACK);
        let history = History::beginning(self.calendar()?, self.sites()?.rule().clone(), since);
        let events = self.events(at).until(most.until);
        let mut history = history.fill(&events, most, &mut |_| {})?;
        history.prefer_sources(sources);
        history.cells_within(question, most)
    }

    /// Explains a change as [`History::explain`](crate::metrics::History::explain) does, from what is kept by day; none where
    /// that does not tell.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`].
    pub fn kept_explanation(
        &self,
        before: Days,
        question: &Question,
    ) -> Result<Option<Explanation>, ReadModelError> {
        let earlier = Question { days: before, ..question.clone() };
        let Some(asked) = Asked::of(question).filter(|_| !self.is_apart_stopped()) else {
            return Ok(None);
        };
        let db = self.read()?;
        if !self.is_told_so(&db)? {
            return Ok(None);
        }
        let most = Most::default();
        let cells = (kept_cells(&db, &earlier, asked, most)?, kept_cells(&db, question, asked, most)?);
        let (Some(before), Some(after)) = cells else { return Ok(None) };
        Explanation::between(&before, &after, question).map(Some)
    }

    /// The currencies that orders were paid in, sorted.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn kept_currencies(&self) -> Result<Vec<Currency>, ReadModelError> {
        let db = self.read()?;
        let mut all =
            db.prepare_cached("SELECT DISTINCT currency FROM _sales_days WHERE grp IN (0, 6) LIMIT 1000")?;
        let codes = all.query_map(&[], |row| row.get(0))?.collect::<store::Result<BTreeSet<String>>>()?;
        Ok(codes.iter().filter_map(|code| currency(code)).collect())
    }
}

fn kept_cells(
    db: &Db,
    question: &Question,
    asked: Asked,
    most: Most,
) -> Result<Option<Cells>, ReadModelError> {
    if question.sessions != SessionRule::default() {
        return Ok(None);
    }
    if asked.is_of_platforms() && reports(db, question.days)? {
        return Ok(None);
    }
    let whole = spans(db, question.days)?;
    let days = vec![Span { of: Of::Days, days: question.days }];
    let spans =
        if matches!(asked.time, None | Some(Dimension::Month)) { whole.clone() } else { days.clone() };
    match read(db, question, asked, (&spans, &whole), most)? {
        // of days, two words of a campaign may well have no visitor in common
        None if spans != days => read(db, question, asked, (&days, &whole), most),
        found => Ok(found),
    }
}

/// Days whose figures are read one by one, or a month whose own are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    of: Of,
    days: Days,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Days,
    Month,
}

/// The months of a range that have figures of their own, and the days between them.
fn spans(db: &Db, days: Days) -> Result<Vec<Span>, ReadModelError> {
    let mut made = db.prepare_cached(
        "SELECT day FROM _traffic_months_made WHERE day BETWEEN ? AND ? ORDER BY day LIMIT 100000",
    )?;
    let months =
        made.query_map(params![days.from.to_epoch_days(), days.to.to_epoch_days()], |row| row.get(0))?;
    let (mut spans, mut next) = (Vec::new(), days.from);
    for first in months {
        let first = NaiveDate::from_epoch_days(first?).unwrap_or(next);
        let after = first.checked_add_months(Months::new(1)).unwrap_or(first);
        let Some(last) = after.pred_opt().filter(|last| *last <= days.to) else { break };
        if let Some(before) = first.pred_opt().filter(|before| *before >= next) {
            spans.push(Span { of: Of::Days, days: Days { from: next, to: before } });
        }
        spans.push(Span { of: Of::Month, days: Days { from: first, to: last } });
        next = after;
    }
    if next <= days.to {
        spans.push(Span { of: Of::Days, days: Days { from: next, to: days.to } });
    }
    Ok(spans)
}

fn read(
    db: &Db,
    question: &Question,
    asked: Asked,
    (spans, whole): (&[Span], &[Span]),
    most: Most,
) -> Result<Option<Cells>, ReadModelError> {
    let mut kept = Kept::default();
    if spans != whole {
        // what all of it comes to is told sooner by months than by days
        for span in whole {
            traffic(db, Group::All, *span, &mut kept, most)?;
            sales(db, Group::All, *span, question.currency, &mut kept, most)?;
        }
        kept.apart = Some((kept.traffic.len(), kept.sales.len()));
    }
    let asked_by = Some(asked.group).filter(|group| *group != Group::All || kept.apart.is_some());
    let all = kept.apart.is_none().then_some(Group::All);
    for span in spans {
        for group in [Group::First].into_iter().chain(all).chain(asked_by) {
            traffic(db, group, *span, &mut kept, most)?;
        }
        for group in [Group::Untracked].into_iter().chain(all).chain(asked_by) {
            sales(db, group, *span, question.currency, &mut kept, most)?;
        }
    }
    kept.hold(most)?;
    let traffic = kept.traffic.iter().map(|row| row.word);
    let words: BTreeSet<u32> = traffic.chain(kept.sales.iter().map(|row| row.word)).collect();
    // each of what is asked by is a row of the answer, but for the few that name one campaign together
    let seen = kept.traffic.iter().filter(|row| row.group == asked.group).map(|row| row.word);
    let sold = kept.sales.iter().filter(|row| row.group == asked.group).map(|row| row.word);
    most.hold(seen.chain(sold).collect::<BTreeSet<_>>().len())?;
    let Some(named) = names(db, asked.group, &words)? else { return Ok(None) };
    asked.answer(question, kept, &named, most)
}

/// Whether sales channels reported visitors of their own on these days.
fn reports(db: &Db, days: Days) -> Result<bool, ReadModelError> {
    let mut find =
        db.prepare_cached("SELECT EXISTS(SELECT 1 FROM channel_days WHERE day BETWEEN ? AND ? LIMIT 1)")?;
    Ok(find.query_row(params![days.from.to_string(), days.to.to_string()], |row| row.get(0))?)
}

fn traffic(
    db: &Db,
    group: Group,
    Span { of, days }: Span,
    kept: &mut Kept,
    most: Most,
) -> Result<(), ReadModelError> {
    let mut find = db.prepare_cached(match of {
        Of::Days => {
            "SELECT day, word, pv, views, visits, bounces, stay, visitors, bouncers FROM _traffic_days \
             WHERE grp = ? AND day BETWEEN ? AND ?"
        }
        Of::Month => {
            "SELECT day, word, pv, views, visits, bounces, stay, visitors, bouncers FROM _traffic_months \
             WHERE grp = ? AND day BETWEEN ? AND ?"
        }
    })?;
    let mut rows = find.query(params![group as u8, days.from.to_epoch_days(), days.to.to_epoch_days()])?;
    while let Some(row) = rows.next()? {
        kept.hold(most)?;
        let part = Part {
            pv: row.get(2)?,
            views: row.get(3)?,
            visits: row.get(4)?,
            bounces: row.get(5)?,
            stay: row.get(6)?,
        };
        let visitors = kept.set(row.get_ref(7)?.bytes()?);
        let bouncers = kept.set(row.get_ref(8)?.bytes()?);
        kept.traffic.push(KeptTraffic {
            group,
            day: row.get(0)?,
            word: row.get(1)?,
            part,
            visitors,
            bouncers,
        });
    }
    Ok(())
}

fn sales(
    db: &Db,
    group: Group,
    Span { of, days }: Span,
    currency: Currency,
    kept: &mut Kept,
    most: Most,
) -> Result<(), ReadModelError> {
    let mut find = db.prepare_cached(match of {
        Of::Days => {
            "SELECT day, word, orders, order_value, gmv, refunded, who FROM _sales_days \
             WHERE grp = ? AND day BETWEEN ? AND ? AND currency = ?"
        }
        Of::Month => {
            "SELECT day, word, orders, order_value, gmv, refunded, who FROM _sales_months \
             WHERE grp = ? AND day BETWEEN ? AND ? AND currency = ?"
        }
    })?;
    let (from, to) = (days.from.to_epoch_days(), days.to.to_epoch_days());
    let mut rows = find.query(params![group as u8, from, to, currency.as_str()])?;
    while let Some(row) = rows.next()? {
        kept.hold(most)?;
        let buyers = kept.set(row.get_ref(6)?.bytes()?);
        kept.sales.push(KeptSales {
            group,
            day: row.get(0)?,
            word: row.get(1)?,
            orders: row.get(2)?,
            order_value: row.get(3)?,
            gmv: row.get(4)?,
            refunded: row.get(5)?,
            buyers,
        });
    }
    Ok(())
}

/// The words of numbers; of campaigns, the ids of those that links name by their names. None where several campaigns
/// have had a name: whose a visit is follows from when it was.
fn names(
    db: &Db,
    group: Group,
    numbers: &BTreeSet<u32>,
) -> Result<Option<BTreeMap<u32, String>>, ReadModelError> {
    let mut find = db.prepare_cached("SELECT text FROM _traffic_names WHERE number = ?")?;
    let mut named = BTreeMap::new();
    for number in numbers.iter().filter(|number| **number != NONE) {
        let word = match group {
            Group::Channel => {
                let channel = Channel::ALL.into_iter().find(|channel| *channel as u32 == *number);
                channel.map_or_else(String::new, |channel| channel.as_str().to_owned())
            }
            _ => find.query_row(params![*number], |row| row.get(0))?,
        };
        named.insert(*number, word);
    }
    if group == Group::Campaign {
        let campaigns = campaigns(db)?;
        for word in named.values_mut().filter(|word| !campaigns.ids.contains(*word)) {
            match campaigns.called.get(&word.to_lowercase()) {
                None => {}
                Some(Some(id)) => id.clone_into(word),
                Some(None) => return Ok(None),
            }
        }
    }
    Ok(Some(named))
}

/// The campaigns there are.
#[derive(Default)]
struct Campaigns {
    ids: BTreeSet<String>,
    /// By their names in lower case; none of a name that several have had.
    called: BTreeMap<String, Option<String>>,
}

fn campaigns(db: &Db) -> Result<Campaigns, ReadModelError> {
    let mut all = db.prepare_cached("SELECT campaign_id, name FROM campaigns WHERE state <> '' LIMIT -1")?;
    let mut rows = all.query(&[])?;
    let mut campaigns = Campaigns::default();
    while let Some(row) = rows.next()? {
        let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
        let of = campaigns.called.entry(name.to_lowercase()).or_insert_with(|| Some(id.clone()));
        if of.as_deref() != Some(&id) {
            *of = None;
        }
        campaigns.ids.insert(id);
    }
    Ok(campaigns)
}
