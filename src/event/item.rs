/// The place of an event in a delivery of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ItemPlace {
    /// Its index, from 0.
    pub index: usize,
    /// The number of events.
    pub count: usize,
}

impl ItemPlace {
    pub(crate) fn new(index: usize, count: usize) -> Self {
        Self { index, count }
    }
}
