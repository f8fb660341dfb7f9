/// Where an event stands in a delivery of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ItemPlace {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl ItemPlace {
    pub(crate) fn new(index: usize, count: usize) -> Self {
        Self { index, count }
    }
}
