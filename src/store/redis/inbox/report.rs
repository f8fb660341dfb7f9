//! What settings put at risk of an inbox.

use crate::store::loss::of_entries;
use crate::store::redis::check::RedisReport;

impl RedisReport {
    /// The same of an inbox, where what is lost was acknowledged.
    pub(in crate::store::redis) fn of_inbox(mut self) -> Self {
        for finding in &mut self.findings {
            finding.risk = of_entries(&finding.risk).into();
        }
        self
    }
}
