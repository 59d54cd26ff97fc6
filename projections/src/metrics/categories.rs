//! The categories that products were sold in, and when: a product that moves does not take what was seen of it along.

use daybook_domain::Timestamp;
use hashbrown::HashMap;

use super::names::Names;

/// Categories of products by time, as numbers of names.
#[derive(Debug, Default)]
pub(super) struct Categories {
    /// When each product was sold in which; once settled, in order of time and only where it moved.
    sold: HashMap<u32, Vec<(Timestamp, u32)>, ahash::RandomState>,
    /// The last before the time that is looked at.
    earlier: HashMap<u32, (Timestamp, u32), ahash::RandomState>,
}

impl Categories {
    /// A product was sold in a category. Of sales before `since` the last alone is kept.
    pub fn sold(&mut self, (product, category): (u32, u32), at: Timestamp, since: Timestamp, names: &Names) {
        if at >= since {
            self.sold.entry(product).or_default().push((at, category));
            return;
        }
        let last = self.earlier.entry(product).or_insert((at, category));
        if (last.0, names.text(last.1)) < (at, names.text(category)) {
            *last = (at, category);
        }
    }

    /// Everything was heard, in whatever order.
    pub fn settle(&mut self, names: &Names) {
        for (product, first) in self.earlier.drain() {
            self.sold.entry(product).or_default().push(first);
        }
        for times in self.sold.values_mut() {
            // of two at one instant the order is that of their names, not of their recording
            times.sort_unstable_by(|a, b| (a.0, names.text(a.1)).cmp(&(b.0, names.text(b.1))));
            times.dedup_by_key(|(_, category)| *category);
            times.shrink_to_fit();
        }
    }

    /// The category of a product at an instant, as far as sales through `until` tell: the one that it was sold in last, or,
    /// before that, first. Of a product that was not sold by then there is none: no later sale changes what was said of
    /// days that were over.
    pub fn at(&self, product: u32, at: Timestamp, until: Timestamp) -> Option<u32> {
        let times = self.sold.get(&product)?;
        let after = times.partition_point(|(since, _)| *since <= at);
        let (since, category) = times.get(after.saturating_sub(1))?;
        (*since <= until).then_some(*category)
    }

    /// Bytes of memory that they take, about.
    pub fn bytes(&self) -> usize {
        let of = |times: &Vec<(Timestamp, u32)>| times.capacity() * size_of::<(Timestamp, u32)>() + 40;
        self.sold.values().map(of).sum::<usize>() + self.earlier.capacity() * 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_category_that_it_was_sold_in_at_the_time_whatever_was_recorded_first() {
        let mut names = Names::default();
        let [home, toys] = ["home", "toys"].map(|name| names.number(name));
        let told = [(1, toys), (5, toys), (9, home), (20, toys), (20, home), (-7, home), (-3, toys)];
        for turn in 0..told.len() {
            let mut categories = Categories::default();
            for at in 0..told.len() {
                let (at, category) = told[(at + turn) % told.len()];
                categories.sold((7, category), Timestamp(at), Timestamp(0), &names);
            }
            categories.settle(&names);
            let until = |at, until| categories.at(7, Timestamp(at), Timestamp(until));
            let at = |at| until(at, 99);
            assert_eq!([at(-9), at(0), at(1), at(8)], [Some(toys); 4], "before it was sold, as it was first");
            // of sales before what is looked at the last alone is kept: that of -3
            assert_eq!([until(-9, -4), until(-9, -3), until(8, 8)], [None, Some(toys), Some(toys)]);
            assert_eq!([at(9), at(19), at(20), at(99)], [Some(home), Some(home), Some(toys), Some(toys)]);
            assert_eq!(categories.at(8, Timestamp(5), Timestamp(99)), None);
        }
    }
}
