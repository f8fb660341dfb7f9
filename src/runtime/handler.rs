use serde::de::DeserializeOwned;

use super::delivery::Delivery;
use super::event::Event;
use super::failure::{Failure, HandlerResult};
use crate::authenticated::Authenticated;

/// An async function that handles an event, independent of HTTP.
///
/// It takes up to six arguments, each of which implements [`FromRun`]: [`Event<T>`], [`Delivery`],
/// [`Authenticated`], with the feature `axum` axum's `State<S>`, and with `postgres` or `sqlite` a `Tx`. It
/// returns nothing, or a `Result` whose error says whether a retry can help: see [`HandlerResult`].
///
/// `event_handler` mounts it on a route. A handler that needs the request, or returns its own
/// response, must be an axum handler or a Tower service.
///
/// ```
/// use serde::Deserialize;
/// use tower_webhook::runtime::EventHandler;
/// use tower_webhook::{Delivery, Event, Permanent};
///
/// #[derive(Deserialize)]
/// struct Paid {
///     amount: u64,
/// }
///
/// async fn on_paid(Event(paid): Event<Paid>, delivery: Delivery) -> Result<(), Permanent<&'static str>> {
///     if paid.amount == 0 {
///         return Err(Permanent("nothing was paid"));
///     }
///     println!("{} of {}", paid.amount, delivery.key());
///     Ok(())
/// }
///
/// fn takes<Args>(_: impl EventHandler<(), Args>) {}
/// takes(on_paid);
/// ```
///
/// It cannot take parts that only a request has:
///
/// ```compile_fail
/// use tower_webhook::runtime::EventHandler;
/// async fn on_paid(headers: http::HeaderMap) {}
///
/// fn takes<Args>(_: impl EventHandler<(), Args>) {}
/// takes(on_paid);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event handler",
    label = "not an async function of what a run has",
    note = "an event handler is an async function of up to six arguments, each `Event<T>` of a \
            `T` that is `Deserialize`, `Delivery`, `Authenticated` or, with the feature `axum`, `State<S>`, or \
            with `postgres` or `sqlite`, `Tx`",
    note = "a worker is given the state that `State<S>` takes by `with_state(…)`, before `on(…)`",
    note = "it returns `()` or a `Result<(), E>`, where `E` is an error, `Permanent` or `Failure`; `map_err(Failure::retry)` makes one of a boxed error",
    note = "a handler that takes anything else of its request is mounted without `event_handler`"
)]
pub trait EventHandler<S, Args>: Send + Sync + 'static {
    /// Handles one event.
    fn call(&self, run: Run<'_, S>) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// An event that a handler is about to run for, and the state that handlers share.
#[derive(Debug)]
pub struct Run<'a, S> {
    delivery: &'a Delivery,
    state: &'a S,
}

impl<'a, S> Run<'a, S> {
    /// A run of this delivery's event. A Tower service that finds the delivery in its request's
    /// extensions can thus call an [`EventHandler`].
    pub fn new(delivery: &'a Delivery, state: &'a S) -> Self {
        Self { delivery, state }
    }

    /// The event's delivery.
    pub fn delivery(&self) -> &Delivery {
        self.delivery
    }

    /// The state that handlers share.
    pub fn state(&self) -> &S {
        self.state
    }
}

/// A value that an [`EventHandler`] can take as an argument. Your own type can implement it:
///
/// ```
/// use tower_webhook::runtime::{EventHandler, Failure, FromRun, Run};
/// use tower_webhook::{Delivery, Event};
///
/// /// The event's key as text, which makes an effect unique.
/// struct EffectId(String);
///
/// impl<S> FromRun<S> for EffectId {
///     fn from_run(run: &Run<'_, S>) -> Result<Self, Failure> {
///         let delivery = Delivery::from_run(run)?;
///         Ok(Self(delivery.key().encoded()))
///     }
/// }
///
/// async fn on_event(event: Event<serde_json::Value>, EffectId(id): EffectId) {
///     println!("{} as {id}", event["type"]);
/// }
///
/// fn takes<Args>(_: impl EventHandler<(), Args>) {}
/// takes(on_event);
/// ```
#[diagnostic::on_unimplemented(
    message = "an event handler cannot take `{Self}`",
    label = "nothing that a run has",
    note = "it takes `Event<T>`, `Delivery`, `Authenticated` and, with the feature `axum`, `State<S>`, with `postgres` or `sqlite`, `Tx`"
)]
pub trait FromRun<S>: Sized {
    /// Takes the value from the run.
    ///
    /// # Errors
    ///
    /// The run does not have it, for example if its body is not of the handler's type. The handler
    /// does not run.
    fn from_run(run: &Run<'_, S>) -> Result<Self, Failure>;
}

impl<T: DeserializeOwned, S> FromRun<S> for Event<T> {
    fn from_run(run: &Run<'_, S>) -> Result<Self, Failure> {
        let delivery = run.delivery;
        Ok(Self::read(&delivery.document(), Some(delivery))?)
    }
}

impl<S> FromRun<S> for Delivery {
    fn from_run(run: &Run<'_, S>) -> Result<Self, Failure> {
        Ok(run.delivery.clone())
    }
}

impl<S> FromRun<S> for Authenticated {
    fn from_run(run: &Run<'_, S>) -> Result<Self, Failure> {
        Ok(run.delivery.authenticated().clone())
    }
}

macro_rules! impl_event_handler {
    ($($argument:ident),*) => {
        impl<F, Fut, S, $($argument,)*> EventHandler<S, ($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: HandlerResult> + Send,
            S: Sync,
            $($argument: FromRun<S> + Send,)*
        {
            #[allow(non_snake_case, unused_variables, reason = "for each number of arguments")]
            async fn call(&self, run: Run<'_, S>) -> Result<(), Failure> {
                $(let $argument = $argument::from_run(&run)?;)*
                self($($argument),*).await.into_result()
            }
        }
    };
}

impl_event_handler!();
impl_event_handler!(A);
impl_event_handler!(A, B);
impl_event_handler!(A, B, C);
impl_event_handler!(A, B, C, D);
impl_event_handler!(A, B, C, D, E);
impl_event_handler!(A, B, C, D, E, G);
