//! A topic file: its text and its `%META` data.

/// A topic as read from a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topic {
    /// The text without the `%META` lines.
    pub text: String,
    /// The `%META` entries in file order.
    pub meta: Vec<Meta>,
}

/// One `%META:TYPE{key="value" …}%` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// `TOPICINFO`, `FIELD`, `FILEATTACHMENT` …
    pub kind: String,
    /// Keys and decoded values in file order.
    pub values: Vec<(String, String)>,
}

impl Topic {
    /// Reads a topic file.
    pub fn parse(file: &str) -> Topic {
        Topic { text: file.to_owned(), meta: Vec::new() }
    }

    /// The first entry of a kind.
    pub fn first(&self, kind: &str) -> Option<&Meta> {
        self.meta.iter().find(|meta| meta.kind == kind)
    }

    /// All entries of a kind.
    pub fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Meta> {
        self.meta.iter().filter(move |meta| meta.kind == kind)
    }

    /// The value of a form field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all("FIELD").find(|meta| meta.value("name") == Some(name))?.value("value")
    }
}

impl Meta {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
