//! Preferences: `   * Set NAME = value` lines and `%META:PREFERENCE` entries, in their order of precedence.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc};

use crate::{
    access::Memory,
    page::{Settings, User},
    store::Store,
    tml::first_line,
    topic::Topic,
};

/// The shipped defaults, in the system web.
const DEFAULT_PREFERENCES: &str = "DefaultPreferences";

/// The site's own settings, in the users' web.
const SITE_PREFERENCES: &str = "SitePreferences";

/// The setting that locks others against later layers.
const FINAL_PREFERENCES: &str = "FINALPREFERENCES";

/// The preferences that hold for one page.
#[derive(Debug, Clone, Default)]
pub struct Prefs {
    /// Values set while the page is made.
    overrides: BTreeMap<String, String>,
    /// The topic's layer, on those of its user, its webs and the site.
    layers: Rc<Layer>,
    /// The layers of webs read so far.
    webs: RefCell<BTreeMap<String, Rc<Layer>>>,
    /// What access control has decided so far.
    pub(crate) decided: Memory,
}

impl Prefs {
    /// Reads the preferences of a page at `(web, topic)`: System.DefaultPreferences, Main.SitePreferences,
    /// the `WebPreferences` of each ancestor web, the user's topic, the topic itself; `FINALPREFERENCES`
    /// locks.
    ///
    /// A topic that is missing or cannot be read sets nothing.
    pub fn of(store: &dyn Store, settings: &Settings, user: &User, (web, topic): (&str, &str)) -> Prefs {
        let topic = read(store, web, topic).unwrap_or_default();
        Prefs::of_topic(store, settings, user, (web, &topic))
    }

    /// [`Prefs::of`] for a topic that is already read.
    pub fn of_topic(
        store: &dyn Store,
        settings: &Settings,
        user: &User,
        (web, topic): (&str, &Topic),
    ) -> Prefs {
        let prefs = Prefs::default();
        let web = prefs.web_layer(store, settings, web);
        let user = Layer::on(web, read(store, &settings.users_web, &user.wiki_name).as_ref());
        Prefs { layers: Layer::on(user, Ok(topic)), ..prefs }
    }

    /// The value of a preference, unexpanded.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.overrides.get(name).map(String::as_str).or_else(|| self.layers.local(name))
    }

    /// Sets a value for the rest of the page (`%SET`, `%INCLUDE` parameters).
    pub fn set(&mut self, name: &str, value: &str) {
        self.overrides.insert(name.to_owned(), value.to_owned());
    }

    /// What holds for a web as a whole: the site's, its ancestors' and its own settings. Each preferences
    /// topic is read once.
    pub(crate) fn web_layer(&self, store: &dyn Store, settings: &Settings, web: &str) -> Rc<Layer> {
        if let Some(layer) = self.webs.borrow().get(web) {
            return Rc::clone(layer);
        }
        let layer = if web.is_empty() {
            let defaults =
                Layer::on(Layer::bottom(), read(store, &settings.system_web, DEFAULT_PREFERENCES).as_ref());
            Layer::on(defaults, read(store, &settings.users_web, SITE_PREFERENCES).as_ref())
        } else {
            let parent = web.rsplit_once('/').map_or("", |(parent, _)| parent);
            let parent = self.web_layer(store, settings, parent);
            Layer::on(parent, read(store, web, &settings.web_prefs_topic).as_ref())
        };
        self.webs.borrow_mut().insert(web.to_owned(), Rc::clone(&layer));
        layer
    }
}

/// The settings of one topic, on top of those of another layer.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    below: Option<Rc<Layer>>,
    settings: TopicSettings,
    /// Names that no later layer may change.
    locked: Vec<String>,
    /// Whether every topic in and below this layer could be read: access control trusts no other.
    pub(crate) complete: bool,
}

impl Layer {
    fn bottom() -> Rc<Layer> {
        Rc::new(Layer { complete: true, ..Layer::default() })
    }

    fn on(below: Rc<Layer>, topic: Result<&Topic, &io::Error>) -> Rc<Layer> {
        let settings = topic.map(TopicSettings::of).unwrap_or_default();
        let locked = settings.value(FINAL_PREFERENCES).unwrap_or_default();
        let locked = names(locked).map(str::to_owned).collect();
        let complete = below.complete && topic.is_ok();
        Rc::new(Layer { below: Some(below), settings, locked, complete })
    }

    /// The value of a `Set`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        match &self.below {
            Some(below) if below.locks(name) => below.value(name),
            Some(below) => self.settings.value(name).or_else(|| below.value(name)),
            None => self.settings.value(name),
        }
    }

    /// The value for the topic of this layer: its `Local`, else as [`Layer::value`].
    fn local(&self, name: &str) -> Option<&str> {
        let locked = self.below.as_ref().is_some_and(|below| below.locks(name));
        let local = self.settings.local.get(name).filter(|_| !locked);
        local.map_or_else(|| self.value(name), |local| Some(local))
    }

    fn locks(&self, name: &str) -> bool {
        self.locked.iter().any(|locked| locked == name)
            || self.below.as_ref().is_some_and(|below| below.locks(name))
    }
}

/// The settings that one topic makes, by name.
#[derive(Debug, Clone, Default)]
pub struct TopicSettings {
    set: BTreeMap<String, String>,
    local: BTreeMap<String, String>,
}

impl TopicSettings {
    /// Reads the settings of a topic, those inside verbatim and comments too; meta beats text, later beats
    /// earlier.
    pub fn of(topic: &Topic) -> TopicSettings {
        let mut settings = TopicSettings::default();
        settings.read_text(&topic.text);
        for meta in topic.all("PREFERENCE") {
            if let (Some(name), Some(value)) = (meta.value("name"), meta.value("value")) {
                settings
                    .of_kind(meta.value("type") == Some("Local"))
                    .insert(name.to_owned(), value.to_owned());
            }
        }
        settings
    }

    /// The value of a `Set`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    fn of_kind(&mut self, local: bool) -> &mut BTreeMap<String, String> {
        if local { &mut self.local } else { &mut self.set }
    }

    fn read_text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let line = take_line(&mut rest);
            let Some((local, name, first)) = setting(line) else { continue };
            let mut value = first.to_owned();
            while continues(first_line(rest)) {
                value.push('\n');
                value.push_str(take_line(&mut rest));
            }
            value.truncate(value.trim_end().len());
            self.of_kind(local).insert(name.to_owned(), value);
        }
    }
}

/// Takes the first line from a text.
fn take_line<'t>(rest: &mut &'t str) -> &'t str {
    let line = first_line(rest);
    *rest = rest.get(line.len() + 1..).unwrap_or_default();
    line
}

/// `   * Set NAME = value` as (is it `Local`, name, value).
fn setting(line: &str) -> Option<(bool, &str, &str)> {
    let item = unindent(line)?.strip_prefix('*')?;
    let word = item.trim_start();
    let (local, rest) = match word.strip_prefix("Set") {
        Some(rest) => (false, rest),
        None => (true, word.strip_prefix("Local")?),
    };
    let (name, value) = rest.split_once('=')?;
    let key = name.trim();
    let spaced = word.len() < item.len() && name.starts_with([' ', '\t']);
    let valid = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    (spaced && valid).then(|| (local, key, value.trim()))
}

/// Whether a line goes on with the value of the setting before it: indented, and no list item.
fn continues(line: &str) -> bool {
    unindent(line).is_some_and(|rest| {
        let rest = rest.trim_start();
        !rest.is_empty() && !rest.starts_with('*')
    })
}

/// A line without its indent of one or more times three spaces or a tab; `None` where it has none.
fn unindent(line: &str) -> Option<&str> {
    let mut rest = line;
    while let Some(inner) = rest.strip_prefix("   ").or_else(|| rest.strip_prefix('\t')) {
        rest = inner;
    }
    (rest.len() < line.len()).then_some(rest)
}

/// The names in a comma- or space-separated list.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(|char: char| char == ',' || char.is_whitespace()).filter(|name| !name.is_empty())
}

/// A topic, empty where there is none.
fn read(store: &dyn Store, web: &str, topic: &str) -> io::Result<Topic> {
    Ok(store.topic(web, topic)?.map(|file| Topic::parse(&file)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{store::Memory as Wiki, testing};

    fn settings_in(text: &str) -> TopicSettings {
        TopicSettings::of(&Topic::parse(text))
    }

    #[test]
    fn what_is_a_setting() {
        for (text, value) in [
            ("   * Set A = b", Some("b")),
            ("\t* Set A = b", Some("b")),
            ("      * Set A=b  ", Some("b")),
            ("   *  Set   A  =  b c  ", Some("b c")),
            ("<verbatim>\n   * Set A = b\n</verbatim>", Some("b")),
            ("   * Set A = b\n   * Set A = c", Some("c")),
            ("   * Set A = b\n     more\n\tand\n   * x", Some("b\n     more\n\tand")),
            ("   * Set A = b\n\n     no more", Some("b")),
            ("   * Set A = x=y", Some("x=y")),
            ("   * Set A = ", Some("")),
            ("   * Set A = b\n%META:PREFERENCE{name=\"A\" type=\"Set\" value=\"m\"}%\n", Some("m")),
            ("   * Set A = b\n%META:PREFERENCE{name=\"A\" type=\"Local\" value=\"m\"}%\n", Some("b")),
            ("  * Set A = b", None),
            (" * Set A = b", None),
            ("   * SetA = b", None),
            ("   *Set A = b", None),
            ("   * set A = b", None),
            ("   * Set a = b", None),
            ("   * Set 1A = b", None),
            ("   * Set A B = b", None),
            ("   * Local A = b", None),
            ("   1 Set A = b", None),
        ] {
            assert_eq!(settings_in(text).value("A"), value, "{text:?}");
        }
    }

    fn site(topics: &[(&str, &str, &str)]) -> Wiki {
        topics.iter().fold(Wiki::default(), |wiki, (web, topic, text)| wiki.with(web, topic, text))
    }

    /// The value of `A` on the page Top/Sub.Page for the user `JaneTester`.
    fn check(topics: &[(&str, &str, &str)], value: Option<&str>) {
        let (settings, user) = (testing::settings(), testing::user("jane", "JaneTester"));
        let prefs = Prefs::of(&site(topics), &settings, &user, ("Top/Sub", "Page"));
        assert_eq!(prefs.get("A"), value, "{topics:?}");
    }

    #[test]
    fn later_layers_override_earlier_ones() {
        let layers = [
            ("System", "DefaultPreferences", "   * Set A = 1"),
            ("Main", "SitePreferences", "   * Set A = 2"),
            ("Top", "WebPreferences", "   * Set A = 3"),
            ("Top/Sub", "WebPreferences", "   * Set A = 4"),
            ("Main", "JaneTester", "   * Set A = 5"),
            ("Top/Sub", "Page", "   * Set A = 6"),
        ];
        for count in 0..=layers.len() {
            let last = count.to_string();
            check(&layers[..count], (count > 0).then_some(&last));
        }
        check(&[layers[0], ("Top", "WebPreferences", "   * Local A = x")], Some("1"));
        check(&[layers[0], ("Top/Sub", "Page", "   * Set A = y\n   * Local A = x")], Some("x"));
        check(&[layers[0], ("Other", "WebPreferences", "   * Set A = x")], Some("1"));
    }

    #[test]
    fn final_preferences_lock() {
        let locked = ("Main", "SitePreferences", "   * Set A = 2\n   * Set FINALPREFERENCES = B, A");
        check(&[locked, ("Top/Sub", "Page", "   * Set A = 6\n   * Local A = 7")], Some("2"));
        check(&[locked, ("Top", "WebPreferences", "   * Set FINALPREFERENCES =\n   * Set A = 3")], Some("2"));
        let unset = ("Main", "SitePreferences", "   * Set FINALPREFERENCES = A");
        check(&[unset, ("Top/Sub", "Page", "   * Set A = 6")], None);
    }
}
