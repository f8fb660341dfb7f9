use std::sync::OnceLock;

/// Cached handles that are found without a lock. Once all slots are taken, a new handle is made each time.
pub(super) struct Slots<K, V>(Box<[OnceLock<(K, V)>]>);

impl<K: PartialEq, V> Slots<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self((0..most).map(|_| OnceLock::new()).collect())
    }

    /// Uses the handle that `is` matches, or one made for it.
    pub(super) fn with<T>(
        &self,
        is: impl Fn(&K) -> bool,
        make: impl Fn() -> (K, V),
        use_it: impl FnOnce(&V) -> T,
    ) -> T {
        for slot in &self.0 {
            let (key, value) = slot.get_or_init(&make);
            if is(key) {
                return use_it(value);
            }
        }
        use_it(&make().1)
    }

    /// Whether the key that `is` matches has a slot, or can get one.
    pub(super) fn has_room_for(&self, is: impl Fn(&K) -> bool) -> bool {
        let mut slots = self.0.iter();
        slots.any(|slot| slot.get().is_none_or(|(key, _)| is(key)))
    }
}
