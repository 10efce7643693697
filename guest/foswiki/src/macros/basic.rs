//! Names of places, and constants of the site.

use super::{Scope, attributes::Attributes};

/// What no preference can change: where the text is.
pub(super) fn constant(scope: &Scope, name: &str) -> Option<String> {
    let value = match name {
        "WEB" => scope.web,
        "TOPIC" => scope.topic,
        "BASEWEB" => &scope.page.base_web,
        "BASETOPIC" => &scope.page.base_topic,
        "INCLUDINGWEB" => scope.including.0,
        "INCLUDINGTOPIC" => scope.including.1,
        _ => return None,
    };
    Some(value.to_owned())
}

/// `%SCRIPTSUFFIX%`, `%ENV%` and others: nothing here.
pub(super) fn nothing(_: &mut Scope, _: &Attributes) -> String {
    String::new()
}

/// `%SYSTEMWEB%`
pub(super) fn system_web(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.settings.system_web.clone()
}

/// `%USERSWEB%`
pub(super) fn users_web(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.settings.users_web.clone()
}

/// `%HOMETOPIC%`
pub(super) fn home_topic(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.settings.home_topic.clone()
}

/// `%WEBPREFSTOPIC%`
pub(super) fn web_preferences_topic(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.settings.web_prefs_topic.clone()
}

/// `%WIKIPREFSTOPIC%`
pub(super) fn preferences_topic(_: &mut Scope, _: &Attributes) -> String {
    "DefaultPreferences".to_owned()
}

/// `%LOCALSITEPREFS%`
pub(super) fn site_preferences(scope: &mut Scope, _: &Attributes) -> String {
    format!("{}.SitePreferences", scope.page.settings.users_web)
}

/// `%WIKIUSERSTOPIC%`
pub(super) fn users_topic(_: &mut Scope, _: &Attributes) -> String {
    "WikiUsers".to_owned()
}

/// `%NOTIFYTOPIC%`
pub(super) fn notify_topic(_: &mut Scope, _: &Attributes) -> String {
    "WebNotify".to_owned()
}

/// `%STATISTICSTOPIC%`
pub(super) fn statistics_topic(_: &mut Scope, _: &Attributes) -> String {
    "WebStatistics".to_owned()
}

/// `%LANGUAGE%`
pub(super) fn language(_: &mut Scope, _: &Attributes) -> String {
    "en".to_owned()
}

/// `%CHARSET%`
pub(super) fn charset(_: &mut Scope, _: &Attributes) -> String {
    "utf-8".to_owned()
}

/// `%AUTHREALM%`
pub(super) fn auth_realm(_: &mut Scope, _: &Attributes) -> String {
    "Enter your WikiName. (First name and last name, no space, no dots, capitalized, e.g. JohnSmith). \
     Cancel to register if you do not have one."
        .to_owned()
}

/// `%HTTP_HOST%`: the host that clients use.
pub(super) fn http_host(scope: &mut Scope, _: &Attributes) -> String {
    let host = &scope.page.settings.url_host;
    host.split_once("://").map_or(&host[..], |(_, host)| host).to_owned()
}

/// `%DEFAULTURLHOST%`
pub(super) fn url_host(scope: &mut Scope, _: &Attributes) -> String {
    scope.page.settings.url_host.clone()
}

/// `%SANDBOXWEB%`: the web to try things in, as it is shipped.
pub(super) fn sandbox_web(_: &mut Scope, _: &Attributes) -> String {
    "Sandbox".to_owned()
}

/// `%TRASHWEB%`: the web of deleted topics, as it is shipped.
pub(super) fn trash_web(_: &mut Scope, _: &Attributes) -> String {
    "Trash".to_owned()
}

/// `%WIKIADMINLOGIN%`
pub(super) fn admin_login(_: &mut Scope, _: &Attributes) -> String {
    "admin".to_owned()
}

/// `%WIKIWEBMASTERNAME%`: who answers for the wiki, as shipped; there is no address to tell.
pub(super) fn webmaster(_: &mut Scope, _: &Attributes) -> String {
    "Wiki Administrator".to_owned()
}

/// `%NOFOLLOW%`: the attribute of links that search engines should not follow.
pub(super) fn no_follow(_: &mut Scope, _: &Attributes) -> String {
    "rel=\"nofollow\"".to_owned()
}

/// `%SCRIPTNAME%`: macros are expanded for views only.
pub(super) fn script_name(_: &mut Scope, _: &Attributes) -> String {
    "view".to_owned()
}

/// `%WIKIVERSION%`: the release of Foswiki whose data and markup this engine reads.
pub(super) fn version(_: &mut Scope, _: &Attributes) -> String {
    "Foswiki-2.1.11".to_owned()
}
