//! The journal of requests: its lines, their masking, and their selection.

mod body;
mod doubled;
mod filter;
mod head;
mod line;
mod mask;
#[cfg(feature = "page")]
mod newest;
mod outcome;
mod proof;
mod sink;

#[cfg(feature = "page")]
pub(crate) use body::KeptBody;
pub use filter::JournalFilter;
pub(crate) use head::{Recorded, digest_of};
pub use line::{JournalLine, LineError, RecordedBody, RecordedRequest, RecordedTimes};
pub(crate) use mask::Masks;
#[cfg(feature = "page")]
pub(crate) use newest::{Newest, NewestLines, Reading};
pub(crate) use outcome::Outcome;
pub use proof::{RecordedCustom, RecordedProof, RecordedSignature};
pub use sink::{JournalError, JournalPage, JournalPosition, JournalSink, Retained};

#[cfg(test)]
mod tests;
