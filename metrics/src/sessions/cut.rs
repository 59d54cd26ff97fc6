//! Where one visit ends and the next begins.

use super::{Deed, Definition, Hit, SessionRule, Visit};

impl SessionRule {
    /// Cuts the ordered hits of one visitor.
    pub(super) fn cut<P: Copy + Ord, T: Copy + Ord, I: Eq>(
        &self,
        hits: &[Hit<P, T>],
        itself: &impl Fn(P) -> I,
    ) -> Vec<Visit<P, T>> {
        let mut visits: Vec<Visit<P, T>> = Vec::new();
        for (at, hit) in hits.iter().enumerate() {
            let looked_at = matches!(hit.deed, Deed::View(_)) || self.definition != Definition::Plan;
            if !looked_at {
                continue;
            }
            match visits.last_mut().filter(|visit| self.goes_on(visit, hit)) {
                Some(visit) => {
                    if self.definition == Definition::Matomo && hit.tagged && !visit.tagged {
                        (visit.arrival, visit.tagged) = (hit.arrival, true);
                    }
                    visit.take(at, hit, itself);
                }
                None => visits.push(Visit::begin(at, hit, itself)),
            }
        }
        visits
    }

    /// Whether a hit still belongs to the visit before it.
    fn goes_on<P, T: Copy + Ord>(&self, visit: &Visit<P, T>, hit: &Hit<P, T>) -> bool {
        let paused = hit.at.0 - visit.until.0 > self.timeout;
        let new_campaign = hit.tagged && !(visit.tagged && hit.arrival == visit.arrival);
        let cut = match self.definition {
            Definition::Plan => new_campaign,
            // a campaign that is heard of late is taken for that of a visit which came without one
            Definition::Matomo => (new_campaign && visit.tagged) || hit.day != visit.day,
            Definition::Ga4 | Definition::Plausible => false,
        };
        !paused && !cut
    }
}

impl<P: Copy + Ord, T: Copy> Visit<P, T> {
    fn begin<I: Eq>(at: usize, hit: &Hit<P, T>, itself: &impl Fn(P) -> I) -> Self {
        let (Deed::View(place) | Deed::Act { page: place, .. }) = hit.deed;
        let mut visit = Self {
            hits: at..at,
            place,
            from: hit.at,
            until: hit.at,
            day: hit.day,
            entry: None,
            exit: None,
            views: 0,
            acts: 0,
            key: false,
            moved_on: false,
            arrival: hit.arrival,
            tagged: hit.tagged,
        };
        visit.take(at, hit, itself);
        visit
    }

    fn take<I: Eq>(&mut self, at: usize, hit: &Hit<P, T>, itself: &impl Fn(P) -> I) {
        self.hits.end = at + 1;
        self.until = hit.at;
        match hit.deed {
            Deed::View(page) => {
                self.views += 1;
                self.moved_on |= self.entry.is_some_and(|entry| itself(entry) != itself(page));
                self.entry.get_or_insert(page);
                self.exit = Some(page);
            }
            Deed::Act { key, .. } => {
                self.acts += 1;
                self.key |= key;
            }
        }
    }
}
