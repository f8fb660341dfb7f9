use std::sync::Arc;

use http::Response;
use tokio::sync::oneshot;

use crate::layer::dedupe::responder::Answer;
use crate::layer::dedupe::state::DedupeState;
use crate::layer::response_body::ResponseBody;
use crate::reason::Reason;

/// A request that waits for the answer to its items.
pub(crate) struct WaitingForItems<RB, E> {
    pub(super) core: Arc<DedupeState>,
    pub(super) answered: oneshot::Receiver<Answer<RB, E>>,
}

impl<RB, E> WaitingForItems<RB, E> {
    pub(crate) async fn answer(self) -> Result<Response<ResponseBody<RB>>, E> {
        match self.answered.await {
            Ok(answer) => answer.map(|response| *response),
            Err(_) => Ok(self.core.endpoint.rejection(Reason::TaskEnded)),
        }
    }
}
