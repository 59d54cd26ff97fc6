//! Rows in memory, in chunks: growing never moves them, so the peak is what they take.

/// Rows of one chunk.
const CHUNK: usize = 1 << SHIFT;
const SHIFT: usize = 12;
/// Heap that the texts of a row take on average, bytes; measured on orders, checkouts and accounts.
const TEXTS: usize = 160;

/// A row with what the engine knows of it.
pub(super) struct Slot<R> {
    pub(super) row: R,
    pub(super) id: i64,
    /// Hash of the cells that secondary indexes rest on, as stored.
    pub(super) indexed: u64,
    pub(super) stored: bool,
    pub(super) dirty: bool,
}

/// Slots by their number.
pub(super) struct Slots<R> {
    chunks: Vec<Vec<Slot<R>>>,
}

impl<R> Slots<R> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Bytes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Slot<R>>() + self.len() * TEXTS
    }

    /// Adds a slot; returns its number.
    pub(super) fn push(&mut self, slot: Slot<R>) -> u32 {
        let at = self.len();
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(slot),
            None => {
                // the first chunk grows with what it holds: most tables of a batch are small
                let capacity = if self.chunks.is_empty() { 16 } else { CHUNK };
                let mut chunk = Vec::with_capacity(capacity);
                chunk.push(slot);
                self.chunks.push(chunk);
            }
        }
        at as u32
    }

    pub(super) fn get(&self, at: u32) -> &Slot<R> {
        &self.chunks[at as usize >> SHIFT][at as usize & (CHUNK - 1)]
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut Slot<R> {
        &mut self.chunks[at as usize >> SHIFT][at as usize & (CHUNK - 1)]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<R>> {
        self.chunks.iter().flatten()
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// The slots chunk by chunk, each given back once it has been used.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Vec<Slot<R>>> {
        self.chunks.into_iter()
    }
}
