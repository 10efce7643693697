//! Where topics, their histories and attachments come from.

use std::io;

/// A wiki's data. Web names are full paths with slashes (`Main`, `Projects/Alpha`), topic names are bare.
///
/// Names are checked by the caller ([`valid_web`], [`valid_topic`]) before they reach a store.
pub trait Store {
    /// The newest text of a topic as it stands on disk, `%META` lines included; `None` where there is no such topic.
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
