use super::WebhookLayer;
use crate::runtime::{Served, Serves, sealed};

impl<M> sealed::Sealed for WebhookLayer<M> {}

impl<M> Serves for WebhookLayer<M> {
    fn served(&self) -> Option<Served> {
        self.steps.served()
    }
}
