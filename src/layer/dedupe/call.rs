//! How long a call to a store may take.

use std::time::Duration;

use tokio::time::Instant;

pub(super) const CALL_LIMIT: Duration = Duration::from_secs(1);

/// Until when a call may take that is made now, for an answer that is wanted by `answer_by`.
pub(super) fn call_limit(now: Instant, answer_by: Option<Instant>) -> Instant {
    let limit = now + CALL_LIMIT;
    answer_by.map_or(limit, |moment| limit.min(moment))
}
