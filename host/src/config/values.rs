//! Sizes and times as people write them.

use std::{fmt, str::FromStr, time::Duration};

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of bytes: `64MiB`, `1GiB`, `100kB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Size(pub u64);

/// A time: `30s`, `500ms`, `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Time(pub Duration);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read: Result<ByteSize, _> = text.parse();
        read.map(|size| Self(size.as_u64())).map_err(|_| format!("{text:?} is not a size such as 64MiB"))
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = humantime::parse_duration(text);
        read.map(Self).map_err(|_| format!("{text:?} is not a time such as 30s or 500ms"))
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

/// In the largest unit in which it is a whole number.
impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let whole = units.into_iter().find(|(bits, _)| self.0 > 0 && self.0.is_multiple_of(1 << bits));
        let (bits, unit) = whole.unwrap_or((0, "B"));
        write!(formatter, "{}{unit}", self.0 >> bits)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_they_can_be_read() {
        let check = |text: &str, bytes: u64, shown: &str| {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Size(bytes)), "{shown}");
        };
        check("64MiB", 64 << 20, "64MiB");
        check("1 GiB", 1 << 30, "1GiB");
        check("100", 100, "100B");
        check("1MB", 1_000_000, "1000000B");
        check("0", 0, "0B");
        assert!("64 potatoes".parse::<Size>().is_err());
    }

    #[test]
    fn times_are_shown_as_they_can_be_read() {
        let check = |text: &str, milliseconds: u64, shown: &str| {
            let time = Time(Duration::from_millis(milliseconds));
            assert_eq!(text.parse(), Ok(time), "{text}");
            assert_eq!(time.to_string(), shown);
            assert_eq!(shown.parse(), Ok(time), "{shown}");
        };
        check("30s", 30_000, "30s");
        check("1m 30s", 90_000, "1m 30s");
        check("500ms", 500, "500ms");
        assert!("30".parse::<Time>().is_err());
    }
}
