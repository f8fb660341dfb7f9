use std::fmt;

/// Which records a store keeps: two handles with the same identity keep the same ones.
///
/// It shows hosts and names, and no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreIdentity(Box<str>);

impl StoreIdentity {
    /// An identity from this text: the kind of the store, and whatever distinguishes its records
    /// from those of other stores of its kind, such as server, database and namespace.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The identity of an inbox in the same place as this store.
    #[cfg(all(feature = "redis", feature = "inbox"))]
    pub(crate) fn of_inbox(&self) -> Self {
        Self::new(format!("inbox in {}", self.0))
    }

    /// The identity of the value at this address of this process. It is valid as long as that value
    /// is kept.
    pub(crate) fn of_allocation<T: ?Sized>(kind: &str, at: *const T) -> Self {
        Self::new(format!("{kind} {:p}", at.cast::<()>()))
    }
}

impl fmt::Debug for StoreIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreIdentity({})", self.0)
    }
}
