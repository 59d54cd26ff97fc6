//! Counting visitors of sets as they are kept, without making sets of their bytes: a bit for each number that may be
//! there is set as the bytes name it, 65,536 numbers at a time, so that what is written to stays in the fastest memory.

use crate::visitors::BadVisitorSet;

/// Words of the bits of one container.
const WORDS: usize = 1_024;
type Bits = [u64; WORDS];
static NOBODY: Bits = [0; WORDS];

/// First two bytes of a set none of whose containers is runs, and of one with some.
const PLAIN: u16 = 12_346;
const WITH_RUNS: u16 = 12_347;
/// Sets with runs name where containers begin from so many on.
const LEAST_WITH_OFFSETS: usize = 4;
/// Most numbers of a container that lists them.
const MOST_LISTED: u32 = 4_096;

/// Sets as [`VisitorSet::to_bytes`](crate::visitors::VisitorSet::to_bytes) wrote them.
#[derive(Debug, Default)]
pub struct KeptSets<'b>(Vec<Container<'b>>);

/// Numbers with the same upper 16 bits.
#[derive(Clone, Copy, Debug)]
struct Container<'b> {
    upper: u16,
    len: u32,
    form: Form,
    bytes: &'b [u8],
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// Each number's lower 16 bits.
    Listed,
    /// A bit for each number.
    Bits,
    /// The first of each run, and how many follow it.
    Runs,
}

/// A set that others are held against.
#[derive(Debug, Default)]
pub struct Within(Vec<Option<Box<Bits>>>);

/// Room for counting, used again for the next sets.
#[derive(Debug)]
pub struct Counter(Box<Bits>);

impl<'b> KeptSets<'b> {
    /// Takes one more set.
    ///
    /// # Errors
    /// [`BadVisitorSet`] when the bytes are cut off, followed by others, or not in the format.
    pub fn add(&mut self, bytes: &'b [u8]) -> Result<(), BadVisitorSet> {
        let before = self.0.len();
        let added = self.take(bytes);
        if added.is_none() {
            self.0.truncate(before);
            let why = "containers are not as its head says".to_owned();
            return Err(BadVisitorSet { len: bytes.len(), why });
        }
        Ok(())
    }

    fn take(&mut self, bytes: &'b [u8]) -> Option<()> {
        let (cookie, mut rest) = two(bytes)?;
        let (mut count, mut runs) = (0, None);
        match cookie {
            PLAIN => {
                let (zeros, after) = two(rest)?;
                let (all, after) = after.split_at_checked(4)?;
                count += u32::from_le_bytes(all.try_into().ok()?) as usize;
                rest = (zeros == 0 && count <= 1 << 16).then_some(after)?;
            }
            WITH_RUNS => {
                let (but_one, after) = two(rest)?;
                count += usize::from(but_one) + 1;
                let (flags, after) = after.split_at_checked(count.div_ceil(8))?;
                (runs, rest) = (Some(flags), after);
            }
            _ => return None,
        }
        let (heads, after) = rest.split_at_checked(count * 4)?;
        let has_offsets = runs.is_none() || count >= LEAST_WITH_OFFSETS;
        rest = if has_offsets { after.split_at_checked(count * 4)?.1 } else { after };
        let mut last = None;
        self.0.reserve(count);
        for (at, head) in heads.chunks_exact(4).enumerate() {
            let (upper, but_one) = (two(head)?.0, two(&head[2..])?.0);
            let len = u32::from(but_one) + 1;
            let form = match runs {
                Some(flags) if flags[at / 8] >> (at % 8) & 1 == 1 => Form::Runs,
                _ if len > MOST_LISTED => Form::Bits,
                _ => Form::Listed,
            };
            let size = match form {
                Form::Listed => len as usize * 2,
                Form::Bits => WORDS * 8,
                Form::Runs => {
                    let (count, after) = two(rest)?;
                    rest = after;
                    usize::from(count) * 4
                }
            };
            let (bytes, after) = rest.split_at_checked(size)?;
            rest = after;
            if last.replace(upper).is_some_and(|last| last >= upper) {
                return None;
            }
            self.0.push(Container { upper, len, form, bytes });
        }
        rest.is_empty().then_some(())
    }

    /// How many numbers they have, those of several sets counted in each.
    #[must_use]
    pub fn together(&self) -> u64 {
        self.0.iter().map(|container| u64::from(container.len)).sum()
    }

    fn by_upper(&mut self) -> impl Iterator<Item = &[Container<'b>]> {
        self.0.sort_unstable_by_key(|container| container.upper);
        self.0.chunk_by(|a, b| a.upper == b.upper)
    }
}

fn two(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (two, rest) = bytes.split_first_chunk()?;
    Some((u16::from_le_bytes(*two), rest))
}

impl Within {
    /// Who is in any of some sets.
    #[must_use]
    pub fn any_of(mut sets: KeptSets<'_>) -> Self {
        let mut all = Vec::new();
        for same in sets.by_upper() {
            let upper = usize::from(same[0].upper);
            all.resize_with(upper, || None);
            let mut bits = Box::new(NOBODY);
            for container in same {
                container.set(&mut bits);
            }
            all.push(Some(bits));
        }
        Self(all)
    }

    fn bits(&self, upper: u16) -> Option<&Bits> {
        self.0.get(usize::from(upper))?.as_deref()
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self(Box::new(NOBODY))
    }
}

impl Counter {
    /// How many are in any of some sets, and how many of them in another.
    #[must_use]
    pub fn count(&mut self, mut sets: KeptSets<'_>, within: &Within) -> (u64, u64) {
        let (mut all, mut shared) = (0, 0);
        for same in sets.by_upper() {
            let others = within.bits(same[0].upper);
            if let ([only], None) = (same, others) {
                all += u64::from(only.len);
                continue;
            }
            self.0.fill(0);
            let others = others.unwrap_or(&NOBODY);
            // of many numbers it is faster to look at all bits once than at each number's
            if same.iter().map(|container| container.len as usize).sum::<usize>() >= WORDS {
                same.iter().for_each(|container| container.set(&mut self.0));
                for (bits, within) in self.0.iter().zip(others) {
                    all += u64::from(bits.count_ones());
                    shared += u64::from((bits & within).count_ones());
                }
                continue;
            }
            for container in same {
                let (more, of_them) = container.put(&mut self.0, others);
                all += u64::from(more);
                shared += u64::from(of_them);
            }
        }
        (all, shared)
    }
}

impl Container<'_> {
    /// Puts its numbers among others; how many are new there, and how many of these are in another set.
    fn put(&self, bits: &mut Bits, within: &Bits) -> (u32, u32) {
        let (mut new, mut shared) = (0, 0);
        let mut word = |at: usize, numbers: u64| {
            let fresh = numbers & !bits[at];
            bits[at] |= fresh;
            new += fresh.count_ones();
            shared += (fresh & within[at]).count_ones();
        };
        match self.form {
            Form::Listed => return self.put_listed(bits, within),
            Form::Bits => {
                for (at, bytes) in self.bytes.as_chunks().0.iter().enumerate() {
                    word(at, u64::from_le_bytes(*bytes));
                }
            }
            Form::Runs => {
                for run in self.bytes.as_chunks::<4>().0 {
                    let first = usize::from(u16::from_le_bytes([run[0], run[1]]));
                    let last =
                        (first + usize::from(u16::from_le_bytes([run[2], run[3]]))).min(WORDS * 64 - 1);
                    for at in first / 64..=last / 64 {
                        let from = if at == first / 64 { first % 64 } else { 0 };
                        let to = if at == last / 64 { last % 64 } else { 63 };
                        word(at, (u64::MAX >> (63 - to)) & (u64::MAX << from));
                    }
                }
            }
        }
        (new, shared)
    }

    /// Puts its numbers among others.
    fn set(&self, bits: &mut Bits) {
        if let Form::Listed = self.form {
            let mut one = |number: &[u8; 2]| {
                let number = u16::from_le_bytes(*number);
                bits[usize::from(number >> 6)] |= 1 << (number & 63);
            };
            let all = self.bytes.as_chunks::<2>().0;
            // neighbours are often bits of one word, where each waits for the one before it: so by turns from four places
            let (even, rest) = all.split_at(all.len() / 4 * 4);
            let (front, back) = even.split_at(even.len() / 2);
            let (front, back) = (front.split_at(front.len() / 2), back.split_at(back.len() / 2));
            let halves = front.0.iter().zip(front.1).zip(back.0.iter().zip(back.1));
            halves.for_each(|((first, second), (third, fourth))| {
                [first, second, third, fourth].into_iter().for_each(&mut one);
            });
            rest.iter().for_each(one);
        } else {
            let _counted = self.put(bits, &NOBODY);
        }
    }

    fn put_listed(&self, bits: &mut Bits, within: &Bits) -> (u32, u32) {
        let (mut new, mut shared) = (0, 0);
        for number in self.bytes.as_chunks::<2>().0 {
            let number = u16::from_le_bytes(*number);
            let (at, bit) = (usize::from(number >> 6), number & 63);
            let fresh = !bits[at] >> bit & 1;
            bits[at] |= fresh << bit;
            new += fresh as u32;
            shared += (fresh & within[at] >> bit) as u32;
        }
        (new, shared)
    }
}
