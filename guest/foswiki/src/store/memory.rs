//! A wiki in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Cursor},
    time::Duration,
};

use super::{Attachment, Attachments, Store};

/// A wiki in memory, for tests and small embedded ones.
///
/// A web exists as soon as it has a topic or is named by [`Memory::web`].
#[derive(Debug, Clone, Default)]
pub struct Memory {
    webs: BTreeSet<String>,
    topics: BTreeMap<(String, String), Vec<String>>,
    attachments: BTreeMap<(String, String, String), Vec<u8>>,
}

impl Memory {
    /// With a web that may have no topic.
    #[must_use]
    pub fn web(mut self, web: &str) -> Memory {
        self.webs.insert(web.to_owned());
        self
    }

    /// With a topic, or its next revision where it exists.
    #[must_use]
    pub fn with(mut self, web: &str, topic: &str, text: &str) -> Memory {
        self.topics.entry((web.to_owned(), topic.to_owned())).or_default().push(text.to_owned());
        self.web(web)
    }

    /// With an attachment, last changed at the epoch.
    #[must_use]
    pub fn attach(mut self, (web, topic): (&str, &str), name: &str, content: &[u8]) -> Memory {
        self.attachments.insert((web.to_owned(), topic.to_owned(), name.to_owned()), content.to_owned());
        self
    }

    fn history(&self, web: &str, topic: &str) -> &[String] {
        self.topics.get(&(web.to_owned(), topic.to_owned())).map_or(&[], Vec::as_slice)
    }
}

impl Store for Memory {
    fn topic(&self, web: &str, topic: &str) -> io::Result<Option<String>> {
        Ok(self.history(web, topic).last().cloned())
    }

    fn revision(&self, web: &str, topic: &str, revision: u32) -> io::Result<Option<String>> {
        let index = (revision as usize).checked_sub(1);
        Ok(index.and_then(|index| self.history(web, topic).get(index).cloned()))
    }

    fn revisions(&self, web: &str, topic: &str) -> io::Result<Vec<u32>> {
        Ok((1..).take(self.history(web, topic).len()).collect())
    }

    fn topic_exists(&self, web: &str, topic: &str) -> bool {
        !self.history(web, topic).is_empty()
    }

    fn web_exists(&self, web: &str) -> bool {
        self.webs.contains(web)
    }

    fn topics(&self, web: &str) -> io::Result<Vec<String>> {
        Ok(self.topics.keys().filter(|(of, _)| of == web).map(|(_, topic)| topic.clone()).collect())
    }

    fn webs(&self, parent: &str) -> io::Result<Vec<String>> {
        let inside = |web: &&String| web.rsplit_once('/').map_or("", |(above, _)| above) == parent;
        Ok(self.webs.iter().filter(inside).cloned().collect())
    }
}

impl Attachments for Memory {
    fn attachment(
        &self,
        topic: (&str, &str),
        name: &str,
        revision: Option<u32>,
    ) -> io::Result<Option<Attachment>> {
        let key = (topic.0.to_owned(), topic.1.to_owned(), name.to_owned());
        let content = self.attachments.get(&key).filter(|_| revision.is_none_or(|revision| revision == 1));
        Ok(content.map(|content| Attachment {
            len: content.len() as u64,
            modified: Duration::ZERO,
            content: Box::new(Cursor::new(content.clone())),
        }))
    }
}
