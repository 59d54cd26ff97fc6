//! A visitor's views of one day as bytes: for each its time (the first whole, then the distance), its page and its
//! way, as integers of as many bytes as they need (LEB128).

use super::heard::View;

/// Packs views, in order of time.
pub(crate) fn pack(views: &[View], into: &mut Vec<u8>) {
    into.clear();
    let mut before = 0i64;
    for view in views {
        let distance = view.at.wrapping_sub(before);
        before = view.at;
        put(((distance << 1) ^ (distance >> 63)) as u64, into);
        put(u64::from(view.page), into);
        put(u64::from(view.way.wrapping_add(1)), into); // none is 0
    }
}

/// Unpacks them; none where the bytes are not of this form.
pub(crate) fn unpack(visitor: u32, mut bytes: &[u8], into: &mut Vec<View>) -> Option<()> {
    let mut before = 0i64;
    while !bytes.is_empty() {
        let distance = take(&mut bytes)?;
        before = before.wrapping_add((distance >> 1) as i64 ^ -((distance & 1) as i64));
        let page = u32::try_from(take(&mut bytes)?).ok()?;
        let way = u32::try_from(take(&mut bytes)?).ok()?.wrapping_sub(1);
        into.push(View { at: before, visitor, page, way });
    }
    Some(())
}

fn put(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::NONE;
    use super::*;

    proptest! {
        #[test]
        fn views_come_back_as_they_were_packed(
            mut all in prop::collection::vec((any::<i64>(), any::<u32>(), prop_oneof![Just(NONE), any::<u32>()]), 0..20),
        ) {
            all.sort_unstable();
            let views: Vec<View> = all.iter().map(|(at, page, way)| View { at: *at, visitor: 7, page: *page, way: *way }).collect();
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            pack(&views, &mut bytes);
            prop_assert_eq!(unpack(7, &bytes, &mut back), Some(()));
            prop_assert_eq!(back, views);
        }

        #[test]
        fn bytes_that_are_none_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut views = Vec::new();
            if unpack(7, &bytes, &mut views).is_none() {
                prop_assert!(views.len() < bytes.len());
            }
        }
    }
}
