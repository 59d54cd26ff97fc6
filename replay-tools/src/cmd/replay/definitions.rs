//! The sections of a file that move no money: what a visit is, who earned an order, how service and merchants are judged.

use std::path::PathBuf;

use daybook_domain::time::{DAY, SECOND};
use daybook_metrics::attribution::{AttributionRule, Model};
use daybook_metrics::{Definition, SessionRule};
use serde::Deserialize;

/// Other definitions of figures; what is not said stays as it is.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Of a visit.
    pub sessions: Option<Sessions>,
    /// Of who earned an order.
    pub attribution: Option<AttributionRule>,
    /// Of service.
    pub service: Option<Service>,
    /// A file of the rules that merchants are assessed by.
    pub assessment: Option<PathBuf>,
}

/// Another definition of a visit.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    definition: Option<Definition>,
    timeout: Option<i64>,
}

impl Sessions {
    /// The rule, where that of the command line is another's starting point.
    pub fn over(self, base: SessionRule) -> SessionRule {
        SessionRule {
            definition: self.definition.unwrap_or(base.definition),
            timeout: self.timeout.unwrap_or(base.timeout),
        }
    }
}

/// Another definition of service.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// How many days after asking a payment counts.
    pub window: Option<u32>,
    /// How long a guest is still served after an answer, in minutes.
    pub lingers: Option<u32>,
    /// Most guests whom an agent should serve at once.
    pub at_once: Option<u32>,
}

/// The sections as they are written.
pub(super) struct Entries {
    pub(super) sessions: Option<SessionsEntry>,
    pub(super) attribution: Option<AttributionEntry>,
    pub(super) service: Option<ServiceEntry>,
    pub(super) assessment: Option<AssessmentEntry>,
}

impl Entries {
    pub(super) fn read(self) -> Result<Definitions, String> {
        Ok(Definitions {
            sessions: self.sessions.map(SessionsEntry::rule).transpose()?,
            attribution: self.attribution.map(AttributionEntry::rule).transpose()?,
            service: self.service.map(ServiceEntry::rule).transpose()?,
            assessment: self.assessment.map(|of| of.rules),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsEntry {
    definition: Option<String>,
    timeout_minutes: Option<u32>,
}

impl SessionsEntry {
    fn rule(self) -> Result<Sessions, String> {
        let timeout = self.timeout_minutes.map(|minutes| bounded("timeout_minutes", minutes, 1_440));
        let timeout = timeout.transpose().map_err(|why| format!("sessions: {why}"))?;
        let definition = self.definition.map(|whose| whose.parse::<Definition>()).transpose();
        let definition = definition.map_err(|why| format!("sessions: definition: {why}"))?;
        if definition.is_none() && timeout.is_none() {
            return Err("sessions says nothing: name definition, timeout_minutes or both".to_owned());
        }
        Ok(Sessions { definition, timeout: timeout.map(|minutes| minutes * 60 * SECOND) })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributionEntry {
    model: String,
    look_back_days: Option<u32>,
    half_life_days: Option<u32>,
}

impl AttributionEntry {
    fn rule(self) -> Result<AttributionRule, String> {
        let model: Model = self.model.parse().map_err(|why| format!("attribution: model: {why}"))?;
        let days = |key, days: Option<u32>, usual| match days {
            None => Ok(usual),
            Some(days) => {
                bounded(key, days, 365).map(|days| days * DAY).map_err(|why| format!("attribution: {why}"))
            }
        };
        let usual = AttributionRule::of(model);
        Ok(AttributionRule {
            model,
            look_back: days("look_back_days", self.look_back_days, usual.look_back)?,
            half_life: days("half_life_days", self.half_life_days, usual.half_life)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceEntry {
    window_days: Option<u32>,
    lingers_minutes: Option<u32>,
    guests_at_once: Option<u32>,
}

impl ServiceEntry {
    fn rule(self) -> Result<Service, String> {
        let within = |key, number: Option<u32>, most| match number {
            None => Ok(None),
            Some(number) => {
                bounded(key, number, most).map(|_| Some(number)).map_err(|why| format!("service: {why}"))
            }
        };
        let service = Service {
            window: within("window_days", self.window_days, 365)?,
            lingers: within("lingers_minutes", self.lingers_minutes, 1_440)?,
            at_once: within("guests_at_once", self.guests_at_once, 1_000)?,
        };
        if service.window.is_none() && service.lingers.is_none() && service.at_once.is_none() {
            let cure = "name window_days, lingers_minutes or guests_at_once";
            return Err(format!("service says nothing: {cure}"));
        }
        Ok(service)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssessmentEntry {
    rules: PathBuf,
}

fn bounded(key: &str, number: u32, most: u32) -> Result<i64, String> {
    if (1..=most).contains(&number) {
        return Ok(i64::from(number));
    }
    Err(format!("{key} is {number}: use 1 to {most}"))
}
