//! Conditions and ranges of requests (RFC 9110 sections 13 and 14).

use super::{Request, date};

/// What is known about the thing asked for.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// Its strong entity tag, with its quotes.
    pub etag: &'a str,
    /// When it was last changed, in seconds since 1970.
    pub modified: Option<i64>,
}

/// Which part of a file is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// All of it, with status 200.
    Whole,
    /// `len` bytes from `start`, with status 206.
    Part {
        /// The first byte's position.
        start: u64,
        /// How many bytes, at least one.
        len: u64,
    },
    /// None of it: status 416.
    Unsatisfiable,
}

/// Whether the client's copy is still good: status 304. `If-None-Match` beats `If-Modified-Since`.
pub fn not_modified(request: &Request, validators: Validators) -> bool {
    if let Some(tags) = request.header("IF_NONE_MATCH") {
        let mut tags = tags.split(',').map(str::trim);
        return tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == validators.etag);
    }
    let since = request.header("IF_MODIFIED_SINCE").and_then(date::parse);
    matches!((since, validators.modified), (Some(since), Some(modified)) if modified <= since)
}

/// The part of `len` bytes that the request asks for.
///
/// More than one range, other units and what is no range at all are ignored, as section 14.2 allows.
pub fn range(request: &Request, validators: Validators, len: u64) -> Range {
    let Some(ranges) = request.header("RANGE").and_then(|ranges| ranges.strip_prefix("bytes=")) else {
        return Range::Whole;
    };
    let fresh = request.header("IF_RANGE").is_none_or(|condition| {
        condition == validators.etag
            || validators.modified.is_some_and(|at| date::parse(condition) == Some(at))
    });
    if fresh { parse_range(ranges.trim(), len).unwrap_or(Range::Whole) } else { Range::Whole }
}

/// `first-last`, `first-` or `-count`; `None` where it is none of them.
fn parse_range(range: &str, len: u64) -> Option<Range> {
    let (first, last) = range.split_once('-')?;
    let part = |start: u64, end: u64| match end.min(len).checked_sub(start) {
        Some(len @ 1..) => Range::Part { start, len },
        _ => Range::Unsatisfiable,
    };
    match (first, last) {
        ("", count) => Some(part(len.saturating_sub(number(count)?), len)),
        (first, "") => Some(part(number(first)?, len)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| part(first, last.saturating_add(1)))
        }
    }
}

/// Decimal digits; more than 64 bits hold count as the greatest number.
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Validators<'_> = Validators { etag: "\"t\"", modified: Some(784_111_777) };
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn request(headers: &[(&str, &str)]) -> Request {
        Request::new(headers.iter().map(|(name, value)| (format!("HTTP_{name}"), (*value).to_owned())))
    }

    #[test]
    fn ranges() {
        let part = |start, len| Range::Part { start, len };
        for (header, len, expected) in [
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=2-5", 10, part(2, 4)),
            ("bytes=2-", 10, part(2, 8)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-30", 10, part(0, 10)),
            ("bytes=5-99", 10, part(5, 5)),
            ("bytes=0-99999999999999999999999", 10, part(0, 10)),
            ("bytes=10-", 10, Range::Unsatisfiable),
            ("bytes=-0", 10, Range::Unsatisfiable),
            ("bytes=0-", 0, Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Range::Unsatisfiable),
            ("bytes=5-2", 10, Range::Whole),
            ("bytes=0-1,3-4", 10, Range::Whole),
            ("bytes=", 10, Range::Whole),
            ("bytes=-", 10, Range::Whole),
            ("bytes=a-b", 10, Range::Whole),
            ("bytes=+1-2", 10, Range::Whole),
            ("lines=0-1", 10, Range::Whole),
        ] {
            assert_eq!(range(&request(&[("RANGE", header)]), TAG, len), expected, "{header} of {len}");
        }
    }

    #[test]
    fn a_range_is_only_for_the_same_file() {
        for (condition, whole) in
            [("\"t\"", false), (DATE, false), ("\"u\"", true), ("W/\"t\"", true), ("x", true)]
        {
            let request = request(&[("RANGE", "bytes=0-1"), ("IF_RANGE", condition)]);
            assert_eq!(range(&request, TAG, 10) == Range::Whole, whole, "{condition}");
        }
    }

    #[test]
    fn conditions() {
        for (headers, unchanged) in [
            (&[][..], false),
            (&[("IF_NONE_MATCH", "\"t\"")], true),
            (&[("IF_NONE_MATCH", "\"a\", W/\"t\"")], true),
            (&[("IF_NONE_MATCH", "*")], true),
            (&[("IF_NONE_MATCH", "\"a\"")], false),
            (&[("IF_NONE_MATCH", "\"a\""), ("IF_MODIFIED_SINCE", DATE)], false),
            (&[("IF_MODIFIED_SINCE", DATE)], true),
            (&[("IF_MODIFIED_SINCE", "Sun, 06 Nov 1994 08:49:36 GMT")], false),
            (&[("IF_MODIFIED_SINCE", "nonsense")], false),
        ] {
            assert_eq!(not_modified(&request(headers), TAG), unchanged, "{headers:?}");
        }
    }
}
