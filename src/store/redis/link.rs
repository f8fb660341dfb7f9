//! One shared connection, which is replaced if it fails, and a time limit on every call.

mod line;

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Either;
use tokio::time::{Instant, sleep, timeout_at};

use crate::store::error::{StoreError, StoreErrorKind};

use super::connect::Connector;
use super::connection::Conn;
use super::error::{Fault, Remedy};
use super::scripts::Call;

use self::line::{Connecting, Connection, LONGEST_WAIT, Line, SHORTEST_WAIT};

/// How often a call is sent at most, within its deadline.
const ATTEMPTS: u32 = 3;

/// The connection of a store.
///
/// It is made on first use. All callers share it, including those that arrive while it is being
/// made: a caller that gives up does not stop it.
pub(super) struct Link {
    connector: Arc<Connector>,
    deadline: Duration,
    line: Arc<Mutex<Line>>,
}

impl Link {
    pub(super) fn new(connector: Arc<Connector>, deadline: Duration) -> Self {
        Self {
            connector,
            deadline,
            line: Arc::default(),
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// When a call that starts now must end.
    pub(super) fn latest(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Calls a script, whose answer may be requested several times.
    pub(super) async fn call(&self, call: &Call) -> Result<redis::Value, StoreError> {
        self.call_until(self.latest(), call).await
    }

    /// Calls a script, until this deadline at most.
    pub(super) async fn call_until(
        &self,
        deadline: Instant,
        call: &Call,
    ) -> Result<redis::Value, StoreError> {
        let ask = |mut conn| async move { ask_script(&mut conn, call).await };
        Ok(self.run_until(deadline, ask).await?.value)
    }

    /// Sends a command within the deadline, and again if that may help.
    pub(super) async fn run<T, F>(&self, ask: impl Fn(Conn) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        Ok(self.run_until(self.latest(), ask).await?.value)
    }

    /// Does the same until this deadline. The answer names its connection, and says if it is unsure.
    pub(super) async fn run_until<T, F>(
        &self,
        deadline: Instant,
        ask: impl Fn(Conn) -> F,
    ) -> Result<Told<T>, StoreError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let progress = Mutex::default();
        let asking = self.ask_until(deadline, &progress, ask);
        if let Ok(result) = timeout_at(deadline, asking).await {
            return result;
        }
        let Progress { number, fault } = std::mem::take(&mut *lock(&progress));
        self.unanswered(number);
        Err(timed_out(fault))
    }

    /// The error for a caller whose time was over before its command was answered together with others.
    pub(super) fn out_of_time(&self) -> StoreError {
        let (number, fault) = {
            let line = self.line();
            (line.number, line.fault.clone())
        };
        self.unanswered(number);
        timed_out(fault)
    }

    async fn ask_until<T, F>(
        &self,
        deadline: Instant,
        progress: &Mutex<Progress>,
        ask: impl Fn(Conn) -> F,
    ) -> Result<Told<T>, StoreError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (mut unsure, mut sent) = (false, 0_u32);
        for attempt in 1_u64.. {
            let failure = match self.attempt(progress, &ask).await {
                Ok(mut told) => {
                    told.unsure |= unsure;
                    return Ok(told);
                }
                Err(failure) => failure,
            };
            // The client of a cluster may have sent it before the attempt that failed.
            unsure |= failure.sent && (failure.many_servers || !failure.fault.changed_nothing());
            // Connecting is tried until the deadline.
            sent = sent.saturating_add(failure.sent.into());
            let last = sent >= ATTEMPTS;
            // Boxed: otherwise every call would be larger for a rare case.
            Box::pin(self.recover(failure, attempt == 1, last, deadline, progress))
                .await
                .map_err(|fault| {
                    if fault.kind() == StoreErrorKind::Full && unsure {
                        // An earlier attempt may have been carried out, which `Full` rules out.
                        return StoreError::new(StoreErrorKind::Unavailable).with_source(fault);
                    }
                    StoreError::from(fault)
                })?;
        }
        Err(StoreError::new(StoreErrorKind::Unavailable))
    }

    /// Makes one attempt.
    async fn attempt<T, F>(
        &self,
        progress: &Mutex<Progress>,
        ask: &impl Fn(Conn) -> F,
    ) -> Result<Told<T>, Failure>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (number, connecting) = self.connection();
        lock(progress).number = number;
        let (mut sent, mut many_servers) = (false, false);
        let result = match connecting.await {
            Ok(conn) => {
                sent = true;
                many_servers = conn.is_cluster();
                ask(conn).await
            }
            Err(fault) => Err(fault),
        };
        match result {
            Ok(value) => {
                self.line().answered(number);
                Ok(Told {
                    value,
                    number,
                    unsure: many_servers,
                })
            }
            Err(fault) => Err(Failure {
                fault,
                number,
                sent,
                many_servers,
            }),
        }
    }

    /// Handles a failure, and returns when it is time for another attempt. Returns the fault if
    /// another attempt would not help or is not allowed.
    async fn recover(
        &self,
        failure: Failure,
        is_first: bool,
        is_last: bool,
        deadline: Instant,
        progress: &Mutex<Progress>,
    ) -> Result<(), Fault> {
        let Failure {
            fault,
            number,
            sent,
            many_servers,
        } = failure;
        let remedy = fault.remedy();
        match remedy {
            Remedy::Nothing => return Err(fault),
            Remedy::GiveUp if sent => {
                self.unanswered(number);
                return Err(fault);
            }
            // There was no connection in time: another may be possible.
            Remedy::GiveUp => {}
            // One server of several: in the meantime, calls to the others use this connection, and
            // the client itself tries to reach the failed one.
            Remedy::Reconnect if many_servers => self.unanswered(number),
            Remedy::Reconnect => self.line().give_up_on(number, rejects(&fault)),
            Remedy::AskAgain => {}
        }
        if is_last {
            return Err(fault);
        }
        // After an idle connection was closed, no wait is needed.
        if sent && is_first && remedy == Remedy::Reconnect && !many_servers && !rejects(&fault) {
            lock(progress).fault = Some(fault);
            return Ok(());
        }
        self.line().fault = Some(fault.clone());
        let wait = jitter(SHORTEST_WAIT, LONGEST_WAIT);
        if Instant::now() + wait >= deadline {
            return Err(fault);
        }
        lock(progress).fault = Some(fault);
        sleep(wait).await;
        Ok(())
    }

    /// Waits for the connection, for longer than a call does.
    pub(super) async fn connected(&self) -> Result<Conn, Fault> {
        let (_, connecting) = self.connection();
        connecting.await
    }

    /// The stored number of partitions of the namespace, read on a separate connection.
    pub(super) async fn stored_partitions(&self) -> Result<Option<Vec<u8>>, Fault> {
        self.connector.stored_partitions().await
    }

    /// The connection, or one that is being made.
    fn connection(&self) -> (u64, Connection) {
        let mut line = self.line();
        if let Some(connection) = line.connection() {
            return (line.number, connection);
        }
        let connecting = self.connect();
        line.replace(connecting.clone());
        (line.number, Either::Right(connecting))
    }

    fn connect(&self) -> Connecting {
        let (connector, line) = (Arc::clone(&self.connector), Arc::clone(&self.line));
        let connecting = async move {
            let result = connector.connect().await;
            if result.is_err() {
                // A failure is remembered for a time counted from its end.
                lock(&line).failed();
            }
            result
        };
        let connecting = connecting.boxed().shared();
        tokio::spawn(connecting.clone());
        connecting
    }

    /// Tries to make another connection if this one has gone silent, and keeps this one until then:
    /// a server that is only paused answers on it later.
    fn unanswered(&self, number: u64) {
        if !self.line().is_suspect(number) {
            return;
        }
        let (connector, shared) = (Arc::clone(&self.connector), Arc::clone(&self.line));
        tokio::spawn(async move {
            let Ok(conn) = connector.connect().await else {
                return;
            };
            let mut line = lock(&shared);
            if line.number == number {
                let ready = ready(Ok(conn)).boxed().shared();
                // Polled once, so that it counts as made.
                let _ = ready.clone().now_or_never();
                line.replace(ready);
            }
        });
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Told<T> {
    pub(super) value: T,
    /// The number of the answer's connection: another number may mean another server.
    pub(super) number: u64,
    /// Whether the command may have been carried out before, by an attempt that was not answered.
    pub(super) unsure: bool,
}

/// Calls a script by its hash, or sends it whole if the server does not know it.
pub(super) async fn ask_script(conn: &mut Conn, call: &Call) -> Result<redis::Value, Fault> {
    match conn.ask(call.by_hash()).await {
        Err(fault) if fault.is_no_script() => conn.ask(&call.by_code()).await,
        result => result,
    }
}

/// The reason for asking again says more than that time ran out.
fn timed_out(fault: Option<Fault>) -> StoreError {
    fault.map_or_else(
        || StoreError::new(StoreErrorKind::TimedOut),
        StoreError::from,
    )
}

/// An attempt that failed.
struct Failure {
    fault: Fault,
    /// The connection that was used.
    number: u64,
    /// Whether the command was sent, so that it may have been carried out.
    sent: bool,
    many_servers: bool,
}

/// The progress of a call.
#[derive(Default)]
struct Progress {
    /// The connection that was used last.
    number: u64,
    /// Why it is sent again.
    fault: Option<Fault>,
}

/// Whether the server responds but rejects the command, for example because it is read-only.
/// Another connection may lead to another server, but not at once. A refusal such as a wrong
/// password does not count: a connection with the right password helps at once.
fn rejects(fault: &Fault) -> bool {
    fault.changed_nothing() && fault.kind() != StoreErrorKind::Refused
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can fail half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.connector, f)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A random span between the two, so that many waiting tasks do not retry at the same moment.
pub(super) fn jitter(shortest: Duration, longest: Duration) -> Duration {
    let mut byte = [128];
    // Without random bytes, it is the middle.
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    shortest + longest.saturating_sub(shortest) * u32::from(byte) / 255
}
