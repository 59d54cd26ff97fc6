//! A key: what its holder shows, what is kept of it.
//!
//! The text is `dbk_ID_SECRET`: a prefix by which scanners of leaked secrets know it, the key's id, and 256 random
//! bits of the operating system. Kept is its SHA-256. A fast hash is right here, other than for passwords: nobody
//! guesses 256 random bits. And no comparison has to take constant time: what is looked up is the hash, of which an
//! attacker who measures learns nothing that leads back to a text with that hash.

use daybook_domain::{MerchantId, PartyId, Timestamp};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use super::{AccessError, Role};

/// What a key's text begins with.
pub const PREFIX: &str = "dbk_";

/// SHA-256 of a key's text, or of a token.
pub(super) type Hash = [u8; 32];

/// The hash under which a text is known.
pub(super) fn hash(text: &str) -> Hash {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("invariant: SHA-256 has 32 bytes")
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AccessError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled
        .map_err(|_| AccessError::Unavailable("the operating system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8], to: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            to.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
}

/// A new id: 48 random bits in hexadecimal.
pub(super) fn new_id() -> Result<String, AccessError> {
    let mut id = String::with_capacity(12);
    hex(&random::<6>()?, &mut id);
    Ok(id)
}

/// A new text for the key of this id.
pub(super) fn new_text(id: &str) -> Result<String, AccessError> {
    let mut text = format!("{PREFIX}{id}_");
    hex(&random::<32>()?, &mut text);
    Ok(text)
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its id, which also stands in its text. Stays when the key is rotated.
    pub id: String,
    /// Whose it is, in words.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// The merchant it is bound to.
    pub merchant: Option<MerchantId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: PartyId,
    /// When it last got a new text.
    pub rotated_at: Option<Timestamp>,
    /// Until when it may be used.
    pub expires_at: Option<Timestamp>,
    /// Since when it may not be used.
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it.
    pub revoked_by: Option<PartyId>,
    /// When it was last used, to a few seconds.
    pub last_used_at: Option<Timestamp>,
}

impl Key {
    /// Under which name it acts.
    pub(super) fn actor(&self) -> PartyId {
        PartyId::new(&format!("key:{}", self.id)).expect("invariant: a key's id is short and ASCII")
    }

    /// `active`, `expired` or `revoked`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self {
            Self { revoked_at: Some(_), .. } => "revoked",
            Self { expires_at: Some(end), .. } if *end <= now => "expired",
            _ => "active",
        }
    }
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub role: Role,
    /// The merchant it is bound to: given for [`Role::Merchant`], and for no other.
    pub merchant: Option<MerchantId>,
    /// Whose it is, in words.
    pub name: String,
    /// Until when it may be used.
    pub expires_at: Option<Timestamp>,
}

/// Longest name.
pub(crate) const LONGEST_NAME: usize = 100;

impl NewKey {
    /// What is wrong with it.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), AccessError> {
        let refuse = |field, why: &str| Err(AccessError::Refused { field, why: why.to_owned() });
        match (self.role, self.merchant) {
            (Role::Merchant, None) => return refuse("merchant", "a merchant's key names its merchant"),
            (Role::Merchant, Some(_)) | (_, None) => {}
            _ => return refuse("merchant", "only a key of the role merchant is bound to one"),
        }
        if self.name.chars().count() > LONGEST_NAME || self.name.chars().any(char::is_control) {
            return refuse("name", "use up to 100 characters, none of them a control character");
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return refuse("expires_at", "lies in the past: name a time to come, or none");
        }
        Ok(())
    }
}
