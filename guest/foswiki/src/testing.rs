//! What tests of several rooms share.

use crate::{
    page::{Memo, Page, Settings, User},
    prefs::Prefs,
    store::Store,
};

/// A wiki at `/foswiki` with Foswiki's own names.
pub(crate) fn settings() -> Settings {
    Settings {
        url_host: "http://localhost".to_owned(),
        script_url_path: "/foswiki/bin".to_owned(),
        pub_url_path: "/foswiki/pub".to_owned(),
        system_web: "System".to_owned(),
        users_web: "Main".to_owned(),
        home_topic: "WebHome".to_owned(),
        web_prefs_topic: "WebPreferences".to_owned(),
    }
}

/// A user by login name and WikiName.
pub(crate) fn user(login: &str, wiki_name: &str) -> User {
    User { login: login.to_owned(), wiki_name: wiki_name.to_owned() }
}

/// The page Main.WebHome as a user asks for it, without preferences of its own.
pub(crate) fn page<'a>(store: &'a dyn Store, settings: &'a Settings, user: &'a User) -> Page<'a> {
    Page {
        store,
        settings,
        params: &[],
        user,
        base_web: "Main".to_owned(),
        base_topic: "WebHome".to_owned(),
        prefs: Prefs::default(),
        now: 1_795_398_350,
        memo: Memo::default(),
    }
}
