//! Parties as analysts see them: always the same name for the same party, and no way back from it.

use std::borrow::Cow;

use daybook_projections::fields::{Field, Fields};
use ring::hmac;
use serde_json::Value;
use uuid::{Builder, Uuid, Variant, Version};

use super::{Caller, Role};

/// Members of events and rows that name a party: who bought, who sold, who acted.
const PARTIES: &[&str] = &[
    "actor",
    "agent",
    "approved_by",
    "buyer",
    "buyer_id",
    "by",
    "lead_id",
    "merchant",
    "merchant_id",
    "proposed_by",
    "resolved_by",
];

/// Columns with words that people wrote: a party may be named in them.
const WORDS: &[&str] = &["lost_reason"];

/// Names parties anew: HMAC-SHA256 of the party under a secret that only the market's store of keys holds.
///
/// Whoever answers an analyst passes each party through [`Caller::party`], or a whole answer through
/// [`Caller::parties_in`]; for every other role both leave it as it is. A hash without a secret would not do: ids
/// can be guessed, and a guess checked.
pub struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The pseudonym of a party: `p-` and 24 hexadecimal digits, itself a valid id.
    #[must_use]
    pub fn of(&self, party: &str) -> String {
        let mut name = String::with_capacity(26);
        name.push_str("p-");
        super::key::hex(&hmac::sign(&self.0, party.as_bytes()).as_ref()[..12], &mut name);
        name
    }

    /// What stands for an id that was derived from what it is about, as ids of events and commands are: shown as it
    /// is, a guess at the party could be hashed and compared. Equal ids stay equal.
    #[must_use]
    pub fn of_id(&self, id: Uuid) -> Uuid {
        // no party begins with a zero byte
        let mut told = hmac::Context::with_key(&self.0);
        told.update(&[0]);
        told.update(id.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&told.sign().as_ref()[..16]);
        Builder::from_bytes(bytes).with_variant(Variant::RFC4122).with_version(Version::Custom).into_uuid()
    }

    /// Replaces every party that a JSON value names, at any depth.
    pub fn hide(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(party) if PARTIES.contains(&name.as_str()) => *party = self.of(party),
                        other => self.hide(other),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            _ => {}
        }
    }
}

impl Pseudonyms {
    /// Replaces every party that a row names, and leaves out what people wrote.
    pub(crate) fn hide_in(&self, row: &mut Fields) {
        for (name, field) in &mut row.0 {
            match field {
                Field::Text(party) if PARTIES.contains(name) => *party = self.of(party),
                Field::Text(_) if WORDS.contains(name) => *field = Field::None,
                _ => {}
            }
        }
    }
}

impl Caller {
    /// Whether it sees parties only as pseudonyms.
    #[must_use]
    pub fn sees_pseudonyms(&self) -> bool {
        self.role == Role::Analyst
    }

    /// A party as this caller may see it: `caller.party(shared.access.pseudonyms(), &row.buyer_id)`.
    #[must_use]
    pub fn party<'a>(&self, pseudonyms: &Pseudonyms, party: &'a str) -> Cow<'a, str> {
        if self.sees_pseudonyms() { pseudonyms.of(party).into() } else { party.into() }
    }

    /// The same for all that an answer names: members such as `buyer`, `merchant`, `by`. A text that holds a party
    /// among other things (a stream's name, a sentence) is not one of them: leave it out for those who
    /// [see pseudonyms](Self::sees_pseudonyms), or write it with [`party`](Self::party).
    pub fn parties_in(&self, pseudonyms: &Pseudonyms, answer: &mut Value) {
        if self.sees_pseudonyms() {
            pseudonyms.hide(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_party_has_one_pseudonym_in_a_market_and_another_in_the_next() {
        let (one, other) = (Pseudonyms::new(&[1; 32]), Pseudonyms::new(&[2; 32]));
        assert_eq!(one.of("b-7"), one.of("b-7"));
        assert_ne!(one.of("b-7"), one.of("b-8"));
        assert_ne!(one.of("b-7"), other.of("b-7"));
        assert_eq!(one.of("b-7").len(), 26);
        daybook_domain::BuyerId::new(&one.of("b-7")).unwrap();
    }

    #[test]
    fn an_id_has_one_stand_in_in_a_market_and_another_in_the_next() {
        let (one, other) = (Pseudonyms::new(&[1; 32]), Pseudonyms::new(&[2; 32]));
        let (id, next) = (Uuid::from_u128(7), Uuid::from_u128(8));
        assert_eq!(one.of_id(id), one.of_id(id));
        assert!(![id, one.of_id(next), other.of_id(id)].contains(&one.of_id(id)));
    }

    #[test]
    fn an_analyst_sees_no_party_at_any_depth_and_finance_sees_all() {
        let answer =
            json!({"buyer": "b-7", "lines": [{"merchant_id": "m-1", "amount": "1.00"}], "note": "b"});
        let pseudonyms = Pseudonyms::new(&[1; 32]);
        let seen = |role| {
            let mut answer = answer.clone();
            let actor = daybook_domain::PartyId::new("key:x").unwrap();
            Caller { actor, role, merchant: None }.parties_in(&pseudonyms, &mut answer);
            answer
        };
        assert_eq!(seen(Role::Finance), answer);
        let hidden = seen(Role::Analyst);
        assert_eq!(hidden["buyer"], pseudonyms.of("b-7"));
        assert_eq!(hidden["lines"][0], json!({"merchant_id": pseudonyms.of("m-1"), "amount": "1.00"}));
        assert_eq!(hidden["note"], "b");
    }
}
