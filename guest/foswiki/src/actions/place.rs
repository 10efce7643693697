//! Which topic a path means.

use crate::{
    http::Request,
    page::Settings,
    store::{Store, valid_topic, valid_web},
};

/// A web and a topic, both valid names; the topic need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The web's full name.
    pub web: String,
    /// The topic.
    pub topic: String,
    /// Whether the URL names what no wiki can have: the place is then the nearest that it could mean.
    pub invalid: bool,
}

impl Place {
    /// The place that a path and the parameters `topic` and `defaultweb` mean.
    ///
    /// A topic wins over the web of the same name unless the path ends with a slash. Dots separate as slashes
    /// do. The topic's first letter is made a capital; the web's is not.
    pub fn of(store: &dyn Store, settings: &Settings, request: &Request, path: (&[String], bool)) -> Place {
        let from_path: Vec<&str> = path.0.iter().flat_map(|segment| segment.split('.')).collect();
        let default = request.param("defaultweb").filter(|web| valid_web(web)).unwrap_or(&settings.users_web);
        let finder = Finder { store, settings, default };
        let place = finder.find(&from_path, path.1);
        let Some(topic) = request.param("topic") else { return place };
        let named: Vec<&str> = topic.split(['.', '/']).filter(|part| !part.is_empty()).collect();
        match named[..] {
            // A bare name is a topic of the web that the path names.
            [topic] if !from_path.is_empty() => finder.checked(&place.web, topic),
            _ => finder.find(&named, false),
        }
    }
}

struct Finder<'a> {
    store: &'a dyn Store,
    settings: &'a Settings,
    default: &'a str,
}

impl Finder<'_> {
    fn find(&self, parts: &[&str], is_web: bool) -> Place {
        let home = &self.settings.home_topic;
        let Some((last, before)) = parts.split_last() else { return self.checked(self.default, home) };
        let whole = parts.join("/");
        if is_web {
            return self.checked(&whole, home);
        }
        let web = if before.is_empty() { self.default.to_owned() } else { before.join("/") };
        let topic = self.checked(&web, last);
        let is_topic = !topic.invalid && self.store.topic_exists(&topic.web, &topic.topic);
        if !is_topic && valid_web(&whole) && self.store.web_exists(&whole) {
            return self.checked(&whole, home);
        }
        topic
    }

    /// A place of two names, which come from outside.
    fn checked(&self, web: &str, topic: &str) -> Place {
        let (web, valid) = if valid_web(web) { (web, true) } else { (self.default, false) };
        let topic = capitalised(topic);
        if valid && valid_topic(&topic) {
            Place { web: web.to_owned(), topic, invalid: false }
        } else {
            Place { web: web.to_owned(), topic: self.settings.home_topic.clone(), invalid: true }
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
