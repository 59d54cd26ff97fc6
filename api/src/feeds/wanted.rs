//! Which events a reader wants, and which it may have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use daybook_domain::codec::EventKind;
use daybook_domain::{MerchantId, Refs};
use daybook_journal::{Filter, Journal, Position};

use serde_json::{Map, Value, json};

use super::page::{self, Bounds};
use crate::access::{Caller, Role};
use crate::problem::{FORBIDDEN, NOT_FOUND, Problem};

/// The references that events are filtered by.
pub(super) const PARTIES: &[&str] =
    &["merchant", "order", "checkout", "buyer", "dispute", "visitor", "campaign", "lead"];

/// The references that a reader of pseudonyms may filter by.
const IMPERSONAL: &[&str] = &["order", "checkout", "dispute", "campaign"];

/// Most types of one filter: there are fewer.
const MOST_TYPES: usize = 256;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// By type.
    pub filter: Filter,
    /// By what they refer to: all that is named here must be so.
    pub parties: Refs,
    /// How much of them.
    pub view: View,
}

/// How much of an event its reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// All of it.
    Whole,
    /// What concerns a merchant, but not how its buyers pay.
    Merchants,
    /// Parties by pseudonyms, and nothing that could tell them.
    Discreet,
}

impl View {
    fn of(role: Role) -> Self {
        match role {
            Role::Analyst => Self::Discreet,
            Role::Merchant => Self::Merchants,
            _ => Self::Whole,
        }
    }
}

impl Wanted {
    /// Whether an event with these references is wanted.
    pub fn wants(&self, refs: &Refs) -> bool {
        fn same<T: PartialEq>(wanted: Option<T>, there: Option<T>) -> bool {
            wanted.is_none() || wanted == there
        }
        let wanted = &self.parties;
        same(wanted.merchant, refs.merchant)
            && same(wanted.order, refs.order)
            && same(wanted.checkout, refs.checkout)
            && same(wanted.buyer, refs.buyer)
            && same(wanted.dispute, refs.dispute)
            && same(wanted.visitor, refs.visitor)
            && same(wanted.campaign, refs.campaign)
            && same(wanted.lead, refs.lead)
    }
}

/// The query.
#[derive(Debug, Default)]
pub(super) struct Asked {
    after: Option<String>,
    limit: Option<usize>,
    types: Option<String>,
    parties: BTreeMap<&'static str, String>,
}

impl Asked {
    /// Reads it. Types may be given by commas and one by one, everything else once.
    pub fn read(query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Result<Self, Problem> {
        let Query(pairs) = query.map_err(|error| Problem::bad("query", error.body_text()))?;
        let mut asked = Self::default();
        for (name, text) in pairs {
            let before = match name.as_str() {
                "type" => {
                    let types = asked.types.get_or_insert_default();
                    if !types.is_empty() {
                        types.push(',');
                    }
                    types.push_str(&text);
                    false
                }
                "after" => asked.after.replace(text).is_some(),
                "limit" => {
                    let limit = text.parse().map_err(|_| Problem::bad("limit", "write a whole number"))?;
                    asked.limit.replace(limit).is_some()
                }
                party => match PARTIES.iter().find(|known| **known == party) {
                    Some(known) => asked.parties.insert(known, text).is_some(),
                    None => {
                        let takes = PARTIES.join(", ");
                        let why =
                            format!("is no parameter of events, which take after, limit, type, {takes}");
                        return Err(Problem::bad(party, why));
                    }
                },
            };
            if before {
                return Err(Problem::bad(&name, "is given twice"));
            }
        }
        Ok(asked)
    }

    /// How much a page may hold.
    pub fn bounds(&self) -> Result<Bounds, Problem> {
        match self.limit {
            None => Ok(Bounds::default()),
            Some(events) if (1..=page::MOST_EVENTS).contains(&events) => {
                Ok(Bounds { events, ..Bounds::default() })
            }
            Some(_) => Err(Problem::bad("limit", format_args!("ask for 1 to {} events", page::MOST_EVENTS))),
        }
    }

    /// The position to go on from.
    pub fn after(&self, journal: &dyn Journal) -> Result<Position, Problem> {
        match self.after.as_deref() {
            None => Ok(0),
            Some("head") => journal.head().map_err(page::unreadable),
            Some(text) => {
                let after = text
                    .parse()
                    .map_err(|_| Problem::bad("after", "write a position, a whole number, or `head`"))?;
                within(journal, after, "after")?;
                Ok(after)
            }
        }
    }

    /// What a caller gets of what it asks for.
    pub fn wanted(self, caller: &Caller) -> Result<Wanted, Problem> {
        let view = View::of(caller.role);
        let kinds = match self.types.as_deref() {
            Some(list) => Some(types(list.split(','))?),
            None => (view == View::Merchants).then(but_traffic),
        };
        if view == View::Discreet
            && let Some(name) = self.parties.keys().find(|name| !IMPERSONAL.contains(name))
        {
            let detail = format!(
                "{name}: parties go by pseudonyms in an analyst's feed, so it cannot be asked for one"
            );
            return Err(Problem::new(FORBIDDEN, detail));
        }
        let mut parties = parties(self.parties.iter().map(|(name, id)| (*name, id.as_str())))?;
        if let Some(own) = own(caller)? {
            if let Some(asked) = parties.merchant {
                caller.must_own(asked.as_str(), format_args!("merchant {asked}"))?;
            }
            parties.merchant = Some(own);
        }
        Ok(Wanted { filter: Filter { kinds, categories: None }, parties, view })
    }
}

/// The merchant to whose events this caller is held.
fn own(caller: &Caller) -> Result<Option<MerchantId>, Problem> {
    match (caller.role, caller.merchant) {
        (Role::Merchant, None) => Err(Problem::new(NOT_FOUND, "this key is bound to no merchant")),
        (_, merchant) => Ok(merchant),
    }
}

/// References by their names.
pub(crate) fn parties<'a>(named: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Refs, Problem> {
    let mut refs = Refs::default();
    for (name, id) in named {
        let bad = |error| Problem::bad(name, error);
        match name {
            "merchant" => refs.merchant = Some(id.parse().map_err(bad)?),
            "order" => refs.order = Some(id.parse().map_err(bad)?),
            "checkout" => refs.checkout = Some(id.parse().map_err(bad)?),
            "buyer" => refs.buyer = Some(id.parse().map_err(bad)?),
            "dispute" => refs.dispute = Some(id.parse().map_err(bad)?),
            "visitor" => refs.visitor = Some(id.parse().map_err(bad)?),
            "campaign" => refs.campaign = Some(id.parse().map_err(bad)?),
            "lead" => refs.lead = Some(id.parse().map_err(bad)?),
            _ => return Err(Problem::bad(name, format_args!("events refer to {}", PARTIES.join(", ")))),
        }
    }
    Ok(refs)
}

/// The schema of a filter by references.
pub(crate) fn filter_schema() -> Value {
    let id = json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"});
    let parties: Map<String, Value> = PARTIES.iter().map(|party| ((*party).to_owned(), id.clone())).collect();
    json!({"title": "EventFilter", "type": "object", "additionalProperties": false, "properties": parties,
        "description": "Only events that refer to all of these"})
}

/// All types but those of traffic, of which there may be thousands for each of another, and which say whatever a
/// visitor's browser sent: who wants them names them.
pub(crate) fn but_traffic() -> Vec<Cow<'static, str>> {
    let others = EventKind::ALL.iter().filter(|kind| kind.category() != "traffic");
    others.map(|kind| Cow::Borrowed(kind.as_str())).collect()
}

/// Event types by name, with or without `daybook.`.
pub(crate) fn types<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Cow<'static, str>>, Problem> {
    let mut kinds = Vec::new();
    for name in names {
        if kinds.len() == MOST_TYPES {
            return Err(Problem::bad("type", format_args!("name {MOST_TYPES} types at most")));
        }
        let name = name.trim();
        let kind = EventKind::parse(name.strip_prefix(super::cloud::TYPE_PREFIX).unwrap_or(name));
        let kind =
            kind.ok_or_else(|| Problem::bad("type", format_args!("there is no event type {name:?}")))?;
        kinds.push(Cow::Borrowed(kind.as_str()));
    }
    Ok(kinds)
}

/// Refuses a position that the journal has not come to: after it was restored from an older copy, a reader that went
/// on from there would miss what is written in between.
pub(crate) fn within(journal: &dyn Journal, after: Position, field: &str) -> Result<(), Problem> {
    let head = journal.head().map_err(page::unreadable)?;
    if after <= head { Ok(()) } else { Err(Problem::bad(field, format_args!("the journal ends at {head}"))) }
}
