use std::sync::Arc;
use std::time::Duration;

use super::drain::Drain;
use super::renewal_scheduler::RenewalScheduler;
use super::renewals::Renewals;
use super::shared_confirm::SharedConfirm;
use super::terms::ClaimTerms;
use super::waiting::WaitingRoom;
use crate::store::{SharedStore, Store, StoreError, Token};

/// The state that all runs of one webhook share. Its settings were checked when it was built.
#[derive(Debug)]
pub(crate) struct RunState {
    pub(super) terms: Arc<ClaimTerms>,
    pub(super) renewal_scheduler: Arc<RenewalScheduler>,
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) transactions: Option<crate::store::Transactions>,
    pub(super) settings: RunSettings,
}

/// Its settings.
#[derive(Debug, Clone)]
pub(crate) struct RunSettings {
    /// All of these must agree before a handler runs.
    pub(crate) confirms: Vec<SharedConfirm>,
    pub(crate) drain: Drain,
    pub(crate) waiting: WaitingRoom,
    /// Runs handlers while the store is out of reach.
    pub(crate) fail_open: bool,
    /// Whether the sender retries deliveries without a success.
    pub(crate) sender_retries: bool,
    /// Whether the time of a claim is reported.
    pub(crate) is_timed: bool,
    /// Whether its events come from an inbox.
    pub(crate) is_queued: bool,
    /// The last bytes of its claims' tokens, if those must show their owner.
    pub(crate) mark: Option<[u8; 4]>,
}

impl RunSettings {
    /// A token for one claim.
    #[inline]
    pub(super) fn token(&self) -> Result<Token, StoreError> {
        let token = Token::random()?;
        Ok(self.mark.map_or(token, |mark| token.marked(mark)))
    }
}

impl RunState {
    pub(crate) fn new(
        store: SharedStore,
        retention: Duration,
        lease: Duration,
        renewal_ceiling: Duration,
        settings: RunSettings,
    ) -> Self {
        let for_renewals = store.for_renewals();
        let is_apart = for_renewals.is_some();
        let for_renewals = for_renewals.unwrap_or_else(|| store.clone());
        #[cfg(any(feature = "postgres", feature = "sqlite"))]
        let transactions = store.transactions();
        let terms = ClaimTerms {
            renewals: Arc::new(Renewals::new(for_renewals, lease)),
            store,
            retention,
            lease,
            renewal_ceiling,
        };
        Self {
            terms: Arc::new(terms),
            renewal_scheduler: Arc::new(RenewalScheduler::new(lease, is_apart)),
            #[cfg(any(feature = "postgres", feature = "sqlite"))]
            transactions,
            settings,
        }
    }

    pub(crate) fn drain(&self) -> &Drain {
        &self.settings.drain
    }

    #[cfg(feature = "inbox")]
    pub(crate) fn confirms(&self) -> &[SharedConfirm] {
        &self.settings.confirms
    }

    /// Where the records are.
    pub(crate) fn store(&self) -> &SharedStore {
        &self.terms.store
    }

    pub(crate) fn renewal_ceiling(&self) -> Duration {
        self.terms.renewal_ceiling
    }

    pub(crate) fn retention(&self) -> Duration {
        self.terms.retention
    }
}
