//! Who may do what: admin, then DENYTOPIC, ALLOWTOPIC, DENYWEB, ALLOWWEB, then allow.
//!
//! A topic's own rules are its `Set` lines and meta preferences; a web's are those of its preferences topic,
//! its ancestors' and the site's. An empty list is no rule. What cannot be read is denied.

use std::{cell::RefCell, collections::BTreeMap, io};

use crate::{
    page::{Page, User},
    prefs::{TopicSettings, names},
    store::valid_topic,
    topic::Topic,
};

/// The login that may do everything.
const ADMIN_LOGIN: &str = "admin";

/// The group whose members may do everything.
const ADMIN_GROUP: &str = "AdminGroup";

/// The group of the built-in users, which has no topic, and its members.
const BASE_GROUP: (&str, &[&str]) =
    ("BaseGroup", &["AdminUser", "WikiGuest", "UnknownUser", "ProjectContributor", "RegistrationAgent"]);

/// The most groups that are looked into for one page. A rule that names more is as good as unreadable: each costs
/// the reading of a topic, and whoever may edit a topic may write any number into it.
const MAX_GROUPS: usize = 1000;

/// What a group's topic name ends with.
const GROUP: &str = "Group";

/// What is to be done with a topic or web.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Reading it.
    View,
    /// Writing it.
    Change,
    /// Moving or deleting it.
    Rename,
    /// Reading its source.
    Raw,
    /// Reading its earlier revisions.
    History,
}

impl Mode {
    /// The mode as it ends the names of settings.
    fn name(self) -> &'static str {
        match self {
            Mode::View => "VIEW",
            Mode::Change => "CHANGE",
            Mode::Rename => "RENAME",
            Mode::Raw => "RAW",
            Mode::History => "HISTORY",
        }
    }
}

/// Whether the page's user may VIEW a topic. A topic that does not exist has the rules of its web.
pub fn may_view(page: &Page, web: &str, topic: &str) -> bool {
    match page.store.topic(web, topic) {
        Ok(file) => may(page, Mode::View, web, file.map(|file| Topic::parse(&file)).as_ref()),
        Err(_) => is_admin(page),
    }
}

/// Whether the page's user may do something with a topic that is already read, or with a web as a whole.
///
/// Administrators may do everything; who is one is asked last, because mostly the rules allow what is asked
/// for.
pub fn may(page: &Page, mode: Mode, web: &str, topic: Option<&Topic>) -> bool {
    let by_topic = topic.and_then(|topic| decide_topic(page, mode, topic));
    by_topic.unwrap_or_else(|| web_allows(page, mode, web)) || is_admin(page)
}

/// Whether the page's user may do everything.
pub fn is_admin(page: &Page) -> bool {
    page.user.login == ADMIN_LOGIN || in_group(page, ADMIN_GROUP) == Some(true)
}

/// What was decided earlier on the same page, so that a search over a thousand topics asks once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    webs: RefCell<BTreeMap<(Mode, String), bool>>,
    groups: RefCell<BTreeMap<String, Option<bool>>>,
}

/// What a topic's own rules say, where they say anything.
fn decide_topic(page: &Page, mode: Mode, topic: &Topic) -> Option<bool> {
    let settings = TopicSettings::of(topic);
    decide(page, |kind| settings.value(&format!("{kind}TOPIC{}", mode.name())))
}

/// What the rules of a web say.
fn web_allows(page: &Page, mode: Mode, web: &str) -> bool {
    let key = (mode, web.to_owned());
    if let Some(&decided) = page.prefs.decided.webs.borrow().get(&key) {
        return decided;
    }
    let layer = page.prefs.web_layer(page.store, page.settings, web);
    let rules = || decide(page, |kind| layer.value(&format!("{kind}WEB{}", mode.name())));
    let allowed = layer.complete && rules().unwrap_or(true);
    page.prefs.decided.webs.borrow_mut().insert(key, allowed);
    allowed
}

/// What one pair of DENY and ALLOW lists says, where it says anything. A group that cannot be read denies.
fn decide<'a>(page: &Page, rule: impl Fn(&'static str) -> Option<&'a str>) -> Option<bool> {
    let rule = |kind| rule(kind).filter(|list| !list.trim().is_empty());
    if rule("DENY").is_some_and(|list| lists(page, list).unwrap_or(true)) {
        return Some(false);
    }
    rule("ALLOW").map(|list| lists(page, list).unwrap_or(false))
}

/// Whether a rule's list names the page's user, a group of theirs, or everyone; `None` where that cannot be
/// told.
fn lists(page: &Page, list: &str) -> Option<bool> {
    let mut listed = Some(false);
    for name in names(list).map(|name| bare_name(page, name)) {
        if name == "*" || is_user(page.user, name) {
            return Some(true);
        }
        if name.ends_with(GROUP) {
            match in_group(page, name) {
                Some(true) => return Some(true),
                Some(false) => (),
                None => listed = None,
            }
        }
    }
    listed
}

/// Whether the page's user is in a group, directly or through groups inside it; `None` where one cannot be
/// read.
fn in_group(page: &Page, group: &str) -> Option<bool> {
    let groups = &page.prefs.decided.groups;
    if let Some(&decided) = groups.borrow().get(group) {
        return decided;
    }
    if groups.borrow().len() >= MAX_GROUPS && group != ADMIN_GROUP {
        return None;
    }
    let decided = search_groups(page, group).ok();
    groups.borrow_mut().insert(group.to_owned(), decided);
    decided
}

/// Looks through a group and the groups inside it, each once: they may contain each other.
fn search_groups(page: &Page, group: &str) -> io::Result<bool> {
    let mut groups = vec![group.to_owned()];
    let mut next = 0;
    while next < groups.len() {
        let members = members(page, &groups[next])?;
        next += 1;
        for name in names(&members).map(|name| bare_name(page, name)) {
            if is_user(page.user, name) {
                return Ok(true);
            }
            if name.ends_with(GROUP) && !groups.iter().any(|group| group == name) {
                if groups.len() == MAX_GROUPS {
                    return Err(io::Error::other(format!("{group} contains more than {MAX_GROUPS} groups")));
                }
                groups.push(name.to_owned());
            }
        }
    }
    Ok(false)
}

/// The list of a group's members.
fn members(page: &Page, group: &str) -> io::Result<String> {
    if !valid_topic(group) {
        return Ok(String::new());
    }
    let file = page.store.topic(&page.settings.users_web, group)?;
    let listed =
        file.and_then(|file| TopicSettings::of(&Topic::parse(&file)).value("GROUP").map(str::to_owned));
    Ok(match listed {
        None if group == BASE_GROUP.0 => BASE_GROUP.1.join(","),
        listed => listed.unwrap_or_default(),
    })
}

/// A name without the users' web before it.
fn bare_name<'a>(page: &Page, name: &'a str) -> &'a str {
    let web = page.settings.users_web.as_str();
    let bare =
        [web, "%USERSWEB%", "%MAINWEB%"].iter().find_map(|web| name.strip_prefix(web)?.strip_prefix('.'));
    bare.unwrap_or(name)
}

/// Whether a name is the user's. A group's name is no one's, whatever login someone has chosen.
fn is_user(user: &User, name: &str) -> bool {
    !name.ends_with(GROUP) && (name == user.wiki_name || name == user.login)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        store::{Memory as Wiki, Store},
        testing,
    };

    const MODES: [(Mode, &str); 5] = [
        (Mode::View, "VIEW"),
        (Mode::Change, "CHANGE"),
        (Mode::Rename, "RENAME"),
        (Mode::Raw, "RAW"),
        (Mode::History, "HISTORY"),
    ];

    fn wiki() -> Wiki {
        Wiki::default().with("Main", "OracleGroup", "   * Set GROUP = JaneTester\n").with(
            "Main",
            "OracleOuterGroup",
            "   * Set GROUP = OracleGroup, JoeReader\n",
        )
    }

    /// The wiki that a recorded case describes.
    fn wiki_of(case: &Value) -> Wiki {
        let (web, topic) = (case["web"].as_str().unwrap(), case["topic"].as_str().unwrap());
        let mut wiki = wiki().with(web, topic, case["topic_text"].as_str().unwrap_or(""));
        for (web, text) in [("OracleAcl", &case["web_prefs"]), ("OracleAcl/Sub", &case["sub_prefs"])] {
            if let Some(text) = text.as_str() {
                wiki = wiki.with(web, "WebPreferences", text);
            }
        }
        wiki
    }

    #[test]
    fn decides_as_recorded() {
        let recorded: Value = serde_json::from_str(include_str!("../testdata/acl.json")).unwrap();
        let settings = testing::settings();
        for case in recorded["cases"].as_array().unwrap() {
            let wiki = wiki_of(case);
            let (web, topic) = (case["web"].as_str().unwrap(), case["topic"].as_str().unwrap());
            for (name, allowed) in case["allowed"].as_object().unwrap() {
                let user = match name.as_str() {
                    "guest" => testing::user("guest", "WikiGuest"),
                    "admin" => testing::user("admin", "AdminUser"),
                    name => testing::user(name, name),
                };
                let page = testing::page(&wiki, &settings, &user);
                let parsed = Topic::parse(&wiki.topic(web, topic).unwrap().unwrap());
                let mut found = Vec::new();
                found.extend(
                    MODES.map(|(mode, name)| (name.to_owned(), may(&page, mode, web, Some(&parsed)))),
                );
                found.extend(
                    MODES[..2]
                        .iter()
                        .map(|(mode, name)| (format!("WEB_{name}"), may(&page, *mode, web, None))),
                );
                for (mode, found) in found {
                    assert_eq!(u64::from(found), allowed[&mode], "{} for {name}: {mode}", case["name"]);
                }
            }
        }
    }

    /// Whether Jane may view a topic with this text, where the groups `AGroup` and `BGroup` have these
    /// members.
    fn check(text: &str, groups: [&str; 2], allowed: bool) {
        let [a, b] = groups.map(|members| format!("   * Set GROUP = {members}\n"));
        let wiki = wiki().with("Main", "AGroup", &a).with("Main", "BGroup", &b).with("Main", "Page", text);
        let (settings, user) = (testing::settings(), testing::user("jane", "JaneTester"));
        let page = testing::page(&wiki, &settings, &user);
        assert_eq!(may_view(&page, "Main", "Page"), allowed, "{text:?} {groups:?}");
    }

    #[test]
    fn groups_may_contain_each_other() {
        check("   * Set ALLOWTOPICVIEW = AGroup", ["BGroup", "AGroup"], false);
        check("   * Set ALLOWTOPICVIEW = AGroup", ["BGroup", "AGroup, Main.JaneTester"], true);
        check("   * Set DENYTOPICVIEW = BGroup AGroup", ["BGroup", "AGroup jane"], false);
        check("   * Set DENYTOPICVIEW = AGroup", ["AGroup", "JaneTester"], true);
        check("   * Set ALLOWTOPICVIEW = ../../etc/Group", ["", ""], false);
        check("   * Set ALLOWTOPICVIEW = *", ["", ""], true);
        let many = (0..=MAX_GROUPS).fold(String::new(), |many, number| many + &format!("X{number}Group "));
        check("   * Set DENYTOPICVIEW = AGroup", [&many, ""], false);
        check("   * Set ALLOWTOPICVIEW = AGroup", [&format!("JaneTester {many}"), ""], true);
        check(&format!("   * Set DENYTOPICVIEW = {many}"), ["", ""], false);
    }

    #[test]
    fn a_login_cannot_be_a_group() {
        let wiki = wiki().with("Main", "Page", "   * Set ALLOWTOPICVIEW = OracleGroup, AdminGroup\n");
        let settings = testing::settings();
        for login in ["OracleGroup", "AdminGroup", "Main.OracleGroup"] {
            let user = testing::user(login, login);
            assert!(!may_view(&testing::page(&wiki, &settings, &user), "Main", "Page"), "{login}");
        }
    }

    #[test]
    fn members_of_the_admin_group_may_everything() {
        let wiki = wiki().with("Main", "AdminGroup", "   * Set GROUP = OracleOuterGroup\n");
        let wiki = wiki.with("Main", "WebPreferences", "   * Set DENYWEBVIEW = *\n");
        let settings = testing::settings();
        for (login, allowed) in
            [("JaneTester", true), ("JoeReader", true), ("JimOther", false), ("guest", false)]
        {
            let user = testing::user(login, login);
            assert_eq!(
                may_view(&testing::page(&wiki, &settings, &user), "Main", "AdminGroup"),
                allowed,
                "{login}"
            );
        }
    }

    /// A store whose preferences of one web cannot be read.
    struct Broken(Wiki);

    impl Store for Broken {
        fn topic(&self, web: &str, topic: &str) -> io::Result<Option<String>> {
            match topic {
                "WebPreferences" | "BrokenGroup" => Err(io::Error::other("unreadable")),
                _ => self.0.topic(web, topic),
            }
        }
        fn revision(&self, web: &str, topic: &str, revision: u32) -> io::Result<Option<String>> {
            self.0.revision(web, topic, revision)
        }
        fn revisions(&self, web: &str, topic: &str) -> io::Result<Vec<u32>> {
            self.0.revisions(web, topic)
        }
        fn topic_exists(&self, web: &str, topic: &str) -> bool {
            self.0.topic_exists(web, topic)
        }
        fn web_exists(&self, web: &str) -> bool {
            self.0.web_exists(web)
        }
        fn topics(&self, web: &str) -> io::Result<Vec<String>> {
            self.0.topics(web)
        }
        fn webs(&self, parent: &str) -> io::Result<Vec<String>> {
            self.0.webs(parent)
        }
    }

    #[test]
    fn what_cannot_be_read_is_denied() {
        let wiki = wiki()
            .with("Main", "Free", "text")
            .with("Main", "Mine", "   * Set ALLOWTOPICVIEW = JaneTester\n")
            .with("Main", "Denied", "   * Set DENYTOPICVIEW = BrokenGroup\n   * Set ALLOWTOPICVIEW = *\n")
            .with("Main", "Allowed", "   * Set ALLOWTOPICVIEW = BrokenGroup\n");
        let (settings, user) = (testing::settings(), testing::user("jane", "JaneTester"));
        let store = Broken(wiki);
        let page = testing::page(&store, &settings, &user);
        for (topic, allowed) in [
            ("Free", false),
            ("Mine", true),
            ("Denied", false),
            ("Allowed", false),
            ("WebPreferences", false),
        ] {
            assert_eq!(may_view(&page, "Main", topic), allowed, "{topic}");
        }
    }
}
