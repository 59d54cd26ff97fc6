//! Leads: who might become a merchant.

use daybook_projections::ReadModels;
use daybook_projections::models::leads::LeadRow;
use daybook_projections::queries::{LeadsWanted, Page};

use super::build::{Found, Section, one, pinned_list};
use super::question::{FROM, Kind, Parameter, Question, TO};
use super::schema::{row_schema, shown};
use crate::access::Permission::{ReadLeads, ReadMerchants};
use crate::endpoint::{Components, Endpoint};
use crate::problem::Problem;

const STATE: Parameter = Parameter::new(
    "state",
    Kind::Word(&["captured", "qualified", "won", "lost"]),
    "Only leads in this state",
);
const ORIGIN: Parameter = Parameter::new("origin", Kind::Id, "Only leads that came by this channel");
const SORT: Parameter = Parameter::new(
    "sort",
    Kind::Word(&["captured", "-captured"]),
    "In the order in which they were captured: the first first (`captured`, the default), or the last first",
);

const LEADS: Section = Section { tag: "Leads", permission: ReadLeads };
const ONE: Section = Section { tag: "Leads", permission: ReadMerchants };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        pinned_list(
            LEADS.about("leads",
                "/v1/leads",
                "Leads: who might become a merchant",
                "`from` and `to` are of the first contact. Pages are pinned: what was captured after the first page is left out; \
                 a row is as it is when its page is asked for. Analysts see leads and merchants by pseudonyms, and no reasons.",
                &[STATE, ORIGIN, FROM, TO, SORT],
            ),
            leads,
        ),
        one(
            ONE.about("lead",
                "/v1/leads/{lead}",
                "A lead; a merchant's key sees the one that it came from",
                "",
                &[],
            ),
            {
                let mut components = Components::new();
                (row_schema::<LeadRow>(&mut components), components)
            },
            false,
            lead,
        ),
    ]
}

fn leads(models: &ReadModels, asked: &Question, pinned: u64) -> Result<Page<LeadRow>, Problem> {
    let (from, to) = asked.span(models)?;
    let wanted = LeadsWanted {
        state: asked.get("state"),
        origin: asked.get("origin"),
        from: from.map(|at| at.0),
        to: to.map(|at| at.0),
        newest_first: asked.get("sort") == Some("-captured"),
        upto: pinned,
    };
    Ok(models.leads(wanted, asked.after.as_deref(), asked.limit)?)
}

fn lead(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let found = models.lead(asked.path("lead"))?;
    found.map(|row| Found::of(row.merchant_id.as_deref(), &shown(&row, None))).transpose()
}
