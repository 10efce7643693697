//! Who asks, other users, and groups.

use super::{Scope, attributes::Attributes, format};
use crate::{prefs::TopicSettings, store::valid_topic, tml::push, topic::Topic};

/// Users that every wiki has: login and `WikiName`.
const BUILT_IN: [(&str, &str); 5] = [
    ("guest", "WikiGuest"),
    ("admin", "AdminUser"),
    ("unknown", "UnknownUser"),
    ("ProjectContributor", "ProjectContributor"),
    ("RegistrationAgent", "RegistrationAgent"),
];

/// Groups that every wiki has, with their members.
const GROUPS: [(&str, &str); 3] = [("BaseGroup", ""), ("AdminGroup", "AdminUser"), ("NobodyGroup", "")];

/// `%USERNAME%`: the login.
pub(super) fn user_name(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.user.login.clone()
}

/// `%WIKINAME%`
pub(super) fn wiki_name(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.user.wiki_name.clone()
}

/// `%WIKIUSERNAME%`
pub(super) fn wiki_user_name(scope: &mut Scope, _: &Attributes) -> String {
    qualified(scope, &scope.page.user.wiki_name)
}

/// `%REMOTE_USER%`: the login of a user who has logged in.
pub(super) fn remote_user(scope: &mut Scope, _: &Attributes) -> String {
    let login = &scope.page.user.login;
    if login == "guest" { String::new() } else { login.clone() }
}

fn qualified(scope: &Scope, wiki_name: &str) -> String {
    format!("{}.{wiki_name}", scope.page.settings.users_web)
}

/// The login and `WikiName` of a user of whom either is known.
fn find_user(scope: &mut Scope, name: &str) -> Option<(String, String)> {
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
    let page = &scope.page;
    if name == page.user.login || name == page.user.wiki_name {
        return Some((page.user.login.clone(), page.user.wiki_name.clone()));
    }
    if let Some((login, wiki_name)) =
        BUILT_IN.iter().find(|(login, wiki_name)| *login == name || *wiki_name == name)
    {
        return Some(((*login).to_owned(), (*wiki_name).to_owned()));
    }
    let list = page.store.topic(&page.settings.users_web, "WikiUsers").ok().flatten().unwrap_or_default();
    list.lines().find_map(|line| {
        let mut parts = line.trim_start().strip_prefix("* ")?.split(" - ").map(str::trim);
        let (wiki_name, second, third) = (parts.next()?, parts.next()?, parts.next());
        let login = if third.is_some() { second } else { wiki_name };
        (login == name || wiki_name == name).then(|| (login.to_owned(), wiki_name.to_owned()))
    })
}

/// The `WikiName` of an author as topics record them.
pub(super) fn author(scope: &mut Scope, recorded: &str) -> String {
    let name = match recorded {
        "BaseUserMapping_333" => "AdminUser",
        "BaseUserMapping_666" => "WikiGuest",
        "BaseUserMapping_222" => "RegistrationAgent",
        "" | "BaseUserMapping_999" => "UnknownUser",
        name => return find_user(scope, name).map_or_else(|| name.to_owned(), |(_, wiki_name)| wiki_name),
    };
    name.to_owned()
}

/// What topics record for a user with this login.
fn canonical(login: &str) -> String {
    let number = match login {
        "admin" => "333",
        "guest" => "666",
        "RegistrationAgent" => "222",
        "unknown" => "999",
        login => return login.to_owned(),
    };
    format!("BaseUserMapping_{number}")
}

/// The login of an author as topics record them.
pub(super) fn author_login(scope: &mut Scope, recorded: &str) -> String {
    let wiki_name = author(scope, recorded);
    find_user(scope, &wiki_name).map_or(wiki_name, |(login, _)| login)
}

/// `%USERINFO{"user" format="$username, $wikiusername, $emails"}%`: mail addresses are not told.
pub(super) fn user_info(scope: &mut Scope, attributes: &Attributes) -> String {
    let asked = attributes.default().filter(|name| !name.is_empty()).map(str::to_owned);
    let found = match asked {
        Some(name) => find_user(scope, &name),
        None => Some((scope.page.user.login.clone(), scope.page.user.wiki_name.clone())),
    };
    let Some((login, wiki_name)) = found else { return String::new() };
    let pattern = attributes.get("format").unwrap_or("$username, $wikiusername, $emails");
    let names = [
        ("username", login.clone()),
        ("wikiname", wiki_name.clone()),
        ("wikiusername", qualified(scope, &wiki_name)),
        ("emails", String::new()),
        ("groups", String::new()),
        ("cUID", canonical(&login)),
        ("admin", (login == "admin").to_string()),
        ("isadmin", (login == "admin").to_string()),
        ("isgroup", wiki_name.ends_with("Group").to_string()),
    ];
    format::replace(pattern, |text| {
        names.iter().find_map(|(name, value)| Some((format::named(text, name)?, value.clone())))
    })
}

/// The names of the wiki's groups: those every wiki has, and the topics of the users' web that end in `Group`.
fn group_names(scope: &mut Scope) -> Vec<String> {
    let mut names: Vec<String> = GROUPS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let topics = scope.page.store.topics(&scope.page.settings.users_web).unwrap_or_default();
    names.extend(
        topics
            .into_iter()
            .filter(|name| name.ends_with("Group") && !GROUPS.iter().any(|(known, _)| known == name)),
    );
    names
}

/// The members of a group as its topic, or the built-in groups, list them.
fn members(scope: &mut Scope, group: &str) -> Vec<String> {
    let web = &scope.page.settings.users_web;
    let file = if valid_topic(group) { scope.page.store.topic(web, group).ok().flatten() } else { None };
    let listed = match file {
        Some(file) => TopicSettings::of(&Topic::parse(&file)).value("GROUP").unwrap_or_default().to_owned(),
        None => GROUPS.iter().find(|(name, _)| *name == group).map_or("", |(_, members)| members).to_owned(),
    };
    let names = listed.split([',', ' ', '\n']).map(|name| name.rsplit('.').next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `%GROUPINFO{"group" format="$wikiusername" separator=", "}%`: without a group, all groups.
pub(super) fn group_info(scope: &mut Scope, attributes: &Attributes) -> String {
    let separator = format::tokens(attributes.get("separator").unwrap_or(", "));
    let group = attributes.default().filter(|group| !group.is_empty());
    let names = match group {
        Some(group) => members(scope, group),
        None => group_names(scope),
    };
    let usual = if group.is_some() { "$wikiusername" } else { "$name" };
    let pattern = attributes.get("format").unwrap_or(usual);
    let one = |name: &String| {
        let values = [
            ("name", group.unwrap_or(name).to_owned()),
            ("wikiname", name.clone()),
            ("wikiusername", qualified(scope, name)),
            (
                "username",
                BUILT_IN
                    .iter()
                    .find(|(_, known)| known == name)
                    .map_or(name.clone(), |(login, _)| (*login).to_owned()),
            ),
            ("allowschange", "0".to_owned()),
            ("allowsview", "1".to_owned()),
        ];
        format::replace(pattern, |text| {
            values.iter().find_map(|(token, value)| Some((format::named(text, token)?, value.clone())))
        })
    };
    names.iter().map(one).collect::<Vec<_>>().join(&separator)
}

/// `%GROUPS%`: a table of the groups.
pub(super) fn groups(scope: &mut Scope, _: &Attributes) -> String {
    let mut table = "| *Group* | *Members* |".to_owned();
    for group in group_names(scope) {
        let members: Vec<String> = members(scope, &group)
            .iter()
            .map(|name| format!("[[{}][{name}]]", qualified(scope, name)))
            .collect();
        push(
            &mut table,
            &["\n| [[", &qualified(scope, &group), "][", &group, "]] | ", &members.join(" "), " |"],
        );
    }
    table
}

/// Whether a user is listed in a group, or in a group listed in it.
pub(super) fn is_member(scope: &mut Scope, user: &str, group: &str) -> bool {
    let user = user.rsplit('.').next().unwrap_or_default();
    let wiki_name = find_user(scope, user).map_or_else(|| user.to_owned(), |(_, wiki_name)| wiki_name);
    let group = group.rsplit('.').next().unwrap_or_default();
    let mut asked: Vec<String> = vec![group.to_owned()];
    let mut at = 0;
    while let Some(group) = asked.get(at).cloned() {
        for member in members(scope, &group) {
            if member == wiki_name {
                return true;
            }
            if member.ends_with("Group") && !asked.contains(&member) {
                asked.push(member);
            }
        }
        at += 1;
    }
    false
}
