//! A plan as it is written: TOML, strictly read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// A file of a plan. `docs/plan.md` says what its keys are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    pub(super) name: Text,
    pub(super) starts: Text,
    pub(super) currency: Text,
    pub(super) phases: Vec<PhaseFile>,
    #[serde(default)]
    pub(super) sales_channels: BTreeMap<String, Text>,
    pub(super) targets: Vec<TargetFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseFile {
    pub name: Text,
    pub months: Text,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetFile {
    pub metric: Text,
    pub phase: Option<Text>,
    pub months: Option<Text>,
    pub from: Option<Text>,
    pub after: Option<Text>,
    pub to: Option<Text>,
    pub last_days: Option<u32>,
    pub sales_channel: Option<Text>,
    pub by: Option<Text>,
    pub at_least: Option<Text>,
    pub more_than: Option<Text>,
    pub at_most: Option<Text>,
}

/// A text between quotes, which numbers are too: a number that TOML reads as a float is not what was written.
#[derive(Clone, Debug)]
pub(super) struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Quoted)
    }
}

struct Quoted;

impl Quoted {
    fn unquoted<E: de::Error>(shown: impl fmt::Display) -> E {
        E::custom(format_args!("{shown} stands without quotes: write \"{shown}\""))
    }
}

impl<'de> Visitor<'de> for Quoted {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, such as \"0.985\" or \"2026-02-01\"")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
        Err(Self::unquoted(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
        Err(Self::unquoted(number))
    }
}
