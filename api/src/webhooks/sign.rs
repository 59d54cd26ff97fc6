//! Signatures after the Standard Webhooks specification.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// What stands before a secret.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const BYTES: usize = 32;

/// A new secret, `whsec_` and base64; `None`: the system gives no random numbers.
pub(super) fn secret() -> Option<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The value of `webhook-signature`: one signature for each secret that is in force, so that a receiver can change
/// over at any moment of a rotation.
pub(super) fn signatures(secrets: &[String], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut all = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let Ok(key) = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)) else { continue };
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        all.push(format!("v1,{}", STANDARD.encode(mac.sign().as_ref())));
    }
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_has_its_signature() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn during_a_rotation_there_is_a_signature_for_each_secret() {
        let secrets = [secret().unwrap(), secret().unwrap()];
        assert_ne!(secrets[0], secrets[1]);
        let signed = signatures(&secrets, "id", 1, b"{}");
        let alone = signatures(&secrets[1..], "id", 1, b"{}");
        assert_eq!(signed.split(' ').nth(1), Some(alone.as_str()));
    }
}
