//! What macros and markup may know of the page being made.

use std::collections::BTreeMap;

use crate::{
    macros::zones::Part,
    prefs::Prefs,
    store::{Store, valid_topic, valid_web},
};

/// What holds for the whole site.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `http://host[:port]`, without a trailing slash.
    pub url_host: String,
    /// The URL path before the action, e.g. `/foswiki/bin`.
    pub script_url_path: String,
    /// The URL path of attachments, e.g. `/foswiki/pub`.
    pub pub_url_path: String,
    /// The web of the shipped documentation and default preferences: `System`.
    pub system_web: String,
    /// The web of users and groups: `Main`.
    pub users_web: String,
    /// The home topic of each web: `WebHome`.
    pub home_topic: String,
    /// The web's preferences topic: `WebPreferences`.
    pub web_prefs_topic: String,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name: `guest` for nobody in particular.
    pub login: String,
    /// The `WikiName`: `WikiGuest` for nobody in particular.
    pub wiki_name: String,
}

/// One page being made: the whole context of macros and markup.
pub struct Page<'a> {
    /// Where topics come from.
    pub store: &'a dyn Store,
    /// The site.
    pub settings: &'a Settings,
    /// URL parameters, decoded, in their order; names may repeat.
    pub params: &'a [(String, String)],
    /// Who asks.
    pub user: &'a User,
    /// The web of the page asked for (BASEWEB).
    pub base_web: String,
    /// The topic asked for (BASETOPIC).
    pub base_topic: String,
    /// Preferences in force.
    pub prefs: Prefs,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub now: i64,
    /// What macros and markup have found out while making it; starts empty.
    pub memo: Memo,
}

/// What macros and markup find out while they make a page.
#[derive(Debug, Default)]
pub struct Memo {
    /// Which topics exist, by `web/topic`.
    topics: BTreeMap<String, bool>,
    /// How often each anchor was asked for.
    anchors: BTreeMap<String, usize>,
    /// How much macros have done.
    pub(crate) work: usize,
    /// What was added to zones of the page.
    pub(crate) zones: Vec<Part>,
    /// Whether the page says that this was too much.
    pub(crate) told: bool,
}

impl Page<'_> {
    /// Whether a topic exists. Asks the store once for each topic.
    pub fn topic_exists(&mut self, web: &str, topic: &str) -> bool {
        let name = format!("{web}/{topic}");
        if let Some(&exists) = self.memo.topics.get(&name) {
            return exists;
        }
        let exists = valid_web(web) && valid_topic(topic) && self.store.topic_exists(web, topic);
        self.memo.topics.insert(name, exists);
        exists
    }

    /// Remembers that a topic exists, which was read.
    pub(crate) fn note_topic(&mut self, web: &str, topic: &str) {
        self.memo.topics.insert(format!("{web}/{topic}"), true);
    }

    /// An anchor for the page: its name, numbered from its second use on.
    pub(crate) fn unique_anchor(&mut self, name: &str) -> String {
        unique(&mut self.memo.anchors, name)
    }

    /// Whether a preference is set, and not to `off`, `no`, `false` or `0`.
    pub(crate) fn is_on(&self, preference: &str) -> bool {
        self.prefs.get(preference).is_some_and(is_true)
    }
}

/// Numbers the uses of a name: `Name`, `Name_AN1`, `Name_AN2` …
pub(crate) fn unique(uses: &mut BTreeMap<String, usize>, name: &str) -> String {
    let count = uses.entry(name.to_owned()).or_default();
    let unique = if *count == 0 { name.to_owned() } else { format!("{name}_AN{count}") };
    *count += 1;
    unique
}

/// Whether a setting or parameter switches something on.
pub(crate) fn is_true(value: &str) -> bool {
    let value = value.trim();
    !(value.is_empty() || ["off", "no", "false", "0"].iter().any(|off| off.eq_ignore_ascii_case(value)))
}
