//! Times as most senders write them.

use crate::clock::UnixTime;

/// The time in a JSON string such as `"2026-05-04T13:00:00Z"`, from 1970 on and on a day that every
/// month has. `None` says nothing: RFC 3339 has other spellings, and months have other days.
pub(super) fn utc(raw: &[u8]) -> Option<UnixTime> {
    let [
        b'"',
        c,
        d,
        y,
        z,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        i1,
        i2,
        b':',
        s1,
        s2,
        b'Z',
        b'"',
    ] = raw
    else {
        return None;
    };
    let year = (two(*c, *d)?.saturating_mul(100)).saturating_add(two(*y, *z)?);
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    let (hour, minute, second) = (two(*h1, *h2)?, two(*i1, *i2)?, two(*s1, *s2)?);
    let fine = year >= 1970
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !fine {
        return None;
    }
    // Years begin in March, so that the day that some have is their last.
    let (year, month) = if month < 3 {
        (year.saturating_sub(1), month.saturating_add(9))
    } else {
        (year, month.saturating_sub(3))
    };
    let leap = (year / 4).saturating_sub(year / 100);
    let leap = leap.saturating_add(year / 400);
    let months = month.saturating_mul(153).saturating_add(2) / 5;
    // From the first of March of the year 0 to 1970 it is 719,468 days.
    let days = (year.saturating_mul(365).saturating_add(leap))
        .saturating_add(months)
        .saturating_add(day)
        .checked_sub(719_469)?;
    let minutes = (days.saturating_mul(24).saturating_add(hour))
        .saturating_mul(60)
        .saturating_add(minute);
    let seconds = minutes.saturating_mul(60).saturating_add(second);
    Some(UnixTime::from_secs(seconds))
}

/// The value of two digits.
#[inline(always)]
fn two(tens: u8, ones: u8) -> Option<u64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    let value = tens.wrapping_mul(10).wrapping_add(ones);
    (tens < 10 && ones < 10).then_some(u64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_date_says() {
        // `date -u -d 1970-01-01T00:00:00Z +%s`, and so on
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1999-12-28T23:59:59Z", 946_425_599),
            ("2000-02-28T00:00:00Z", 951_696_000),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2024-02-28T12:00:00Z", 1_709_121_600),
            ("2024-03-01T12:00:00Z", 1_709_294_400),
            ("2026-05-04T13:00:00Z", 1_777_899_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-28T23:59:59Z", 253_402_041_599),
        ] {
            let raw = format!("\"{text}\"");
            assert_eq!(
                utc(raw.as_bytes()),
                Some(UnixTime::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn every_month_begins_when_the_calendar_says() {
        for year in 1970..=9999 {
            for month in 1..=12 {
                let first = time::Month::try_from(month).unwrap();
                let first = time::Date::from_calendar_date(year, first, 1).unwrap();
                let seconds = first.midnight().assume_utc().unix_timestamp();
                let raw = format!("\"{year:04}-{month:02}-01T00:00:00Z\"");
                let expected = UnixTime::from_secs(seconds.try_into().unwrap());
                assert_eq!(utc(raw.as_bytes()), Some(expected), "{raw}");
            }
        }
    }

    #[test]
    fn other_times_are_left_to_who_knows_them_all() {
        for text in [
            "1969-12-28T23:59:59Z",
            "2024-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:0:Z",
            "2026-01-01T00:00:/0Z",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00.0Z",
        ] {
            assert_eq!(utc(format!("\"{text}\"").as_bytes()), None, "{text}");
        }
        assert_eq!(utc(b"1777899600"), None);
    }
}
