use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::context::RunContext;
use super::renewal_scheduler::RenewalSlot;

/// A running event, and its caller.
pub(super) struct DeliveryTask<C> {
    pub(super) context: Arc<RunContext>,
    /// The proved body, until the handler has it.
    pub(super) body: Option<Bytes>,
    /// The slot in which its hold is renewed.
    pub(super) slot: RenewalSlot,
    pub(super) caller: C,
    /// Dropped last: by then, all work is done.
    pub(super) _counted: TaskTrackerToken,
}

impl<C> DeliveryTask<C> {
    /// Prepares a task for this runtime: the renewal of a hold is tied to the runtime of the task
    /// that holds it.
    pub(super) fn new(
        runtime: &Handle,
        context: Arc<RunContext>,
        body: Option<Bytes>,
        caller: C,
    ) -> Self {
        Self {
            body,
            slot: context.state.renewal_scheduler.reserve(runtime),
            caller,
            _counted: context.state.drain().count(),
            context,
        }
    }
}
