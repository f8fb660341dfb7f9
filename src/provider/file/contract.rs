//! How a sender delivers, as a file writes it. Times are in seconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::said::read;
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

/// If nothing is stated, the sender is assumed to retry for a day.
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
    None,
    AllButSuccess,
    ServerErrorsAnd(Vec<u16>),
    Only(Vec<u16>),
}

impl Default for RetriedFile {
    fn default() -> Self {
        Self::ServerErrorsAnd(Vec::new())
    }
}

impl ContractFile {
    pub(super) fn contract(&self) -> SenderContract {
        let seconds = Duration::from_secs;
        let schedule = self.retries.clone().into();
        let retried = self.retried.clone().into();
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

impl From<RetriesFile> for RetrySchedule {
    fn from(retries: RetriesFile) -> Self {
        let seconds = Duration::from_secs;
        match retries {
            RetriesFile::Never => Self::Never,
            RetriesFile::Fixed { interval, attempts } => Self::Fixed {
                interval: seconds(interval),
                attempts,
            },
            RetriesFile::Exponential { first, attempts } => Self::Exponential {
                first: seconds(first),
                attempts,
            },
            RetriesFile::Listed(waits) => {
                Self::listed(waits.into_iter().map(seconds).collect::<Vec<_>>())
            }
            RetriesFile::Unstated { interval, horizon } => Self::Unstated {
                interval: seconds(interval),
                horizon: seconds(horizon),
            },
        }
    }
}

impl From<RetriedFile> for RetriedStatuses {
    fn from(retried: RetriedFile) -> Self {
        match retried {
            RetriedFile::None => Self::None,
            RetriedFile::AllButSuccess => Self::AllButSuccess,
            RetriedFile::ServerErrorsAnd(statuses) => Self::server_errors_and(statuses),
            RetriedFile::Only(statuses) => Self::only(statuses),
        }
    }
}

impl<'de> Deserialize<'de> for RetrySchedule {
    /// `docs/schemes.md` describes the format; times are in seconds.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |file: RetriesFile| Ok(file.into()))
    }
}

impl<'de> Deserialize<'de> for RetriedStatuses {
    /// `docs/schemes.md` describes the format.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |file: RetriedFile| Ok(file.into()))
    }
}

impl<'de> Deserialize<'de> for SenderContract {
    /// `docs/schemes.md` describes the format; times are in seconds.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |file: ContractFile| {
            let contract = file.contract();
            contract.check_words()?;
            Ok(contract)
        })
    }
}
