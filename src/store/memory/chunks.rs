//! Storage for the records of a shard.

/// How many share a chunk of a few kilobytes: even a store that stays small has many shards.
const CHUNK: usize = 16;

/// Values that stay at their places until they are taken out.
///
/// The values of one chunk are contiguous. If each were in a box of its own, they would be
/// scattered among allocations that live for one request. Freeing those would leave fragmented
/// memory, which slows down the allocations of every request of the process. Adding a value moves
/// no others while another thread waits for the shard.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    /// All but the last are full, except for vacant places.
    chunks: Vec<Vec<Option<T>>>,
    vacant: Vec<usize>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

impl<T> Chunks<T> {
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        let chunk = self.chunks.get(place / CHUNK)?;
        chunk.get(place % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.at(place)?.as_mut()
    }

    fn at(&mut self, place: usize) -> Option<&mut Option<T>> {
        let chunk = self.chunks.get_mut(place / CHUNK)?;
        chunk.get_mut(place % CHUNK)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().flatten()
    }

    /// Puts the value at a vacant place, or after the last one, and returns its place.
    pub(super) fn insert(&mut self, value: T) -> usize {
        if let Some(place) = self.vacant.pop()
            && let Some(vacant) = self.at(place)
        {
            *vacant = Some(value);
            return place;
        }
        if self.chunks.last().is_none_or(|last| last.len() >= CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = self.chunks.len().saturating_sub(1).saturating_mul(CHUNK);
        let Some(last) = self.chunks.last_mut() else {
            return before;
        };
        let place = before.saturating_add(last.len());
        last.push(Some(value));
        place
    }

    /// Takes out the value at this place.
    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let value = self.at(place)?.take()?;
        self.vacant.push(place);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compares it with a map of the returned places.
        #[test]
        fn each_place_keeps_its_value(steps in prop::collection::vec(any::<Option<u8>>(), 0..400)) {
            let (mut chunks, mut map) = (Chunks::default(), BTreeMap::new());
            let mut most = 0;
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Some(place) if place % 4 == 0 => {
                        let place = usize::from(place);
                        prop_assert_eq!(chunks.remove(place), map.remove(&place));
                    }
                    _ => {
                        let place = chunks.insert(value);
                        prop_assert_eq!(map.insert(place, value), None, "it is taken");
                    }
                }
                most = most.max(map.len());
            }
            for place in 0..500 {
                prop_assert_eq!(chunks.get(place), map.get(&place));
                prop_assert_eq!(chunks.get_mut(place), map.get_mut(&place));
            }
            let places = map.last_key_value().map_or(0, |(place, _)| place + 1);
            prop_assert!(places <= most, "what was vacant is taken first");
            prop_assert!(chunks.iter().eq(map.values()));
        }
    }
}
