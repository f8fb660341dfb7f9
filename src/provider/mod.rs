//! The senders that are known: for each its proof of origin, key rule, way to deliver and payload.
//!
//! | sender | constructor | proof | one event is |
//! | --- | --- | --- | --- |
//! | BlendFi | [`blendfi()`] | signature | `id` |
//! | Bloquo | [`bloquo()`] | source address | `OrderId`, `Status` |
//! | BLOX | [`blox()`] | secret path, status check | `checkoutId`, `status` |
//! | Bloque, accounts and cards | [`bloque_accounts()`] | secret path | `account_urn`, `event_type`, `timestamp`; or `type`, `event`, `transaction_id` |
//! | Bloque, payments | [`bloque_payments()`] | signature | `id`; or `type`, `data.id` |
//!
//! A module of the same name holds each sender's typed payloads. They keep what they do not know
//! exactly as it was written, in [`Fields`] and [`RawJson`], and read amounts as
//! [`Decimal`](crate::Decimal), never as floats. Any other sender is a [`Provider`] of your own.

pub mod blendfi;
pub mod bloque;
pub mod bloquo;
pub mod blox;
mod custom;
mod fields;
mod names;

#[doc(inline)]
pub use blendfi::blendfi;
#[doc(inline)]
pub use bloque::{bloque_accounts, bloque_payments};
#[doc(inline)]
pub use bloquo::bloquo;
#[doc(inline)]
pub use blox::blox;
pub use custom::Provider;
pub use fields::{FieldError, FieldErrorKind, Fields, RawJson};

#[cfg(test)]
mod tests;
