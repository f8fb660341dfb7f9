//! A record as the columns of its row.

use std::time::Duration;

use bytes::Bytes;

use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::store::command::{ContentType, StoredResponse};
use crate::store::record::{Record, State};
use crate::store::token::Token;

const CLAIMED: i16 = 1;
/// Indexes and queries use this number too.
const DONE: i16 = 2;
const RELEASED: i16 = 3;

/// The columns of a row, except its key. Times and spans are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Row {
    pub(in crate::store) state: i16,
    pub(in crate::store) token: Vec<u8>,
    pub(in crate::store) attempt: i64,
    /// The 64 bits of the fence; a fence that is a time is the same number.
    pub(in crate::store) fence: i64,
    pub(in crate::store) fingerprint: Option<Vec<u8>>,
    pub(in crate::store) kept_until: i64,
    pub(in crate::store) lease_ends: Option<i64>,
    pub(in crate::store) lease: Option<i64>,
    pub(in crate::store) corrected: bool,
    pub(in crate::store) status: Option<i32>,
    pub(in crate::store) content_type: Option<String>,
    pub(in crate::store) body: Option<Bytes>,
}

/// A time as a column; a time beyond the column's range is its maximum, in the year 294247.
pub(in crate::store) fn micros(time: UnixTime) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// The time of a column.
pub(in crate::store) fn from_micros(micros: i64) -> Option<UnixTime> {
    Some(UnixTime::from_micros(u64::try_from(micros).ok()?))
}

impl From<&Record> for Row {
    fn from(record: &Record) -> Self {
        let Record {
            state,
            attempt,
            fence,
            fingerprint,
            kept_until,
        } = record;
        let mut row = Self {
            state: RELEASED,
            token: Vec::new(),
            attempt: i64::from(*attempt),
            fence: i64::from_be_bytes(fence.to_be_bytes()),
            fingerprint: fingerprint.map(|it| it.as_bytes().to_vec()),
            kept_until: micros(*kept_until),
            lease_ends: None,
            lease: None,
            corrected: false,
            status: None,
            content_type: None,
            body: None,
        };
        let token = match state {
            State::Claimed {
                token,
                lease_ends,
                lease,
                corrected,
            } => {
                row.state = CLAIMED;
                row.lease_ends = Some(micros(*lease_ends));
                row.lease = lease.map(|it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
                row.corrected = *corrected;
                token
            }
            State::Done { token, response } => {
                let StoredResponse {
                    status,
                    body,
                    content_type,
                } = response;
                row.state = DONE;
                row.status = Some(i32::from(*status));
                row.content_type = content_type.as_ref().map(|it| it.as_str().to_owned());
                row.body = body.clone();
                token
            }
            State::Released { token } => token,
        };
        row.token = token.as_bytes().to_vec();
        row
    }
}

impl Row {
    /// Reads the record; `None` if this version does not write such a record.
    pub(in crate::store) fn record(self) -> Option<Record> {
        let token = Token::from_bytes(self.token.try_into().ok()?);
        let fingerprint = match self.fingerprint {
            Some(bytes) => Some(Fingerprint::from_bytes(bytes.try_into().ok()?)),
            None => None,
        };
        let micros_of = |micros| Some(Duration::from_micros(u64::try_from(micros).ok()?));
        let state = match (self.state, self.lease_ends, self.status) {
            (CLAIMED, Some(lease_ends), None) => State::Claimed {
                token,
                lease_ends: from_micros(lease_ends)?,
                lease: match self.lease {
                    Some(lease) => Some(micros_of(lease)?),
                    None => None,
                },
                corrected: self.corrected,
            },
            (DONE, None, Some(status)) => State::Done {
                token,
                response: StoredResponse {
                    status: status.try_into().ok()?,
                    content_type: match self.content_type {
                        Some(text) => Some(ContentType::new(&text)?),
                        None => None,
                    },
                    body: self.body,
                },
            },
            (RELEASED, None, None) => State::Released { token },
            _ => return None,
        };
        Some(Record {
            state,
            attempt: self.attempt.try_into().ok()?,
            fence: u64::from_be_bytes(self.fence.to_be_bytes()),
            fingerprint,
            kept_until: from_micros(self.kept_until)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = State> {
        let token = any::<[u8; 16]>().prop_map(Token::from_bytes);
        let time = (0..u64::MAX / 2).prop_map(UnixTime::from_micros);
        let body = prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
        let kind = prop::option::of("[ -~]{1,20}");
        let lease = prop::option::of((0..u64::MAX / 2).prop_map(Duration::from_micros));
        prop_oneof![
            (token.clone(), time, lease, any::<bool>()).prop_map(
                |(token, lease_ends, lease, corrected)| State::Claimed {
                    token,
                    lease_ends,
                    lease,
                    corrected
                }
            ),
            (token.clone(), any::<u16>(), body, kind).prop_map(|(token, status, body, kind)| {
                State::Done {
                    token,
                    response: StoredResponse {
                        status,
                        body: body.map(Bytes::from),
                        content_type: kind.and_then(|kind| ContentType::new(&kind)),
                    },
                }
            }),
            token.prop_map(|token| State::Released { token }),
        ]
    }

    proptest! {
        #[test]
        fn every_record_comes_back(
            state in state(),
            attempt: u32,
            fence: u64,
            fingerprint: Option<[u8; 16]>,
            kept_until in 0..u64::MAX / 2,
        ) {
            let record = Record {
                state,
                attempt,
                fence,
                fingerprint: fingerprint.map(Fingerprint::from_bytes),
                kept_until: UnixTime::from_micros(kept_until),
            };
            prop_assert_eq!(Row::from(&record).record(), Some(record));
        }
    }

    #[test]
    fn a_row_that_no_version_writes_is_unreadable() {
        let token = Token::from_bytes([7; 16]);
        let record = Record {
            state: State::Released { token },
            attempt: 1,
            fence: 1,
            fingerprint: None,
            kept_until: UnixTime::from_secs(1),
        };
        let whole = Row::from(&record);
        assert!(whole.clone().record().is_some());
        let changes: [fn(&mut Row); 10] = [
            |row| row.state = 0,
            |row| row.state = CLAIMED,
            |row| row.state = DONE,
            |row| row.status = Some(200),
            |row| row.lease_ends = Some(1),
            |row| row.token = vec![7; 15],
            |row| row.fingerprint = Some(vec![7; 17]),
            |row| row.attempt = -1,
            |row| row.attempt = 1 << 32,
            |row| row.kept_until = -1,
        ];
        for change in changes {
            let mut row = whole.clone();
            change(&mut row);
            assert_eq!(row.clone().record(), None, "{row:?}");
        }
    }

    #[test]
    fn a_record_for_ever_is_kept_as_long_as_a_column_can_say() {
        let record = Record {
            state: State::Released {
                token: Token::from_bytes([7; 16]),
            },
            attempt: 1,
            fence: u64::MAX,
            fingerprint: None,
            kept_until: UnixTime::from_micros(u64::MAX),
        };
        let read = Row::from(&record).record().unwrap();
        assert_eq!(read.kept_until.as_micros(), (1 << 63) - 1);
        assert_eq!(read.fence, u64::MAX);
    }
}
