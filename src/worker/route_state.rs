use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::inbox::Route;
use crate::runtime::{AnyHandler, RunState, SharedConfirm};

/// One of the routes that a worker serves.
#[derive(Clone)]
pub(super) struct RouteState {
    pub(super) route: Route,
    pub(super) handler: Arc<dyn AnyHandler>,
    pub(super) runs: Arc<RunState>,
    /// How content of the route is confirmed; `None` if no confirmation is needed.
    pub(super) unconfirmed: Option<Arc<UnconfirmedRoute>>,
}

/// The route on which content waits until it is confirmed.
pub(super) struct UnconfirmedRoute {
    /// The route of confirmed content.
    pub(super) confirmed: Route,
    pub(super) route: Route,
    pub(super) confirms: Vec<SharedConfirm>,
    pub(super) revive_every: Duration,
    pub(super) retention: Duration,
}

impl RouteState {
    /// The routes whose entries are taken for it.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        let unconfirmed = self.unconfirmed.iter().map(|it| &it.route);
        std::iter::once(&self.route).chain(unconfirmed)
    }
}

impl fmt::Debug for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.route.fmt(f)
    }
}
