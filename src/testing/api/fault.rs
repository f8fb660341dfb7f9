use std::time::Duration;

/// What a stand-in for a sender's API does instead of answering as it should.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::testing::{ApiFault, BloxStandIn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let blox = BloxStandIn::start("blox_test_9f8e7d6c").await?;
/// blox.server().fault(ApiFault::Status(500), 3);
/// blox.server().fault(ApiFault::RetryAfter(Duration::from_secs(2)), 1);
/// // Four questions get no answer, the fifth does.
/// blox.server().heal();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiFault {
    /// The connection is closed without an answer.
    Down,
    /// There is no answer, ever.
    Hang,
    /// The right answer comes this late.
    Slow(Duration),
    /// The answer ends in its middle.
    CutOff,
    /// This status, with an empty body.
    Status(u16),
    /// 429, and how long to leave the API alone.
    RetryAfter(Duration),
    /// The answer is no JSON.
    NotJson,
    /// A body of this many bytes.
    Huge(u64),
    /// 307 to this URL.
    RedirectTo(String),
    /// A list answers its first page, whichever was asked for.
    FirstPageAgain,
}
