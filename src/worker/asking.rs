//! What an inbox is asked for, in a task of its own: whoever waits may be dropped, and what was taken is not.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::caller::give_back;
use crate::inbox::{Inbox, SharedInbox, Take, Taken};
use crate::runtime::Hold;
use crate::store::{StoreError, StoreErrorKind, Token};

/// An inbox that has not answered by then is said not to answer. It is waited for all the same, for a lease and no longer
/// than the second of these.
const LIMIT: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// Entries that an inbox was asked for.
pub(super) struct Asked {
    hold: Hold,
    until: Instant,
    given: oneshot::Receiver<Result<Given, StoreError>>,
}

/// Entries that an inbox has given. What nobody takes from here is given back.
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
            // Behind that it is somebody else's.
            let taken = timeout(take.lease, inbox.take(&take)).await;
            let taken = taken.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::TimedOut)));
            let given = taken.map(|entries| Given {
                inbox,
                token,
                entries,
            });
            // Where nobody waits any more, it is given back.
            let _ = tell.send(given);
        });
        let hold = Hold { token, since };
        Self { hold, until, given }
    }

    /// What it was given, and how that is held; nothing where it is to be waited for again.
    pub(super) async fn answer(&mut self) -> Option<Result<(Hold, Vec<Taken>), StoreError>> {
        let Ok(answer) = timeout(LIMIT, &mut self.given).await else {
            let is_over = Instant::now() >= self.until;
            return is_over.then(|| Err(StoreError::new(StoreErrorKind::TimedOut)));
        };
        Some(match answer {
            Ok(given) => given.map(|mut given| (self.hold, std::mem::take(&mut given.entries))),
            // Its task has panicked, or the runtime has gone down.
            Err(_) => Err(StoreError::new(StoreErrorKind::Unavailable)),
        })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        // Without a runtime nobody can be told: their leases end.
        if Handle::try_current().is_err() {
            return;
        }
        for entry in self.entries.drain(..) {
            let inbox = self.inbox.clone();
            give_back(inbox, entry.key, self.token, Duration::ZERO, None);
        }
    }
}
