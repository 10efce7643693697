//! Where topics, their histories and attachments come from.

mod files;
mod memory;

use std::{
    io::{self, Read, Seek},
    time::Duration,
};

pub use files::Files;
pub use memory::Memory;

/// A wiki's data. Web names are full paths with slashes (`Main`, `Projects/Alpha`), topic names are bare.
///
/// Names are checked by the caller ([`valid_web`], [`valid_topic`]) before they reach a store.
pub trait Store {
    /// The newest text of a topic as it stands on disk, `%META` lines included; `None` where there is no such
    /// topic.
    fn topic(&self, web: &str, topic: &str) -> io::Result<Option<String>>;

    /// The text of one revision; `None` where that revision is not kept.
    fn revision(&self, web: &str, topic: &str, revision: u32) -> io::Result<Option<String>>;

    /// The numbers of the revisions that are kept, ascending; empty where there is no history.
    fn revisions(&self, web: &str, topic: &str) -> io::Result<Vec<u32>>;

    /// Whether the topic exists.
    fn topic_exists(&self, web: &str, topic: &str) -> bool;

    /// Whether the web exists: a folder with a `WebPreferences` topic.
    fn web_exists(&self, web: &str) -> bool;

    /// The names of a web's topics, sorted.
    fn topics(&self, web: &str) -> io::Result<Vec<String>>;

    /// The full names of the webs directly inside `parent` (`""` for the top), sorted.
    fn webs(&self, parent: &str) -> io::Result<Vec<String>>;
}

/// Files attached to topics.
pub trait Attachments {
    /// Opens an attachment, or one of its earlier revisions; `None` where there is no such file.
    ///
    /// `name` may have folders in it, as the files that come with Foswiki's extensions have.
    fn attachment(
        &self,
        topic: (&str, &str),
        name: &str,
        revision: Option<u32>,
    ) -> io::Result<Option<Attachment>>;
}

/// An open attachment.
pub struct Attachment {
    /// Its size in bytes when it was opened.
    pub len: u64,
    /// When it was last changed, since 1970-01-01 00:00 UTC.
    pub modified: Duration,
    /// Its bytes.
    pub content: Box<dyn Content>,
}

/// Bytes that can be read from any position.
pub trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}

/// The longest name of a topic, a web or a file, in bytes: what file systems hold, less an ending like
/// `,pfv`.
const MAX_NAME: usize = 240;

/// The deepest nesting of webs and of folders inside an attachment's name.
const MAX_DEPTH: usize = 16;

/// Whether a web's full name is one that Foswiki accepts: parts that begin with a capital or `_`, of letters,
/// digits and `_`, joined by single slashes.
pub fn valid_web(web: &str) -> bool {
    web.split('/').count() <= MAX_DEPTH && web.split('/').all(valid_web_part)
}

fn valid_web_part(part: &str) -> bool {
    part.len() <= MAX_NAME
        && part.starts_with(|first: char| first.is_uppercase() || first == '_')
        && part.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-'))
}

/// Whether a topic's name is one that Foswiki accepts: it begins with a capital, a digit or `_` and has no
/// blank, no control character and none of the characters that mean something in URLs, markup, paths or
/// histories.
pub fn valid_topic(topic: &str) -> bool {
    topic.len() <= MAX_NAME
        && topic.starts_with(|first: char| first.is_alphanumeric() && !first.is_lowercase() || first == '_')
        && topic.chars().all(|char| {
            !char.is_whitespace() && !char.is_control() && !"*?~^$@%`\"'&;|<>[]#\\/.:,".contains(char)
        })
}

/// Whether an attachment's name stays inside its topic's folder: parts without control characters and
/// backslashes, none empty or beginning with a dot, none that is a history's folder.
pub fn valid_attachment(name: &str) -> bool {
    let valid = |part: &str| {
        !part.is_empty()
            && part.len() <= MAX_NAME
            && !part.starts_with('.')
            && !part.ends_with(",v")
            && !part.ends_with(",pfv")
            && !part.chars().any(|char| char.is_control() || char == '\\')
    };
    name.split('/').count() <= MAX_DEPTH && name.split('/').all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |valid: fn(&str) -> bool, yes: &[&str], no: &[&str]| {
            for name in yes {
                assert!(valid(name), "{name:?}");
            }
            for name in no {
                assert!(!valid(name), "{name:?}");
            }
        };
        let long = "A".repeat(MAX_NAME + 1);
        check(
            valid_web,
            &["Main", "Main/Sub", "_default", "Tést", "Été", "A-B"],
            &[
                "",
                "main",
                "/Main",
                "Main/",
                "Main//Sub",
                "Main/..",
                "..",
                "Ma.in",
                "Main\0",
                "A B",
                &long,
                &"A/".repeat(40),
            ],
        );
        check(
            valid_topic,
            &["WebHome", "2026Report", "_Private", "Über", "C++", "A-B", "漢字"],
            &[
                "", "webHome", ".", "..", "A/B", "A.B", "A B", "A,pfv", "A<b>", "A%00", "A\0", "A\\B", "A:B",
                &long,
            ],
        );
        check(
            valid_attachment,
            &["a.png", "some file.txt", "js/a.js", "été.pdf", "a..b"],
            &[
                "",
                ".",
                "..",
                "../a",
                "a/../b",
                "a//b",
                "/a",
                "a/",
                ".htaccess",
                "a\0",
                "a\\b",
                "a,v",
                "X,pfv/1",
                &long,
            ],
        );
    }
}
