use std::time::Duration;

/// A fault of a stand-in for a sender's API, which replaces the correct answer.
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
/// // Four requests get no answer; the fifth does.
/// blox.server().heal();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiFault {
    /// The connection is closed without an answer.
    Down,
    /// No answer is ever sent.
    Hang,
    /// The correct answer is delayed by this long.
    Slow(Duration),
    /// The answer is cut off in the middle.
    CutOff,
    /// This status, with an empty body.
    Status(u16),
    /// 429, with a `Retry-After` of this long.
    RetryAfter(Duration),
    /// The answer is not JSON.
    NotJson,
    /// A body of this many bytes.
    Huge(u64),
    /// 307 to this URL.
    RedirectTo(String),
    /// A list returns its first page, whichever page was requested.
    FirstPageAgain,
}
