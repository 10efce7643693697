//! What came of raising the wall.

use std::{borrow::Cow, fmt};

use super::Part;

/// What is in force, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// The parts, in the order in which they were raised.
    pub findings: Vec<Finding>,
}

/// What came of one part. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part.
    pub part: &'static str,
    /// What came of it.
    pub state: State,
    /// What that means.
    pub text: Cow<'static, str>,
}

/// Whether a part of the wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    InForce,
    /// The kernel has not all of it.
    Lacking,
    /// The operator does without.
    Off,
}

impl Raised {
    /// What whoever operates the host should know: the parts that do not stand.
    pub fn gaps(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.state != State::InForce)
    }
}

impl Finding {
    pub(super) fn in_force(part: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { part, state: State::InForce, text: text.into() }
    }

    pub(super) fn lacking(part: Part, text: impl Into<Cow<'static, str>>) -> Self {
        Self { part: part.name(), state: State::Lacking, text: text.into() }
    }

    pub(super) fn off(part: Part) -> Self {
        Self { part: part.name(), state: State::Off, text: format!("--without {part}").into() }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InForce => "in force",
            Self::Lacking => "not in force",
            Self::Off => "switched off",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, state, text } = self;
        write!(formatter, "{part} {state}: {text}")
    }
}

/// The parts that stand, in one line.
impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = self.findings.iter().filter(|finding| finding.state == State::InForce);
        for (index, Finding { part, text, .. }) in standing.enumerate() {
            let between = if index > 0 { "; " } else { "" };
            write!(formatter, "{between}{part}: {text}")?;
        }
        Ok(())
    }
}
