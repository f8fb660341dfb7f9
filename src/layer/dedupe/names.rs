//! Registers which name each webhook of this process has on which store: two that share a name
//! would take each other's events for duplicates.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::{Name, Scope};
use crate::store::StoreIdentity;

/// The taken names, each for as long as a layer or a service of its owner lives.
static TAKEN: LazyLock<Mutex<Names>> = LazyLock::new(Mutex::default);

type Names = HashMap<RegisteredName, Vec<Weak<TakenName>>>;

fn taken() -> MutexGuard<'static, Names> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the keys of a webhook have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RegisteredName {
    pub(super) store: StoreIdentity,
    pub(super) provider: Name,
    /// Distinguishes several hooks of one provider whose keys never match.
    pub(super) hook: Option<&'static str>,
    pub(super) scope: Option<Arc<Scope>>,
}

/// The owner of names: a webhook with all its clones.
#[derive(Debug, Clone)]
pub(crate) struct Owner(Arc<Location<'static>>);

impl Owner {
    /// A new owner, identified by the line of the user's code that makes it.
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self(Arc::new(*Location::caller()))
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A taken name. Layers and services share it; the handlers that they run do not.
#[derive(Debug)]
pub(crate) struct TakenName {
    name: RegisteredName,
    owner: Owner,
}

impl TakenName {
    /// Takes the name for this owner, which may have it already.
    ///
    /// # Errors
    ///
    /// Another owner has it, and sharing was not requested.
    pub(super) fn take(
        name: RegisteredName,
        owner: Owner,
        shares: bool,
    ) -> Result<Arc<Self>, ConfigError> {
        let mut names = taken();
        let holders = names.entry(name.clone()).or_default();
        let others: Vec<_> = holders.iter().filter_map(Weak::upgrade).collect();
        let other = others.iter().find(|other| !other.owner.is(&owner));
        if let Some(other) = other.filter(|_| !shares) {
            let error = both(&name, &other.owner, &owner);
            // Dropping the last reference takes the lock.
            drop(names);
            return Err(error);
        }
        let this = Arc::new(Self { name, owner });
        holders.push(Arc::downgrade(&this));
        drop(names);
        Ok(this)
    }
}

fn both(name: &RegisteredName, first: &Owner, second: &Owner) -> ConfigError {
    let scope = name.scope.as_deref().cloned().unwrap_or_default();
    let name = scope.encoded(&name.provider);
    ConfigError::new(
        ConfigErrorKind::Name,
        format!(
            "the webhook made at {} and the one made at {} both keep their records as \
             {name} in one store, so that each would take the other's \
             events for duplicates: name one by consumer(…), or say shares_name() where they are \
             the same",
            first.0, second.0
        ),
    )
}

impl Drop for TakenName {
    fn drop(&mut self) {
        let mut names = taken();
        if let Some(holders) = names.get_mut(&self.name) {
            holders.retain(|holder| holder.strong_count() > 0);
            if holders.is_empty() {
                names.remove(&self.name);
            }
        }
    }
}
