//! Reports what settings put at risk for an inbox.

use crate::store::loss::of_entries;
use crate::store::redis::check::RedisReport;

impl RedisReport {
    /// The same report for an inbox, where lost entries had been acknowledged.
    pub(in crate::store::redis) fn of_inbox(mut self) -> Self {
        for finding in &mut self.findings {
            finding.risk = of_entries(&finding.risk).into();
        }
        self
    }
}
