//! JSON that can be read in one way only: each name once, whole numbers, not nested without end. What two readers could take for
//! two things is no evidence.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::ProofError;

/// How deep objects and lists may stand in one another.
const DEEPEST: usize = 32;

/// Passes over a value and takes nothing of it.
#[derive(Clone, Copy)]
struct Plain(usize);

impl Plain {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("it is nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with whole numbers and each name once")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while seq.next_element_seed(below)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (below, mut names) = (self.below()?, BTreeSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("{name:?} stands in it twice")));
            }
            map.next_value_seed(below)?;
        }
        Ok(())
    }
}

/// Reads what can be read in one way.
///
/// # Errors
/// [`ProofError::Broken`] for anything else.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ProofError> {
    let unreadable = |error: serde_json::Error| ProofError::broken(format!("what it says: {error}"));
    let mut reader = serde_json::Deserializer::from_str(text);
    Plain(DEEPEST).deserialize(&mut reader).and_then(|()| reader.end()).map_err(unreadable)?;
    serde_json::from_str(text).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let good = [r#"{"a":{"a":[1,-2,null,true,"x"]}}"#, "18446744073709551615", "-9223372036854775808"];
        let bad = [
            r#"{"a":1,"a":1}"#,
            r#"{"b":[{"a":1,"\u0061":1}]}"#,
            "39.0",
            "1e3",
            "-0",
            "18446744073709551616",
            "-9223372036854775809",
            "NaN",
            "{} {}",
            r#""\ud800""#,
        ];
        for text in good.map(str::to_owned).into_iter().chain([deep(32)]) {
            assert!(read::<serde_json::Value>(&text).is_ok(), "{text}");
        }
        for text in bad.map(str::to_owned).into_iter().chain([deep(33)]) {
            assert!(read::<serde_json::Value>(&text).is_err(), "{text}");
        }
    }
}
