use std::fmt;
use std::sync::Arc;

use crate::inbox::Route;
use crate::runtime::{AnyHandler, RunState};

/// One of the routes that a worker serves.
#[derive(Clone)]
pub(super) struct RouteState {
    pub(super) route: Route,
    pub(super) handler: Arc<dyn AnyHandler>,
    pub(super) runs: Arc<RunState>,
}

impl fmt::Debug for RouteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.route.fmt(f)
    }
}
