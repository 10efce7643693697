//! Actions: what the wiki answers to a request.

mod address;
mod authorize;
mod file;
mod mime;
mod place;
mod raw;
mod refuse;
mod site;
mod view;

use std::io;

pub use address::Address;
pub use authorize::{Verdict, authorize};
pub use place::Place;
pub(crate) use site::author_name;

pub use crate::http::{Body, Request, Response};
use crate::{
    access::{self, Mode},
    page::{Memo, Page, Settings, User},
    prefs::Prefs,
    skin,
    store::{Attachments, Store},
    topic::Topic,
};

/// What may be done without a login, where Foswiki's `FeatureAccess` would decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feature {
    /// Reading the source of topics: `FOSWIKI_ALLOW_RAW`.
    Raw,
    /// Reading earlier revisions: `FOSWIKI_ALLOW_HISTORY`.
    History,
}

/// What every action has at hand.
struct Context<'a, W> {
    wiki: &'a W,
    request: &'a Request,
    settings: &'a Settings,
    user: &'a User,
    place: Place,
    now: i64,
}

/// Answers a request. `now` is in seconds since 1970.
///
/// Failures of the store become a page with status 500 that says nothing about them; `log` is told.
pub fn answer<W: Store + Attachments>(
    wiki: &W,
    request: &Request,
    now: i64,
    log: impl FnOnce(&io::Error),
) -> Response {
    let address = Address::of(request);
    let response = match address.action.as_str() {
        "asset" => skin::asset(&address.path),
        _ => act(wiki, request, &address, now).unwrap_or_else(|error| {
            log(&error);
            refuse::failure()
        }),
    };
    response.finish(request)
}

fn act<W: Store + Attachments>(
    wiki: &W,
    request: &Request,
    address: &Address,
    now: i64,
) -> io::Result<Response> {
    let settings = site::settings(request, address);
    let user = site::user(wiki, &settings.users_web, request);
    let path = (&address.path[..], address.trailing_slash);
    let is_file = matches!(address.action.as_str(), "viewfile" | "viewfileauth");
    let (place, file) = if is_file {
        file::place(wiki, &settings, request, &address.path)
    } else {
        (Place::of(wiki, &settings, request, path), String::new())
    };
    let context = Context { wiki, request, settings: &settings, user: &user, place, now };
    match address.action.as_str() {
        "viewauth" | "viewfileauth" if user.login == site::GUEST => {
            Ok(refuse::login(&context, "this address"))
        }
        "viewfile" | "viewfileauth" => file::view(&context, &file),
        "edit" | "attach" | "rename" => Ok(refuse::read_only(&context)),
        "save" | "upload" | "manage" | "register" | "resetpasswd" | "statistics" => {
            Ok(if request.method() == "POST" {
                refuse::read_only(&context)
            } else {
                refuse::method(&context, "POST")
            })
        }
        "rest" | "restauth" | "jsonrpc" => Ok(refuse::handler(&context, &address.path)),
        "login" | "logon" | "rdiff" | "rdiffauth" | "compare" | "compareauth" | "oops" | "configure" => {
            Ok(refuse::not_implemented(&context, &address.action))
        }
        // As in Foswiki, what is no action shows the topic.
        _ => match request.method() {
            "GET" | "HEAD" | "POST" => view::view(&context),
            _ => Ok(refuse::method(&context, "GET, HEAD, POST")),
        },
    }
}

impl<'a, W: Store + Attachments> Context<'a, W> {
    /// The page being made, with the preferences that hold for it.
    fn page(&self, topic: &Topic) -> Page<'a> {
        let Place { web, topic: name, .. } = &self.place;
        Page {
            store: self.wiki,
            settings: self.settings,
            params: self.request.params(),
            user: self.user,
            base_web: web.clone(),
            base_topic: name.clone(),
            prefs: Prefs::of_topic(self.wiki, self.settings, self.user, (web, topic)),
            now: self.now,
            memo: Memo::default(),
        }
    }

    /// Whether the operator lets the user read sources or histories: `authenticated` (as Foswiki's default),
    /// `all`, or `acl`, which asks the topic's and web's rules for RAW and HISTORY.
    fn may(&self, feature: Feature, page: &Page, topic: &Topic) -> bool {
        let (variable, mode) = match feature {
            Feature::Raw => ("FOSWIKI_ALLOW_RAW", Mode::Raw),
            Feature::History => ("FOSWIKI_ALLOW_HISTORY", Mode::History),
        };
        match self.request.variable(variable) {
            "all" => true,
            "acl" => access::may(page, mode, &self.place.web, Some(topic)),
            _ => self.user.login != site::GUEST,
        }
    }
}
