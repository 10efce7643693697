//! Dates of HTTP headers (RFC 9110 section 5.6.7) and of pages, all in UTC.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;

/// A date of the Gregorian calendar.
struct Civil {
    year: i64,
    /// From 0.
    month: usize,
    /// From 1.
    day: i64,
}

/// Seconds since 1970 as an HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http(seconds: i64) -> String {
    let Civil { year, month, day } = civil(seconds.div_euclid(DAY));
    let weekday = DAYS[usize::try_from(seconds.div_euclid(DAY).rem_euclid(7)).unwrap_or_default()];
    let (hour, minute, second) = clock(seconds);
    format!("{weekday}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month])
}

/// Seconds since 1970 as pages show them: `06 Nov 1994 - 08:49`.
pub fn short(seconds: i64) -> String {
    let Civil { year, month, day } = civil(seconds.div_euclid(DAY));
    let (hour, minute, _) = clock(seconds);
    format!("{day:02} {} {year:04} - {hour:02}:{minute:02}", MONTHS[month])
}

/// Reads an HTTP date in its preferred form; recipients may ignore the two obsolete ones in conditions.
pub fn parse(text: &str) -> Option<i64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut words = rest.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u8>().ok());
    let [hour, minute, second] = [clock.next()??, clock.next()??, clock.next()??].map(i64::from);
    let valid =
        (1..=31).contains(&day) && (1..=9999).contains(&year) && hour < 24 && minute < 60 && second < 61;
    (valid && words.next() == Some("GMT"))
        .then(|| days(&Civil { year, month, day }) * DAY + (hour * 60 + minute) * 60 + second)
}

fn clock(seconds: i64) -> (i64, i64, i64) {
    let second = seconds.rem_euclid(DAY);
    (second / 3600, second / 60 % 60, second % 60)
}

/// The date of a day counted from 1970-01-01; years are counted from March, so that leap days come last.
fn civil(days: i64) -> Civil {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    Civil { year, month: usize::try_from(month).unwrap_or_default(), day }
}

/// The inverse of [`civil`].
fn days(date: &Civil) -> i64 {
    let month = i64::try_from(date.month).unwrap_or_default();
    let year = date.year - i64::from(month < 2);
    let of_year = (153 * ((month + 10) % 12) + 2) / 5 + date.day - 1;
    let of_era = year.rem_euclid(400);
    year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_398_350, "Mon, 23 Nov 2026 01:45:50 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] {
            assert_eq!(http(seconds), text);
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
        assert_eq!(short(784_111_777), "06 Nov 1994 - 08:49");
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 25:00:00 GMT",
            "Sun, 6x Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse("Sun, 06 Nov 99999999999999999999 08:49:37 GMT"), None);
    }
}
