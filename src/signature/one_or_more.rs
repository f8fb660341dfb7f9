//! One value or more, the first one without an allocation: nearly every ring has one active key.

/// At least one value, in their order.
pub(super) struct OneOrMore<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> OneOrMore<T> {
    fn new(first: T) -> Self {
        Self {
            first,
            rest: Vec::new(),
        }
    }

    /// Appends a value to the existing ones, if any.
    #[inline]
    pub(super) fn append(to: &mut Option<Self>, value: T) {
        match to {
            Some(values) => values.rest.push(value),
            None => *to = Some(Self::new(value)),
        }
    }

    /// Passes on each value like a chain of iterators, but compiles to a plain loop.
    #[inline]
    pub(super) fn each_mut<'v>(&'v mut self, mut show: impl FnMut(&'v mut T)) {
        show(&mut self.first);
        self.rest.iter_mut().for_each(show);
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len().saturating_add(1)
    }
}
