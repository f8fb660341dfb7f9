/// How often the handler of an event may run, and how other content under its key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Handling {
    /// Once. Other content under its key is a conflict.
    #[default]
    Once,
    /// Once for each id: the key is the sender's own, signed together with the content. Any content
    /// under it is the same event in another form.
    OncePerId,
    /// Each time: the sender reuses the id for tests, or the event has no id.
    TestId,
    /// Each time, and nothing is claimed: a question that needs an answer, not an event.
    Answered,
}
