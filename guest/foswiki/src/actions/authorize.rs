//! The authorizer: whether the web server may send a file out of `pub` itself.
//!
//! A file belongs to the topic in whose folder it is, and may be read by whoever may view that. What is not a file in
//! a topic's folder is refused, and so is whatever web servers might understand otherwise than is done here.

use std::io;

use super::{Address, Context, Place, Response, refuse, site};
use crate::{
    access::{self, Mode},
    http::{Request, query},
    store::{Attachments, Store, valid_attachment, valid_topic, valid_web},
    topic::Topic,
};

/// The folder of attachments, where `FOSWIKI_PUB_URL_PATH` does not tell another URL path of them.
const ATTACHMENTS: &str = "pub";

/// The name that a client gives itself, where the web server asks whether that is so.
const CLAIMED_USER: &str = "FCGI_WASM_HOST_CLAIMED_USER";

/// Whether the web server may send a file.
pub enum Verdict {
    /// It may.
    Allowed,
    /// It sends this instead: status 401 where logging in could help, else 403. Web servers understand no others.
    Refused(Response),
}

/// Decides about the file that `REQUEST_URI` names. `now` is in seconds since 1970.
///
/// What the store cannot read is refused; `log` is told.
pub fn authorize<W: Store + Attachments>(
    wiki: &W,
    request: &Request,
    now: i64,
    log: impl FnOnce(&io::Error),
) -> Verdict {
    let address = Address::of(request);
    let settings = site::settings(request, &address);
    let user = site::user(wiki, &settings.users_web, request);
    let place = Place { web: settings.users_web.clone(), topic: settings.home_topic.clone(), invalid: false };
    let context = Context { wiki, request, settings: &settings, user: &user, place, now };
    let parts = file(request).filter(|_| matches!(request.method(), "GET" | "HEAD"));
    // The wiki checks no passwords: whatever it allowed would be taken for a proof of the name.
    let unchecked = !request.variable(CLAIMED_USER).is_empty();
    let allowed = match parts {
        _ if unchecked => Ok(Allowed::ToOthers),
        Some(parts) => decide(&context, &parts),
        None => Ok(Allowed::Never),
    };
    let allowed = allowed.unwrap_or_else(|error| {
        log(&error);
        Allowed::Never
    });
    let refused = match allowed {
        Allowed::Now => return Verdict::Allowed,
        Allowed::ToOthers if user.login == site::GUEST => login(&context),
        Allowed::ToOthers | Allowed::Never => refuse::denied(&context),
    };
    Verdict::Refused(refused.header("Cache-Control", "no-store").finish(request))
}

#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    Now,
    /// The rules name users, and the request's is none of them.
    ToOthers,
    Never,
}

/// Asks the rules of every topic whose folder the file could be in: `Main/Sub/Page/a.png` is a file of `Main/Sub.Page`,
/// and of `Main.Sub` as well, where both are there.
fn decide<W: Store + Attachments>(context: &Context<W>, parts: &[String]) -> io::Result<Allowed> {
    let mut found = false;
    for webs in 1..parts.len().saturating_sub(1) {
        let (web, topic, name) = (parts[..webs].join("/"), &parts[webs], parts[webs + 1..].join("/"));
        if !valid_web(&web) || !context.wiki.web_exists(&web) {
            break;
        }
        if !valid_topic(topic) || !valid_attachment(&name) {
            continue;
        }
        let Some(text) = context.wiki.topic(&web, topic)? else { continue };
        let parsed = Topic::parse(&text);
        let place = Place { web: web.clone(), topic: topic.clone(), invalid: false };
        let page = Context { place, ..*context }.page(&parsed);
        if !access::may(&page, Mode::View, &web, Some(&parsed)) {
            return Ok(Allowed::ToOthers);
        }
        found = true;
    }
    Ok(if found { Allowed::Now } else { Allowed::Never })
}

/// The path below the folder of attachments: decoded, and the only one that web servers can make of the URL.
///
/// `REQUEST_URI` is what the client sent. Where the web server also tells the file that it has found
/// (`SCRIPT_FILENAME`), that must be the same: a rewritten URL is not what was asked for.
fn file(request: &Request) -> Option<Vec<String>> {
    let uri = request.variable("REQUEST_URI");
    let path = uri.split('?').next().filter(|path| !path.contains(['#', '\\']))?;
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let path = query::decode(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let doubtful = |segment: &&str| matches!(*segment, "." | "..") || segment.chars().any(char::is_control);
    if !path.starts_with('/') || path.ends_with('/') || segments.iter().any(doubtful) {
        return None;
    }
    let rest = below(&segments, request.variable("FOSWIKI_PUB_URL_PATH"))?;
    let found = request.variable("SCRIPT_FILENAME");
    let same = found.is_empty() || found.ends_with(&format!("/{}", rest.join("/")));
    same.then(|| rest.iter().map(|&segment| segment.to_owned()).collect())
}

/// What is below the URL path of attachments.
fn below<'a>(segments: &'a [&'a str], configured: &'a str) -> Option<&'a [&'a str]> {
    let configured: Vec<&str> = configured.split('/').filter(|segment| !segment.is_empty()).collect();
    if !configured.is_empty() {
        return segments.strip_prefix(&configured[..]);
    }
    let at = segments.iter().position(|segment| *segment == ATTACHMENTS)?;
    segments.get(at + 1..)
}

/// Status 401 needs a challenge (RFC 9110 §15.5.2). Browsers have no dialogue for this one, so that the page with the
/// form remains the way to log in.
fn login<W>(context: &Context<W>) -> Response {
    let form = format!("{}/login", context.settings.script_url_path);
    let challenge = format!("Cookie realm=\"Foswiki\", form-action=\"{form}\", cookie-name=\"FOSWIKISID\"");
    let mut response = refuse::login(context, "this file").header("WWW-Authenticate", challenge);
    response.status = 401;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn wiki() -> Memory {
        Memory::default()
            .with("Main", "WebPreferences", "")
            .with("Main", "WebHome", "free")
            .with("Main", "Secret", "   * Set ALLOWTOPICVIEW = JaneTester\n")
            .with("Main", "Sub", "   * Set ALLOWTOPICVIEW = JaneTester\n")
            .with("Main/Sub", "WebPreferences", "")
            .with("Main/Sub", "Page", "free")
            .with("Main/Open", "WebPreferences", "")
            .with("Main/Open", "Page", "free")
            .with("Closed", "WebPreferences", "   * Set ALLOWWEBVIEW = JaneTester\n")
            .with("Closed", "WebHome", "text")
    }

    /// The status of the answer; 200 where the file may be sent.
    fn status(variables: &[(&str, &str)]) -> u16 {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        match authorize(&wiki(), &Request::new(owned), 0, |_| ()) {
            Verdict::Allowed => 200,
            Verdict::Refused(response) => response.status,
        }
    }

    fn check(uri: &str, user: &str, expected: u16) {
        assert_eq!(status(&[("REQUEST_URI", uri), ("REMOTE_USER", user)]), expected, "{uri} for {user:?}");
    }

    #[test]
    fn a_file_is_read_by_who_may_view_its_topic() {
        for (uri, guest, jane, other) in [
            ("/foswiki/pub/Main/WebHome/a.png", 200, 200, 200),
            ("/pub/Main/WebHome/js/a.js?v=1", 200, 200, 200),
            ("http://wiki.example/pub/Main/WebHome/a.png", 200, 200, 200),
            ("/pub/Main/Secret/a.png", 401, 200, 403),
            ("/pub/Closed/WebHome/a.png", 401, 200, 403),
            ("/pub/Main/Open/Page/a.png", 200, 200, 200),
        ] {
            check(uri, "", guest);
            check(uri, "JaneTester", jane);
            check(uri, "JimOther", other);
            check(uri, "admin", 200);
        }
    }

    #[test]
    fn a_folder_of_two_topics_is_open_to_who_may_view_both() {
        check("/pub/Main/Sub/Page/a.png", "", 401);
        check("/pub/Main/Sub/Page/a.png", "JaneTester", 200);
    }

    #[test]
    fn what_is_no_file_of_a_topic_is_refused() {
        for uri in [
            "",
            "/",
            "*",
            "/pub",
            "/pub/",
            "/pub/Main",
            "/pub/Main/a.png",
            "/pub/Main/WebHome",
            "/pub/Main/WebHome/",
            "/pub/Main/Missing/a.png",
            "/pub/Missing/WebHome/a.png",
            "/pub/main/WebHome/a.png",
            "/pub/Main/webHome/a.png",
            "/pub/Main/WEBHOME/a.png",
            "/pub/Main.WebHome/a.png",
            "/pub/Main/WebHome/.htaccess",
            "/pub/Main/WebHome/.git/config",
            "/pub/Main/WebHome/a.txt,v",
            "/pub/Main/WebHome,pfv/a",
            "/data/Main/WebHome.txt",
            "/view/Main/WebHome/a.png",
            "pub/Main/WebHome/a.png",
        ] {
            check(uri, "", 403);
            check(uri, "admin", 403);
        }
    }

    #[test]
    fn no_other_spelling_leads_around_the_rules() {
        for (uri, expected) in [
            ("/pub/Main/%53ecret/a.png", 401),
            ("/pub//Main///Secret/a.png", 401),
            ("/pub/Main%2FSecret%2Fa.png", 401),
            ("/pub/Main/WebHome%2Fa.png", 200),
            ("/pub/Main/WebHome/../Secret/a.png", 403),
            ("/pub/Main/WebHome/..%2fSecret/a.png", 403),
            ("/pub/Main/WebHome/%2e%2e/Secret/a.png", 403),
            ("/pub/Main/WebHome/%2E./Secret/a.png", 403),
            ("/pub/Main/./WebHome/a.png", 403),
            ("/pub/Main/WebHome/a.png%00.txt", 403),
            ("/pub/Main/WebHome/a.png%0a", 403),
            ("/pub/Main/WebHome/..\\Secret\\a.png", 403),
            ("/pub/Main/WebHome/..%5cSecret%5ca.png", 403),
            ("/pub/Main/WebHome/a.png#/../../Secret/a.png", 403),
            ("/pub/Main/WebHome/%252e%252e/x.png", 200),
            ("/pub/Main/Secret%FF/a.png", 403),
            ("/pub/../pub/Main/WebHome/a.png", 403),
            ("/pub/Main/Secret/a.png?/pub/Main/WebHome/a.png", 401),
            ("/foswiki/pub/Main/Secret/pub/Main/WebHome/a.png", 401),
        ] {
            check(uri, "", expected);
        }
    }

    #[test]
    fn the_file_that_the_web_server_has_found_must_be_the_one_that_was_asked_for() {
        let check = |found: &str, expected| {
            let uri = ("REQUEST_URI", "/pub/Main/WebHome/a%20b.png");
            assert_eq!(status(&[uri, ("SCRIPT_FILENAME", found)]), expected, "{found}");
        };
        check("", 200);
        check("/srv/foswiki/pub/Main/WebHome/a b.png", 200);
        check("/srv/foswiki/pub/Main/Secret/a b.png", 403);
        check("/srv/foswiki/pub/Main/WebHome", 403);
    }

    #[test]
    fn a_name_that_nobody_has_checked_opens_nothing_at_all() {
        for uri in ["/pub/Main/WebHome/a.png", "/pub/Main/Secret/a.png", "/pub/Main"] {
            let claim = ("FCGI_WASM_HOST_CLAIMED_USER", "admin");
            assert_eq!(status(&[("REQUEST_URI", uri), claim]), 401, "{uri}");
        }
    }

    #[test]
    fn attachments_may_have_another_url_path_and_only_reading_is_allowed() {
        let files = ("FOSWIKI_PUB_URL_PATH", "/files/");
        assert_eq!(status(&[files, ("REQUEST_URI", "/files/Main/WebHome/a.png")]), 200);
        assert_eq!(status(&[files, ("REQUEST_URI", "/pub/Main/WebHome/a.png")]), 403);
        for (method, expected) in [("HEAD", 200), ("PUT", 403), ("DELETE", 403), ("POST", 403)] {
            let uri = ("REQUEST_URI", "/pub/Main/WebHome/a.png");
            assert_eq!(status(&[uri, ("REQUEST_METHOD", method)]), expected, "{method}");
        }
    }

    #[test]
    fn a_guest_is_told_where_to_log_in_without_a_dialogue() {
        let variables = [("REQUEST_URI".to_owned(), "/foswiki/pub/Main/Secret/a.png".to_owned())];
        let Verdict::Refused(response) = authorize(&wiki(), &Request::new(variables), 0, |_| ()) else {
            panic!("allowed")
        };
        let challenge = response.headers.iter().find(|(name, _)| *name == "WWW-Authenticate");
        let (_, challenge) = challenge.unwrap();
        assert!(
            challenge.starts_with("Cookie ") && challenge.contains("\"/foswiki/bin/login\""),
            "{challenge}"
        );
    }
}
