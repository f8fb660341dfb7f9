//! An event's identity: its key and the fingerprint of its meaning.
//!
//! An [`EventRule`] finds both in content that was proved. Fields are taken from the verified body
//! by JSON pointer. Strings and integers make a key, integers by their digits and never through a
//! float. Ambiguous content is refused: a member that occurs twice, two spellings of a field that
//! differ, `1.0` for `1`. A header that no signature covers can be checked against the key and is
//! never trusted.

mod canonical;
mod condition;
mod content;
mod decimal;
mod each;
mod error;
mod field;
mod form;
mod handling;
mod identity;
mod item;
mod json;
mod key;
#[cfg(feature = "senders")]
mod lookup;
mod members;
mod order;
mod pointer;
mod query;
mod rule;
mod scope;
mod selection;
mod shape;
mod source;
mod stops;

pub use decimal::Decimal;
pub use each::ItemIdentity;
pub use error::{EventError, EventErrorKind};
pub(crate) use field::scalar;
#[cfg(feature = "senders")]
pub(crate) use field::text_of;
pub use handling::Handling;
pub use identity::Identity;
pub use item::ItemPlace;
pub use key::{EventKey, Fingerprint};
#[cfg(feature = "senders")]
pub(crate) use lookup::Lookup;
pub use order::{Order, OrderKey, OrderRule, Version};
pub(crate) use pointer::Pointer;
pub use rule::EventRule;
pub(crate) use rule::Given;
pub(crate) use scope::Scope;
pub(crate) use shape::KnownShape;
pub use shape::Shape;

pub use crate::name::Name;
