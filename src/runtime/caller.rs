use super::outcome::Outcome;
use crate::reason::Reason;

/// The party that has an event run and learns the outcome.
pub(crate) trait Caller<A>: Send {
    /// Whether it was answered already: then nothing need be ready for it by its deadline.
    fn is_answered(&self) -> bool;

    /// Waits until nobody waits for the answer any more.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;

    /// Answers it before the run is over, unless it was answered before.
    fn early(&mut self, reason: Reason);

    /// Reports how the run has ended.
    fn ended(&mut self, outcome: Outcome<A>);
}
