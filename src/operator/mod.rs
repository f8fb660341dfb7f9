//! A page for operators: what arrived, what ran, what waits and what died, and how to run it again.
//!
//! It is a [`Router`] that you nest in yours, in the receiving process. There is nothing to install
//! and no asset from elsewhere, and the HTML works without scripts. Give [`Page`] whatever you
//! have; views of missing parts say so.
//!
//! ```
//! use axum::Router;
//! use tower_webhook::layer::TracingObserver;
//! use tower_webhook::operator::{self, Page};
//! use tower_webhook::{MemoryStore, RouterExt, Webhook, provider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_webhook::ConfigError> {
//! let page = Page::new();
//! let stripe = provider::stripe(provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
//! let stripe = Webhook::new(stripe)
//!     .store(MemoryStore::new())
//!     .observer((TracingObserver, page.observer()))
//!     .build()?;
//! let page = page.webhook(&stripe);
//! let app: Router = Router::new()
//!     .webhook("/webhooks/stripe", stripe, async || {})
//!     .nest("/operator", operator::router(&page));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! # Who sees it
//!
//! Everybody else gets 403. The page is shown
//!
//! - to requests in whose extensions your own authentication has put [`OperatorAccess`];
//! - and to this machine itself, unless the page is built with [`only_for_operators`](Page::only_for_operators): the
//!   peer and the `Host` are loopback, and no header says that a proxy is in between. The peer is known if you serve
//!   with `into_make_service_with_connect_info::<SocketAddr>()`.
//!
//! A proxy on the same machine that adds no header looks like this machine itself: nginx and HAProxy add none by
//! default, and nginx uses HTTP/1.1 by default since 1.29.7. **Behind a proxy, build the page with
//! [`only_for_operators`](Page::only_for_operators)**, or everybody sees it.
//!
//! What changes something is a form with a token that an hour's pages of this process alone hold; requests that a
//! browser says come from another site are refused. Each such action is carried out to its end, also where the
//! browser is gone by then. It is written to the log and to the journal with the [name](OperatorAccess::named) of who
//! did it, and so is one that fails, with what of it was done.
//!
//! # What it shows
//!
//! Rates, times and the last thousand deliveries are this process's own, kept in memory by
//! [`Page::observer`]. With [`Page::journal`], deliveries are looked up there, for all processes
//! that write to it. Records, entries and pauses come from the stores and inboxes. No view scans a
//! table: counts over time are made in the background, in a fiftieth of the time at most.
//!
//! Untrusted text is escaped and truncated, and secrets are masked as in the
//! [journal](crate::journal). The page is as secret as the bodies of your senders.

mod access;
mod actions;
mod asked;
mod chart;
mod depth;
mod doing;
mod live;
mod minutes;
mod routes;
mod seen;
mod shown;
mod state;
mod token;
mod view;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;

pub use self::access::OperatorAccess;
pub use self::seen::PageObserver;
use self::seen::Seen;
use self::state::{Given, State};
use crate::clock::{Clock, SystemClock};
use crate::inbox::{Inbox, SharedInbox};
use crate::journal::{Journal, JournalLines};
use crate::store::{SharedStore, Store};
use crate::webhook::WebhookLayer;

/// The parts of a page; see the [module](self).
#[must_use = "a page is shown by the router that is made of it"]
pub struct Page {
    given: Given,
    seen: Arc<Seen>,
    is_observing: AtomicBool,
}

impl Page {
    /// A page with nothing to show yet.
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// The same, using another clock.
    ///
    /// ```
    /// use tower_webhook::operator::Page;
    /// use tower_webhook::{ManualClock, UnixTime};
    ///
    /// let page = Page::with_clock(ManualClock::new(UnixTime::from_secs(1_777_899_600)));
    /// # drop(page);
    /// ```
    pub fn with_clock(clock: impl Clock) -> Self {
        Self {
            given: Given::default(),
            seen: Arc::new(Seen::new(Arc::new(clock))),
            is_observing: AtomicBool::new(false),
        }
    }

    /// An observer that shows the page a webhook's deliveries. Add it to the webhook's other
    /// observers; any number of webhooks can use one.
    pub fn observer(&self) -> PageObserver {
        self.is_observing.store(true, Ordering::Relaxed);
        PageObserver(Arc::clone(&self.seen))
    }

    /// Shows this webhook, and its store or inbox.
    pub fn webhook(mut self, webhook: &WebhookLayer) -> Self {
        self.given.webhooks.push(webhook.clone());
        self
    }

    /// Also shows this store; a webhook's own store is already included.
    ///
    /// ```
    /// use tower_webhook::MemoryStore;
    /// use tower_webhook::inbox::MemoryInbox;
    /// use tower_webhook::operator::Page;
    ///
    /// // In a process with only workers.
    /// let page = Page::new().inbox(MemoryInbox::new()).store(MemoryStore::new());
    /// # drop(page);
    /// ```
    pub fn store(mut self, store: impl Store) -> Self {
        self.given.stores.push(SharedStore::new(store));
        self
    }

    /// Also shows this inbox; a webhook's own inbox is already included.
    pub fn inbox(mut self, inbox: impl Inbox) -> Self {
        self.given.inboxes.push(SharedInbox::new(inbox));
        self
    }

    /// Shows the page only to requests with an [`OperatorAccess`], and no longer to this machine itself.
    ///
    /// Use it wherever a proxy on the same machine can reach the receiver. Such a proxy looks like this machine itself
    /// if it adds no header, and nginx and HAProxy add none by default: without this setting they would show the page
    /// to everybody, and let everybody do what an operator may do. It also keeps other accounts on this machine out.
    ///
    /// ```
    /// use tower_webhook::operator::{self, Page};
    ///
    /// let page = operator::router(&Page::new().only_for_operators());
    /// # drop(page);
    /// ```
    pub fn only_for_operators(mut self) -> Self {
        self.given.only_for_operators = true;
        self
    }

    /// Looks deliveries up in this journal, and records operators' actions in it.
    ///
    /// ```
    /// use tower_webhook::journal::{Journal, JournalFiles};
    /// use tower_webhook::operator::Page;
    ///
    /// # fn page() -> Result<Page, Box<dyn std::error::Error>> {
    /// let files = JournalFiles::open("/var/log/webhooks")?;
    /// let journal = Journal::start(files.clone())?;
    /// let page = Page::new().journal(&journal, files);
    /// # Ok(page)
    /// # }
    /// ```
    pub fn journal(mut self, journal: &Journal, lines: impl Into<JournalLines>) -> Self {
        self.given.journal = Some((journal.clone(), lines.into()));
        self
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// The page, to be nested where you want it. It answers 403 unless the [request may see
/// it](self#who-sees-it).
///
/// Counting starts when this is called in a runtime, otherwise with the first view.
pub fn router(page: &Page) -> Router {
    let is_observing = page.is_observing.load(Ordering::Relaxed);
    let state = State::new(&page.given, Arc::clone(&page.seen), is_observing);
    routes::router(state)
}
