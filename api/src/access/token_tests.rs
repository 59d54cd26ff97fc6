use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;

/// A public RSA key, and a token of `u-rsa` that was signed with its other half (until the year 2100).
const MODULUS: &str = "3BR0AdzD6SEWQWkOCHH8OfKPi58JVHPfLbhugIFXEIemBec8ak5TJ5snumize2-ybxOKn8OIPj1J7L_k_vzRwAd6UT8FouavyCAJ\
    1PIWyQkCgAeHZThKWAl82d3bxFu7Nvf5YSFaPD9PMfoh2EvZnTfs1aPvbKqJmSAy-xNKfPnhtrmmb4qpkUSx0spEXJFIqjl1Ppi3\
    2nLvAolYcNuRUmB7fi2GvzyX44hV8W7Vbe1ddaJf8oS-Q4k67HxIBcXnPbsTKXHI55JnTHa2YjS6eJFgxQYnU8UaHQ8bM2XjFQJw\
    aFro3owZbQn1ciwepA35X9KQVJgZRDivPwBmjpWXzw";
const RSA_TOKEN: &str = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInJzYSJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlIiwgImF1ZCI6ICJkYXlib29\
    rIiwgInN1YiI6ICJ1LXJzYSIsICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZSI6ICJhbmFseXN0In0.lyMkfZJz2MVjbNFRl5oWTCv\
    rYJFcpMZUqPzIHIzwfEP1c2j8tVQlfQUYDNvwjOprhf0iH63oFJS8G8h6JApzwMAuOxeiM6R9TN0iE6Oy4bO54kJK1gUgJUoIPhl\
    3PWslJ9Ga7X58pPUdIzfh0dpOpyW3MZEMEHooM__kPWWMN4fpFJ0k9s4liP_cBxAPG7Y60dEzXyV9EwcYteS93Xfni8wxzHF69VL\
    Cz_2fx0WEXgAYm35YrcKrsZ-7GzNq7TAkILB8TaRty_Kf_-ShY2ec77WH9vXQ2eCSN3XnD3Aq5z00Mogwlsz2Pu_1zQQe0DK2EHR\
    KD6zy7cjSxulrWboLVg";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let group =
            part.iter().chain([&0, &0]).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
        let digit = |at: usize| char::from(DIGITS[group >> (18 - 6 * at) & 63]);
        text.extend((0..=part.len()).map(digit));
    }
    text
}

fn token(algorithm: &str, kid: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let header = json!({"alg": algorithm, "kid": kid});
    let said = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = base64(&sign(said.as_bytes()));
    format!("{said}.{signature}")
}

/// An issuer with a key of each kind.
pub(in crate::access) struct Outside {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    folder: tempfile::TempDir,
}

impl Outside {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap();
        let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
        let outside = Self { ed, ec, folder: tempfile::tempdir().unwrap() };
        outside.publish("ed");
        outside
    }

    fn publish(&self, kid: &str) {
        std::fs::write(self.folder.path().join("jwks.json"), self.keys(kid).to_string()).unwrap();
    }

    pub fn keys(&self, kid: &str) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": base64(self.ed.public_key().as_ref())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "x": base64(&point[1..33]), "y": base64(&point[33..])},
            {"kty": "RSA", "kid": "rsa", "alg": "RS256", "n": MODULUS, "e": "AQAB"},
            {"kty": "OKP", "crv": "Ed25519", "kid": "enc", "use": "enc", "x": base64(self.ed.public_key().as_ref())},
            {"kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "AA"},
        ]})
    }

    fn settings(&self) -> IssuerSettings {
        let keys = KeySource::File(self.folder.path().join("jwks.json"));
        IssuerSettings::of("https://id.example", "daybook", keys)
    }

    pub fn ed(&self, kid: &str, claims: &Value) -> String {
        token("EdDSA", kid, claims, |said| self.ed.sign(said).as_ref().to_vec())
    }
}

pub(in crate::access) fn claims(change: &[(&str, Value)]) -> Value {
    let now = crate::access::now().0 / 1_000_000;
    let mut claims = json!({"iss": "https://id.example", "aud": ["other", "daybook"], "sub": "u-1", "exp": now + 600,
        "role": "finance"});
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    claims
}

#[test]
fn tokens_of_each_kind_of_key_speak_for_their_subject() {
    let outside = Outside::new();
    let issuer = Issuer::open(outside.settings()).unwrap();
    let spoken = issuer.check(&outside.ed("ed", &claims(&[]))).unwrap();
    assert_eq!((spoken.caller.actor.as_str(), spoken.caller.role), ("jwt:u-1", Role::Finance));
    let ec = token("ES256", "ec", &claims(&[]), |said| {
        outside.ec.sign(&SystemRandom::new(), said).unwrap().as_ref().to_vec()
    });
    assert_eq!(issuer.check(&ec).unwrap().caller.role, Role::Finance);
    let rsa = issuer.check(RSA_TOKEN).unwrap().caller;
    assert_eq!((rsa.actor.as_str(), rsa.role), ("jwt:u-rsa", Role::Analyst));
    let merchant =
        claims(&[("role", json!(["x", "merchant"])), ("merchant", json!("m-1")), ("sub", json!("a b"))]);
    let merchant = issuer.check(&outside.ed("ed", &merchant)).unwrap().caller;
    assert!(merchant.owns("m-1") && !merchant.owns("m-2"));
    assert!(merchant.actor.as_str().starts_with("jwt:~"), "{}", merchant.actor);
}

#[test]
fn a_token_that_is_not_in_order_says_why() {
    let outside = Outside::new();
    let issuer = Issuer::open(outside.settings()).unwrap();
    let now = crate::access::now().0 / 1_000_000;
    for (name, value, why) in [
        ("exp", json!(now - 61), "ExpiredSignature"),
        ("nbf", json!(now + 62), "ImmatureSignature"),
        ("iss", json!("https://else.example"), "InvalidIssuer"),
        ("aud", json!("else"), "InvalidAudience"),
        ("sub", Value::Null, "sub"),
        ("exp", Value::Null, "exp"),
        ("role", json!("king"), "role"),
        ("role", json!(["admin", "finance"]), "2 roles"),
        ("role", json!("merchant"), "names no merchant"),
        ("merchant", json!(7), "no id of a merchant"),
        ("merchant", json!("m-1"), "for the role merchant alone"),
    ] {
        let refused = issuer.check(&outside.ed("ed", &claims(&[(name, value.clone())])));
        let said = refused.err().unwrap_or_default();
        assert!(said.contains(why), "{name}: {value}: {said:?}");
    }
    for (name, value) in [("exp", json!(now - 55)), ("nbf", json!(now + 55))] {
        assert!(
            issuer.check(&outside.ed("ed", &claims(&[(name, value)]))).is_ok(),
            "within the leeway: {name}"
        );
    }
    let good = outside.ed("ed", &claims(&[]));
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    let wanted = outside.ed("ed", &claims(&[("role", json!("admin"))]));
    let forged = format!("{}.{}", wanted.rsplit_once('.').unwrap().0, signature(&good));
    let other = format!("{}.{}", RSA_TOKEN.rsplit_once('.').unwrap().0, signature(&good));
    let signed = |algorithm: &str, kid: &str| {
        token(algorithm, kid, &claims(&[]), |said| outside.ed.sign(said).as_ref().to_vec())
    };
    for bad in [
        forged,
        other,
        signed("none", "ed"),
        signed("HS256", "ed"),
        signed("RS256", "ed"),
        signed("ES256", "rsa"),
        signed("EdDSA", "enc"),
        signed("EdDSA", "unknown"),
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert!(issuer.check(&bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_are_read_again_when_their_file_changes() {
    let outside = Outside::new();
    let file = outside.folder.path().join("a.db");
    let settings = crate::access::Settings { issuer: Some(outside.settings()), ..Default::default() };
    let access = crate::access::Access::open(&file, settings).unwrap();
    let let_in = |token: &str| {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        access.authenticate(&headers).is_ok()
    };
    let (old, new) = (outside.ed("ed", &claims(&[])), outside.ed("ed-2", &claims(&[])));
    assert!(let_in(&old) && let_in(&old) && !let_in(&new));
    outside.publish("ed-2");
    access.tidy().unwrap();
    assert!(!let_in(&old), "also where it was let in before");
    assert!(let_in(&new));
    std::fs::write(outside.folder.path().join("jwks.json"), "{").unwrap();
    assert!(access.tidy().is_err());
    assert!(let_in(&new), "a file that cannot be read leaves the keys as they were");
    assert!(Issuer::open(IssuerSettings { leeway_seconds: 301, ..outside.settings() }).is_err());
}
