//! What a journal says of a request: its lines, what is masked in them, and which are asked for.

mod body;
mod doubled;
mod filter;
mod head;
mod line;
mod mask;
mod outcome;
mod proof;
mod sink;

pub use filter::JournalFilter;
pub(crate) use head::{Recorded, digest_of};
pub use line::{JournalLine, LineError, RecordedBody, RecordedRequest, RecordedTimes};
pub(crate) use mask::Masks;
pub(crate) use outcome::Outcome;
pub use proof::{RecordedCustom, RecordedProof, RecordedSignature};
pub use sink::{JournalError, JournalPage, JournalPosition, JournalSink, Retained};

#[cfg(test)]
mod tests;
