//! Import of what advertising platforms say was spent: a CSV, one row an advert, keyword or channel and day.
//!
//! The whole file is read and checked before anything is recorded. Amounts are read as decimals: what a program wrote
//! from a binary fraction (1.429999948) is taken as the amount it stands for and declared as a finding, with what
//! that changed; what is finer than the currency for any other reason is refused.

mod check;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use daybook_commands::{CommandError, Request};
use daybook_domain::campaign::Campaign;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::campaign::events::{FundedBy, SpendKind};
use daybook_domain::{CampaignId, Code, Currency, Money, PartyId, Rate, Reference};
use serde::Serialize;
use uuid::Uuid;

use crate::lines::{Place, TextFile};
use crate::olist::InputError;
use crate::{Market, MarketError};

/// Rows shown of a finding.
const SAMPLES: usize = 5;
/// Most rows of one file: they are held in memory until all are checked.
const MOST_ROWS: usize = 1_000_000;
/// Events handed to the journal at once.
const BATCH: usize = 1_024;
/// Command ids are derived in this namespace. Never changed: it is what makes an import repeatable.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d0a_1c55_77c9_5b52_9d51_6d3f_10fe_8ac4);

/// The fields of a row.
pub const FIELDS: [&str; 10] =
    ["campaign", "spend", "id", "channel", "day", "currency", "kind", "impressions", "clicks", "keyword"];

/// How a file is read.
#[derive(Clone, Debug, Default)]
pub struct AdSpendOptions {
    /// Its own names for fields: field, column. Columns that are neither named here nor like a field are passed over
    /// where any is named, and refused otherwise.
    pub columns: Vec<(String, String)>,
    /// Who was paid, where the file does not say.
    pub channel: Option<Code>,
    /// The day, where the file does not say.
    pub day: Option<Code>,
    /// The currency, where the file does not say.
    pub currency: Option<Currency>,
    /// Plans campaigns that are not known, named by their ids, from the first to the last day of the file.
    pub plan: bool,
    /// Whose rows these are, where rows have no numbers: those of two accounts with a platform may be alike.
    pub source: Option<Code>,
}

/// Why an import of spend stopped.
#[derive(Debug, thiserror::Error)]
pub enum AdSpendError {
    /// The file is not sound. Nothing was recorded.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The options name what is not there.
    #[error("{0}")]
    Options(String),
    /// The market cannot be used, or refused a command.
    #[error(transparent)]
    Market(#[from] MarketError),
}

impl From<CommandError> for AdSpendError {
    fn from(error: CommandError) -> Self {
        Self::Market(error.into())
    }
}

/// What an import of spend did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AdSpendReport {
    /// Rows of the file.
    pub rows: u64,
    /// Recorded now.
    pub recorded: u64,
    /// Recorded before.
    pub repeated: u64,
    /// Campaigns planned now.
    pub planned: u64,
    /// What the file says of each campaign.
    pub campaigns: Vec<CampaignSpend>,
    /// All of it, by currency.
    pub totals: Vec<Money>,
    /// Amounts that were binary fractions.
    pub float_noise: Option<FloatNoise>,
}

/// What a file says of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CampaignSpend {
    /// The campaign.
    pub campaign: CampaignId,
    /// Rows.
    pub rows: u64,
    /// What was spent.
    pub spend: Money,
    /// How often it was shown.
    pub impressions: u64,
    /// How often it was clicked.
    pub clicks: u64,
}

/// Amounts that a program wrote from binary fractions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FloatNoise {
    /// How many.
    pub rows: u64,
    /// The sum of all amounts as they stand in the file.
    pub sum_as_written: Rate,
    /// Most that one was off by.
    pub most: Rate,
    /// The first: line, as written, as taken.
    pub samples: Vec<String>,
}

/// A row that was found sound.
struct Spend {
    line: u64,
    campaign: CampaignId,
    spend: Reference,
    channel: Code,
    day: NaiveDate,
    amount: Money,
    command: CampaignCommand,
}

/// Records the spend of the file at `path`.
///
/// # Errors
/// [`AdSpendError`]; of one in the file nothing was recorded.
pub async fn import(
    market: &Market,
    path: &Path,
    options: &AdSpendOptions,
) -> Result<AdSpendReport, AdSpendError> {
    let (file, _) = TextFile::new(path);
    let mut report = AdSpendReport::default();
    let rows = read(&file, options, &mut report)?;
    market.begin().await?;
    let calendar = market.calendar()?;
    for plan in check::all(market, &file, &rows, options, calendar).await? {
        market.execute(plan).await?;
        report.planned += 1;
    }
    let mut batch = market.commands().batch();
    for chunk in rows.chunks(BATCH) {
        for row in chunk {
            let id = Uuid::new_v5(&NAMESPACE, format!("ad-spend/{}/{}", row.campaign, row.spend).as_bytes());
            let request = Request::<Campaign>::new(row.campaign, row.command.clone(), id, actor())
                .at(calendar.start_of(row.day))
                .imported();
            let added = batch.add(&request).map_err(|error| match error {
                // somebody recorded something else since the file was checked
                CommandError::Rejected(rejection) => check::refused(&file, row, &rejection),
                CommandError::Reused { .. } => check::otherwise(&file, row),
                other => AdSpendError::from(other),
            })?;
            match added.events.len() {
                0 => report.repeated += 1,
                _ => report.recorded += 1,
            }
        }
        batch.commit().await?;
    }
    Ok(report)
}

/// A cell for each of [`FIELDS`].
type Cells = [String; FIELDS.len()];

/// Reads and checks the file.
fn read(
    file: &TextFile,
    options: &AdSpendOptions,
    report: &mut AdSpendReport,
) -> Result<Vec<Spend>, AdSpendError> {
    for (field, _) in &options.columns {
        if !FIELDS.contains(&field.as_str()) {
            return Err(AdSpendError::Options(format!(
                "{field:?} is no field: use one of {}",
                FIELDS.join(", ")
            )));
        }
    }
    let place = |name: &str| {
        let named =
            options.columns.iter().find(|(_, column)| column == name).map(|(field, _)| field.as_str());
        let own = (!options.columns.iter().any(|(field, _)| field == name)).then_some(name);
        let wanted = named.or(own);
        match FIELDS.iter().position(|field| Some(*field) == wanted) {
            Some(place) => Ok(Place::At(place, FIELDS[place])),
            None if options.columns.is_empty() => {
                Err(format!("no such column; a row has {}", FIELDS.join(", ")))
            }
            None => Ok(Place::PassedOver),
        }
    };
    let mut checked =
        Checked { file, options, report, rows: Vec::new(), totals: BTreeMap::new(), seen: BTreeMap::new() };
    file.csv::<AdSpendError>(&place, &["campaign", "spend"], &mut |line, cells| {
        let mut row = Cells::default();
        cells.for_each(|(place, cell)| row[place] = cell.trim().to_owned());
        checked.add(line, &row)
    })?;
    let Checked { rows, totals, .. } = checked;
    let mut by_currency: BTreeMap<Currency, Money> = BTreeMap::new();
    for total in totals.into_values() {
        let sum = by_currency.entry(total.spend.currency).or_insert(Money::zero(total.spend.currency));
        *sum = sum.add(total.spend).map_err(|error| file.wrong(1, "spend", error.to_string()))?;
        report.campaigns.push(total);
    }
    report.totals = by_currency.into_values().collect();
    report.rows = rows.len() as u64;
    report.float_noise = report.float_noise.take().filter(|noise| noise.rows > 0);
    Ok(rows)
}

/// Rows as they are checked.
struct Checked<'f> {
    file: &'f TextFile,
    options: &'f AdSpendOptions,
    report: &'f mut AdSpendReport,
    rows: Vec<Spend>,
    totals: BTreeMap<CampaignId, CampaignSpend>,
    /// The lines of rows without a number, by their numbers made of what they say.
    seen: BTreeMap<Reference, u64>,
}

impl Checked<'_> {
    fn add(&mut self, line: u64, row: &Cells) -> Result<(), AdSpendError> {
        let [campaign, spend, id, channel, day, currency, kind, impressions, clicks, keyword] = row;
        let wrong = |field: &str, why: String| -> AdSpendError { self.file.wrong(line, field, why).into() };
        if self.rows.len() == MOST_ROWS {
            return Err(wrong("", format!("more than {MOST_ROWS} rows: take the file in parts")));
        }
        let campaign: CampaignId = campaign.parse().map_err(|e| wrong("campaign", format!("{e}")))?;
        let channel = said(channel, self.options.channel, |text| text.parse().map_err(|e| format!("{e}")))
            .map_err(|why| wrong("channel", why))?;
        let date = said(day, self.options.day, |text| Code::new(text).map_err(|e| format!("{e}")))
            .map_err(|why| wrong("day", why))?;
        let day = NaiveDate::parse_from_str(date.as_str(), "%Y-%m-%d")
            .map_err(|_| wrong("day", format!("{:?} is no day: write it as 2026-11-22", date.as_str())))?;
        let currency =
            said(currency, self.options.currency, |text| Currency::new(text).map_err(|e| e.to_string()))
                .map_err(|why| wrong("currency", why))?;
        let kind = said(kind, Some(SpendKind::Media), str::parse).map_err(|why| wrong("kind", why))?;
        let number = |field: &str, text: &str| match text {
            "" => Ok(0),
            text => text
                .parse::<u64>()
                .map_err(|_| wrong(field, format!("{text:?} is not a whole number such as 3"))),
        };
        let (impressions, clicks) = (number("impressions", impressions)?, number("clicks", clicks)?);
        let noise = &mut self.report.float_noise;
        let amount = amount(spend, currency, line, noise).map_err(|why| wrong("spend", why))?;
        let spend = match id.as_str() {
            "" => {
                let source = self.options.source.map_or_else(String::new, |source| format!("/of {source}"));
                let name = format!(
                    "{campaign}/{channel}/{date}/{kind}/{keyword}/{amount}/{impressions}/{clicks}{source}"
                );
                let id = Uuid::new_v5(&NAMESPACE, format!("spend/{name}").as_bytes());
                let id = Reference::new(&id.to_string()).expect("invariant: a UUID is an id");
                if let Some(first) = self.seen.insert(id, line) {
                    let why = format!(
                        "line {first} says the same, and neither row has a number: give the rows an id, or take one out if it \
                         stands here twice"
                    );
                    return Err(wrong("id", why));
                }
                id
            }
            id => id.parse().map_err(|e| wrong("id", format!("{e}")))?,
        };
        let none =
            CampaignSpend { campaign, rows: 0, spend: Money::zero(currency), impressions: 0, clicks: 0 };
        let total = self.totals.entry(campaign).or_insert(none);
        total.spend =
            total.spend.add(amount).map_err(|e| self.file.wrong(line, "currency", e.to_string()))?;
        total.rows += 1;
        total.impressions = total.impressions.saturating_add(impressions);
        total.clicks = total.clicks.saturating_add(clicks);
        let keyword = (!keyword.is_empty()).then(|| keyword.clone());
        let (day_text, funded_by) = (date, FundedBy::Market);
        let command = CampaignCommand::RecordSpend {
            spend,
            channel,
            day: day_text,
            kind,
            amount,
            impressions,
            clicks,
            funded_by,
            keyword,
        };
        self.rows.push(Spend { line, campaign, spend, channel, day, amount, command });
        Ok(())
    }
}

/// A cell, or what stands for it where the file does not say.
fn said<T>(
    text: &str,
    otherwise: Option<T>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    match (text, otherwise) {
        ("", Some(otherwise)) => Ok(otherwise),
        ("", None) => Err("is absent: add the column, or say it for the whole file".to_owned()),
        (text, _) => read(text),
    }
}

/// An amount as a decimal: exact, or a binary fraction's rendering of it.
fn amount(
    text: &str,
    currency: Currency,
    line: u64,
    noise: &mut Option<FloatNoise>,
) -> Result<Money, String> {
    let written =
        Rate::from_str_exact(text).map_err(|_| format!("{text:?} is no decimal number such as 12.30"))?;
    if written < Rate::ZERO {
        return Err(format!("{text} is below zero"));
    }
    let taken = written.round_dp(currency.digits());
    let off = (written - taken).abs();
    let amount = Money::parse(&taken.to_string(), currency).map_err(|e| e.to_string())?;
    let found = noise.get_or_insert_default();
    found.sum_as_written += written;
    if !off.is_zero() {
        // a 24-bit fraction is off by at most 6 parts in 100 million
        if off > written * Rate::new(1, 7) {
            return Err(format!("{text} is finer than the minor unit of {currency}"));
        }
        found.rows += 1;
        found.most = found.most.max(off);
        if found.samples.len() < SAMPLES {
            found.samples.push(format!("line {line}: {text} taken as {amount}"));
        }
    }
    Ok(amount)
}

fn actor() -> PartyId {
    PartyId::new("import:ad-spend").expect("invariant: visible ASCII")
}
