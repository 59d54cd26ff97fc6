//! What the market owes, leaf by leaf: drawn up from the books, kept beside the log with the checkpoint that signs it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use daybook_domain::posting::{CHART, Class};
use daybook_domain::{Currency, MarketId, Timestamp};
use daybook_journal::{Journal, Position};
use daybook_projections::queries::Balance;
use daybook_projections::{AsOf, ReadModels};
use daybook_proofs::{Checkpoint, Liabilities, LiabilityProof, Log, MarketKey, Sum, SumTree};

use crate::transparency::{TransparencyError, lines};

/// Longest list of what is owed that is read.
const MOST_BYTES: u64 = 1 << 30;
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
    /// Who is owed (`merchant m-17`, `escrow`) and how much; never below zero.
    pub leaves: Vec<(String, u64)>,
    /// What merchants owe the market beyond what they are owed: not set off against others.
    pub receivables: u64,
    /// The control accounts of the books by name: what is owed, less receivables.
    pub control: Vec<(String, i64)>,
    /// What providers and client bank accounts hold, by account name.
    pub held: Vec<(String, i64)>,
    /// What the market's own funds come from: other liabilities, equity and results, by `Class:Name`.
    pub own: Vec<(String, i64)>,
}

fn sum<'a, T: 'a>(items: &'a [(T, i64)]) -> i64 {
    items.iter().fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
}

impl Owed {
    /// What is owed in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.leaves.iter().fold(0, |sum, (_, minor)| sum.saturating_add(*minor))
    }

    /// What is held less what is owed: the market's own funds.
    #[must_use]
    pub fn own_funds(&self) -> i64 {
        sum(&self.held).saturating_sub(i64::try_from(self.total()).unwrap_or(i64::MAX))
    }

    /// What is wrong with it, as sentences; the books it was drawn from give nothing to say.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let code = self.currency;
        let net = i128::from(self.total()) - i128::from(self.receivables);
        let control = i128::from(sum(&self.control));
        let mut wrong = Vec::new();
        if net != control {
            wrong.push(format!(
                "{code}: leaves less receivables are {net}, the control accounts {control} (minor units)"
            ));
        }
        let items = i128::from(sum(&self.own)) - i128::from(self.receivables);
        if items != i128::from(self.own_funds()) {
            wrong.push(format!(
                "{code}: own funds are {}, their items {items} (minor units)",
                self.own_funds()
            ));
        }
        if self.own_funds() < 0 {
            wrong.push(format!(
                "{code}: {} is owed and {} is held: the market's own funds are below zero (minor units)",
                self.total(),
                sum(&self.held)
            ));
        }
        wrong
    }

    /// The tree over the leaves; none where nobody is owed anything.
    fn tree(&self) -> Result<Option<SumTree>, TransparencyError> {
        if self.leaves.is_empty() {
            return Ok(None);
        }
        Ok(Some(SumTree::of(self.leaves.iter().map(|(to, owed)| Sum::leaf(to, *owed)).collect())?))
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
    for of in &mut all {
        of.leaves.sort_unstable();
    }
    all.sort_by_key(|owed| owed.currency);
    Ok(all)
}

fn add(of: &mut Owed, to: String, minor: i64) {
    match u64::try_from(minor) {
        Ok(owed) => of.leaves.push((to, owed)),
        Err(_) => of.receivables = of.receivables.saturating_add(minor.unsigned_abs()),
    }
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

fn path(folder: &Path, size: u64, ending: &str) -> PathBuf {
    folder.join("liabilities").join(format!("{size}.{ending}"))
}

/// Signs what is owed by the events of the log as it is: a checkpoint that says root and sum, kept beside the log with the leaves.
///
/// # Errors
/// [`TransparencyError::Refused`] where what is owed does not come to what the books say.
pub fn sign(
    (journal, market): (&dyn Journal, MarketId),
    models: &ReadModels,
    (log, folder): (&mut Log, &Path),
    keys: &[MarketKey],
    now: Timestamp,
) -> Result<(Checkpoint, Vec<Owed>), TransparencyError> {
    let all = owed(models, log.size())?;
    let off: Vec<String> =
        all.iter().flat_map(Owed::wrong).filter(|why| !why.contains("below zero")).collect();
    if !off.is_empty() {
        return Err(TransparencyError::Refused(off.join("; ")));
    }
    let (mut beside, mut text) = (Vec::new(), String::new());
    for of in &all {
        let Some(tree) = of.tree()? else { continue };
        let (currency, digits) = (of.currency.as_str().to_owned(), of.currency.digits());
        beside.push(Liabilities { currency, digits, leaves: tree.leaves(), root: tree.root() }.line());
        for (to, owed) in &of.leaves {
            text.push_str(&format!("{}\t{to}\t{owed}\n", of.currency));
        }
    }
    let signed = log.checkpoint_saying(keys, &lines(journal, market, log.size(), now)?, &beside)?;
    let failed = |error: std::io::Error| TransparencyError::Refused(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder.join("liabilities")).map_err(failed)?;
    for (ending, bytes) in [("leaves", &text), ("note", &signed.note)] {
        let (to, new) = (path(folder, signed.size, ending), path(folder, signed.size, "new"));
        fs::write(&new, bytes).and_then(|()| fs::rename(&new, &to)).map_err(failed)?;
    }
    Ok((signed, all))
}

/// The newest checkpoint that says what is owed.
///
/// # Errors
/// [`TransparencyError::Refused`] where none was signed.
pub fn newest(folder: &Path) -> Result<Checkpoint, TransparencyError> {
    let none = "what is owed was not signed yet: `daybook liabilities sign` does";
    let refused = || TransparencyError::Refused(none.to_owned());
    let mut sizes = Vec::new();
    for entry in fs::read_dir(folder.join("liabilities")).map_err(|_| refused())? {
        let name = entry.map_err(|_| refused())?.file_name();
        let size = name
            .to_str()
            .and_then(|name| name.strip_suffix(".note"))
            .and_then(|size| size.parse::<u64>().ok());
        sizes.extend(size);
    }
    let size = sizes.into_iter().max().ok_or_else(refused)?;
    Ok(Checkpoint::parse(&bounded(&path(folder, size, "note"))?)?)
}

fn bounded(path: &Path) -> Result<Vec<u8>, TransparencyError> {
    let failed = |error: std::io::Error| TransparencyError::Refused(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(TransparencyError::Refused(format!(
            "{} has more than {MOST_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// That what a merchant is owed in a currency is counted in the newest sum that was signed.
///
/// # Errors
/// [`TransparencyError::Refused`] where it is owed nothing there, or what was kept is not what was signed.
pub fn prove(folder: &Path, merchant: &str, currency: &str) -> Result<LiabilityProof, TransparencyError> {
    let refused = |why: String| TransparencyError::Refused(why);
    let checkpoint = newest(folder)?.of_market_alone();
    let list = path(folder, checkpoint.size, "leaves");
    let text = String::from_utf8(bounded(&list)?)
        .map_err(|error| refused(format!("{}: {error}", list.display())))?;
    let to = format!("merchant {merchant}");
    let (mut leaves, mut found) = (Vec::new(), None);
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(code), Some(who), Some(owed)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(refused(format!("{}: {line:?} is not what is owed to somebody", list.display())));
        };
        if code != currency {
            continue;
        }
        let owed = owed.parse().map_err(|_| refused(format!("{}: {owed:?} is no amount", list.display())))?;
        if who == to {
            found = Some((leaves.len() as u64, owed));
        }
        leaves.push(Sum::leaf(who, owed));
    }
    let Some((index, owed)) = found else {
        let size = checkpoint.size;
        return Err(refused(format!(
            "by the {size} events signed, {merchant} has no account in {currency}, or owes there"
        )));
    };
    let tree = SumTree::of(leaves)?;
    let said = Liabilities::of(&checkpoint)?.into_iter().find(|one| one.currency == currency);
    let (Some(path), Some(said)) = (tree.path(index), said.filter(|said| said.root == tree.root())) else {
        return Err(refused(format!("{} is not the list that was signed: sign again", list.display())));
    };
    let currency = currency.to_owned();
    Ok(LiabilityProof { to, currency, owed, digits: said.digits, index, path, checkpoint })
}
