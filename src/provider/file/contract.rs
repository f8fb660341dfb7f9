//! How a sender delivers, in the words of a file. Times are in seconds.

use std::time::Duration;

use serde::Deserialize;

use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract, SuccessAnswer};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ContractFile {
    #[serde(default)]
    retries: RetriesFile,
    #[serde(default)]
    retried: RetriedFile,
    waits: Option<u64>,
    #[serde(default)]
    redelivers_by_hand: bool,
    largest_body: Option<usize>,
    /// The one status that counts as success.
    success: Option<u16>,
}

/// What is not known is taken for a sender that tries again for a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RetriesFile {
    Never,
    Fixed { interval: u64, attempts: u32 },
    Exponential { first: u64, attempts: u32 },
    Listed(Vec<u64>),
    Unstated { interval: u64, horizon: u64 },
}

impl Default for RetriesFile {
    fn default() -> Self {
        Self::Unstated {
            interval: 30,
            horizon: 86_400,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RetriedFile {
    AllButSuccess,
    ServerErrorsAnd(Vec<u16>),
}

impl Default for RetriedFile {
    fn default() -> Self {
        Self::ServerErrorsAnd(Vec::new())
    }
}

impl ContractFile {
    pub(super) fn contract(&self) -> SenderContract {
        let seconds = Duration::from_secs;
        let schedule = match &self.retries {
            RetriesFile::Never => RetrySchedule::Never,
            RetriesFile::Fixed { interval, attempts } => RetrySchedule::Fixed {
                interval: seconds(*interval),
                attempts: *attempts,
            },
            RetriesFile::Exponential { first, attempts } => RetrySchedule::Exponential {
                first: seconds(*first),
                attempts: *attempts,
            },
            RetriesFile::Listed(waits) => {
                let waits: Vec<_> = waits.iter().copied().map(seconds).collect();
                RetrySchedule::listed(waits)
            }
            RetriesFile::Unstated { interval, horizon } => RetrySchedule::Unstated {
                interval: seconds(*interval),
                horizon: seconds(*horizon),
            },
        };
        let retried = match &self.retried {
            RetriedFile::AllButSuccess => RetriedStatuses::AllButSuccess,
            RetriedFile::ServerErrorsAnd(statuses) => {
                RetriedStatuses::server_errors_and(statuses.clone())
            }
        };
        let mut contract = SenderContract::new(schedule, retried);
        if let Some(limit) = self.waits {
            contract = contract.waits(seconds(limit));
        }
        if self.redelivers_by_hand {
            contract = contract.redelivers_by_hand();
        }
        if let Some(bytes) = self.largest_body {
            contract = contract.sends_up_to(bytes);
        }
        if let Some(status) = self.success {
            contract = contract.counts_as_success(SuccessAnswer::exactly(status));
        }
        contract
    }
}
