//! The third pass, at banks: sums of a few.

use daybook_domain::provider::events::MatchReason;
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, Timestamp};

use super::Work;

/// Most lines or entries of one sum.
const MOST_PARTS: usize = 3;
/// How many of the nearest in time are tried for a sum: more would come to any sum by chance.
const MOST_TRIED: usize = 12;
/// Most that may lie near in time, of one currency and direction: among more no sum is looked for, and the outcome says
/// so. It keeps the pass in proportion to lines and entries, where each may be near every other.
const MOST_NEAR: usize = 512;

/// What may be part of a sum: currency and direction, when, its number.
type Part = (Currency, i64, Timestamp, usize);

impl Work<'_> {
    /// One line for a few entries, or one entry for a few lines, where exactly one choice comes to the sum.
    pub(super) fn by_sums(&mut self) {
        let entries = self.left_entries();
        let parts = parts(entries.iter().map(|n| (self.entry(*n).gross, self.entry(*n).at, *n)));
        for line in self.left_lines() {
            let (whole, at) = (self.line(line).gross, self.line(line).at);
            let Some(mut near) = self.near(&parts, whole, at) else {
                self.out.untried += 1;
                continue;
            };
            near.retain(|e| !self.entry_used[*e] && smaller(self.entry(*e).gross, whole));
            let tried = self.nearest_few(near, |e| self.apart(line, e));
            if let Some(entries) = only_sum(&tried, whole, |e| self.entry(e).gross) {
                self.matched(MatchReason::AmountSum, vec![line], entries);
            }
        }
        let lines = self.left_lines();
        let parts = self::parts(lines.iter().map(|n| (self.line(*n).gross, self.line(*n).at, *n)));
        for entry in self.left_entries() {
            let (whole, at) = (self.entry(entry).gross, self.entry(entry).at);
            let Some(mut near) = self.near(&parts, whole, at) else {
                self.out.untried += 1;
                continue;
            };
            near.retain(|l| !self.line_used[*l] && smaller(self.line(*l).gross, whole));
            let tried = self.nearest_few(near, |l| self.apart(l, entry));
            if let Some(lines) = only_sum(&tried, whole, |l| self.line(l).gross) {
                self.matched(MatchReason::AmountSum, lines, vec![entry]);
            }
        }
    }

    /// Numbers of what goes the way of `whole` at about that time; `None` where that is too much.
    fn near(&self, parts: &[Part], whole: Money, at: Timestamp) -> Option<Vec<usize>> {
        // a day without a time reaches further than the window, by less than two days
        let reach = self.input.window.saturating_add(2 * DAY);
        let way = (whole.currency, whole.minor.signum());
        let (first, last) = (at.0.saturating_sub(reach), at.0.saturating_add(reach));
        let from = parts.partition_point(|p| (p.0, p.1, p.2.0) < (way.0, way.1, first));
        let to = parts.partition_point(|p| (p.0, p.1, p.2.0) <= (way.0, way.1, last));
        (to - from <= MOST_NEAR).then(|| parts[from..to].iter().map(|p| p.3).collect())
    }

    /// The few of them that are the nearest in time, within the window.
    fn nearest_few(&self, near: Vec<usize>, apart: impl Fn(usize) -> i64) -> Vec<usize> {
        let mut few: Vec<(i64, usize)> = near.into_iter().map(|n| (apart(n), n)).collect();
        few.retain(|(apart, _)| *apart <= self.input.window);
        few.sort_unstable();
        few.truncate(MOST_TRIED);
        few.into_iter().map(|(_, n)| n).collect()
    }
}

/// In order of currency, direction and time. What is of no amount is part of no sum.
fn parts(of: impl Iterator<Item = (Money, Timestamp, usize)>) -> Vec<Part> {
    let of = of.filter(|(money, ..)| money.minor != 0);
    let mut parts: Vec<Part> = of.map(|(m, at, n)| (m.currency, m.minor.signum(), at, n)).collect();
    parts.sort_unstable();
    parts
}

/// Smaller than the whole: a part of it.
fn smaller(part: Money, whole: Money) -> bool {
    part.minor.unsigned_abs() < whole.minor.unsigned_abs()
}

/// The two or three of `tried` whose amounts come to `whole`, where there is exactly one such choice.
fn only_sum(tried: &[usize], whole: Money, amount: impl Fn(usize) -> Money) -> Option<Vec<usize>> {
    fn choose(amounts: &[i64], from: usize, left: i64, chosen: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if left == 0 && chosen.len() >= 2 {
            found.push(chosen.clone());
            return;
        }
        if chosen.len() == MOST_PARTS || found.len() > 1 {
            return;
        }
        for at in from..amounts.len() {
            chosen.push(at);
            choose(amounts, at + 1, left.saturating_sub(amounts[at]), chosen, found);
            chosen.pop();
        }
    }
    let amounts: Vec<i64> = tried.iter().map(|n| amount(*n).minor).collect();
    let mut found = Vec::new();
    choose(&amounts, 0, whole.minor, &mut Vec::new(), &mut found);
    let only = if found.len() == 1 { found.pop() } else { None };
    only.map(|parts| parts.into_iter().map(|at| tried[at]).collect())
}
