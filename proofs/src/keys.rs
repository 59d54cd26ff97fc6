//! Keys: the market's, with which it signs checkpoints, and those of witnesses, which sign them too.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use signed_note::{Signer, StandardSigner, Verifier, is_key_name_valid, key_id};
use zeroize::Zeroizing;

use crate::ProofError;

/// Signs a note as it stands (C2SP signed-note).
const PLAIN: u8 = 1;
/// Signs a note with the time at which it was seen (C2SP tlog-cosignature).
const COSIGNATURE: u8 = 4;

/// A market's secret key.
#[derive(Clone)]
pub struct MarketKey {
    signer: StandardSigner,
    public: String,
}

impl MarketKey {
    /// A new key by the name of its market, from 32 bytes of chance: the text to keep secret.
    ///
    /// # Errors
    /// [`ProofError::Malformed`] for a name that is empty, or has a space or a plus.
    pub fn generate(name: &str, chance: [u8; 32]) -> Result<Zeroizing<String>, ProofError> {
        let chance = Zeroizing::new(chance);
        if !is_key_name_valid(name) || name.chars().any(char::is_control) {
            let why =
                format!("{name:?} is no name of a key: leave out spaces, pluses and control characters");
            return Err(ProofError::malformed("the name", why));
        }
        let secret = SigningKey::from_bytes(&chance);
        let id = key_id(name, &encoded(PLAIN, &secret.verifying_key()));
        let bytes = Zeroizing::new([&[PLAIN][..], &chance[..]].concat());
        let key = Zeroizing::new(BASE64_STANDARD.encode(&bytes));
        let key = key.as_str();
        Ok(Zeroizing::new(format!("PRIVATE+KEY+{name}+{id:08x}+{key}")))
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = || ProofError::malformed("the secret key", "it is none that `daybook log key` makes");
        let text = text.trim();
        let signer = StandardSigner::new(text).map_err(|_| bad())?;
        let secret = text.splitn(5, '+').nth(4).and_then(|key| BASE64_STANDARD.decode(key).ok());
        let secret = Zeroizing::new(secret.unwrap_or_default());
        let seed =
            Zeroizing::new(<[u8; 32]>::try_from(secret.get(1..).unwrap_or_default()).map_err(|_| bad())?);
        let public = SigningKey::from_bytes(&seed).verifying_key();
        let public = PublicKey::of(signer.name(), PLAIN, &public);
        Ok(Self { signer, public })
    }

    /// The name of its market.
    #[must_use]
    pub fn name(&self) -> &str {
        self.signer.name()
    }

    /// What everybody may know of it: what checkpoints are checked with.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        &self.signer
    }
}

/// A key to check signatures with: a market's or a witness's, as its text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    id: u32,
    kind: u8,
    key: VerifyingKey,
}

impl PublicKey {
    /// Reads one: `name+id+key`.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let bad = |why: &str| ProofError::malformed("the public key", why);
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it is not name+id+key, as `daybook log key` prints it"));
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| bad("its key is not base64"))?;
        let (kind @ (PLAIN | COSIGNATURE), bytes) =
            key.split_first().map(|(kind, rest)| (*kind, rest)).ok_or_else(|| bad("it has no key"))?
        else {
            return Err(bad(
                "it is of an algorithm that is not known here: Ed25519 and its cosignatures are",
            ));
        };
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| bad("its key has not 32 bytes"))?;
        let found = VerifyingKey::from_bytes(&bytes).map_err(|_| bad("its key is no point of the curve"))?;
        if found.is_weak() {
            return Err(bad("it is one of the weak keys, which hold any signature good"));
        }
        if !is_key_name_valid(name) || id != format!("{:08x}", key_id(name, &key)) {
            return Err(bad("its id is not that of its name and key: a part of it was changed"));
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), kind, key: found })
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a witness's.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        self.kind == COSIGNATURE
    }

    fn of(name: &str, kind: u8, key: &VerifyingKey) -> String {
        let bytes = encoded(kind, key);
        format!("{name}+{:08x}+{}", key_id(name, &bytes), BASE64_STANDARD.encode(bytes))
    }
}

fn encoded(kind: u8, key: &VerifyingKey) -> Vec<u8> {
    [&[kind][..], key.as_bytes()].concat()
}

/// When a witness says that it saw what it signed, in seconds since 1970, and its signature.
pub(crate) fn witnessed(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_at_checked(8)?;
    let time = u64::from_be_bytes(time.try_into().ok()?);
    // the format's own bound
    (time <= i64::MAX as u64).then_some((time, signature))
}

impl Verifier for PublicKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let (text, signature) = match self.kind {
            COSIGNATURE => {
                let Some((time, signature)) = witnessed(signature) else { return false };
                let head = format!("cosignature/v1\ntime {time}\n");
                ([head.as_bytes(), text].concat(), signature)
            }
            _ => (text.to_vec(), signature),
        };
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(&text, &signature).is_ok())
    }
}

/// Who signed a checkpoint, as far as the keys at hand tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedBy {
    /// Names of the market's keys.
    pub market: Vec<String>,
    /// Names of witnesses, and when each says that it saw it, in seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, VerifierList};

    use super::*;

    /// The key and note of golang.org/x/mod/sumdb/note's own test.
    #[test]
    fn what_the_reference_implementation_signed_holds_and_is_signed_byte_for_byte() {
        let (secret, public) = (
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        );
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signature = "\u{2014} PeterNeumann \
                         x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key = MarketKey::parse(secret).expect("the published key");
        assert_eq!(key.public(), public);
        let mut note = Note::new(text.as_bytes(), &[]).expect("a text");
        note.add_sigs(&[key.signer()]).expect("signed");
        assert_eq!(String::from_utf8_lossy(&note.to_bytes()), format!("{text}\n{signature}"));
        let known = VerifierList::new(vec![Box::new(PublicKey::parse(public).expect("its public key"))]);
        assert!(note.verify(&known).is_ok());
        let other = format!("{}\n{signature}", text.replace("cryptography", "cryptographY"));
        assert!(Note::from_bytes(other.as_bytes()).expect("a note").verify(&known).is_err());
        // no part of the key can be left out or changed
        for at in 0..public.len() {
            let mut changed = public.as_bytes().to_vec();
            changed[at] += 1;
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(PublicKey::parse(&changed).is_err(), "{changed}");
            assert!(PublicKey::parse(&public[at + 1..]).is_err() && PublicKey::parse(&public[..at]).is_err());
        }
    }
}
