//! The span of a run, with the names of OpenTelemetry's conventions for messaging, and what it comes to.

use tracing::{Instrument, Span, field};

use super::context::RunContext;
use super::outcome::Outcome;

/// What is done with an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// Its handler is run.
    Process,
    /// It is put into an inbox.
    #[cfg(feature = "inbox")]
    Receive,
}

/// The span of one run, if anybody wants it: at `DEBUG`, so that it stands in nobody's log lines unasked.
///
/// Names: <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>. Those that begin with
/// `otel.` are what `tracing-opentelemetry` reads.
#[derive(Clone)]
pub(super) struct RunSpan(Option<Span>);

impl RunSpan {
    #[inline]
    pub(super) fn new(operation: Operation, context: &RunContext) -> Self {
        if !tracing::enabled!(target: "tower_webhook", tracing::Level::DEBUG) {
            return Self(None);
        }
        Self::wanted(operation, context)
    }

    #[cold]
    fn wanted(operation: Operation, context: &RunContext) -> Self {
        let key = &context.event.identity.key;
        let name = match operation {
            Operation::Process => "process",
            #[cfg(feature = "inbox")]
            Operation::Receive => "receive",
        };
        let span = tracing::debug_span!(
            target: "tower_webhook",
            "webhook",
            otel.name = %format_args!("{name} {}", key.provider()),
            otel.kind = "consumer",
            otel.status_code = field::Empty,
            error.type = field::Empty,
            messaging.system = "webhook",
            messaging.operation.name = name,
            messaging.operation.type = name,
            messaging.destination.name = %key.provider(),
            messaging.consumer.group.name = key.consumer().map(field::display),
            messaging.message.id = %key.escaped(),
            tower_webhook.attempt = field::Empty,
            tower_webhook.outcome = field::Empty,
        );
        Self((!span.is_disabled()).then_some(span))
    }

    /// The run inside of the span; inside of the current one where nobody wants this one.
    pub(super) fn around<F: Future>(&self, run: F) -> tracing::instrument::Instrumented<F> {
        match &self.0 {
            Some(span) => run.instrument(span.clone()),
            None => run.in_current_span(),
        }
    }

    /// Says what the run came to.
    #[inline]
    pub(super) fn end<A>(&self, context: &RunContext, outcome: &Outcome<A>, done: &'static str) {
        let Some(span) = &self.0 else {
            return;
        };
        if let Some(grant) = context.grant() {
            span.record("tower_webhook.attempt", grant.attempt);
        }
        let (outcome, reason) = match outcome {
            Outcome::Done(_) => (done, None),
            Outcome::Duplicate(_) => ("duplicate", None),
            Outcome::Refused(cause) => ("refused", Some(cause.reason.code())),
            Outcome::Failed(cause, _) => ("failed", Some(cause.reason.code())),
            Outcome::LeaseLost => ("failed", Some("lease_lost")),
        };
        span.record("tower_webhook.outcome", outcome);
        if let Some(reason) = reason {
            span.record("error.type", reason);
            span.record("otel.status_code", "ERROR");
        }
    }
}
