//! Type-erased event handlers.

use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use super::delivery::Delivery;
use super::failure::Failure;
use super::handler::{EventHandler, Run};

/// An [`EventHandler`] of any kind.
pub(crate) trait AnyHandler: Send + Sync {
    fn call<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>>;
}

/// An event handler with its state.
pub(crate) struct WithState<H, S, Args> {
    handler: H,
    state: S,
    _args: PhantomData<fn() -> Args>,
}

impl<H, S, Args> WithState<H, S, Args> {
    pub(crate) fn new(handler: H, state: S) -> Self {
        Self {
            handler,
            state,
            _args: PhantomData,
        }
    }
}

impl<H, S, Args> AnyHandler for WithState<H, S, Args>
where
    H: EventHandler<S, Args>,
    S: Send + Sync,
{
    fn call<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.handler.call(Run::new(delivery, &self.state)))
    }
}
