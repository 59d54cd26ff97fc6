//! Texts as numbers, dense from 0.

use hashbrown::HashMap;

/// A number for each text, in order of first sight.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32, ahash::RandomState>,
    texts: Vec<String>,
}

impl Names {
    /// The number of a text, a new one where it is new.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let number = u32::try_from(self.texts.len()).expect("invariant: fewer texts than 2^32 fit in memory");
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// The number of a text that has one.
    pub fn known(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }
}
