//! What macros and markup may know of the page being made.

use crate::{prefs::Prefs, store::Store};

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
    /// The WikiName: `WikiGuest` for nobody in particular.
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
}
