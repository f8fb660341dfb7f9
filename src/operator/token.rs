//! Tokens that only a recently shown page has, so that no other page can submit a form.

use std::time::Duration;

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq as _;

use crate::clock::UnixTime;
use crate::mac::MacKey;

/// How long actions are possible on a page after it was shown.
pub(super) const LIFETIME: Duration = Duration::from_secs(3_600);
const KEY_LEN: usize = 32;

/// The key of this process. Other processes, and this one after a restart, do not accept its
/// tokens.
pub(super) struct FormTokens {
    key: Option<MacKey>,
}

impl FormTokens {
    /// A random key. If the system provides no random bytes, no token is valid.
    pub(super) fn new() -> Self {
        let mut bytes = [0; KEY_LEN];
        let filled = getrandom::fill(&mut bytes).is_ok();
        Self {
            key: filled.then(|| MacKey::new(&bytes)).flatten(),
        }
    }

    fn mac(&self, action: &str, who: Option<&str>, time: &str) -> Option<String> {
        // Neither an action nor a time contains a line break.
        let known: &[u8] = if who.is_some() { b"\n+" } else { b"\n-" };
        let who = who.unwrap_or_default().as_bytes();
        let pieces = [action.as_bytes(), b"\n", time.as_bytes(), known, who];
        let mac = self.key.as_ref()?.mac(pieces.into_iter());
        Some(HEXLOWER.encode(&mac))
    }

    /// A token for this action of this operator, valid from now.
    pub(super) fn issue(&self, action: &str, who: Option<&str>, now: UnixTime) -> String {
        let time = now.as_micros().to_string();
        let mac = self.mac(action, who, &time).unwrap_or_default();
        format!("{time}.{mac}")
    }

    /// Whether it was issued for this action and operator, and has not expired.
    pub(super) fn is_right(
        &self,
        token: &str,
        action: &str,
        who: Option<&str>,
        now: UnixTime,
    ) -> bool {
        let Some((time, mac)) = token.split_once('.') else {
            return false;
        };
        let Some(wanted) = self.mac(action, who, time) else {
            return false;
        };
        let is_same: bool = wanted.as_bytes().ct_eq(mac.as_bytes()).into();
        let issued = time.parse().ok().map(UnixTime::from_micros);
        is_same && issued.is_some_and(|at| at <= now && now.saturating_since(at) <= LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_right_for_its_action_its_operator_and_an_hour() {
        let tokens = FormTokens::new();
        let now = UnixTime::from_secs(1_777_899_600);
        let token = tokens.issue("redrive", Some("alice"), now);
        let is_right = |token: &str, action: &str, who: Option<&str>, after: u64| {
            let now = now.saturating_add(Duration::from_secs(after));
            tokens.is_right(token, action, who, now)
        };
        assert!(is_right(&token, "redrive", Some("alice"), 0));
        assert!(is_right(&token, "redrive", Some("alice"), 3_600));
        assert!(!is_right(&token, "redrive", Some("alice"), 3_601));
        assert!(!is_right(&token, "discard", Some("alice"), 0));
        assert!(!is_right(&token, "redrive", Some("bob"), 0));
        assert!(!is_right(&token, "redrive", None, 0));
        assert!(!is_right("", "redrive", Some("alice"), 0));
        assert!(!is_right(
            &token.replace('.', ""),
            "redrive",
            Some("alice"),
            0
        ));
        // The time is part of the authenticated text.
        let (_, mac) = token.split_once('.').unwrap();
        let later = format!("{}.{mac}", now.saturating_add(LIFETIME).as_micros());
        assert!(!is_right(&later, "redrive", Some("alice"), 3_600));
        // A token of another process.
        let other = FormTokens::new().issue("redrive", Some("alice"), now);
        assert!(!is_right(&other, "redrive", Some("alice"), 0));
    }
}
