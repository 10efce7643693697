//! One setting as somebody wrote it: its value, or what is wrong with it, and where it stands.

use std::{borrow::Cow, fmt, ops::Range, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_spanned::Spanned;

/// The longest line of a file that is shown with an error.
const SHOWN: usize = 120;

/// A value, and where it was written. What cannot be read as a `T` is kept as an error, so that one wrong setting hides no
/// other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    read: Result<T, String>,
    place: Place,
}

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// On the command line, or in the variable that stands for it: its name, and the value as it was written.
    Option(&'static str, String),
    /// In the file, at these bytes.
    File(Range<usize>),
}

impl<T> Setting<T> {
    /// A value from the command line.
    pub(super) fn option(name: &'static str, written: impl fmt::Display, value: T) -> Self {
        Self { read: Ok(value), place: Place::Option(name, written.to_string()) }
    }

    /// A value that was found to be wrong already.
    pub(super) fn wrong(name: &'static str, written: impl fmt::Display, reason: String) -> Self {
        Self { read: Err(reason), place: Place::Option(name, written.to_string()) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The value, where it could be read.
    pub(super) fn value(&self) -> Option<&T> {
        self.read.as_ref().ok()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Spanned::<toml::Value>::deserialize(deserializer)?;
        let place = Place::File(written.span());
        let read = T::deserialize(written.into_inner()).map_err(|error| error.message().trim().to_owned());
        Ok(Self { read, place })
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value().ok_or_else(|| serde::ser::Error::custom("a setting that cannot be read"))?;
        value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The file that settings stand in.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: String,
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Errors {
    source: Option<Source>,
    /// Where it stands in the file, and what is said about it.
    told: Vec<(usize, String)>,
}

impl Errors {
    pub(super) fn of(source: Source) -> Self {
        Self { source: Some(source), told: Vec::new() }
    }

    /// Adds something that is wrong as a whole.
    pub(super) fn add(&mut self, error: impl Into<String>) {
        let error = error.into();
        let told = match &self.source {
            Some(Source { file, .. }) => format!("{}: {error}", file.display()),
            None => error,
        };
        self.told.push((0, told));
    }

    /// Adds what is wrong with a setting.
    pub(super) fn at(&mut self, place: &Place, reason: impl fmt::Display) {
        match (place, &self.source) {
            (Place::File(span), Some(source)) => {
                self.told.push((span.start, source.told(span.start, &reason.to_string())));
            }
            (Place::Option(name, written), _) => self.told.push((0, format!("{name} {written}: {reason}"))),
            (Place::File(_), None) => self.told.push((0, reason.to_string())),
        }
    }

    /// The value of a setting, or a note of what is wrong with it.
    pub(super) fn read<'a, T>(&mut self, setting: &'a Setting<T>) -> Option<&'a T> {
        match &setting.read {
            Ok(value) => Some(value),
            Err(reason) => {
                self.at(&setting.place, reason);
                None
            }
        }
    }

    /// What a check makes of a setting, or a note of what is wrong with it.
    pub(super) fn check<T, U>(
        &mut self,
        setting: &Setting<T>,
        check: impl FnOnce(&T) -> Result<U, String>,
    ) -> Option<U> {
        let checked = check(self.read(setting)?);
        checked.map_err(|reason| self.at(&setting.place, reason)).ok()
    }

    /// The text of the file.
    pub(super) fn text(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.text.as_str())
    }

    /// Everything that is wrong, in the order of the file, and once.
    pub(super) fn told(mut self) -> Vec<String> {
        self.told.sort_by_key(|(at, _)| *at);
        self.told.dedup();
        self.told.into_iter().map(|(_, told)| told).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

impl Source {
    /// An error in the words of compilers: file, line, what stands there, and the reason.
    pub(super) fn told(&self, at: usize, reason: &str) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let (number, start) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1));
        let line = self.text[start..].lines().next().unwrap_or_default().trim();
        let shown: String = line.chars().take(SHOWN).collect();
        let cut = if shown.len() < line.len() { "…" } else { "" };
        format!("{}:{number}: `{shown}{cut}`: {reason}", self.file.display())
    }
}
