use std::sync::Arc;

use tokio::sync::oneshot;

use crate::layer::dedupe::responder::Answer;
use crate::layer::dedupe::state::DedupeState;
use crate::reason::Reason;

/// A request that waits for the answer to its items.
pub(crate) struct WaitingForItems<RB, E> {
    pub(super) core: Arc<DedupeState>,
    pub(super) answered: oneshot::Receiver<Answer<RB, E>>,
}

impl<RB, E> WaitingForItems<RB, E> {
    pub(crate) async fn answer(self) -> Answer<RB, E> {
        let answer = self.answered.await;
        answer.unwrap_or_else(|_| Ok(self.core.endpoint.rejection(Reason::TaskEnded)))
    }
}
