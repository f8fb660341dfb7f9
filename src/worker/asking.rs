//! Queries an inbox in a separate task: the waiting caller may be dropped, but taken entries are not lost.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::caller::give_back;
use crate::inbox::{Inbox, SharedInbox, Take, Taken};
use crate::runtime::Hold;
use crate::store::{StoreError, StoreErrorKind, Token};

/// An inbox that has not answered by then is reported as unresponsive. The answer is still awaited,
/// for one lease or the second of these, whichever is shorter.
const LIMIT: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// Entries that were requested from an inbox.
pub(super) struct Asked {
    hold: Hold,
    until: Instant,
    given: oneshot::Receiver<Result<Given, StoreError>>,
}

/// Entries that an inbox has given. Those that nobody takes from here are given back.
struct Given {
    inbox: SharedInbox,
    token: Token,
    entries: Vec<Taken>,
}

impl Asked {
    pub(super) fn of(inbox: SharedInbox, take: Take) -> Self {
        let (token, since) = (take.token, Instant::now());
        let until = since + take.lease.min(LONGEST);
        let (tell, given) = oneshot::channel();
        tokio::spawn(async move {
            // After that, another worker may have the entries.
            let taken = timeout(take.lease, inbox.take(&take)).await;
            let taken = taken.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::TimedOut)));
            let given = taken.map(|entries| Given {
                inbox,
                token,
                entries,
            });
            // If nobody waits any more, they are given back.
            let _ = tell.send(given);
        });
        let hold = Hold { token, since };
        Self { hold, until, given }
    }

    /// The answer and its hold; `None` if it must be awaited again.
    pub(super) async fn answer(&mut self) -> Option<Result<(Hold, Vec<Taken>), StoreError>> {
        let Ok(answer) = timeout(LIMIT, &mut self.given).await else {
            let is_over = Instant::now() >= self.until;
            return is_over.then(|| Err(StoreError::new(StoreErrorKind::TimedOut)));
        };
        Some(match answer {
            Ok(given) => given.map(|mut given| (self.hold, std::mem::take(&mut given.entries))),
            // Its task has panicked, or the runtime has shut down.
            Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable)),
        })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        // Without a runtime, they cannot be given back: their leases end.
        if Handle::try_current().is_err() {
            return;
        }
        for entry in self.entries.drain(..) {
            let inbox = self.inbox.clone();
            give_back(inbox, entry.key, self.token, Duration::ZERO, None);
        }
    }
}
