#[cfg(feature = "inbox")]
use crate::inbox::SharedInbox;
use crate::layer::KeptIn;
use crate::store::SharedStore;

/// Placeholder for the store of a [`Webhook`](crate::Webhook) that has none yet.
#[derive(Debug, Clone)]
pub struct NoStore(());

impl NoStore {
    pub(super) fn new() -> Self {
        Self(())
    }
}

/// A store given to a webhook.
#[diagnostic::on_unimplemented(
    message = "this webhook has no store to keep its records in",
    label = "no store was given before `build()`",
    note = "say where: `.store(SqliteStore::connect(path).await?)`, `.store(RedisStore::connect(url).await?)`, \
            or `.store(MemoryStore::new())`, which forgets at every restart"
)]
pub trait HasStore: private::Sealed {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody else calls it")]
    fn kept_in(&self) -> KeptIn;
}

impl HasStore for SharedStore {
    #[expect(private_interfaces, reason = "nobody else calls it")]
    fn kept_in(&self) -> KeptIn {
        KeptIn::Store(self.clone())
    }
}

#[cfg(feature = "inbox")]
impl HasStore for SharedInbox {
    #[expect(private_interfaces, reason = "nobody else calls it")]
    fn kept_in(&self) -> KeptIn {
        KeptIn::Inbox(self.clone())
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for crate::store::SharedStore {}
    #[cfg(feature = "inbox")]
    impl Sealed for crate::inbox::SharedInbox {}
}
