//! The file of rules that is asked about: TOML, rates and amounts as text.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::str::FromStr;

use chrono::NaiveDate;
use daybook_domain::merchant::events::{PlatformFee, SettlementCycle};
use daybook_domain::{CampaignId, Category, Currency, MerchantId, Money, Rate};
use daybook_market::what_if::{Commission, Coupons, Cycle, Fee, Required, Rules, Scope};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::definitions::{
    AssessmentEntry, AttributionEntry, Definitions, Entries, ServiceEntry, SessionsEntry,
};
use crate::failure::Failure;

/// What a file asks about.
#[derive(Debug)]
pub struct Asked {
    /// What follows for the money.
    pub rules: Rules,
    /// Other definitions of figures.
    pub definitions: Definitions,
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Asked, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("--what-if {name}: {error}")))?;
    let mut asked = parse(&text).map_err(|why| Failure::Refused(format!("--what-if {name}: {why}")))?;
    // a file that is named in a file lies beside it
    if let Some(rules) = &mut asked.definitions.assessment {
        *rules = path.parent().map_or_else(|| rules.clone(), |folder| folder.join(&*rules));
    }
    Ok(asked)
}

fn parse(text: &str) -> Result<Asked, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let rules = Rules {
        commission: file.commission.into_iter().map(CommissionEntry::rule).collect(),
        platform_fee: numbered("platform_fee", file.platform_fee, FeeEntry::rule)?,
        deposit: numbered("deposit", file.deposit, DepositEntry::rule)?,
        settlement: numbered("settlement", file.settlement, SettlementEntry::rule)?,
        coupons: file.coupons.into_iter().map(CouponsEntry::rule).collect(),
    };
    rules.check()?;
    let File { sessions, attribution, service, assessment, .. } = file;
    let definitions = Entries { sessions, attribution, service, assessment }.read()?;
    Ok(Asked { rules, definitions })
}

fn numbered<E, R>(
    section: &str,
    entries: Vec<E>,
    rule: impl Fn(E) -> Result<R, String>,
) -> Result<Vec<R>, String> {
    let each = entries.into_iter().enumerate();
    each.map(|(nth, entry)| rule(entry).map_err(|why| format!("{section} {}: {why}", nth + 1))).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    commission: Vec<CommissionEntry>,
    #[serde(default)]
    platform_fee: Vec<FeeEntry>,
    #[serde(default)]
    deposit: Vec<DepositEntry>,
    #[serde(default)]
    settlement: Vec<SettlementEntry>,
    #[serde(default)]
    coupons: Vec<CouponsEntry>,
    sessions: Option<SessionsEntry>,
    attribution: Option<AttributionEntry>,
    service: Option<ServiceEntry>,
    assessment: Option<AssessmentEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommissionEntry {
    #[serde(deserialize_with = "written")]
    rate: Written<Rate>,
    category: Option<Category>,
    merchant: Option<MerchantId>,
    #[serde(default, deserialize_with = "written_if_any")]
    from: Option<Written<NaiveDate>>,
    #[serde(default, deserialize_with = "written_if_any")]
    through: Option<Written<NaiveDate>>,
}

fn scope(
    merchant: Option<MerchantId>,
    from: Option<Written<NaiveDate>>,
    through: Option<Written<NaiveDate>>,
) -> Scope {
    Scope { merchant, from: from.map(|day| day.0), through: through.map(|day| day.0) }
}

impl CommissionEntry {
    fn rule(self) -> Commission {
        let scope = scope(self.merchant, self.from, self.through);
        Commission { scope, category: self.category, rate: self.rate.0 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeEntry {
    #[serde(deserialize_with = "written")]
    amount: Written<Digits>,
    currency: String,
    period: SettlementCycle,
    merchant: Option<MerchantId>,
    #[serde(default, deserialize_with = "written_if_any")]
    from: Option<Written<NaiveDate>>,
    #[serde(default, deserialize_with = "written_if_any")]
    through: Option<Written<NaiveDate>>,
}

impl FeeEntry {
    fn rule(self) -> Result<Fee, String> {
        let amount = money("amount", &self.amount, &self.currency)?;
        let scope = scope(self.merchant, self.from, self.through);
        Ok(Fee { scope, fee: PlatformFee { amount, period: self.period } })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DepositEntry {
    #[serde(deserialize_with = "written")]
    required: Written<Digits>,
    currency: String,
    merchant: Option<MerchantId>,
}

impl DepositEntry {
    fn rule(self) -> Result<Required, String> {
        let amount = money("required", &self.required, &self.currency)?;
        Ok(Required { merchant: self.merchant, amount })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettlementEntry {
    cycle: SettlementCycle,
    days: Option<u32>,
    merchant: Option<MerchantId>,
    #[serde(default, deserialize_with = "written_if_any")]
    from: Option<Written<NaiveDate>>,
    #[serde(default, deserialize_with = "written_if_any")]
    through: Option<Written<NaiveDate>>,
}

impl SettlementEntry {
    fn rule(self) -> Result<Cycle, String> {
        let days = match (self.cycle, self.days) {
            (SettlementCycle::TPlusN, Some(days @ 0..=3_650)) => days,
            (SettlementCycle::TPlusN, Some(days)) => return Err(format!("days is {days}: use at most 3650")),
            (SettlementCycle::TPlusN, None) => {
                return Err("cycle is t_plus_n: say days, such as days = 7".to_owned());
            }
            (_, None) => 0,
            (cycle, Some(_)) => {
                return Err(format!("days belongs to t_plus_n, cycle is {cycle}: leave it out"));
            }
        };
        Ok(Cycle { scope: scope(self.merchant, self.from, self.through), cycle: self.cycle, days })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CouponsEntry {
    campaign: CampaignId,
    #[serde(deserialize_with = "written")]
    merchant_share: Written<Rate>,
    merchant: Option<MerchantId>,
    #[serde(default, deserialize_with = "written_if_any")]
    from: Option<Written<NaiveDate>>,
    #[serde(default, deserialize_with = "written_if_any")]
    through: Option<Written<NaiveDate>>,
}

impl CouponsEntry {
    fn rule(self) -> Coupons {
        let scope = scope(self.merchant, self.from, self.through);
        Coupons { scope, campaign: self.campaign, merchant_share: self.merchant_share.0 }
    }
}

fn money(key: &str, amount: &Written<Digits>, currency: &str) -> Result<Money, String> {
    let currency = Currency::new(currency).map_err(|error| format!("currency: {error}"))?;
    Money::parse(&amount.0.0, currency).map_err(|error| format!("{key}: {error}"))
}

/// What is written as text, so that no number passes through a float.
#[derive(Clone, Debug)]
struct Written<T>(T);

/// The text of an amount.
#[derive(Clone, Debug)]
struct Digits(String);

/// Something that is written as text.
trait FromText: Sized {
    /// What is expected, for people.
    const WHAT: &'static str;
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for Rate {
    const WHAT: &'static str = "a share as text in quotes, such as \"0.03\" for three percent";
    fn from_text(text: &str) -> Option<Self> {
        Self::from_str_exact(text).ok()
    }
}
impl FromText for Digits {
    const WHAT: &'static str = "an amount as text in quotes, such as \"300.00\"";
    fn from_text(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }
}
impl FromText for NaiveDate {
    const WHAT: &'static str = "a day as text in quotes, such as \"2018-05-01\"";
    fn from_text(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

struct Text<T>(PhantomData<T>);

impl<T: FromText> Visitor<'_> for Text<T> {
    type Value = Written<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written<T>, E> {
        T::from_text(text).map(Written).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn written<'de, D: Deserializer<'de>, T: FromText>(from: D) -> Result<Written<T>, D::Error> {
    from.deserialize_any(Text(PhantomData))
}

fn written_if_any<'de, D: Deserializer<'de>, T: FromText>(from: D) -> Result<Option<Written<T>>, D::Error> {
    written(from).map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_asks_about_nothing() {
        let asked = parse("# nothing\n").unwrap();
        assert!(asked.rules.is_empty() && asked.definitions.sessions.is_none());
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said_with_its_key_and_the_cure() {
        for (text, says) in [
            ("[[comission]]\nrate = \"0.03\"", &["unknown field `comission`", "commission"][..]),
            ("[[commission]]\nrate = 0.03", &["0.03", "as text in quotes"]),
            ("[[commission]]\nrate = \"3%\"", &["3%", "as text in quotes", "0.03"]),
            ("[[commission]]\nrate = \"1.5\"", &["commission 1", "rate is 1.5", "between 0 and 1"]),
            ("[[commission]]\nrate = \"-0.1\"", &["commission 1", "rate is -0.1", "between 0 and 1"]),
            ("[[commission]]\ncategory = \"toys\"", &["missing field `rate`"]),
            ("[[commission]]\nrate = \"0.1\"\nmerchants = \"m\"", &["unknown field `merchants`", "merchant"]),
            (
                "[[commission]]\nrate = \"0.1\"\n[[commission]]\nrate = \"0.2\"",
                &["commission 1 and commission 2 overlap", "for all", "leave one out"],
            ),
            (
                "[[commission]]\nrate = \"0.1\"\ncategory = \"toys\"\nfrom = \"2018-01-01\"\n\
                 [[commission]]\nrate = \"0.2\"\ncategory = \"toys\"\nthrough = \"2018-01-01\"",
                &["overlap", "category toys", "days that do not meet"],
            ),
            (
                "[[commission]]\nrate = \"0.1\"\nfrom = \"2018-02-01\"\nthrough = \"2018-01-01\"",
                &["commission 1", "holds on no day"],
            ),
            ("[[commission]]\nrate = \"0.1\"\nfrom = 2018-02-01", &["a day as text in quotes"]),
            (
                "[[platform_fee]]\namount = \"1.005\"\ncurrency = \"CNY\"\nperiod = \"monthly\"",
                &["platform_fee 1", "amount", "1.005"],
            ),
            (
                "[[platform_fee]]\namount = \"1\"\ncurrency = \"XXY\"\nperiod = \"monthly\"",
                &["platform_fee 1", "currency", "XXY"],
            ),
            (
                "[[platform_fee]]\namount = \"1\"\ncurrency = \"CNY\"\nperiod = \"t_plus_n\"",
                &["platform_fee 1", "use daily, weekly or monthly"],
            ),
            ("[[deposit]]\nrequired = \"-1\"\ncurrency = \"CNY\"", &["deposit 1", "below zero"]),
            ("[[settlement]]\ncycle = \"yearly\"", &["yearly", "monthly"]),
            ("[[settlement]]\ncycle = \"t_plus_n\"", &["settlement 1", "say days"]),
            ("[[settlement]]\ncycle = \"daily\"\ndays = 3", &["settlement 1", "leave it out"]),
            (
                "[[coupons]]\ncampaign = \"c\"\nmerchant_share = \"2\"",
                &["coupons 1", "merchant_share is 2", "between 0 and 1"],
            ),
            (
                "[[coupons]]\ncampaign = \"points-coupons\"\nmerchant_share = \"1\"",
                &["coupons 1", "points-coupons", "name another"],
            ),
            ("[sessions]\ndefinition = \"ga3\"", &["sessions", "definition", "ga3", "ga4"]),
            ("[sessions]\ntimeout_minutes = 0", &["timeout_minutes is 0", "1 to 1440"]),
            ("[sessions]", &["sessions says nothing", "timeout_minutes"]),
            ("[attribution]\nmodel = \"best\"", &["attribution", "model", "best", "linear"]),
            (
                "[attribution]\nmodel = \"linear\"\nlook_back_days = 400",
                &["look_back_days is 400", "1 to 365"],
            ),
            ("[service]", &["service says nothing", "window_days"]),
            ("[service]\nguests_at_once = 0", &["service", "guests_at_once is 0", "1 to 1000"]),
            ("[assessment]", &["missing field `rules`"]),
        ] {
            let why = parse(text).unwrap_err();
            for word in says {
                assert!(why.contains(word), "{text}: {word:?} is not said in {why}");
            }
        }
    }

    #[test]
    fn rules_that_meet_are_ranked_and_those_that_follow_each_other_do_not_overlap() {
        let text = "[[commission]]\nrate = \"0.05\"\n[[commission]]\nrate = \"0.04\"\ncategory = \"toys\"\n\
                    [[commission]]\nrate = \"0.03\"\nmerchant = \"m1\"\nthrough = \"2018-05-31\"\n\
                    [[commission]]\nrate = \"0.02\"\nmerchant = \"m1\"\nfrom = \"2018-06-01\"\n";
        assert_eq!(parse(text).unwrap().rules.commission.len(), 4);
    }
}
