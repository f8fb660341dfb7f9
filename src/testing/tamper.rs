use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::clock::UnixTime;

/// How far the signed time is from the delivery's own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shift {
    Back(Duration),
    Ahead(Duration),
}

impl Shift {
    pub(super) fn of(self, time: UnixTime) -> UnixTime {
        match self {
            Self::Back(span) => time.saturating_sub(span),
            Self::Ahead(span) => time.saturating_add(span),
        }
    }
}

/// The parts that are falsified after signing.
#[derive(Debug, Clone, Default)]
pub(super) struct Tampers {
    pub(super) secret: bool,
    pub(super) signature: bool,
    pub(super) token: bool,
    pub(super) body: bool,
    pub(super) timestamp: bool,
    pub(super) header_id: Option<String>,
    pub(super) unsigned: bool,
}

/// An id for the event in this body.
pub(super) fn digest(body: &[u8]) -> String {
    let hex = HEXLOWER.encode(&Sha256::digest(body));
    let short: String = hex.chars().take(26).collect();
    format!("msg_{short}")
}

/// The same timestamp one second later, or with another digit if it is not a number.
pub(super) fn later(timestamp: &str) -> String {
    match timestamp.parse::<u64>() {
        Ok(secs) => secs.saturating_add(1).to_string(),
        Err(_) => format!("{timestamp}1"),
    }
}
