//! Finds what never arrived, and confirms what did.
mod builder;
mod error;
mod pace;
mod reconciler;
mod repeats;
mod report;
mod run;
mod source;
mod turn;

pub use builder::ReconcilerBuilder;
pub use error::{ApiError, ApiErrorKind};
pub use pace::Pace;
pub use reconciler::Reconciler;
pub use report::{Report, RunEnd};
pub use source::{Found, Page, Recovery, Source};
