//! The span of a run and its outcome, with the names of OpenTelemetry's conventions for messaging.

use tracing::{Instrument, Span, field};

use super::context::RunContext;
use super::outcome::Outcome;

/// The operation on an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// Its handler runs.
    Process,
    /// It is put into an inbox.
    #[cfg(feature = "inbox")]
    Receive,
}

/// The span of one run, if it is enabled: at `DEBUG`, so that it is in no log lines by default.
///
/// Names: <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>.
/// `tracing-opentelemetry` reads the fields that begin with `otel.`.
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

    /// Runs inside the span, or inside the current one if this span is disabled.
    pub(super) fn around<F: Future>(&self, run: F) -> tracing::instrument::Instrumented<F> {
        match &self.0 {
            Some(span) => run.instrument(span.clone()),
            None => run.in_current_span(),
        }
    }

    /// Records the outcome of the run.
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
