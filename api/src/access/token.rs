//! Tokens of an outside issuer (JWT): who signs in there is known here by what its token claims.
//!
//! The issuer's public keys come from a file in the form of a JWK set, read again when it changes: whoever deploys
//! keeps that file fresh, and this service calls nobody. During a change of keys the file holds both.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use daybook_domain::{MerchantId, PartyId, Timestamp};
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

use super::verify::RING;
use super::{AccessError, Caller, Role, key};

/// How tokens may be signed: by keys that only the issuer has.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Most that clocks may differ by.
const LONGEST_LEEWAY: u64 = 300;

/// Largest file of keys.
const LARGEST_FILE: u64 = 1 << 20;

/// Whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// Who issues them: their `iss`.
    pub issuer: String,
    /// Whom they are for: among their `aud`.
    pub audience: String,
    /// The file with its public keys, a JWK set.
    pub jwks_file: PathBuf,
    /// The claim that names the role, or a list in which just one role stands; a JSON pointer where it begins with `/`.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// The claim that names the merchant; a JSON pointer where it begins with `/`.
    #[serde(default = "merchant_claim")]
    pub merchant_claim: String,
    /// By how many seconds clocks may differ, at most 300.
    #[serde(default = "leeway")]
    pub leeway_seconds: u64,
}

fn role_claim() -> String {
    "role".to_owned()
}

fn merchant_claim() -> String {
    "merchant".to_owned()
}

fn leeway() -> u64 {
    60
}

/// An issuer whose tokens are taken.
pub(super) struct Issuer {
    settings: IssuerSettings,
    keys: RwLock<Keys>,
}

struct Keys {
    set: JwkSet,
    changed_at: SystemTime,
    /// Counts readings: what an older one let in is not kept.
    reading: u64,
}

/// Whom a token speaks for.
pub(super) struct Spoken {
    pub caller: Caller,
    /// Until when.
    pub expires_at: Timestamp,
    /// The reading of keys that it was checked by.
    pub reading: u64,
}

impl Issuer {
    pub fn open(settings: IssuerSettings) -> Result<Self, AccessError> {
        let refuse = |field, why: &str| Err(AccessError::Refused { field, why: why.to_owned() });
        if settings.leeway_seconds > LONGEST_LEEWAY {
            return refuse("leeway_seconds", "clocks may differ by 300 seconds at most");
        }
        if settings.issuer.is_empty() || settings.audience.is_empty() {
            return refuse("issuer", "name the issuer and the audience of its tokens");
        }
        // an error says that it stands already
        let _ = CryptoProvider::install_default(&RING);
        let (set, changed_at) = read(&settings.jwks_file)?;
        Ok(Self { settings, keys: RwLock::new(Keys { set, changed_at, reading: 0 }) })
    }

    /// Reads the keys again where their file has changed; says whether it has. A file that cannot be read leaves
    /// those in force that there were.
    pub fn refresh(&self) -> Result<bool, AccessError> {
        let file = &self.settings.jwks_file;
        let changed_at = std::fs::metadata(file).and_then(|file| file.modified());
        let changed_at = changed_at.map_err(|error| unavailable(file, &error))?;
        if changed_at == self.keys.read().changed_at {
            return Ok(false);
        }
        let (set, changed_at) = read(file)?;
        let mut keys = self.keys.write();
        *keys = Keys { set, changed_at, reading: keys.reading + 1 };
        Ok(true)
    }

    /// The reading of keys that is in force.
    pub fn reading(&self) -> u64 {
        self.keys.read().reading
    }

    /// Whom a token speaks for, or what is wrong with it.
    pub fn check(&self, token: &str) -> Result<Spoken, String> {
        let header = decode_header(token).map_err(|error| format!("the token cannot be read: {error}"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(format!("tokens are not taken with {:?}", header.alg));
        }
        let (key, reading) = {
            let keys = self.keys.read();
            let jwk =
                named(&keys.set, header.kid.as_deref()).ok_or("the issuer has no key of the token's kid")?;
            let said = jwk.common.key_algorithm.map(|said| said.to_string());
            if said.is_some_and(|said| said != format!("{:?}", header.alg)) {
                return Err("the token is signed in another way than its key is for".to_owned());
            }
            let key = DecodingKey::from_jwk(jwk).map_err(|error| format!("the issuer's key: {error}"))?;
            (key, keys.reading)
        };
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.settings.leeway_seconds;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims =
            decode::<Value>(token, &key, &validation).map_err(|error| format!("the token: {error}"))?.claims;
        let ends = claims["exp"].as_f64().unwrap_or_default() as i64;
        let leeway = i64::try_from(self.settings.leeway_seconds).unwrap_or_default();
        Ok(Spoken {
            caller: self.caller(&claims)?,
            expires_at: Timestamp(ends.saturating_add(leeway).saturating_mul(1_000_000)),
            reading,
        })
    }

    fn caller(&self, claims: &Value) -> Result<Caller, String> {
        let IssuerSettings { role_claim, merchant_claim, .. } = &self.settings;
        let roles: Vec<Role> = match claim(claims, role_claim) {
            Some(Value::String(role)) => role.parse().into_iter().collect(),
            Some(Value::Array(items)) => {
                items.iter().filter_map(|role| role.as_str()?.parse().ok()).collect()
            }
            _ => Vec::new(),
        };
        let [role] = roles[..] else {
            return Err(format!(
                "the token's claim {role_claim} names {} roles: just one is needed",
                roles.len()
            ));
        };
        let merchant = match claim(claims, merchant_claim) {
            None | Some(Value::Null) => None,
            Some(named) => {
                let id = named.as_str().and_then(|id| id.parse::<MerchantId>().ok());
                Some(id.ok_or_else(|| format!("the token's claim {merchant_claim} is no id of a merchant"))?)
            }
        };
        if role == Role::Merchant && merchant.is_none() {
            return Err(format!("the token's claim {merchant_claim} names no merchant"));
        }
        Ok(Caller { actor: actor(claims["sub"].as_str().unwrap_or_default()), role, merchant })
    }
}

/// Under which name a subject acts: `jwt:SUBJECT`, or `jwt:~` and a hash where that is no id.
fn actor(subject: &str) -> PartyId {
    if !subject.is_empty()
        && !subject.starts_with('~')
        && let Ok(actor) = PartyId::new(&format!("jwt:{subject}"))
    {
        return actor;
    }
    let mut name = "jwt:~".to_owned();
    key::hex(&key::hash(subject)[..24], &mut name);
    PartyId::new(&name).expect("invariant: 53 ASCII characters")
}

fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// The key of that name; without one, the only key there is.
fn named<'a>(set: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    let mut signing = set
        .keys
        .iter()
        .filter(|key| key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature));
    match kid {
        Some(kid) => signing.find(|key| key.common.key_id.as_deref() == Some(kid)),
        None => signing.next().filter(|_| signing.next().is_none()),
    }
}

fn read(file: &Path) -> Result<(JwkSet, SystemTime), AccessError> {
    let about = std::fs::metadata(file).map_err(|error| unavailable(file, &error))?;
    if about.len() > LARGEST_FILE {
        return Err(unavailable(file, &"it is larger than a set of keys can be"));
    }
    let changed_at = about.modified().map_err(|error| unavailable(file, &error))?;
    let text = std::fs::read_to_string(file).map_err(|error| unavailable(file, &error))?;
    let set = serde_json::from_str(&text).map_err(|error| unavailable(file, &error))?;
    Ok((set, changed_at))
}

fn unavailable(file: &Path, error: &dyn std::fmt::Display) -> AccessError {
    AccessError::Unavailable(format!("jwks_file {}: cannot read the issuer's keys: {error}", file.display()))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
