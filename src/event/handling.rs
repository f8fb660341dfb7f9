/// How often the handler of an event may run, and what other content under its key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Handling {
    /// Once. Other content under its key is a conflict.
    #[default]
    Once,
    /// Once for each id: the key is the sender's own, signed together with the content. Whatever
    /// comes under it is the same event, told in other words.
    OncePerId,
    /// Each time: the sender uses the id for tests, over and over, or has none.
    TestId,
    /// Each time, and nothing is claimed: a question that wants an answer, no event.
    Answered,
}
