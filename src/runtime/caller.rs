use super::outcome::Outcome;
use crate::reason::Reason;

/// Who has an event run, and is told what becomes of it.
pub(crate) trait Caller<A>: Send {
    /// Whether it was told already: nothing need be ready for it by its deadline then.
    fn is_answered(&self) -> bool;

    /// Waits until nobody wants to know any more.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;

    /// Tells it something before the run is over, unless it was told before.
    fn early(&mut self, reason: Reason);

    /// Tells it how the run has ended.
    fn ended(&mut self, outcome: Outcome<A>);
}
