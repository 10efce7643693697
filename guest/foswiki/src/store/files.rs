//! Foswiki's data and pub folders.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::{Attachment, Attachments, Store, valid_attachment, valid_topic, valid_web};
use crate::topic::text_of;

/// What makes a folder a web.
const WEB_PREFERENCES: &str = "WebPreferences";

/// The ending of a topic's file.
const TOPIC: &str = ".txt";

/// The ending of the folder of a topic's history, as Foswiki's `PlainFile` store keeps it.
const HISTORY: &str = ",pfv";

/// A wiki in two folders, `data` and `pub`, with `PlainFile` histories.
///
/// No name leads outside the folders: invalid ones are not found. Symbolic links are followed as far as the
/// host lets them be.
#[derive(Debug, Clone)]
pub struct Files {
    data: PathBuf,
    attachments: PathBuf,
}

impl Files {
    /// The wiki in these folders; neither need exist.
    pub fn new(data: impl Into<PathBuf>, attachments: impl Into<PathBuf>) -> Files {
        Files { data: data.into(), attachments: attachments.into() }
    }

    fn web_path(&self, web: &str) -> Option<PathBuf> {
        (web.is_empty() || valid_web(web)).then(|| self.data.join(web))
    }

    fn topic_path(&self, web: &str, topic: &str, ending: &str) -> Option<PathBuf> {
        (valid_web(web) && valid_topic(topic)).then(|| self.data.join(format!("{web}/{topic}{ending}")))
    }
}

impl Store for Files {
    fn topic(&self, web: &str, topic: &str) -> io::Result<Option<String>> {
        self.topic_path(web, topic, TOPIC).map_or(Ok(None), |path| read(&path))
    }

    fn revision(&self, web: &str, topic: &str, revision: u32) -> io::Result<Option<String>> {
        let history = self.topic_path(web, topic, HISTORY);
        history.map_or(Ok(None), |path| read(&path.join(revision.to_string())))
    }

    fn revisions(&self, web: &str, topic: &str) -> io::Result<Vec<u32>> {
        let Some(path) = self.topic_path(web, topic, HISTORY) else { return Ok(Vec::new()) };
        // A name that is not a number is a comment (`3.m`) or the attachments' folder.
        let mut revisions: Vec<u32> = names_in(&path)?.iter().filter_map(|name| name.parse().ok()).collect();
        revisions.sort_unstable();
        Ok(revisions)
    }

    fn topic_exists(&self, web: &str, topic: &str) -> bool {
        self.topic_path(web, topic, TOPIC).is_some_and(|path| path.is_file())
    }

    fn web_exists(&self, web: &str) -> bool {
        self.topic_exists(web, WEB_PREFERENCES)
    }

    fn topics(&self, web: &str) -> io::Result<Vec<String>> {
        let Some(path) = self.web_path(web).filter(|_| !web.is_empty()) else { return Ok(Vec::new()) };
        let names = names_in(&path)?;
        let topics =
            names.iter().filter_map(|name| name.strip_suffix(TOPIC)).filter(|topic| valid_topic(topic));
        let mut topics: Vec<String> = topics.map(str::to_owned).collect();
        topics.sort_unstable();
        Ok(topics)
    }

    fn webs(&self, parent: &str) -> io::Result<Vec<String>> {
        let Some(path) = self.web_path(parent) else { return Ok(Vec::new()) };
        let full = |name: &String| if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
        // A file's name has a dot, a history's a comma: only folders pass the name check and cost a look
        // inside.
        let mut webs: Vec<String> =
            names_in(&path)?.iter().map(full).filter(|web| self.web_exists(web)).collect();
        webs.sort_unstable();
        Ok(webs)
    }
}

impl Attachments for Files {
    fn attachment(
        &self,
        topic: (&str, &str),
        name: &str,
        revision: Option<u32>,
    ) -> io::Result<Option<Attachment>> {
        let (web, topic) = topic;
        if !(valid_web(web) && valid_topic(topic) && valid_attachment(name)) {
            return Ok(None);
        }
        let folder = self.attachments.join(format!("{web}/{topic}"));
        let path = match revision {
            None => folder.join(name),
            Some(number) => self.data.join(format!("{web}/{topic}{HISTORY}/ATTACHMENTS/{name}/{number}")),
        };
        let Some(file) = found(File::open(&path))? else { return Ok(None) };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some(Attachment { len: metadata.len(), modified, content: Box::new(file) }))
    }
}

/// A file's text. Reads no further than its size says: one more look for its end costs as much as reading it.
fn read(path: &Path) -> io::Result<Option<String>> {
    let Some(mut file) = found(File::open(path))? else { return Ok(None) };
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(Some(text_of(bytes)))
}

/// The names in a folder that are UTF-8; none where there is no such folder.
fn names_in(path: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = found(fs::read_dir(path))? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// `None` for what does not exist; other failures stay failures.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
