//! How long a call may take.

use std::time::Duration;

/// A longer deadline could overflow a clock.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The deadline, or the reason why it is invalid.
pub(in crate::store) fn checked(deadline: Duration) -> Result<Duration, &'static str> {
    if deadline < Duration::from_millis(1) {
        return Err("with a deadline below 1 ms every call fails");
    }
    if deadline > LONGEST {
        return Err("a deadline is at most a day");
    }
    Ok(deadline)
}
