use std::sync::Arc;
use std::time::Duration;

use super::renewals::Renewals;
use crate::store::SharedStore;

/// Where a webhook's events are claimed, and for how long.
#[derive(Debug)]
pub(super) struct ClaimTerms {
    pub(super) store: SharedStore,
    pub(super) renewals: Arc<Renewals>,
    pub(super) retention: Duration,
    pub(super) lease: Duration,
    pub(super) renewal_ceiling: Duration,
}
