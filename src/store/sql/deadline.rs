//! How long a call may take.

use std::time::Duration;

/// Beyond it a clock might come to its end.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The deadline, or what is wrong with it.
pub(in crate::store) fn checked(deadline: Duration) -> Result<Duration, &'static str> {
    if deadline < Duration::from_millis(1) {
        return Err("with a deadline below 1 ms every call fails");
    }
    if deadline > LONGEST {
        return Err("a deadline is at most a day");
    }
    Ok(deadline)
}
