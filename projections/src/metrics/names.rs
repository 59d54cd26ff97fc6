//! Texts as numbers, dense from 0.

use ahash::RandomState;
use hashbrown::HashTable;

/// A number for each text, in order of first sight. Each text lies in memory once, one after the other.
#[derive(Debug)]
pub(crate) struct Names {
    numbers: HashTable<u32>,
    hasher: RandomState,
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Default for Names {
    fn default() -> Self {
        let hasher = RandomState::new(); // others choose the texts
        Self { numbers: HashTable::new(), hasher, texts: String::new(), ends: Vec::new() }
    }
}

impl Names {
    /// The number of a text, a new one where it is new.
    pub fn number(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        let (texts, ends, hasher) = (&mut self.texts, &mut self.ends, &self.hasher);
        if let Some(known) = self.numbers.find(hash, |n| text_of(texts, ends, *n) == text) {
            return *known;
        }
        let number = u32::try_from(ends.len()).expect("invariant: fewer texts than 2^32 fit in memory");
        texts.push_str(text);
        ends.push(texts.len());
        self.numbers.insert_unique(hash, number, |n| hasher.hash_one(text_of(texts, ends, *n)));
        number
    }

    /// The number of a text that has one.
    pub fn known(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.numbers.find(hash, |n| text_of(&self.texts, &self.ends, *n) == text).copied()
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> &str {
        text_of(&self.texts, &self.ends, number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All texts, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|number| self.text(number))
    }

    /// Bytes of memory that they take, about.
    pub fn bytes(&self) -> usize {
        self.texts.capacity() + self.ends.capacity() * size_of::<usize>() + self.numbers.capacity() * 5
    }
}

/// The text of a number; empty where there is none.
fn text_of<'t>(texts: &'t str, ends: &[usize], number: u32) -> &'t str {
    let at = number as usize;
    let from = at.checked_sub(1).map_or(0, |before| ends.get(before).copied().unwrap_or_default());
    ends.get(at).map_or("", |end| &texts[from..*end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_the_number_of_its_first_sight() {
        let mut names = Names::default();
        let many: Vec<String> = (0..5_000).map(|n| format!("/p/{n}")).collect();
        let first: Vec<u32> = many.iter().map(|text| names.number(text)).collect();
        let again: Vec<u32> = many.iter().rev().map(|text| names.number(text)).collect();
        assert!(first.iter().eq(again.iter().rev()));
        assert!(many.iter().zip(&first).all(|(text, number)| names.text(*number) == text));
        assert_eq!((names.number(""), names.text(5_000), names.text(5_001)), (5_000, "", ""));
        assert_eq!((names.known("/p/7"), names.known("/p")), (Some(7), None));
    }
}
