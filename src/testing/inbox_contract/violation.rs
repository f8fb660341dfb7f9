use std::error::Error;
use std::fmt;

use super::InboxRule;
use crate::testing::store_contract::violation::Broken;

/// A rule of the contract that an inbox breaks, with details.
///
/// `Debug` is the same text as `Display`: it is what a test that returns this error shows.
pub struct InboxViolation {
    rule: InboxRule,
    broken: Broken,
}

impl InboxViolation {
    pub(super) fn new(rule: InboxRule, broken: Broken) -> Self {
        Self { rule, broken }
    }

    /// The broken rule.
    pub fn rule(&self) -> InboxRule {
        self.rule
    }
}

impl fmt::Display for InboxViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the inbox breaks {}: {}", self.rule, self.broken)
    }
}

impl fmt::Debug for InboxViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for InboxViolation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.broken.source()
    }
}
