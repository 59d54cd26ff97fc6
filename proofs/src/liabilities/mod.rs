//! What a market owes, as a tree that adds up: each leaf is what somebody is owed, each node the sum of the two below it.
//!
//! The root's sum is what the market admits to owe. Whoever finds the own leaf under the root knows that it is counted in
//! there, whole: a sum that leaves somebody out, or counts less, does not lead to the root. Leaves are never below
//! zero, so that no debt of one hides what is owed to another.
//!
//! Sums, roots and how many leaves there are stand in an event of the log ([`Stated`]), one for all: whoever checks sees that the same
//! event is in the log that everybody is shown. Each has a way to the root of its own beside it ([`OwedProof`]).
//!
//! A way shows what stands beside it, and so the amount of another. Whose it is it does not show: leaves hold a hash of who is owed
//! and of a nonce that only the market and that one know ([`Blinding`]), and stand in the order of these hashes.

mod expected;
mod stated;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use tlog_tiles::Hash;
use zeroize::Zeroizing;

use crate::ProofError;
use crate::statement::{decimal, number, read_amount};

pub use expected::{ExpectedOwed, verify_owed};
pub use stated::{MOST_BETWEEN, Stated, StatedSum};

const PROOF: &str = "daybook owed 2";
/// How the file begins that keeps the secret.
const SECRET: &str = "daybook liabilities secret ";
/// More nodes than a way has in a tree of 2^62 leaves.
const MOST_NODES: usize = 64;
/// Longest proof that is read.
const MOST_BYTES: usize = 100_000;
/// Longest proof of a sum that is read: its event has a line for each currency, and its checkpoint is a note.
const MOST_SUM: usize = 4 << 20;

/// A node: what is owed below it, minor units, and its hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    /// Minor units; never below zero.
    pub owed: u64,
    /// Over what is below it.
    pub hash: Hash,
}

impl Sum {
    /// The leaf of somebody who is known by a hash.
    #[must_use]
    pub fn leaf(who: Hash, owed: u64) -> Self {
        let hash = Sha256::new().chain_update([0]).chain_update(owed.to_be_bytes()).chain_update(who.0);
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

/// Who is owed, as a leaf has it: the hash of a nonce and of `merchant m-17`, `escrow`.
#[must_use]
pub fn who(nonce: &[u8; 32], to: &str) -> Hash {
    Hash(Sha256::new().chain_update(nonce).chain_update(to).finalize().into())
}

/// What makes the nonces of a statement: a secret of the market's. Who has it can tell whose amounts a proof shows.
#[derive(Clone)]
pub struct Blinding(Hmac<Sha256>);

impl std::fmt::Debug for Blinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blinding")
    }
}

impl Blinding {
    /// By a secret of 32 bytes.
    #[must_use]
    pub fn by(secret: &Zeroizing<[u8; 32]>) -> Self {
        Self(Hmac::new_from_slice(&**secret).expect("invariant: HMAC takes keys of any length"))
    }

    /// A secret as it is kept.
    #[must_use]
    pub fn secret(chance: &Zeroizing<[u8; 32]>) -> Zeroizing<String> {
        Zeroizing::new(format!("{SECRET}{}\n", &*Zeroizing::new(BASE64_STANDARD.encode(**chance))))
    }

    /// Reads what [`secret`](Self::secret) gave.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the secret of liabilities", why);
        let whole = SECRET.len() + 45;
        if text.len() < whole {
            let why = format!("it has {} bytes of {whole}: it was cut off", text.len());
            return Err(bad(&why));
        }
        let secret = text.strip_prefix(SECRET).and_then(|rest| rest.strip_suffix('\n'));
        let secret =
            Zeroizing::new(secret.and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default());
        let secret = <[u8; 32]>::try_from(secret.as_slice()).map(Zeroizing::new);
        secret.map(|secret| Self::by(&secret)).map_err(|_| bad("it is none that was made here"))
    }

    /// The nonce of somebody in a currency, in the statement over so many events: another in each, so that who is shown two cannot tell
    /// which amounts of others are of the same one.
    #[must_use]
    pub fn nonce(&self, through: u64, currency: &str, to: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in [through.to_string().as_bytes(), b"\n", currency.as_bytes(), b"\n", to.as_bytes()] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The nodes over some, two by two.
fn above(below: &[Sum]) -> Result<Vec<Sum>, ProofError> {
    let over = |two: &[Sum]| match two {
        [left, right] => Sum::over(*left, *right),
        // one that is left over goes up as it is: the shape of RFC 6962
        rest => Ok(rest[0]),
    };
    below.chunks(2).map(over).collect()
}

/// Nodes below which a thread is not worth its start.
const FEW: usize = 10_000;

/// Makes both halves of so many nodes: beside each other where they are many, since hashing is most of the work and each node's is its own.
fn beside<T: Send>(nodes: usize, first: impl FnOnce() -> T, second: impl FnOnce() -> T + Send) -> (T, T) {
    if nodes < FEW {
        return (first(), second());
    }
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
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
            // pairs stay together
            let (first, second) = below.split_at((below.len() / 4) * 2);
            let (level, rest) = beside(below.len(), || above(first), || above(second));
            let mut level = level?;
            level.extend(rest?);
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

/// What is owed in one currency by the events through a position, with who is who.
#[derive(Clone, Debug)]
pub struct OwedTree {
    /// The tree.
    pub tree: SumTree,
    through: u64,
    currency: String,
    blinding: Blinding,
    /// Who is owed, leaf by leaf.
    places: Vec<Hash>,
}

impl OwedTree {
    /// Of who is owed how much.
    ///
    /// # Errors
    /// As [`SumTree::of`]; [`ProofError::Broken`] where somebody comes twice.
    pub fn of(
        blinding: &Blinding,
        through: u64,
        currency: &str,
        owed: &[(String, u64)],
    ) -> Result<Self, ProofError> {
        let leaf = |(to, owed): &(String, u64)| {
            let who = who(&blinding.nonce(through, currency, to), to);
            (who, Sum::leaf(who, *owed))
        };
        let sorted = |owed: &[(String, u64)]| {
            let mut leaves: Vec<_> = owed.iter().map(leaf).collect();
            leaves.sort_unstable_by_key(|(who, _)| who.0);
            leaves
        };
        let (first, second) = owed.split_at(owed.len() / 2);
        let (mut leaves, rest) = beside(owed.len(), || sorted(first), || sorted(second));
        leaves.extend(rest);
        // a stable sort merges two sorted halves in one pass
        leaves.sort_by_key(|(who, _)| who.0);
        if leaves.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(ProofError::broken("somebody comes twice among those who are owed"));
        }
        let (places, leaves) = leaves.into_iter().unzip();
        let tree = SumTree::of(leaves)?;
        Ok(Self { tree, through, currency: currency.to_owned(), blinding: blinding.clone(), places })
    }

    /// That somebody is counted in the sum that was stated at a position; none where it has no leaf. `digits`: decimals of the currency.
    #[must_use]
    pub fn prove(&self, stated: u64, digits: u32, to: &str) -> Option<OwedProof> {
        let nonce = self.blinding.nonce(self.through, &self.currency, to);
        let place = self.places.binary_search_by_key(&who(&nonce, to).0, |who| who.0).ok()?;
        let (to, currency) = (to.to_owned(), self.currency.clone());
        let (owed, path) = (self.tree.0[0][place].owed, self.tree.path(place as u64)?);
        Some(OwedProof { stated, to, nonce, currency, owed, digits, index: place as u64, path })
    }
}

pub(crate) fn amount(owed: u64, digits: u32) -> String {
    i64::try_from(owed).map_or_else(|_| owed.to_string(), |minor| decimal(minor, digits))
}

pub(crate) fn read(text: &str) -> Option<(u64, u32)> {
    let (minor, digits) = read_amount(text)?;
    Some((u64::try_from(minor).ok()?, digits))
}

/// That what somebody is owed is counted in what the market says it owes.
#[derive(Clone, Debug, PartialEq)]
pub struct OwedProof {
    /// Position of the event that says the sum.
    pub stated: u64,
    /// Who is owed: `merchant m-17`.
    pub to: String,
    /// What keeps others from finding out whose leaf it is.
    pub nonce: [u8; 32],
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
}

impl OwedProof {
    /// The proof as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { stated, to, nonce, currency, owed, digits, index, path } = self;
        let (nonce, owed) = (BASE64_STANDARD.encode(nonce), amount(*owed, *digits));
        let path: String =
            path.iter().map(|node| format!("{} {}\n", amount(node.owed, *digits), node.hash)).collect();
        format!("{PROOF}\nstated {stated}\n{to}\nnonce {nonce}\n{currency} {owed}\nindex {index}\n{path}")
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
        let mut lines = text.lines();
        if lines.next() != Some(PROOF) {
            return Err(bad("it does not begin as a proof of what is owed does"));
        }
        let stated = lines.next().and_then(|line| number(line.strip_prefix("stated ")?));
        let stated = stated.ok_or_else(|| bad("its second line does not say where the sum was stated"))?;
        let to = lines.next().ok_or_else(|| bad("it does not say who is owed"))?.to_owned();
        let nonce = lines.next().and_then(|line| line.strip_prefix("nonce "));
        let nonce = nonce.and_then(|nonce| BASE64_STANDARD.decode(nonce).ok()?.try_into().ok());
        let nonce = nonce.ok_or_else(|| bad("its fourth line is not the nonce"))?;
        let owed = lines.next().and_then(|line| {
            let (currency, owed) = line.split_once(' ')?;
            let (owed, digits) = read(owed)?;
            Some((currency.to_owned(), owed, digits))
        });
        let (currency, owed, digits) = owed.ok_or_else(|| bad("it does not say what is owed"))?;
        let index = lines.next().and_then(|line| number(line.strip_prefix("index ")?));
        let index = index.ok_or_else(|| bad("its sixth line is not the index"))?;
        let node = |line: &str| {
            let (owed, hash) = line.split_once(' ')?;
            let (owed, own) = read(owed)?;
            (own == digits).then_some(())?;
            Some(Sum { owed, hash: Hash::parse_hash(hash).ok()? })
        };
        let path: Option<Vec<Sum>> = lines.take(MOST_NODES + 1).map(node).collect();
        let path = path.ok_or_else(|| bad("a line of its way is no sum and hash"))?;
        let proof = Self { stated, to, nonce, currency, owed, digits, index, path };
        if proof.to_text() == text { Ok(proof) } else { Err(bad("it is not as it is written")) }
    }

    /// Whether it is counted: what the market says it owes in all in this currency.
    ///
    /// # Errors
    /// [`ProofError::Broken`].
    pub fn verify<'s>(&self, stated: &'s Stated) -> Result<&'s StatedSum, ProofError> {
        if self.stated != stated.position {
            let (own, other) = (self.stated, stated.position);
            let why =
                format!("the proof is of the sum stated at position {own}, and this one was at {other}");
            return Err(ProofError::broken(why));
        }
        let none = || format!("nothing is stated to be owed in {}", self.currency);
        let all = stated.sums.iter().find(|one| one.currency == self.currency);
        let all = all.ok_or_else(|| ProofError::broken(none()))?;
        if all.digits != self.digits {
            return Err(ProofError::broken("the proof and the sum write amounts with other decimals"));
        }
        if self.root(all.leaves)? == all.root {
            return Ok(all);
        }
        let owed = amount(self.owed, self.digits);
        let why =
            format!("{owed} {} for {} are not counted in the sum that was stated", self.currency, self.to);
        Err(ProofError::broken(why))
    }

    /// The root that the way leads to, in a tree of so many leaves (RFC 9162, 2.1.3.2).
    fn root(&self, leaves: u64) -> Result<Sum, ProofError> {
        let broken = |why: &str| ProofError::broken(format!("the way to the root {why}"));
        if self.index >= leaves {
            return Err(broken("begins at a leaf that the tree does not have"));
        }
        let (mut at, mut last) = (self.index, leaves - 1);
        let mut sum = Sum::leaf(who(&self.nonce, &self.to), self.owed);
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
#[path = "tests.rs"]
mod tests;
