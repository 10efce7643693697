//! What the CGI variables say about the site and the user.

use super::address::Address;
use crate::{
    http::Request,
    page::{Settings, User},
    store::Store,
    topic::Topic,
};

/// Where the users' web lists `WikiName`s and logins.
const WIKI_USERS: &str = "WikiUsers";

/// The login of those who have none.
pub(super) const GUEST: &str = "guest";

/// Foswiki's built-in users: login, `WikiName` and the cUID that topics record.
const BUILT_IN: [(&str, &str, &str); 4] = [
    (GUEST, "WikiGuest", "BaseUserMapping_666"),
    ("admin", "AdminUser", "BaseUserMapping_333"),
    ("unknown", "UnknownUser", "BaseUserMapping_999"),
    ("RegistrationAgent", "RegistrationAgent", "BaseUserMapping_222"),
];

/// The settings of the site that a request is for.
///
/// `FOSWIKI_URL_HOST` says how clients reach the site where a proxy before the web server hides it; else
/// scheme and host are the request's.
pub(super) fn settings(request: &Request, address: &Address) -> Settings {
    let configured = request.variable("FOSWIKI_URL_HOST").trim_end_matches('/');
    let url_host = if is_url_host(configured) { configured.to_owned() } else { requested_host(request) };
    Settings {
        url_host,
        script_url_path: address.script_url_path.clone(),
        pub_url_path: address.pub_url_path.clone(),
        system_web: "System".to_owned(),
        users_web: "Main".to_owned(),
        home_topic: "WebHome".to_owned(),
        web_prefs_topic: "WebPreferences".to_owned(),
    }
}

/// The user whom the web server has authenticated (`REMOTE_USER`), or the guest.
///
/// The names of built-in users belong to their own logins: who takes one by choosing such a login, or by a line in
/// the list of users, is unknown.
pub(super) fn user(store: &dyn Store, users_web: &str, request: &Request) -> User {
    let login = Some(request.variable("REMOTE_USER")).filter(|login| !login.is_empty()).unwrap_or(GUEST);
    let named = |login: &str, name: &str| User { login: login.to_owned(), wiki_name: name.to_owned() };
    if let Some((_, name, _)) = BUILT_IN.iter().find(|(known, ..)| *known == login) {
        return named(login, name);
    }
    let name = listed_name(store, users_web, login).unwrap_or_else(|| login.to_owned());
    let taken = BUILT_IN.iter().any(|(_, built_in, _)| [login, name.as_str()].contains(built_in));
    if taken { named("unknown", "UnknownUser") } else { named(login, &name) }
}

/// The `WikiName` of an author as topics record it.
pub(crate) fn author_name(author: &str) -> &str {
    BUILT_IN.iter().find(|(_, _, cuid)| *cuid == author).map_or(author, |(_, name, _)| name)
}

/// The name for a login in the list `   * WikiName - login - date`, where the login may be left out.
fn listed_name(store: &dyn Store, users_web: &str, login: &str) -> Option<String> {
    let list = Topic::parse(&store.topic(users_web, WIKI_USERS).ok()??);
    let entries = list.text.lines().filter_map(|line| line.trim_start().strip_prefix("* "));
    let names = entries.filter_map(|entry| {
        let mut parts = entry.split(" - ").map(str::trim);
        let (name, second, third) = (parts.next()?, parts.next()?, parts.next());
        let of = if third.is_some() { second } else { name };
        (of == login).then(|| name.to_owned())
    });
    names.into_iter().next()
}

/// `scheme://host[:port]` of the request; names that cannot be hosts are not repeated in pages.
fn requested_host(request: &Request) -> String {
    let secure =
        matches!(request.variable("HTTPS"), "on" | "1") || request.variable("REQUEST_SCHEME") == "https";
    let hosts = [request.variable("HTTP_HOST"), request.variable("SERVER_NAME")];
    let host = hosts.into_iter().find(|host| is_host(host)).unwrap_or("localhost");
    format!("{}://{host}", if secure { "https" } else { "http" })
}

fn is_url_host(text: &str) -> bool {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).is_some_and(is_host)
}

/// A host name or address with an optional port.
fn is_host(text: &str) -> bool {
    const MAX_HOST: usize = 253 + 1 + 5; // RFC 1035's longest name, a colon and a port.
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (1..=MAX_HOST).contains(&text.len()) && text.bytes().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn request(variables: &[(&str, &str)]) -> Request {
        Request::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn hosts() {
        for (variables, expected) in [
            (&[("HTTP_HOST", "wiki.example:8080")][..], "http://wiki.example:8080"),
            (&[("HTTP_HOST", "[::1]:80"), ("HTTPS", "on")], "https://[::1]:80"),
            (&[("HTTP_HOST", "a\"><script>"), ("SERVER_NAME", "real.example")], "http://real.example"),
            (&[("HTTP_HOST", "a/b@c")], "http://localhost"),
            (
                &[("HTTP_HOST", "inner"), ("FOSWIKI_URL_HOST", "https://outer.example/")],
                "https://outer.example",
            ),
            (&[("HTTP_HOST", "inner"), ("FOSWIKI_URL_HOST", "javascript:x")], "http://inner"),
            (&[("REQUEST_SCHEME", "https")], "https://localhost"),
        ] {
            let request = request(variables);
            assert_eq!(settings(&request, &Address::of(&request)).url_host, expected, "{variables:?}");
        }
    }

    #[test]
    fn users() {
        let list = "   * List - of - all\n   * JaneTester - jane - 23 Nov 2026\n   * JoeReader - 23 Nov 2026\n   * AdminUser - eve - 23 Nov 2026\n";
        let wiki = Memory::default().with("Main", "WikiUsers", list);
        for (login, name) in [
            ("", "WikiGuest"),
            ("guest", "WikiGuest"),
            ("admin", "AdminUser"),
            ("jane", "JaneTester"),
            ("JoeReader", "JoeReader"),
            ("23 Nov 2026", "23 Nov 2026"),
            ("stranger", "stranger"),
            ("AdminUser", "UnknownUser"),
            ("eve", "UnknownUser"),
        ] {
            assert_eq!(user(&wiki, "Main", &request(&[("REMOTE_USER", login)])).wiki_name, name, "{login}");
        }
        assert_eq!(author_name("BaseUserMapping_333"), "AdminUser");
        assert_eq!(author_name("JaneTester"), "JaneTester");
    }
}
