//! One value or more, the first one without an allocation: nearly every delivery has one signature.

/// At least one value, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOrMore<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> OneOrMore<T> {
    pub(super) fn new(first: T) -> Self {
        Self {
            first,
            rest: Vec::new(),
        }
    }

    /// Puts a value behind those that are there already, if any are.
    pub(super) fn append(to: &mut Option<Self>, value: T) {
        match to {
            Some(values) => values.rest.push(value),
            None => *to = Some(Self::new(value)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len().saturating_add(1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}
