//! What providers and banks report, and what of it the books know.
//!
//! | a statement file that is | may be |
//! |---|---|
//! | new | imported: its totals first, then its matches and breaks in order, at most a few hundred a command |
//! | imported in part | gone on with; no other file is begun before it is whole |
//! | whole | nothing: a file is taken once, known by its digest |
//!
//! | a break that is | may be |
//! |---|---|
//! | open | resolved: explained by one person; by entries, a voucher or a correction of the books by two |
//! | resolved | nothing |
pub mod commands;
pub mod events;
mod state;
pub use state::Provider;

impl events::BreakFound {
    /// The reference that people look for: the books', which the market knows it by; the writer's where the books have
    /// none, or where the reference is what does not agree.
    #[must_use]
    pub fn reference(&self) -> &str {
        let theirs = self.lines.first().map_or("", |line| line.reference.as_str());
        let ours = self.entries.first().map_or("", |entry| entry.reference.as_str());
        if ours.is_empty() || (self.kind == events::BreakKind::Reference && !theirs.is_empty()) {
            theirs
        } else {
            ours
        }
    }
}
