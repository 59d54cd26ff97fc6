//! Tokens of an outside issuer (JWT): who signs in there is known here by what its token claims.
//!
//! The issuer's public keys come from a file or a URL (`jwks.rs`). During a change of keys the set holds both.

use std::sync::atomic::{AtomicU64, Ordering};

use daybook_domain::{MerchantId, PartyId, Timestamp};
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::jwks::{Kept, KeySource};
use super::verify::RING;
use super::{AccessError, Caller, Role, key};

/// How tokens may be signed: by keys that only the issuer has.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Most that clocks may differ by.
const LONGEST_LEEWAY: u64 = 300;

/// Whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Who issues them: their `iss`.
    pub issuer: String,
    /// Whom they are for: among their `aud`.
    pub audience: String,
    /// Where its public keys are.
    pub keys: KeySource,
    /// The claim that names the role, or a list in which just one role stands; a JSON pointer where it begins with `/`.
    pub role_claim: String,
    /// The claim that names the merchant; a JSON pointer where it begins with `/`.
    pub merchant_claim: String,
    /// By how many seconds clocks may differ, at most 300.
    pub leeway_seconds: u64,
}

impl IssuerSettings {
    /// Of this issuer, with the usual claims and a minute between clocks.
    #[must_use]
    pub fn of(issuer: &str, audience: &str, keys: KeySource) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys,
            role_claim: "role".to_owned(),
            merchant_claim: "merchant".to_owned(),
            leeway_seconds: 60,
        }
    }
}

/// An issuer whose tokens are taken.
pub(super) struct Issuer {
    settings: IssuerSettings,
    kept: Kept,
    /// The reading that was last asked for.
    seen: AtomicU64,
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
        let kept = Kept::open(&settings.keys)?;
        Ok(Self { settings, kept, seen: AtomicU64::new(0) })
    }

    /// Looks after the keys; says whether they have changed since it was last asked.
    pub fn refresh(&self) -> Result<bool, AccessError> {
        let refreshed = self.kept.refresh();
        let reading = self.reading();
        let changed = self.seen.swap(reading, Ordering::Relaxed) != reading;
        if changed { Ok(true) } else { refreshed.map(|()| false) }
    }

    /// The reading of keys that is in force.
    pub fn reading(&self) -> u64 {
        self.kept.keys.read().reading
    }

    /// Whether a token names a key that is there now and was not before: waits for the keys to be read again.
    pub async fn learns(&self, token: &str) -> bool {
        let Ok(header) = decode_header(token) else { return false };
        let knows = || self.kept.keys.read().named(header.kid.as_deref()).is_some();
        ALGORITHMS.contains(&header.alg) && !knows() && self.kept.look_again().await && knows()
    }

    /// Whom a token speaks for, or what is wrong with it.
    pub fn check(&self, token: &str) -> Result<Spoken, String> {
        let header = decode_header(token).map_err(|error| format!("the token cannot be read: {error}"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(format!("tokens are not taken with {:?}", header.alg));
        }
        let (key, reading) = {
            let keys = self.kept.keys.read();
            let jwk = keys.named(header.kid.as_deref()).ok_or("the issuer has no key of the token's kid")?;
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
        // as with keys: what is the whole market's knows no merchant to be held to
        if role != Role::Merchant && merchant.is_some() {
            return Err(format!("the token's claim {merchant_claim} is for the role merchant alone"));
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

#[cfg(test)]
#[path = "token_tests.rs"]
pub(super) mod tests;
