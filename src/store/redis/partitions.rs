//! The number of partitions of a namespace.

use std::sync::{Arc, OnceLock};

use super::error::{Fault, Wanted};

/// How many a new namespace gets by default: one server scans each of them for due entries, while the masters of a
/// cluster share them.
const OF_ONE_SERVER: u32 = 8;
const OF_A_CLUSTER: u32 = 256;

/// The number of partitions of a namespace, as it was set here or is stored in Redis.
///
/// No place can be computed before: callers that need one wait until the number [is known](Self::known).
#[derive(Debug, Clone)]
pub(super) struct Partitions {
    known: Arc<OnceLock<u32>>,
    /// How many a new namespace gets.
    of_new: u32,
    most: u32,
}

impl Partitions {
    /// This number, and no other.
    pub(super) fn set(number: u32) -> Self {
        // A store cannot be built without partitions.
        let number = number.max(1);
        Self {
            known: Arc::new(OnceLock::from(number)),
            of_new: number,
            most: number,
        }
    }

    /// The number that the namespace has, if that is at most `most`.
    pub(super) fn to_be_found(in_cluster: bool, most: u32) -> Self {
        Self {
            known: Arc::default(),
            of_new: match in_cluster {
                true => OF_A_CLUSTER,
                false => OF_ONE_SERVER,
            },
            most,
        }
    }

    pub(super) fn known(&self) -> Option<u32> {
        self.known.get().copied()
    }

    /// The known number, or else that of a new namespace.
    pub(super) fn number(&self) -> u32 {
        self.known().unwrap_or(self.of_new)
    }

    /// Accepts the number that is stored for the namespace.
    ///
    /// # Errors
    ///
    /// Another one was set, or it is not supported.
    pub(super) fn settle(&self, stored: &[u8]) -> Result<(), Fault> {
        let found = str::from_utf8(stored).ok().and_then(|it| it.parse().ok());
        // A number that was set or found earlier takes precedence.
        let number = match found {
            Some(found) if (1..=self.most).contains(&found) => *self.known.get_or_init(|| found),
            _ => 0,
        };
        if number > 0 && stored == number.to_string().as_bytes() {
            return Ok(());
        }
        let stored = String::from_utf8_lossy(stored);
        Err(Fault::Partitions {
            // Any text may be stored: no more of it than a number may have.
            stored: stored.chars().take(10).collect(),
            wanted: match self.known() {
                Some(number) => Wanted::Number(number),
                None => Wanted::AtMost(self.most),
            },
        })
    }
}

impl From<u32> for Partitions {
    fn from(number: u32) -> Self {
        Self::set(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_nobody_set_is_the_one_that_is_found() {
        let partitions = Partitions::to_be_found(false, 1_024);
        assert_eq!((partitions.known(), partitions.number()), (None, 8));
        let beside = partitions.clone();
        partitions.settle(b"256").unwrap();
        assert_eq!((beside.known(), beside.number()), (Some(256), 256));
        // It stays, whatever happens to the namespace.
        beside.settle(b"256").unwrap();
        let other = beside.settle(b"8").unwrap_err().to_string();
        assert!(other.contains("has 8 partitions"), "{other}");
        assert_eq!(partitions.number(), 256);
        assert_eq!(Partitions::to_be_found(true, 1_024).number(), 256);
    }

    #[test]
    fn a_number_that_was_set_takes_no_other() {
        let partitions = Partitions::set(16);
        partitions.settle(b"16").unwrap();
        for other in [
            &b"8"[..],
            b"016",
            b"",
            b"sixteen",
            b"\xff",
            b"99999999999999",
        ] {
            let fault = partitions.settle(other).unwrap_err().to_string();
            assert!(fault.contains("built with 16"), "{fault}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_many_is_not_taken() {
        let partitions = Partitions::to_be_found(false, 1_024);
        for stored in [&b"0"[..], b"1025", b"-1", b"", b"many"] {
            let fault = partitions.settle(stored).unwrap_err().to_string();
            assert!(fault.contains("1 to 1024"), "{fault}");
            assert_eq!(partitions.known(), None);
        }
    }
}
