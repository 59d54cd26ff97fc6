//! What a market owes, as a tree that adds up: each leaf is what somebody is owed, each node the sum of the two below it.
//!
//! The root's sum is what the market admits to owe. Whoever finds the own leaf under the root knows that it is counted in
//! there, whole: a sum that leaves somebody out, or counts less, does not lead to the root. Leaves are never below
//! zero, so that no debt of one hides what is owed to another. A signed checkpoint says the root, the sum and how many leaves there are,
//! of the books as they are by the events that it signs.

use sha2::{Digest as _, Sha256};
use tlog_tiles::Hash;

use crate::statement::decimal;
use crate::statement::read_amount;
use crate::{Checkpoint, ProofError, PublicKey, SignedBy};

/// How the line of a checkpoint begins that says what is owed in a currency.
const LINE: &str = "liabilities ";
const PROOF: &str = "daybook liability 1";
/// More nodes than a way has in a tree of 2^62 leaves.
const MOST_NODES: usize = 64;
/// Longest proof that is read.
const MOST_BYTES: usize = 100_000;

/// A node: what is owed below it, minor units, and its hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    /// Minor units; never below zero.
    pub owed: u64,
    /// Over what is below it.
    pub hash: Hash,
}

impl Sum {
    /// The leaf of somebody: `merchant m-17`, `escrow`.
    #[must_use]
    pub fn leaf(to: &str, owed: u64) -> Self {
        let hash = Sha256::new().chain_update([0]).chain_update(owed.to_be_bytes()).chain_update(to);
        Self { owed, hash: Hash(hash.finalize().into()) }
    }

    /// The node over two.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where the sum has no place in 64 bits.
    pub fn over(left: Self, right: Self) -> Result<Self, ProofError> {
        let owed = left.owed.checked_add(right.owed);
        let owed = owed.ok_or_else(|| ProofError::broken("what is owed is too much to be added up"))?;
        let mut hash = Sha256::new().chain_update([1]);
        for side in [left, right] {
            hash.update(side.owed.to_be_bytes());
            hash.update(side.hash.0);
        }
        Ok(Self { owed, hash: Hash(hash.finalize().into()) })
    }
}

/// What is owed in one currency: all levels of the tree, the leaves first.
#[derive(Clone, Debug)]
pub struct SumTree(Vec<Vec<Sum>>);

impl SumTree {
    /// The tree over some leaves, in their order.
    ///
    /// # Errors
    /// [`ProofError::Broken`] without a leaf, or where the sum is too large.
    pub fn of(leaves: Vec<Sum>) -> Result<Self, ProofError> {
        if leaves.is_empty() {
            return Err(ProofError::broken("nothing is owed to anybody: a tree has a leaf at least"));
        }
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let mut level = Vec::with_capacity(below.len().div_ceil(2));
            for two in below.chunks(2) {
                level.push(match two {
                    [left, right] => Sum::over(*left, *right)?,
                    // one that is left over goes up as it is: the shape of RFC 6962
                    rest => rest[0],
                });
            }
            levels.push(level);
        }
        Ok(Self(levels))
    }

    /// How many leaves it has.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.0[0].len() as u64
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Sum {
        self.0[self.0.len() - 1][0]
    }

    /// The nodes beside the way from a leaf to the root, from below; none where there is no such leaf.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<Vec<Sum>> {
        let mut at = usize::try_from(index).ok().filter(|at| *at < self.0[0].len())?;
        let mut path = Vec::new();
        for level in &self.0 {
            path.extend(level.get(at ^ 1));
            at >>= 1;
        }
        Some(path)
    }
}

/// What a checkpoint says is owed in a currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Liabilities {
    /// ISO 4217 code.
    pub currency: String,
    /// Decimals of the currency.
    pub digits: u32,
    /// Leaves of the tree.
    pub leaves: u64,
    /// Its root.
    pub root: Sum,
}

impl Liabilities {
    /// The line of a checkpoint: `liabilities CNY 1003 52310.40 ROOT`.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { currency, digits, leaves, root } = self;
        format!("{LINE}{currency} {leaves} {} {}", amount(root.owed, *digits), root.hash)
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.strip_prefix(LINE)?.split(' ').collect();
        let [currency, leaves, owed, hash] = fields[..] else { return None };
        let (owed, digits) = read(owed)?;
        let (leaves, hash) = (leaves.parse().ok()?, Hash::parse_hash(hash).ok()?);
        let found = Self { currency: currency.to_owned(), digits, leaves, root: Sum { owed, hash } };
        (found.line() == line).then_some(found)
    }

    /// What a checkpoint says is owed, by currency; nothing where it says nothing.
    ///
    /// # Errors
    /// [`ProofError::Broken`] where a line of it cannot be read, or a currency comes twice.
    pub fn of(checkpoint: &Checkpoint) -> Result<Vec<Self>, ProofError> {
        let mut found = Vec::<Self>::new();
        for line in checkpoint.lines.iter().filter(|line| line.starts_with(LINE)) {
            let one =
                Self::parse(line).filter(|one| found.iter().all(|other| other.currency != one.currency));
            let why = || format!("the checkpoint's line {line:?} does not say what is owed in a currency");
            found.push(one.ok_or_else(|| ProofError::broken(why()))?);
        }
        Ok(found)
    }
}

fn amount(owed: u64, digits: u32) -> String {
    decimal(i64::try_from(owed).unwrap_or(i64::MAX), digits)
}

fn read(text: &str) -> Option<(u64, u32)> {
    let (minor, digits) = read_amount(text)?;
    Some((u64::try_from(minor).ok()?, digits))
}

/// That what somebody is owed is counted in what the market says it owes.
#[derive(Clone, Debug, PartialEq)]
pub struct LiabilityProof {
    /// Who is owed: `merchant m-17`.
    pub to: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units.
    pub owed: u64,
    /// Decimals of the currency.
    pub digits: u32,
    /// The leaf's place.
    pub index: u64,
    /// The nodes beside the way to the root, from below.
    pub path: Vec<Sum>,
    /// The checkpoint that says the root.
    pub checkpoint: Checkpoint,
}

impl LiabilityProof {
    /// The proof as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { to, currency, owed, digits, index, path, checkpoint } = self;
        let path: String =
            path.iter().map(|node| format!("{} {}\n", amount(node.owed, *digits), node.hash)).collect();
        let owed = amount(*owed, *digits);
        format!("{PROOF}\n{to}\n{currency} {owed}\nindex {index}\n{path}\n{}", checkpoint.note)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the proof", why);
        if text.len() > MOST_BYTES {
            return Err(bad("it is longer than any proof of what is owed"));
        }
        let (head, note) = text.split_once("\n\n").ok_or_else(|| bad("no checkpoint stands in it"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(PROOF) {
            return Err(bad("it does not begin as a proof of what is owed does"));
        }
        let to = lines.next().ok_or_else(|| bad("it does not say who is owed"))?.to_owned();
        let owed = lines.next().and_then(|line| {
            let (currency, owed) = line.split_once(' ')?;
            let (owed, digits) = read(owed)?;
            Some((currency.to_owned(), owed, digits))
        });
        let (currency, owed, digits) = owed.ok_or_else(|| bad("it does not say what is owed"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")?.parse().ok());
        let index = index.ok_or_else(|| bad("its fourth line is not the index"))?;
        let node = |line: &str| {
            let (owed, hash) = line.split_once(' ')?;
            let (owed, own) = read(owed)?;
            (own == digits).then_some(())?;
            Some(Sum { owed, hash: Hash::parse_hash(hash).ok()? })
        };
        let path: Option<Vec<Sum>> = lines.take(MOST_NODES + 1).map(node).collect();
        let path = path.ok_or_else(|| bad("a line of its way is no sum and hash"))?;
        let checkpoint = Checkpoint::parse(note.as_bytes())?;
        let proof = Self { to, currency, owed, digits, index, path, checkpoint };
        if proof.to_text() == text { Ok(proof) } else { Err(bad("it is not as it is written")) }
    }

    /// Whether it is counted: what the market says it owes in all, and who signed that.
    ///
    /// # Errors
    /// [`ProofError::Broken`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<(Liabilities, SignedBy), ProofError> {
        let by = self.checkpoint.verify(keys)?;
        self.checkpoint.signed_by_these_alone(keys)?;
        let said = Liabilities::of(&self.checkpoint)?;
        let none = || format!("the checkpoint does not say what is owed in {}", self.currency);
        let all = said.into_iter().find(|one| one.currency == self.currency);
        let all = all.ok_or_else(|| ProofError::broken(none()))?;
        if all.digits != self.digits {
            return Err(ProofError::broken("the proof and the checkpoint write amounts with other decimals"));
        }
        let root = self.root(all.leaves)?;
        if root == all.root {
            return Ok((all, by));
        }
        let owed = amount(self.owed, self.digits);
        let why = format!(
            "{owed} {} for {} are not counted in what the checkpoint says is owed",
            self.currency, self.to
        );
        Err(ProofError::broken(why))
    }

    /// The root that the way leads to, in a tree of so many leaves (RFC 9162, 2.1.3.2).
    fn root(&self, leaves: u64) -> Result<Sum, ProofError> {
        let broken = |why: &str| ProofError::broken(format!("the way to the root {why}"));
        if self.index >= leaves {
            return Err(broken("begins at a leaf that the tree does not have"));
        }
        let (mut at, mut last) = (self.index, leaves - 1);
        let mut sum = Sum::leaf(&self.to, self.owed);
        for beside in &self.path {
            if last == 0 {
                return Err(broken("is too long"));
            }
            if at & 1 == 1 || at == last {
                sum = Sum::over(*beside, sum)?;
                while at & 1 == 0 && at != 0 {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                sum = Sum::over(sum, *beside)?;
            }
            at >>= 1;
            last >>= 1;
        }
        if last == 0 { Ok(sum) } else { Err(broken("is cut off")) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::MarketKey;

    fn signed(tree: &SumTree) -> (Checkpoint, PublicKey) {
        let text = MarketKey::generate("m", [3; 32]).unwrap();
        let key = MarketKey::parse(&text).unwrap();
        let all = Liabilities { currency: "CNY".into(), digits: 2, leaves: tree.leaves(), root: tree.root() };
        let root = Hash([1; 32]);
        let checkpoint = Checkpoint::sign(9, root, &[all.line()], std::slice::from_ref(&key)).unwrap();
        (checkpoint, PublicKey::parse(key.public()).unwrap())
    }

    fn proof(tree: &SumTree, to: &str, owed: u64, index: u64, checkpoint: &Checkpoint) -> LiabilityProof {
        let path = tree.path(index).unwrap();
        let checkpoint = checkpoint.clone();
        LiabilityProof { to: to.into(), currency: "CNY".into(), owed, digits: 2, index, path, checkpoint }
    }

    #[test]
    fn whoever_is_owed_finds_it_in_the_sum_and_nothing_else() {
        for size in [1u64, 2, 3, 5, 8, 33, 100] {
            let leaves = (0..size).map(|n| Sum::leaf(&format!("merchant {n}"), n * 7));
            let tree = SumTree::of(leaves.collect()).unwrap();
            assert_eq!(tree.root().owed, (0..size).map(|n| n * 7).sum::<u64>());
            let (checkpoint, key) = signed(&tree);
            for n in 0..size {
                let proof = proof(&tree, &format!("merchant {n}"), n * 7, n, &checkpoint);
                let read = LiabilityProof::parse(&proof.to_text()).unwrap();
                let (all, by) = read.verify(std::slice::from_ref(&key)).unwrap();
                assert_eq!((all.root.owed, by.market.len()), (tree.root().owed, 1));
                let wrong = [
                    LiabilityProof { owed: n * 7 + 1, ..read.clone() },
                    LiabilityProof { to: "merchant x".into(), ..read.clone() },
                    LiabilityProof { index: (n + 1) % (size + 1), ..read.clone() },
                    LiabilityProof { currency: "USD".into(), ..read.clone() },
                ];
                for wrong in wrong {
                    assert!(wrong.verify(std::slice::from_ref(&key)).is_err(), "{n} of {size}: {wrong:?}");
                }
            }
        }
        assert!(SumTree::of(Vec::new()).is_err());
        let much = vec![Sum::leaf("a", u64::MAX), Sum::leaf("b", 1)];
        assert!(SumTree::of(much).is_err(), "a sum does not begin again at zero");
    }

    #[test]
    #[ignore = "measures: cargo test --release -p daybook-proofs -- --ignored --nocapture liabilities"]
    fn a_million_merchants_are_added_up_within_a_second_and_a_proof_is_below_two_thousand_bytes() {
        let ids: Vec<String> = (0..1_000_000).map(|n| format!("merchant m-{n:07}")).collect();
        let began = std::time::Instant::now();
        let leaves = ids.iter().enumerate().map(|(n, id)| Sum::leaf(id, n as u64 * 37)).collect();
        let tree = SumTree::of(leaves).unwrap();
        let took = began.elapsed();
        let (checkpoint, key) = signed(&tree);
        let proof = proof(&tree, &ids[765_432], 765_432 * 37, 765_432, &checkpoint);
        proof.verify(&[key]).unwrap();
        let bytes = proof.to_text().len();
        #[allow(clippy::print_stderr)] // what it measures is read by people
        {
            eprintln!("1,000,000 leaves in {took:?}, a proof has {bytes} bytes");
        }
        assert!(took.as_secs_f64() < 1.0 && bytes < 2_000, "{took:?}, {bytes} bytes");
    }
}
