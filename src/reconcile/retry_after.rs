use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock::UnixTime;

/// How long an API wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let at = u64::try_from(date.unix_timestamp()).ok()?;
    Some(UnixTime::from_secs(at).saturating_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_number_of_seconds_or_a_date() {
        let now = UnixTime::from_secs(1_777_899_600);
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        // `LC_ALL=C date -u -d @1777899690 +'%a, %d %b %Y %H:%M:%S GMT'`
        let date = "Mon, 04 May 2026 13:01:30 GMT";
        assert_eq!(read(date), Some(Duration::from_secs(90)));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        for no in ["soon", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(read(no), None, "{no}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
