//! Dates: `%GMTIME{"$year-$mo-$day"}%` and the formats of dates elsewhere. Server time is UTC.

use super::{Scope, attributes::Attributes, format};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// The date as `%DATE%` gives it.
pub(crate) const DATE: &str = "$day $month $year";

/// The date and time as `%GMTIME%` gives it.
pub(crate) const DATE_AND_TIME: &str = "$day $month $year - $hour:$min";

/// `%GMTIME{"format"}%`, `%DISPLAYTIME{"format"}%`
pub(super) fn gm_time(scope: &mut Scope, attributes: &Attributes) -> String {
    let pattern = attributes.default().filter(|pattern| !pattern.is_empty()).unwrap_or(DATE_AND_TIME);
    formatted(scope.page.now, pattern)
}

/// `%SERVERTIME{"format"}%`: the same time, but the zone is called the server's.
pub(super) fn server_time(scope: &mut Scope, attributes: &Attributes) -> String {
    let pattern = attributes.default().filter(|pattern| !pattern.is_empty()).unwrap_or(DATE_AND_TIME);
    let moment = Moment::at(scope.page.now);
    format::replace(pattern, |text| {
        format::named(text, "tz").map(|length| (length, "Local".to_owned())).or_else(|| moment.token(text))
    })
}

/// `%DATE%`
pub(super) fn date(scope: &mut Scope, _: &Attributes) -> String {
    formatted(scope.page.now, DATE)
}

/// A moment, in seconds since 1970, with the tokens of `pattern` replaced.
pub(crate) fn formatted(seconds: i64, pattern: &str) -> String {
    let moment = Moment::at(seconds);
    format::replace(pattern, |text| moment.token(text))
}

/// The date token at the start of `text`: the length of its name, and its value.
pub(crate) fn token(seconds: i64, text: &str) -> Option<(usize, String)> {
    Moment::at(seconds).token(text)
}

/// A moment as people name it.
struct Moment {
    epoch: i64,
    year: i64,
    /// From 1.
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// From Sunday as 0.
    weekday: usize,
    day_of_year: i64,
}

impl Moment {
    fn at(epoch: i64) -> Moment {
        // Far beyond any date that people write, and safe to calculate with.
        let epoch = epoch.clamp(-62_135_596_800, 253_402_300_799);
        let (days, second) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        Moment {
            epoch,
            year,
            month: usize::try_from(month).unwrap_or(1),
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
            day_of_year: days - days_before_year(year),
        }
    }

    /// The token at the start of `text`: the length of its name, and its value. Names may be longer than needed:
    /// `$min`, `$minutes`.
    fn token(&self, text: &str) -> Option<(usize, String)> {
        let word = &text[..text.bytes().take_while(u8::is_ascii_lowercase).count()];
        let (length, value) =
            NAMES.iter().find_map(|(name, token)| word.starts_with(name).then_some((name.len(), token)))?;
        let brackets = if text[length..].starts_with("()") { 2 } else { 0 };
        Some((length + brackets, self.value(value)))
    }

    fn value(&self, token: &str) -> String {
        let Moment { epoch, year, month, day, hour, minute, second, weekday, .. } = *self;
        let (month_name, weekday_name) = (MONTHS[(month - 1) % 12], WEEKDAYS[weekday % 7]);
        match token {
            "seconds" => format!("{second:02}"),
            "minutes" => format!("{minute:02}"),
            "hours" => format!("{hour:02}"),
            "day" => format!("{day:02}"),
            "wday" => weekday_name.to_owned(),
            "dow" => weekday.to_string(),
            "week" => self.week().to_string(),
            "month" => month_name.to_owned(),
            "mo" => format!("{month:02}"),
            "year" => format!("{year:04}"),
            "ye" => format!("{:02}", year % 100),
            "epoch" => epoch.to_string(),
            "tz" => "GMT".to_owned(),
            "isotz" => "Z".to_owned(),
            "offset" => "+0000".to_owned(),
            "http" => format!(
                "{weekday_name}, {day:02} {month_name} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
            ),
            "email" => format!(
                "{weekday_name}, {day:02} {month_name} {year:04} {hour:02}:{minute:02}:{second:02} +0000"
            ),
            "rcs" => format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}"),
            "longdate" => format!("{day:02} {month_name} {year:04} - {hour:02}:{minute:02}"),
            _ => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        }
    }

    /// The ISO week.
    fn week(&self) -> i64 {
        // The day of the year of this week's Thursday, which decides whose week it is.
        let monday_based = (i64::try_from(self.weekday).unwrap_or_default() + 6) % 7;
        let thursday = self.day_of_year + 3 - monday_based;
        let length = days_before_year(self.year + 1) - days_before_year(self.year);
        if thursday < 0 {
            let before = days_before_year(self.year) - days_before_year(self.year - 1);
            (thursday + before) / 7 + 1
        } else if thursday >= length {
            (thursday - length) / 7 + 1
        } else {
            thursday / 7 + 1
        }
    }
}

/// What a token begins with, and what it is; longer names first.
const NAMES: [(&str, &str); 29] = [
    ("seconds", "seconds"),
    ("secon", "seconds"),
    ("sec", "seconds"),
    ("minutes", "minutes"),
    ("minute", "minutes"),
    ("min", "minutes"),
    ("hours", "hours"),
    ("hour", "hours"),
    ("hou", "hours"),
    ("day", "day"),
    ("wday", "wday"),
    ("dow", "dow"),
    ("week", "week"),
    ("month", "month"),
    ("mont", "month"),
    ("mon", "month"),
    ("mo", "mo"),
    ("year", "year"),
    ("yea", "year"),
    ("ye", "ye"),
    ("epoch", "epoch"),
    ("tz", "tz"),
    ("isotz", "isotz"),
    ("iso", "iso"),
    ("http", "http"),
    ("email", "email"),
    ("rcs", "rcs"),
    ("offset", "offset"),
    ("longdate", "longdate"),
];

/// Days from 1970-01-01 to the first of January of a year.
fn days_before_year(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days.div_euclid(366);
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_before_year(year);
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

/// Seconds since 1970 of a date as people write it: `23 Nov 2026`, `23 Nov 2026 - 04:16`, `2026-11-23`,
/// `2026-11-23T04:16:00Z`, `2026/11/23 04:16`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut parts = text.split([' ', '-', '/', ':', 'T', 'Z', '.', ',']).filter(|part| !part.is_empty());
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day): (i64, i64, i64) = match MONTHS.iter().position(|month| *month == second) {
        Some(month) => (third.parse().ok()?, i64::try_from(month).ok()? + 1, first.parse().ok()?),
        None => (first.parse().ok()?, second.parse().ok()?, third.parse().ok()?),
    };
    let is_date = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date {
        return None;
    }
    let mut time = [0_i64; 3];
    for (value, part) in time.iter_mut().zip(parts) {
        *value = part.parse().ok().filter(|value| (0..=60).contains(value))?;
    }
    let first_of_month =
        (0..31).map(|day| days_before_year(year) + (month - 1) * 31 - day).find(|&days| {
            let (y, m, d) = civil(days);
            (y, m, d) == (year, month, 1)
        })?;
    Some((first_of_month + day - 1) * 86_400 + time[0] * 3600 + time[1] * 60 + time[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_formatted() {
        let check = |seconds: i64, pattern: &str, expected: &str| {
            assert_eq!(formatted(seconds, pattern), expected, "for {pattern:?}");
        };
        let moment = 1_795_398_350; // 2026-11-23 04:25:50
        check(moment, DATE_AND_TIME, "23 Nov 2026 - 01:45");
        check(moment, "$iso $http", "2026-11-23T01:45:50Z Mon, 23 Nov 2026 01:45:50 GMT");
        check(moment, "$ye$mo$day $minutes $wday $dow $week $epoch", "261123 45 Mon 1 48 1795398350");
        check(moment, "$rcs $tz $isotz $offset", "2026/11/23 01:45:50 GMT Z +0000");
        check(moment, "$n()$unknown $year2", "\n$unknown 20262");
        check(0, "$iso $week", "1970-01-01T00:00:00Z 1");
        check(-1, "$iso", "1969-12-31T23:59:59Z");
        check(1_609_459_200, "$iso $week", "2021-01-01T00:00:00Z 53");
        check(i64::MAX, "$year", "9999");
    }

    #[test]
    fn dates_are_parsed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                parse(text).map(|seconds| formatted(seconds, "$iso")).as_deref(),
                expected,
                "for {text:?}"
            );
        };
        check("23 Nov 2026", Some("2026-11-23T00:00:00Z"));
        check("1 Mar 2024 - 04:16", Some("2024-03-01T04:16:00Z"));
        check("2026-11-23T04:16:07Z", Some("2026-11-23T04:16:07Z"));
        check("2026/12/31 23:59", Some("2026-12-31T23:59:00Z"));
        for text in ["", "x", "2026-13-01", "2026-11", "99 Nov 2026", "1 Nov 999999"] {
            check(text, None);
        }
    }
}
