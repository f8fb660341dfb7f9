use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio::task::JoinError;

use super::StoreRule;
use crate::store::StoreError;

/// A rule of the contract that a store breaks, with details.
///
/// `Debug` is the same text as `Display`: it is what a test that returns this error shows.
pub struct StoreViolation {
    rule: StoreRule,
    broken: Broken,
}

impl StoreViolation {
    pub(in crate::testing) fn new(rule: StoreRule, broken: Broken) -> Self {
        Self { rule, broken }
    }

    /// The broken rule.
    pub fn rule(&self) -> StoreRule {
        self.rule
    }
}

impl fmt::Display for StoreViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store breaks {}: {}", self.rule, self.broken)
    }
}

impl fmt::Debug for StoreViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for StoreViolation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.broken.source()
    }
}

pub(in crate::testing) type Verdict<T = ()> = Result<T, Broken>;

/// The subject of a check, and how it differs from what it should be.
pub(in crate::testing) struct Broken {
    what: String,
    fault: Fault,
}

enum Fault {
    Differs {
        expected: String,
        got: String,
    },
    Failed(StoreError),
    /// The text says everything.
    Told,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, fault } = self;
        f.write_str(what)?;
        match fault {
            Fault::Differs { expected, got } => write!(f, ": expected {expected}, got {got}"),
            Fault::Failed(error) => write!(f, ": failed: {error}"),
            Fault::Told => Ok(()),
        }
    }
}

impl Broken {
    /// The cause, if a command has failed.
    pub(in crate::testing) fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            Fault::Failed(error) => Some(error),
            Fault::Differs { .. } | Fault::Told => None,
        }
    }

    pub(in crate::testing) fn differs(
        what: impl Into<String>,
        expected: &str,
        got: &impl fmt::Debug,
    ) -> Self {
        Self {
            what: what.into(),
            fault: Fault::Differs {
                expected: expected.to_owned(),
                got: format!("{got:?}"),
            },
        }
    }

    pub(in crate::testing) fn failed(command: &str, error: StoreError) -> Self {
        Self {
            what: command.to_owned(),
            fault: Fault::Failed(error),
        }
    }

    pub(in crate::testing) fn hangs(limit: Duration) -> Self {
        Self::told(format!("it is not over after {limit:?}"))
    }

    pub(in crate::testing) fn panicked(error: &JoinError) -> Self {
        Self::told(format!("a call of it did not end: {error}"))
    }

    pub(in crate::testing) fn told(text: String) -> Self {
        Self {
            what: text,
            fault: Fault::Told,
        }
    }
}

/// Checks that both are the same.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what is compared was made for it"
)]
pub(in crate::testing) fn same<T: fmt::Debug + PartialEq>(
    what: impl Into<String>,
    got: T,
    expected: T,
) -> Verdict {
    if got == expected {
        Ok(())
    } else {
        Err(Broken::differs(what, &format!("{expected:?}"), &got))
    }
}

/// Checks a condition; `expected` says how the value should be.
pub(in crate::testing) fn is(
    what: impl Into<String>,
    so: bool,
    expected: &str,
    got: &impl fmt::Debug,
) -> Verdict {
    if so {
        Ok(())
    } else {
        Err(Broken::differs(what, expected, got))
    }
}
