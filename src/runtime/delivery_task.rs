use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::context::RunContext;
use super::renewal_scheduler::RenewalSlot;

/// One event on its way, and who has it run.
pub(super) struct DeliveryTask<C> {
    pub(super) context: Arc<RunContext>,
    /// The proved body, until the handler has it.
    pub(super) body: Option<Bytes>,
    /// Where its hold is looked after.
    pub(super) slot: RenewalSlot,
    pub(super) caller: C,
    /// The last to be dropped: by then all is done.
    pub(super) _counted: TaskTrackerToken,
}

impl<C> DeliveryTask<C> {
    /// What is to run on this runtime: what looks after the hold must run where the task does that holds
    /// it.
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
