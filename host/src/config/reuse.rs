//! `--max` and `--size`, by the names and in the units of foswiki.fcgi: when an instance is not used again.

use std::str::FromStr;

use bytesize::KIB;
use clap::Args;

use super::{document::Limits, setting::Setting, values::Size};

/// When an instance is not used again.
#[derive(Debug, Clone, Default, Args)]
pub struct WrittenReuse {
    /// Requests that one instance answers [default: 1, a fresh instance for each]
    ///
    /// With more than one, what a request leaves in the memory of its instance may be found by the next one. -1 and 0, which meant
    /// that there is no end, mean the default here.
    #[arg(short = 'x', long, value_name = "N", allow_hyphen_values = true)]
    pub max: Option<Requests>,

    /// An instance with more memory than this is not used again, in KiB [default: all that --memory allows]
    #[arg(short, long, value_name = "KB", allow_hyphen_values = true)]
    pub size: Option<Kib>,
}

/// A number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests(u32);

/// A size in KiB, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kib(Option<Size>);

impl WrittenReuse {
    /// What a number means here that was a limit in the old program, and is a licence now.
    pub fn note(&self) -> Option<String> {
        let Requests(most) = self.max.filter(|Requests(most)| *most > 1)?;
        Some(format!(
            "--max {most}: what a request leaves in the memory of its instance may be found by the {} after it; without \
             --max, each has a fresh one",
            most - 1
        ))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.max.is_none() && self.size.is_none()
    }

    /// Says the same in `limits`.
    pub(super) fn limit(&self, limits: Limits) -> Limits {
        Limits {
            reuse: self.max.map(|Requests(most)| Setting::option("--max", most, most)),
            reuse_memory: self.size.and_then(|Kib(size)| Some(Setting::option("--size", size?, size?))),
            ..limits
        }
    }
}

/// Whether a number was left out, or says that there is none.
fn is_endless(text: &str) -> bool {
    matches!(text, "" | "0" | "-1")
}

impl FromStr for Requests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_endless(text) {
            return Ok(Self(1));
        }
        text.parse().map(Self).map_err(|_| format!("{text:?} is not a number of requests"))
    }
}

impl FromStr for Kib {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_endless(text) {
            return Ok(Self(None));
        }
        let number = text.parse::<u64>().map(|number| Size(number.saturating_mul(KIB)));
        let size = number.or_else(|_| text.parse());
        size.map(|size| Self(Some(size)))
            .map_err(|_: String| format!("{text:?} is neither a number of KiB nor a size such as 64MiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_environment_files_have_them() {
        let check = |text: &str, requests, size: Option<Option<u64>>| {
            assert_eq!(text.parse().ok().map(|Requests(most)| most), requests, "{text}");
            let read = text.parse().ok().map(|Kib(size)| size.map(|size| size.0));
            assert_eq!(read, size, "{text}");
        };
        check("", Some(1), Some(None));
        check("-1", Some(1), Some(None));
        check("0", Some(1), Some(None));
        check("100", Some(100), Some(Some(100 << 10)));
        check("64MiB", None, Some(Some(64 << 20)));
        check("-2", None, None);
        check("many", None, None);
    }

    #[test]
    fn sharing_instances_is_said() {
        let note = |max: &str| WrittenReuse { max: max.parse().ok(), size: None }.note();
        assert_eq!([note("-1"), note("1")], [None, None]);
        assert!(note("3").is_some_and(|note| note.contains("--max 3") && note.contains("the 2 after it")));
    }
}
