//! What is asked of a read: its path, its parameters and who asks, checked before any read model is.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawPathParams};
use daybook_domain::books::Month;
use daybook_domain::posting::{Account, CHART};
use daybook_domain::{Code, Currency, Reference, Timestamp};
use daybook_projections::metrics::Days;
use daybook_projections::{AsOf, ReadModels, When};
use serde_json::{Value, json};

use super::deep::Deep;
use crate::Shared;
use crate::access::Caller;
use crate::problem::{INTERNAL, NOT_FOUND, Problem};

/// The query as it came, in its order.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// What a parameter of the query holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A day of the market's time zone, or an instant.
    Moment,
    /// An id or a reference.
    Id,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, with commas.
    Words(&'static [&'static str]),
    /// Codes, with commas.
    Codes,
    /// A whole number from one to another.
    Number(u32, u32),
    /// Business days: `2018-05`, `2018-05-03`, `2018-05-01..2018-05-15`.
    Days,
    /// true or false.
    Flag,
    /// An ISO 4217 code.
    Currency,
    /// A month, `2018-05`.
    Month,
    /// An account of the books, `Class:Name` or `Class:Name:dimension`.
    Account,
}

/// A parameter of the query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub what: &'static str,
    pub required: bool,
}

impl Parameter {
    pub const fn new(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self { name, kind, what, required: false }
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// As the OpenAPI document says it.
    pub fn documented(&self) -> Value {
        let schema = match self.kind {
            Kind::Moment => {
                json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]})
            }
            Kind::Id => json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}),
            Kind::Word(words) => json!({"type": "string", "enum": words}),
            Kind::Words(words) => {
                let word = words.join("|");
                json!({"type": "string", "pattern": format!("^({word})(,({word}))*$")})
            }
            Kind::Codes => json!({"type": "string", "minLength": 1, "maxLength": 256, "pattern": CODES}),
            Kind::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::Days => {
                let day = "[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?";
                json!({"type": "string", "pattern": format!(r"^{day}(\.\.{day})?$")})
            }
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Currency => json!({"$ref": "#/components/schemas/Currency"}),
            Kind::Month => json!({"type": "string", "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])$"}),
            Kind::Account => {
                json!({"type": "string", "maxLength": 200, "pattern": accounts()})
            }
        };
        json!({"name": self.name, "in": "query", "required": self.required, "schema": schema, "description": self.what})
    }

    fn check(&self, text: &str) -> Result<(), Problem> {
        let bad = |why: String| Problem::bad(self.name, why);
        match self.kind {
            Kind::Moment => text.parse::<When>().map(drop).map_err(bad),
            Kind::Id => Reference::new(text).map(drop).map_err(|e| bad(e.to_string())),
            Kind::Word(words) if words.contains(&text) => Ok(()),
            Kind::Word(words) => Err(bad(format!("{text:?} is none of {}", words.join(", ")))),
            Kind::Words(words) => match text.split(',').find(|word| !words.contains(word)) {
                None => Ok(()),
                Some(word) => Err(bad(format!("{word:?} is none of {}", words.join(", ")))),
            },
            Kind::Codes => {
                text.split(',').try_for_each(|code| Code::new(code).map(drop)).map_err(|e| bad(e.to_string()))
            }
            Kind::Number(least, most) => match text.parse::<u32>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(bad(format!("{text:?} is not a number from {least} to {most}"))),
            },
            Kind::Days => text.parse::<Days>().map(drop).map_err(bad),
            Kind::Flag if matches!(text, "true" | "false") => Ok(()),
            Kind::Flag => Err(bad(format!("{text:?} is neither true nor false"))),
            Kind::Currency => Currency::new(text).map(drop).map_err(|e| bad(e.to_string())),
            Kind::Month => month(text).map(drop).map_err(bad),
            Kind::Account => Account::parse(text).map(drop).map_err(|e| bad(e.to_string())),
        }
    }
}

pub(super) const AS_OF: Parameter = Parameter::new(
    "as_of",
    Kind::Moment,
    "As of the end of this business day, or of this instant: what had happened, and is booked, by then",
);
pub(super) const KNOWN: Parameter = Parameter::new(
    "known",
    Kind::Moment,
    "As known at the end of this day, or at this instant: what had been recorded by then",
);
pub(super) const FROM: Parameter =
    Parameter::new("from", Kind::Moment, "From the start of this business day, or from this instant");
pub(super) const TO: Parameter =
    Parameter::new("to", Kind::Moment, "Through the end of this business day, or through this instant");
pub(super) const MERCHANT: Parameter =
    Parameter::new("merchant", Kind::Id, "Only this merchant's; a merchant's key sees its own in any case");

/// Codes with commas between them: one with a comma of its own cannot be named so.
const CODES: &str = r"^[!-+\--~]{1,64}(,[!-+\--~]{1,64})*$";

/// The accounts of the chart, as a pattern.
fn accounts() -> String {
    let lines = CHART.iter().map(|line| {
        let dimension = if line.dimension.is_some() { ":[!-~]+" } else { "" };
        format!("{}:{}{dimension}", line.class.as_str(), line.name)
    });
    format!("^({})$", lines.collect::<Vec<_>>().join("|"))
}

fn month(text: &str) -> Result<Month, String> {
    let code = Code::new(text).map_err(|error| error.to_string())?;
    Month::parse(code).map_err(|refused| refused.message.into_owned())
}

/// What is asked.
pub(super) struct Question {
    pub caller: Caller,
    path: BTreeMap<String, String>,
    query: BTreeMap<&'static str, String>,
    /// Where a list goes on, and how many rows at most.
    pub after: Option<String>,
    pub limit: u32,
    /// Merchants whose data the answer has, where its rows do not name them: for the log of accesses.
    touched: RefCell<BTreeSet<String>>,
    /// Of a read that may have to look at much after all.
    deep: Option<Deep>,
}

impl Question {
    /// Reads path and query; `known` are the parameters that there are. What a merchant's key asks of another
    /// merchant's path is not there.
    pub fn read(
        caller: Caller,
        path: &RawPathParams,
        query: Pairs,
        known: &[Parameter],
        others: &[&'static str],
    ) -> Result<(Self, BTreeMap<&'static str, String>), Problem> {
        let Query(pairs) = query.map_err(|error| Problem::bad("query", error.body_text()))?;
        let mut found: BTreeMap<&'static str, String> = BTreeMap::new();
        for (name, text) in pairs {
            let declared = known.iter().find(|p| p.name == name);
            let own = declared.map(|p| p.name).or_else(|| others.iter().copied().find(|o| *o == name));
            let Some(own) = own else {
                let all: Vec<_> = known.iter().map(|p| p.name).chain(others.iter().copied()).collect();
                let takes = if all.is_empty() {
                    "takes none".to_owned()
                } else {
                    format!("takes {}", all.join(", "))
                };
                return Err(Problem::bad(&name, format!("is no parameter of this resource, which {takes}")));
            };
            // a plus sign stands for a space in a query: take it back, moments have none
            let moment = declared.is_some_and(|p| matches!(p.kind, Kind::Moment));
            let text = if moment { text.replace(' ', "+") } else { text };
            if let Some(declared) = declared {
                declared.check(&text)?;
            }
            if found.insert(own, text).is_some() {
                return Err(Problem::bad(own, "is given twice"));
            }
        }
        if let Some(missing) = known.iter().find(|p| p.required && !found.contains_key(p.name)) {
            return Err(Problem::bad(missing.name, format!("is missing: {}", missing.what)));
        }
        let path: BTreeMap<String, String> =
            path.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        for (name, text) in &path {
            Reference::new(text).map_err(|error| Problem::bad(name, error))?;
        }
        for merchant in [path.get("merchant"), found.get("merchant")].into_iter().flatten() {
            caller.must_own(merchant, format_args!("merchant {merchant}"))?;
        }
        let extra = others.iter().filter_map(|name| Some((*name, found.remove(name)?))).collect();
        let (touched, deep) = (RefCell::default(), None);
        Ok((Self { caller, path, query: found, after: None, limit: 0, touched, deep }, extra))
    }

    /// A part of the path.
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query, where it is given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Notes a merchant whose data the answer has, where its rows do not name it.
    pub fn touch(&self, merchant: &str) {
        self.touched.borrow_mut().insert(merchant.to_owned());
    }

    /// What was noted so.
    pub fn touched(&self) -> BTreeSet<String> {
        self.touched.take()
    }

    /// The same for a service, in which it may look at much.
    pub fn of(mut self, service: &Shared) -> Self {
        self.deep = Some(Deep::of(service));
        self
    }

    /// How it may look at much.
    pub fn deep(&self) -> Result<&Deep, Problem> {
        self.deep.as_ref().ok_or_else(|| Problem::new(INTERNAL, "this read looks at rows alone"))
    }

    /// Whether it is asked as of a moment, over a span, or by a definition: there is no row to look at then.
    pub fn is_cut(&self) -> bool {
        ["as_of", "known", "from", "to", "period", "definition"]
            .iter()
            .any(|name| self.query.contains_key(*name))
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// The merchant that the answer is about: the path's, the caller's own, or the one asked for.
    pub fn merchant(&self) -> Option<&str> {
        let own = self.caller.merchant.as_ref().map(|own| own.as_str());
        self.path.get("merchant").map(String::as_str).or(own).or(self.get("merchant"))
    }

    /// Refuses what another merchant owns; none owns what is the whole market's, or not there.
    pub fn must_own(&self, owner: Option<&str>, what: impl std::fmt::Display) -> Result<(), Problem> {
        match owner {
            Some(owner) => self.caller.must_own(owner, what),
            None if self.caller.owns("") => Ok(()),
            None => Err(Problem::new(NOT_FOUND, format!("no {what}"))),
        }
    }

    fn moment(&self, name: &str) -> Option<When> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    /// The moment that is asked for; `pinned` is the position it holds to.
    pub fn at(&self, models: &ReadModels, pinned: Option<u64>) -> Result<AsOf, Problem> {
        let calendar = models.calendar()?;
        let end = |when: Option<When>| when.map(|when| when.end(calendar).0);
        Ok(AsOf { position: pinned, known: end(self.moment("known")), business: end(self.moment("as_of")) })
    }

    /// The first and the last instant that are asked for, of a month or from moment to moment.
    pub fn span(&self, models: &ReadModels) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        let calendar = models.calendar()?;
        if let Some(text) = self.get("period") {
            if self.get("from").or(self.get("to")).is_some() {
                return Err(Problem::bad("period", "stands instead of from and to"));
            }
            let month = month(text).map_err(|error| Problem::bad("period", error))?;
            return Ok((Some(calendar.start_of_month(month)), Some(calendar.end_of_month(month))));
        }
        let from = self.moment("from").map(|when| when.start(calendar));
        let to = self.moment("to").map(|when| when.end(calendar));
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from > to) {
            return Err(Problem::bad("from", format!("{from} lies after to, {to}: nothing is between them")));
        }
        Ok((from, to))
    }

    /// What stands for this question in a cursor, and where its answer is kept: the same for the same path and parameters,
    /// and for no others.
    pub fn text(&self) -> String {
        let path = self.path.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        joined(path.chain(self.query.iter().map(|(name, value)| (*name, value.as_str()))))
    }
}

/// Names and values as one text: each value behind its length, as it may hold whatever would part it from the next.
fn joined<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{name}={}:{value}&", value.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_questions_have_two_texts_whatever_their_values_hold() {
        let one = joined([("report_source", "x&timeout=1:5")].into_iter());
        let two = joined([("report_source", "x"), ("timeout", "5")].into_iter());
        assert_eq!(two, "report_source=1:x&timeout=1:5&");
        assert_ne!(one, two);
    }
}
