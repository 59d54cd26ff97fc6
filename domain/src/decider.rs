//! The decider contract: `decide` says what happens, `evolve` remembers it. Both are pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::books::Policy;
use crate::merchant::events::FeeScheduleAgreed;
use crate::order::events::ReadVersion;
use crate::{
    Code, Currency, Event, HoldId, MerchantId, Money, MoneyError, PartyId, Reference, Refs, Timestamp,
};

/// What a decision may look at besides the stream's own state.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The clock.
    pub now: Timestamp,
    /// When the thing happened in the business; the events take it.
    pub occurred_at: Timestamp,
    /// Who acts.
    pub actor: PartyId,
    /// The market's settings in force. What a decision takes from them is repeated in its events.
    pub policy: &'a Policy,
    /// True for an import: what happened is recorded, however odd; the importer decides its own deadlines.
    pub import: bool,
    /// What the streams named by [`Aggregate::reads`] said.
    pub facts: &'a Facts,
}

/// A stream that a decision reads besides its own. Allowed only where the fact is monotone or the loss bounded;
/// money that two streams could both spend is reserved in its source instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// `merchant-{id}`: standing and the fee schedule in force. Fills [`Facts::merchant`].
    Merchant(MerchantId),
    /// `account-{merchant}` and `deposit-{merchant}`: what a claim can be taken from. Fills [`Facts::can_bear`].
    CanBear {
        /// Whose account and deposit.
        merchant: MerchantId,
        /// The claim's currency.
        currency: Currency,
        /// What is held and frozen for this very claim counts as free.
        hold: HoldId,
    },
    /// What a merchant is owed and was not settled yet. Fills [`Facts::pending`].
    Pending {
        /// Who is owed it.
        merchant: MerchantId,
        /// In this currency.
        currency: Currency,
    },
    /// `books-{market}`: which periods are closed. Fills [`Facts::closed_until`].
    ClosedPeriods,
}

/// What other streams said when a decision was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The merchant's standing.
    pub merchant: Option<MerchantFacts>,
    /// What the merchant's account and deposit can bear.
    pub can_bear: Option<CanBear>,
    /// What the merchant is owed and was not settled yet, below zero what it owes; `None` when nothing is known.
    pub pending: Option<Money>,
    /// Start of the first open period, if one is closed.
    pub closed_until: Option<Timestamp>,
    /// The streams read, with their versions: recorded in events that rest on them.
    pub reads: Vec<ReadVersion>,
}

/// A merchant's standing as another stream sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantFacts {
    /// Whether its store may sell.
    pub open: bool,
    /// Why it is suspended now, if it is.
    pub suspended_for: Option<String>,
    /// When it left, if it has.
    pub terminated_at: Option<Timestamp>,
    /// The fee schedule in force at the time of the decision, if one is.
    pub schedule: Option<FeeScheduleAgreed>,
}

/// What a claim on a merchant can be taken from, besides escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanBear {
    /// Available and pending balance together, never below zero.
    pub merchant: Money,
    /// Deposit not frozen for another claim.
    pub deposit: Money,
}

/// A refused command. The code is stable; the message says what to do about it. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Stable, `snake_case`, e.g. `order_not_funded`.
    pub code: &'static str,
    /// What is wrong and how to cure it; names the field.
    pub message: Cow<'static, str>,
}

impl Rejection {
    /// A rejection with this code and message.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}
impl std::error::Error for Rejection {}

impl From<MoneyError> for Rejection {
    fn from(e: MoneyError) -> Self {
        let code = match e {
            MoneyError::UnknownCurrency { .. } => "unknown_currency",
            MoneyError::CurrencyMismatch { .. } => "currency_mismatch",
            MoneyError::TooFine { .. } => "amount_too_fine",
            MoneyError::NotANumber { .. } => "amount_not_a_number",
            MoneyError::Overflow => "amount_overflow",
            MoneyError::BadWeights => "amount_bad_weights",
        };
        Self::new(code, e.to_string())
    }
}

/// One consistency boundary: the state of a stream, folded from its events.
pub trait Aggregate: Default + Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The stream's category: the stream is named `category-id`.
    const CATEGORY: &'static str;
    /// What may be asked of it. Serialized for the fingerprint of a command.
    type Command: serde::Serialize + Clone + fmt::Debug + Send + Sync;

    /// The state of a stream without events. `id` is the stream's name after `category-`: a stream whose events do
    /// not repeat it (a merchant's, a checkout's) knows it from here, for [`refs`](Self::refs) and
    /// [`reads`](Self::reads).
    fn named(id: &str) -> Self;

    /// Decides. An empty list means: already so, nothing to do.
    ///
    /// # Errors
    /// A [`Rejection`] with a stable code.
    fn decide(&self, command: &Self::Command, context: &Context<'_>) -> Result<Vec<Event>, Rejection>;

    /// The streams that deciding `command` reads besides this one.
    fn reads(&self, command: &Self::Command) -> Vec<Read> {
        let _ = command;
        Vec::new()
    }

    /// Remembers. Total: an event that does not concern the state is passed over.
    fn evolve(&mut self, event: &Event, occurred_at: Timestamp);

    /// The references of the stream as known after the last event.
    fn refs(&self) -> Refs;

    /// The status in one word, for tables and messages.
    fn status(&self) -> &'static str;
}

/// What was said under which number: the same again is no news, other content is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers<K>(BTreeMap<K, [u8; 16]>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + fmt::Display> Numbers<K> {
    /// Remembers what was said under a number.
    pub fn take(&mut self, number: K, said: &impl Serialize) {
        self.0.insert(number, digest(said));
    }

    /// Whether this was said under this number before.
    ///
    /// # Errors
    /// `number_used` when something else was, naming the field.
    pub fn has(&self, field: &'static str, number: &K, said: &impl Serialize) -> Result<bool, Rejection> {
        match self.0.get(number) {
            None => Ok(false),
            Some(before) if *before == digest(said) => Ok(true),
            Some(_) => {
                let message = format!("{field} {number} was used for other content: use a number of its own");
                Err(Rejection::new("number_used", message))
            }
        }
    }
}

fn digest(said: &impl Serialize) -> [u8; 16] {
    let text = serde_json::to_vec(said).expect("invariant: what is said is plain data");
    let digest = Sha256::digest(text);
    digest[..16].try_into().expect("invariant: half of 32 bytes")
}

/// Refuses a zero or negative amount.
///
/// # Errors
/// `amount_not_positive`, naming the field.
pub fn positive(field: &'static str, amount: Money) -> Result<(), Rejection> {
    if amount.minor > 0 {
        return Ok(());
    }
    Err(Rejection::new("amount_not_positive", format!("{field} is {amount}: it must be above zero")))
}

/// Refuses a negative amount.
///
/// # Errors
/// `amount_negative`, naming the field.
pub fn not_negative(field: &'static str, amount: Money) -> Result<(), Rejection> {
    if amount.minor >= 0 {
        return Ok(());
    }
    Err(Rejection::new("amount_negative", format!("{field} is {amount}: it must not be below zero")))
}

/// Longest free text in a command, in bytes.
pub const MAX_TEXT: usize = 2_000;

/// Refuses a text that says nothing, or more than a note should.
///
/// # Errors
/// `text_empty` or `text_too_long`, naming the field.
pub fn said(field: &'static str, text: &str) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::new("text_empty", format!("{field} is empty: say it in a few words")));
    }
    if text.len() > MAX_TEXT {
        let message = format!("{field} has {} bytes: use at most {MAX_TEXT}", text.len());
        return Err(Rejection::new("text_too_long", message));
    }
    Ok(())
}

/// Text that a follow-up command passes on, cut to what a command may say, with a word in the place of nothing: money must not stay where it
/// is because somebody explained at length why it moves, or history not at all.
#[must_use]
pub fn passed_on(mut text: String) -> String {
    /// Says that there was more.
    const MORE: char = '…';
    if text.trim().is_empty() {
        return "no reason given".to_owned();
    }
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT - MORE.len_utf8()));
        text.push(MORE);
    }
    text
}

/// Refuses what is no day of the calendar.
///
/// # Errors
/// `not_a_day`, naming the field.
pub fn calendar_day(field: &'static str, day: Code) -> Result<(), Rejection> {
    let text = day.as_str();
    if text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        return Ok(());
    }
    Err(Rejection::new("not_a_day", format!("{field} is {text:?}: write a day as 2026-11-22")))
}

/// Refuses a history that is handed on, a merchant's or the market's, for no purpose, of days in no order, or known by no SHA-256.
///
/// # Errors
/// `text_empty`, `text_too_long`, `not_a_day`, `days_reversed`, `digest_malformed`, naming the field.
pub fn pack_described(purpose: &str, from: Code, to: Code, digest: Reference) -> Result<(), Rejection> {
    said("purpose", purpose)?;
    calendar_day("from", from)?;
    calendar_day("to", to)?;
    if from.as_str() > to.as_str() {
        let message = format!("from {from} is after to {to}: a pack tells of days in their order");
        return Err(Rejection::new("days_reversed", message));
    }
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digest.as_str().len() != 64 || !digest.as_str().bytes().all(hex) {
        let message = format!("digest {digest} is no SHA-256: it has 64 digits, 0 to 9 and a to f");
        return Err(Rejection::new("digest_malformed", message));
    }
    Ok(())
}

/// Refuses what is written by hand into a period that is closed. Facts are never refused: they are booked in the first
/// open one.
///
/// # Errors
/// `period_closed`.
pub fn in_open_period(
    what: &'static str,
    occurred_at: Timestamp,
    closed_until: Option<Timestamp>,
) -> Result<(), Rejection> {
    let Some(until) = closed_until.filter(|until| occurred_at < *until) else { return Ok(()) };
    let message = format!(
        "{what} is dated {occurred_at}, in a period that is closed: date it {until} or later, or reopen the period"
    );
    Err(Rejection::new("period_closed", message))
}

/// Refuses a decision that one person would take alone.
///
/// # Errors
/// `same_person`.
pub fn two_persons(what: &'static str, first: PartyId, second: PartyId) -> Result<(), Rejection> {
    if first != second {
        return Ok(());
    }
    let message = format!("{what} was asked for by {first}: another person has to approve it");
    Err(Rejection::new("same_person", message))
}
