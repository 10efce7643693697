//! Which site and which route a request is for: host name, URL path, action, method.
//!
//! Tables, so that the way does not depend on how many sites and routes there are. What they hold is the caller's.

mod action;
mod path;

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use action::action;
use http::Method;
pub use path::UrlPath;
use thiserror::Error;

/// The longest host name that is looked up (RFC 1035 §2.3.4).
const MAX_HOST: usize = 255;

/// What of a request decides about its way. What the web server did not send is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// `FCGI_SITE`: the site's name, where the web server knows it.
    pub site: &'a [u8],
    /// `HTTP_HOST`, else `SERVER_NAME`, with or without a port.
    pub host: &'a [u8],
    /// `SCRIPT_NAME`, decoded.
    pub script: &'a [u8],
    /// `PATH_INFO`, decoded.
    pub info: &'a [u8],
    /// `DOCUMENT_URI`, decoded.
    pub document: &'a [u8],
    /// The path of `REQUEST_URI`, as the client sent it.
    pub uri: &'a [u8],
    /// `REQUEST_METHOD`.
    pub method: &'a [u8],
}

/// Sites by name, host and path.
#[derive(Debug)]
pub struct Sites<S> {
    names: HashMap<Box<[u8]>, S>,
    exact: HashMap<Box<[u8]>, Paths<S>>,
    below: HashMap<Box<[u8]>, Paths<S>>,
    rest: Paths<S>,
}

/// Routes of one site.
#[derive(Debug)]
pub struct Routes<R> {
    paths: Paths<Methods<R>>,
    actions: HashMap<Box<[u8]>, Methods<R>>,
    rest: Methods<R>,
    /// The length of the site's own path, behind which actions are.
    base: usize,
}

/// Things by the URL path that they are below: the longest decides.
#[derive(Debug)]
struct Paths<T> {
    table: HashMap<Box<[u8]>, T>,
    /// Segments of the longest path.
    depth: usize,
}

/// Routes for the same requests, by method.
#[derive(Debug)]
struct Methods<R>(Vec<(Vec<Method>, R)>);

/// Two of the same kind at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken;

/// Requests that no route is for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Lost {
    /// There are routes for its path, but for other methods: these.
    #[error("its path is for {}", .0.iter().map(Method::as_str).collect::<Vec<_>>().join(", "))]
    Method(Vec<Method>),
    /// There is no route.
    #[error("nothing is at its path")]
    Nowhere,
}

impl<S: Clone> Sites<S> {
    /// A table with nothing in it.
    pub fn new() -> Self {
        let none = HashMap::new;
        Self { names: HashMap::new(), exact: none(), below: none(), rest: Paths::new() }
    }

    /// Adds a site for a host, `*.` and a domain for all hosts below that, or none for every other one; and below a path, or
    /// at none for every other one.
    pub fn add(&mut self, host: Option<&str>, path: Option<&UrlPath>, site: S) -> Result<(), Taken> {
        let paths = match host.map(|host| (host, host.strip_prefix("*."))) {
            None => &mut self.rest,
            Some((_, Some(domain))) => self.below.entry(domain.as_bytes().into()).or_insert_with(Paths::new),
            Some((host, None)) => self.exact.entry(host.as_bytes().into()).or_insert_with(Paths::new),
        };
        paths.add(path, site)
    }

    /// Names a site.
    pub fn name(&mut self, name: &str, site: S) -> Result<(), Taken> {
        insert(&mut self.names, name.as_bytes(), site)
    }

    /// The site of that name, where the web server named one; else that of the host, of the closest domain above it, or of
    /// all hosts: the first of these that has one for the path.
    pub fn find(&self, asked: &Asked<'_>, path: &UrlPath) -> Option<&S> {
        if !asked.site.is_empty() {
            return self.names.get(asked.site);
        }
        let host = host_name(asked.host);
        let exact = self.exact.get(host.as_ref()).and_then(|paths| paths.find(path));
        exact.or_else(|| self.find_below(&host, path)).or_else(|| self.rest.find(path))
    }

    fn find_below(&self, host: &[u8], path: &UrlPath) -> Option<&S> {
        if self.below.is_empty() {
            return None;
        }
        let domains =
            host.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| &host[at + 1..]);
        domains.filter_map(|domain| self.below.get(domain)).find_map(|paths| paths.find(path))
    }
}

impl<S: Clone> Default for Sites<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Which requests a route is for.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Those below a path.
    Path(&'a UrlPath),
    /// Those with an action.
    Action(&'a str),
    /// All others.
    Rest,
}

impl<R> Routes<R> {
    /// A table with nothing in it, for the site below `path`.
    pub fn new(path: Option<&UrlPath>) -> Self {
        let base = path.map_or(0, |path| path.bytes().len());
        Self { paths: Paths::new(), actions: HashMap::new(), rest: Methods::new(), base }
    }

    /// Adds a route for some methods, or for all others.
    pub fn add(&mut self, place: Place<'_>, methods: &[Method], route: R) -> Result<(), Taken> {
        let places = match place {
            Place::Path(path) => self.paths.entry(path),
            Place::Action(action) => {
                self.actions.entry(action.as_bytes().into()).or_insert_with(Methods::new)
            }
            Place::Rest => &mut self.rest,
        };
        places.add(methods, route)
    }

    /// The route for all requests that no other one is for, and for all methods, if there is one.
    pub fn rest(&self) -> Option<&R> {
        self.rest.0.iter().find(|(methods, _)| methods.is_empty()).map(|(_, route)| route)
    }

    /// The route for a request.
    pub fn find(&self, asked: &Asked<'_>, path: &UrlPath) -> Result<&R, Lost> {
        let places = self.paths.find(path).or_else(|| self.by_action(path)).unwrap_or(&self.rest);
        places.find(asked.method)
    }

    fn by_action(&self, path: &UrlPath) -> Option<&Methods<R>> {
        if self.actions.is_empty() {
            return None;
        }
        self.actions.get(action(path.bytes(), self.base, |name| self.actions.contains_key(name))?)
    }
}

impl<T> Paths<T> {
    fn new() -> Self {
        Self { table: HashMap::new(), depth: 0 }
    }

    fn add(&mut self, path: Option<&UrlPath>, value: T) -> Result<(), Taken> {
        self.depth = self.depth.max(path.map_or(0, UrlPath::depth));
        insert(&mut self.table, path.map_or(b"", UrlPath::bytes), value)
    }

    fn find(&self, path: &UrlPath) -> Option<&T> {
        if self.table.is_empty() {
            return None;
        }
        let mut end = path.ends(self.depth);
        loop {
            if let Some(found) = self.table.get(&path.bytes()[..end]) {
                return Some(found);
            }
            end = path.bytes()[..end].iter().rposition(|byte| *byte == b'/')?;
        }
    }
}

impl<R> Paths<Methods<R>> {
    fn entry(&mut self, path: &UrlPath) -> &mut Methods<R> {
        self.depth = self.depth.max(path.depth());
        self.table.entry(path.bytes().into()).or_insert_with(Methods::new)
    }
}

impl<R> Methods<R> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn add(&mut self, methods: &[Method], route: R) -> Result<(), Taken> {
        let is_taken = |(others, _): &(Vec<Method>, R)| {
            others.is_empty() == methods.is_empty()
                && (methods.is_empty() || methods.iter().any(|method| others.contains(method)))
        };
        if self.0.iter().any(is_taken) {
            return Err(Taken);
        }
        self.0.push((methods.to_vec(), route));
        Ok(())
    }

    /// The route that names the method, else the one that names none.
    fn find(&self, method: &[u8]) -> Result<&R, Lost> {
        let named = |methods: &[Method]| methods.iter().any(|one| one.as_str().as_bytes() == method);
        let found = self.0.iter().find(|(methods, _)| named(methods));
        let found = found.or_else(|| self.0.iter().find(|(methods, _)| methods.is_empty()));
        found.map(|(_, route)| route).ok_or_else(|| match self.0.as_slice() {
            [] => Lost::Nowhere,
            others => Lost::Method(others.iter().flat_map(|(methods, _)| methods.iter().cloned()).collect()),
        })
    }
}

fn insert<T>(table: &mut HashMap<Box<[u8]>, T>, key: &[u8], value: T) -> Result<(), Taken> {
    match table.entry(key.into()) {
        Entry::Occupied(_) => Err(Taken),
        Entry::Vacant(place) => {
            place.insert(value);
            Ok(())
        }
    }
}

/// A host's name as tables have it: without port and last dot, in lower case.
fn host_name(host: &[u8]) -> Cow<'_, [u8]> {
    let port = host.iter().rposition(|byte| *byte == b':');
    let name = match (port, host.last()) {
        (Some(port), last) if last != Some(&b']') => &host[..port],
        _ => host,
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.len() > MAX_HOST {
        return Cow::Borrowed(b"");
    }
    if name.iter().any(u8::is_ascii_uppercase) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> UrlPath {
        UrlPath::new(text).expect("a path")
    }

    fn asked<'a>(host: &'a str, uri: &'a str) -> Asked<'a> {
        Asked { host: host.as_bytes(), uri: uri.as_bytes(), method: b"GET", ..Asked::default() }
    }

    #[test]
    fn sites_are_found_by_host_and_path() {
        let mut sites = Sites::new();
        let all = [
            (Some("a.org"), None, "a"),
            (Some("a.org"), Some("/blog"), "a blog"),
            (Some("a.org"), Some("/blog/old"), "a old blog"),
            (Some("*.a.org"), None, "below a"),
            (Some("*.b.a.org"), Some("/x"), "below b, x"),
            (None, Some("/wiki"), "wiki"),
            (Some("only.org"), Some("/x"), "only x"),
        ];
        for (host, below, name) in all {
            assert_eq!(sites.add(host, below.map(path).as_ref(), name), Ok(()));
            assert_eq!(sites.name(name, name), Ok(()));
        }
        assert_eq!(sites.add(Some("a.org"), Some(&path("/blog")), "again"), Err(Taken));
        assert_eq!(sites.name("a", "again"), Err(Taken));
        let check = |host: &str, uri: &str, expected: Option<&str>| {
            let asked = asked(host, uri);
            let found = sites.find(&asked, &UrlPath::asked(&asked, false));
            assert_eq!(found.copied(), expected, "{host} {uri}");
        };
        check("a.org", "/", Some("a"));
        check("A.Org:8080", "/blogs", Some("a"));
        check("a.org.", "/blog", Some("a blog"));
        check("a.org", "/blog/older", Some("a blog"));
        check("a.org", "/blog/old/x/y", Some("a old blog"));
        check("a.org", "/x/../blog//old/", Some("a old blog"));
        check("x.a.org", "/", Some("below a"));
        check("x.y.a.org", "/", Some("below a"));
        check("x.b.a.org", "/x/y", Some("below b, x"));
        check("x.b.a.org", "/y", Some("below a"));
        check("xa.org", "/", None);
        check("other.org", "/wiki/x", Some("wiki"));
        check("", "/wiki", Some("wiki"));
        check("[::1]:80", "/wiki", Some("wiki"));
        check("only.org", "/x", Some("only x"));
        check("only.org", "/wiki", Some("wiki"));
        let named = Asked { site: b"a old blog", ..asked("other.org", "/") };
        assert_eq!(sites.find(&named, &path("/")).copied(), Some("a old blog"));
        let unknown = Asked { site: b"none", ..asked("a.org", "/") };
        assert_eq!(sites.find(&unknown, &path("/")), None);
    }

    #[test]
    fn routes_are_found_by_path_action_and_method() {
        let mut routes = Routes::new(None);
        let (get, post) = ([Method::GET, Method::HEAD], [Method::POST]);
        let pub_path = path("/foswiki/pub");
        let all: [(Place<'_>, &[Method], &str); 6] = [
            (Place::Action("view"), &get, "view"),
            (Place::Action("save"), &post, "save"),
            (Place::Action("save"), &[], "save, otherwise"),
            (Place::Path(&pub_path), &[], "files"),
            (Place::Path(&pub_path), &post, "upload"),
            (Place::Rest, &[], "rest"),
        ];
        for (place, methods, name) in all {
            assert_eq!(routes.add(place, methods, name), Ok(()), "{name}");
        }
        assert_eq!(routes.add(Place::Action("view"), &[Method::HEAD], "again"), Err(Taken));
        assert_eq!(routes.add(Place::Rest, &[], "again"), Err(Taken));
        let check = |method: &str, uri: &str, expected: Result<&str, Lost>| {
            let asked = Asked { method: method.as_bytes(), ..asked("", uri) };
            let found = routes.find(&asked, &UrlPath::asked(&asked, false));
            assert_eq!(found.copied(), expected, "{method} {uri}");
        };
        check("GET", "/foswiki/bin/view/Main", Ok("view"));
        check("GET", "/foswiki/bin/save/Main", Ok("save, otherwise"));
        check("POST", "/foswiki/bin/save/Main", Ok("save"));
        check("POST", "/foswiki/bin/view", Err(Lost::Method(get.to_vec())));
        check("GET", "/foswiki/pub/bin/save", Ok("files"));
        check("POST", "/foswiki/pub", Ok("upload"));
        check("GET", "/foswiki/public", Ok("rest"));
        check("GET", "/", Ok("rest"));
    }
}
