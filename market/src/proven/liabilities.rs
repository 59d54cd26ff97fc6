//! What the market owes, leaf by leaf: drawn up from the books, stated by an event of the log, shown to each who is owed.

use std::ops::ControlFlow;

use daybook_commands::Executed;
use daybook_domain::books::commands::{BooksCommand, DrawnLiabilities};
use daybook_domain::books::events::{LiabilitiesStated, LiabilitiesSum};
use daybook_domain::posting::{CHART, Class};
use daybook_domain::{Currency, Event, MarketId, Money, Reference, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};
use daybook_projections::queries::Balance;
use daybook_projections::{AsOf, ReadModels};
use daybook_proofs::{Blinding, Log, MOST_BETWEEN, OwedProof, OwedTree, Proof, PublicKey};

use super::Prover;
use crate::stream::visit;
use crate::transparency::{TransparencyError, prove};
use crate::{AnyRequest, Market, MarketError};

/// Largest sum that is stated: 18 digits, as whoever checks reads them.
const MOST_OWED: u64 = 999_999_999_999_999_999;
/// Longest that what is owed is drawn up before it is stated, microseconds: an hour.
const LONGEST_DRAWING: i64 = 3_600_000_000;
/// The accounts that leaves of their own stand for, in all; merchants' are counted by merchant.
const OTHERS: [(&str, &str); 4] = [
    ("Escrow", "escrow"),
    ("Checkout", "checkouts"),
    ("Refunds", "refunds"),
    ("StoredValue", "stored value"),
];

/// What is owed in one currency, and what it is set against. Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The currency.
    pub currency: Currency,
    /// Who is owed (`merchant m-17`, `escrow`) and how much; zero of a merchant that owes.
    pub leaves: Vec<(String, u64)>,
    /// What others owe the market beyond what they are owed: not set off against anybody.
    pub receivables: u64,
    /// The control accounts of the books by name: what is owed, less receivables.
    pub control: Vec<(String, i64)>,
    /// What providers and client bank accounts hold, by account name.
    pub held: Vec<(String, i64)>,
    /// What the market's own funds come from: other liabilities, equity and results, by `Class:Name`.
    pub own: Vec<(String, i64)>,
}

/// What can be wrong with what is owed. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Leaves and books differ.
    #[error("{currency}: leaves less receivables are {leaves}, the control accounts {control} (minor units)")]
    Control {
        /// Of which currency.
        currency: Currency,
        /// The leaves' sum less receivables.
        leaves: i128,
        /// What the books say.
        control: i128,
    },
    /// What is held does not come to what is owed and what the books say of the rest.
    #[error("{currency}: own funds are {own}, their items {items} (minor units)")]
    Items {
        /// Of which currency.
        currency: Currency,
        /// Held less owed.
        own: i128,
        /// What the books say.
        items: i128,
    },
    /// More than a statement can say.
    #[error("{currency}: {owed} is owed, more than {MOST_OWED} (minor units)")]
    TooMuch {
        /// Of which currency.
        currency: Currency,
        /// How much.
        owed: u128,
    },
    /// Less is held than is owed.
    #[error(
        "{currency}: {owed} is owed and {held} is held: the market's own funds are below zero (minor units)"
    )]
    Short {
        /// Of which currency.
        currency: Currency,
        /// What is owed.
        owed: u128,
        /// What is held.
        held: i128,
    },
}

impl Wrong {
    /// Whether the books contradict themselves, so that nothing can be stated. That too little is held can, and must be.
    #[must_use]
    pub const fn stops(&self) -> bool {
        !matches!(self, Self::Short { .. })
    }
}

fn sum<'a, T: 'a>(items: &'a [(T, i64)]) -> i128 {
    items.iter().map(|(_, minor)| i128::from(*minor)).sum()
}

impl Owed {
    /// What is owed in all.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.leaves.iter().map(|(_, minor)| u128::from(*minor)).sum()
    }

    /// What is held less what is owed: the market's own funds.
    #[must_use]
    pub fn own_funds(&self) -> i128 {
        sum(&self.held) - self.total().cast_signed()
    }

    /// What is wrong with it; the books it was drawn from give nothing to say.
    #[must_use]
    pub fn wrong(&self) -> Vec<Wrong> {
        let (currency, owed, held) = (self.currency, self.total(), sum(&self.held));
        let (leaves, control) = (owed.cast_signed() - i128::from(self.receivables), sum(&self.control));
        let (own, items) = (self.own_funds(), sum(&self.own) - i128::from(self.receivables));
        let found = [
            (leaves != control).then_some(Wrong::Control { currency, leaves, control }),
            (items != own).then_some(Wrong::Items { currency, own, items }),
            (owed > u128::from(MOST_OWED)).then_some(Wrong::TooMuch { currency, owed }),
            (own < 0).then_some(Wrong::Short { currency, owed, held }),
        ];
        found.into_iter().flatten().collect()
    }

    /// The tree over the leaves; none where nobody is owed anything.
    fn tree(&self, blinding: &Blinding, through: Position) -> Result<Option<OwedTree>, TransparencyError> {
        if self.leaves.is_empty() {
            return Ok(None);
        }
        Ok(Some(OwedTree::of(blinding, through, self.currency.as_str(), &self.leaves)?))
    }
}

/// What is owed by the books as they are by the events through a position.
///
/// # Errors
/// [`TransparencyError::Models`] where the models have not come that far.
pub fn owed(models: &ReadModels, through: Position) -> Result<Vec<Owed>, TransparencyError> {
    let books = models.trial_balance(AsOf::position(through))?;
    let mut all = Vec::<Owed>::new();
    for line in &books.lines {
        let Ok(currency) = Currency::new(&line.currency) else { continue };
        let at = all.iter().position(|owed| owed.currency == currency).unwrap_or_else(|| {
            let (leaves, control, held, own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            all.push(Owed { currency, leaves, receivables: 0, control, held, own });
            all.len() - 1
        });
        file(&mut all[at], line);
    }
    for (merchant, currency, minor) in models.owed_at(through)? {
        let Some(of) = all.iter_mut().find(|owed| owed.currency.as_str() == currency) else { continue };
        add(of, format!("merchant {merchant}"), minor);
    }
    all.sort_by(|a, b| a.currency.as_str().cmp(b.currency.as_str()));
    Ok(all)
}

fn add(of: &mut Owed, to: String, minor: i64) {
    // no debt of one hides what is owed to another
    if minor < 0 {
        of.receivables = of.receivables.saturating_add(minor.unsigned_abs());
    }
    of.leaves.push((to, u64::try_from(minor).unwrap_or_default()));
}

/// Puts a line of the trial balance where it belongs.
fn file(of: &mut Owed, line: &Balance) {
    let chart = CHART.iter().find(|chart| chart.class.as_str() == line.class && chart.name == line.name);
    let credit = line.balance.saturating_neg();
    match chart {
        Some(chart) if chart.clients && chart.class == Class::Assets => {
            of.held.push((line.name.clone(), line.balance));
        }
        Some(chart) if chart.clients => {
            of.control.push((line.name.clone(), credit));
            if let Some((_, to)) = OTHERS.iter().find(|(name, _)| *name == line.name) {
                add(of, (*to).to_owned(), credit);
            }
        }
        _ => of.own.push((format!("{}:{}", line.class, line.name), credit)),
    }
}

/// The sums of what is owed, as an event states them.
fn sums(
    all: &[Owed],
    blinding: &Blinding,
    through: Position,
) -> Result<Vec<LiabilitiesSum>, TransparencyError> {
    let mut sums = Vec::new();
    for of in all {
        let Some(OwedTree { tree, .. }) = of.tree(blinding, through)? else { continue };
        let root = tree.root();
        let minor =
            i64::try_from(root.owed).map_err(|error| TransparencyError::Refused(error.to_string()))?;
        let hex: String = root.hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let root = Reference::new(&hex).expect("invariant: 64 digits are a reference");
        sums.push(LiabilitiesSum { sum: Money::new(minor, of.currency), leaves: tree.leaves(), root });
    }
    Ok(sums)
}

/// A statement of what is owed, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Position of its event.
    pub position: Position,
    /// When it was stated, microseconds.
    pub at: i64,
    /// When that was recorded, microseconds.
    pub recorded_at: i64,
    /// What it says.
    pub said: LiabilitiesStated,
}

/// The statements of what is owed, in the order of the journal.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read.
pub fn statements(journal: &dyn Journal, market: MarketId) -> Result<Vec<Statement>, MarketError> {
    let mut found = Vec::new();
    visit(journal, &format!("books-{market}"), &mut |event, stored| {
        if let Event::LiabilitiesStated(said) = event {
            let Recorded { position, occurred_at: at, recorded_at, .. } = *stored;
            found.push(Statement { position, at, recorded_at, said });
        }
    })?;
    Ok(found)
}

/// What was drawn up and stated.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// What is owed.
    pub owed: Vec<Owed>,
    /// What recording it came to; none where nothing came since the last statement, of the same business day, which stands.
    pub executed: Option<Executed>,
}

impl Market {
    /// States what is owed by the books as they are. `request` says who does.
    ///
    /// # Errors
    /// [`TransparencyError::Refused`] where what is owed does not come to what the books say; as [`Market::execute`].
    pub async fn state_liabilities(
        &self,
        models: &ReadModels,
        blinding: &Blinding,
        request: impl FnOnce(BooksCommand) -> AnyRequest,
    ) -> Result<Drawn, TransparencyError> {
        let last = statements(self.journal().as_ref(), self.id())?.pop();
        // who checks asks when it was stated: yesterday's is stated again, also where nothing came
        let of_today = |last: &Statement| {
            let day =
                self.business_day_of(Timestamp(last.at)).and_then(|day| Ok(day == self.business_day()?));
            day.unwrap_or(true)
        };
        let last = last.filter(of_today);
        let (models, blinding) = (models.clone(), blinding.clone());
        let work = move || {
            let through = models.catch_up(&mut |_| {})?.applied;
            let owed = owed(&models, through)?;
            let off: Vec<String> =
                owed.iter().flat_map(Owed::wrong).filter(Wrong::stops).map(|why| why.to_string()).collect();
            if !off.is_empty() {
                return Err(TransparencyError::Refused(off.join("; ")));
            }
            // a statement moves nothing: where it is the last event, what was owed before it is owed still
            if let Some(Statement { said, .. }) = last.filter(|last| last.position == through)
                && sums(&owed, &blinding, said.through)? == said.sums
            {
                return Ok((owed, None));
            }
            let sums = sums(&owed, &blinding, through)?;
            Ok((owed, Some(DrawnLiabilities { through, sums })))
        };
        // adds up all who are owed: others are not to wait for that
        let drawn = tokio::task::spawn_blocking(work).await;
        let failed = |error| TransparencyError::Refused(format!("drawing up what is owed failed: {error}"));
        let (owed, drawn) = drawn.map_err(failed)??;
        let journal = self.journal().as_ref();
        if let Some(drawn) = drawn.as_ref().filter(|_| journal.dense())
            && journal.head()?.saturating_sub(drawn.through) > MOST_BETWEEN
        {
            return Err(TransparencyError::Refused(format!(
                "more than {MOST_BETWEEN} events came while what is owed through {} was drawn up: state it again",
                drawn.through
            )));
        }
        let executed = match drawn {
            Some(drawn) => {
                let command = BooksCommand::StateLiabilities { drawn: Some(Box::new(drawn)) };
                Some(self.execute(request(command)).await?)
            }
            None => None,
        };
        Ok(Drawn { owed, executed })
    }
}

impl Prover<'_> {
    /// The last statement of what is owed that stands under the last checkpoint.
    fn stated(&self) -> Result<(Log, Statement), TransparencyError> {
        let log = Log::read(self.folder)?;
        let size = log.newest()?.map_or(0, |newest| newest.size);
        let mut found = statements(self.journal, self.market)?;
        found.retain(|statement| statement.position <= size);
        let none =
            "what is owed was not stated yet, or not signed since: `daybook liabilities sign` does both";
        let last = found.pop().ok_or_else(|| TransparencyError::Refused(none.to_owned()))?;
        Ok((log, last))
    }

    /// The last statement of what is owed in all, the same for everybody: the proof of its event. `signed_by`: keys whose signatures go
    /// with it; none: the market's own.
    ///
    /// # Errors
    /// [`TransparencyError::Refused`] where none was stated, or one of the keys did not sign.
    pub fn liabilities(&self, signed_by: &[PublicKey]) -> Result<Proof, TransparencyError> {
        let (log, last) = self.stated()?;
        let under = self.newest(&log)?.signed_by(signed_by)?;
        prove(self.journal, &log, last.position, &under)
    }

    /// That what a merchant is owed in a currency is counted in the last statement.
    ///
    /// # Errors
    /// [`TransparencyError::Refused`] where it has no account there, or the books do not give what was stated.
    pub fn owed(
        &self,
        blinding: &Blinding,
        merchant: &str,
        currency: Currency,
    ) -> Result<OwedProof, TransparencyError> {
        let (_, last) = self.stated()?;
        let (through, position) = (last.said.through, last.position);
        let refused = |why: String| TransparencyError::Refused(why);
        let of = owed(self.models, through)?.into_iter().find(|of| of.currency == currency);
        let tree = of.as_ref().map(|of| of.tree(blinding, through)).transpose()?.flatten();
        let none =
            || refused(format!("by the {through} events stated, {merchant} has no account in {currency}"));
        let (of, tree) = of.zip(tree).ok_or_else(none)?;
        let said = last.said.sums.iter().find(|sum| sum.sum.currency == currency);
        if said != sums(std::slice::from_ref(&of), blinding, through)?.first() {
            return Err(refused(format!(
                "what is owed in {currency} is not what was stated at position {position}: `daybook verify` says more"
            )));
        }
        tree.prove(position, currency.digits(), &format!("merchant {merchant}")).ok_or_else(none)
    }
}

/// Whether it was drawn up long before it was stated: what came between is not in it, and who reads it takes it for new.
fn late(journal: &dyn Journal, statement: &Statement) -> Result<Option<String>, TransparencyError> {
    let (through, position) = (statement.said.through, statement.position);
    let between = position - through - 1;
    if journal.dense() && between > MOST_BETWEEN {
        return Ok(Some(format!(
            "it counts events through {through}, and {between} came before it was stated"
        )));
    }
    let stated = statement.at.max(statement.recorded_at);
    let mut older = None;
    journal.scan(through, Some(position - 1), &Filter::default(), &mut |event| {
        if event.recorded_at < stated.saturating_sub(LONGEST_DRAWING) {
            older = Some((event.position, Timestamp(event.recorded_at)));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(older.map(|(at, time)| {
        let stated = Timestamp(stated);
        format!("it was stated {stated} and counts events through {through}: that at {at}, of {time}, is not in it")
    }))
}

/// What a statement says and the books do not give; without the secret, roots are not compared.
pub(crate) fn derived(
    models: &ReadModels,
    blinding: Option<&Blinding>,
    statement: &Statement,
) -> Result<Option<String>, TransparencyError> {
    let Statement { position, said: LiabilitiesStated { through, sums: said, .. }, .. } = statement;
    if through >= position {
        return Ok(Some(format!("it counts events through {through}, which is not before it")));
    }
    if let Some(why) = late(models.journal().as_ref(), statement)? {
        return Ok(Some(why));
    }
    let all = owed(models, *through)?;
    if let Some(why) = all.iter().flat_map(Owed::wrong).find(Wrong::stops) {
        return Ok(Some(why.to_string()));
    }
    let again = match blinding {
        Some(blinding) => sums(&all, blinding, *through)?,
        None => {
            let none = || Reference::new("none").expect("invariant: a word is a reference");
            let bare = |of: &Owed| LiabilitiesSum {
                sum: Money::new(i64::try_from(of.total()).unwrap_or(i64::MAX), of.currency),
                leaves: of.leaves.len() as u64,
                root: said
                    .iter()
                    .find(|sum| sum.sum.currency == of.currency)
                    .map_or_else(none, |sum| sum.root),
            };
            all.iter().filter(|of| !of.leaves.is_empty()).map(bare).collect()
        }
    };
    let shown = |sums: &[LiabilitiesSum]| {
        let one = |sum: &LiabilitiesSum| format!("{} to {} with {}", sum.sum, sum.leaves, sum.root);
        sums.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    Ok((again != *said).then(|| format!("{} was stated, derived is {}", shown(said), shown(&again))))
}
