//! Which pages of the example wiki are measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A page of the wiki.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) uri: String,
    /// Bytes of the answer.
    pub(crate) len: usize,
}

/// The first page that a visitor sees, and one of its attachments.
const HOME: [(&str, &str); 2] =
    [("Main/WebHome", "/bin/view/Main/WebHome"), ("an attachment", "/bin/viewfile/Main/WebHome/banner.png")];

/// The wiki's longest page, its first, and an attachment. `fetch` returns the body behind a path.
pub(crate) fn pages(root: &Path, fetch: impl Fn(&str) -> Result<Vec<u8>>) -> Result<Vec<Page>> {
    let page = |title: &str, uri: &str| {
        Ok(Page { title: title.to_owned(), uri: uri.to_owned(), len: fetch(uri)?.len() })
    };
    let mut topics = Vec::new();
    for topic in topics_in(&root.join("examples/wiki/data"))? {
        // Some topics are not for everybody.
        topics.extend(page(&format!("the longest page, {topic}"), &format!("/bin/view/{topic}")).ok());
    }
    let longest = topics.into_iter().max_by_key(|page| page.len).context("the wiki has no pages")?;
    let home = HOME.iter().map(|(title, uri)| page(title, uri));
    std::iter::once(Ok(longest)).chain(home).collect()
}

/// Web and topic of all files of topics.
fn topics_in(data: &Path) -> Result<Vec<String>> {
    let mut topics = Vec::new();
    for web in fs::read_dir(data).with_context(|| data.display().to_string())? {
        let web = web?;
        let name = web.file_name();
        for file in fs::read_dir(web.path())? {
            let file = file?.file_name();
            if let Some(topic) = file.to_string_lossy().strip_suffix(".txt") {
                topics.push(format!("{}/{topic}", name.to_string_lossy()));
            }
        }
    }
    topics.sort();
    Ok(topics)
}
