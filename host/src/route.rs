//! Which site and which route a request is for: host name, URL path, action, method.
//!
//! Tables, so that the way does not depend on how many sites and routes there are. What they hold is the caller's.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use http::Method;
use thiserror::Error;

/// The folder that scripts are in: the segment behind it is the action.
const SCRIPTS: &[u8] = b"bin";

/// The folder that files are in: nothing behind it is an action.
const FILES: &[u8] = b"pub";

/// The endings of scripts, which are not part of the action's name.
const SCRIPT_ENDINGS: [&[u8]; 3] = [b".fcgi", b".cgi", b".pl"];

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

/// A URL path in the one form in which paths are compared: decoded, without empty and dot segments, no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UrlPath(Vec<u8>);

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
        let base = path.map_or(0, |path| path.0.len());
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
        self.actions.get(action(&path.0, self.base, |name| self.actions.contains_key(name))?)
    }
}

/// The action in a path behind its first `base` bytes, which are the site's: the segment behind the folder of scripts or behind
/// a script for all actions, else the first one if `known`, of all where the script path is not known.
fn action(path: &[u8], base: usize, known: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let mut end = base;
    for segment in path.get(base..)?.split(|byte| *byte == b'/').skip(1) {
        let before = &path[..end];
        end += 1 + segment.len();
        let (name, is_script) = script(segment);
        match segment {
            FILES => return None,
            SCRIPTS => {
                let first = first(&path[end..])?;
                return match script(first) {
                    (name, true) if !known(name) => {
                        behind_script(&path[end + 1 + first.len()..], &path[..end])
                    }
                    (name, _) => Some(name),
                };
            }
            _ if known(name) => return Some(name),
            _ if is_script => return behind_script(&path[end..], before),
            _ if base == 0 => {}
            _ => return None,
        }
    }
    None
}

/// The action behind a script for all actions. What Apache's `mod_rewrite` and `mod_actions` lead there in an `.htaccess` begins with
/// the path of the scripts once more.
fn behind_script<'a>(path: &'a [u8], scripts: &[u8]) -> Option<&'a [u8]> {
    let again = path.strip_prefix(scripts).filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    Some(script(first(again.unwrap_or(path))?).0)
}

/// The first segment of a path.
fn first(path: &[u8]) -> Option<&[u8]> {
    path.split(|byte| *byte == b'/').nth(1)
}

/// A segment without the ending of a script, and whether it had one.
fn script(segment: &[u8]) -> (&[u8], bool) {
    let name = SCRIPT_ENDINGS.iter().find_map(|ending| segment.strip_suffix(*ending));
    name.map_or((segment, false), |name| (name, true))
}

impl<T> Paths<T> {
    fn new() -> Self {
        Self { table: HashMap::new(), depth: 0 }
    }

    fn add(&mut self, path: Option<&UrlPath>, value: T) -> Result<(), Taken> {
        let path = path.map_or(&b""[..], |path| &path.0);
        self.depth = self.depth.max(depth(path));
        insert(&mut self.table, path, value)
    }

    fn find(&self, path: &UrlPath) -> Option<&T> {
        if self.table.is_empty() {
            return None;
        }
        let mut end = path.ends(self.depth);
        loop {
            if let Some(found) = self.table.get(&path.0[..end]) {
                return Some(found);
            }
            end = path.0[..end].iter().rposition(|byte| *byte == b'/')?;
        }
    }
}

impl<R> Paths<Methods<R>> {
    fn entry(&mut self, path: &UrlPath) -> &mut Methods<R> {
        self.depth = self.depth.max(depth(&path.0));
        self.table.entry(path.0.as_slice().into()).or_insert_with(Methods::new)
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

impl UrlPath {
    /// A path as an operator writes it.
    pub fn new(path: &str) -> Option<Self> {
        let read = Self::of(path.as_bytes(), b"");
        (read.0 == path.trim_end_matches('/').as_bytes() && path.starts_with('/')).then_some(read)
    }

    /// The path that a request is for, as the web server split and decoded it; for an authorizer, the client's own.
    pub fn asked(asked: &Asked<'_>, is_authorizer: bool) -> Self {
        let Asked { script, info, document, uri, .. } = *asked;
        let client = || Self::of(&crate::request::decoded(uri), b"");
        match script.first() {
            _ if is_authorizer => client(),
            None if info.is_empty() => client(),
            // Cut out of the URL behind the script path, which is in the other variables.
            Some(first) if *first != b'/' && document.is_empty() => client(),
            Some(first) if *first != b'/' => Self::of(document, b""),
            _ => Self::of(script, info),
        }
    }

    /// Dot segments of the path behind a script cannot climb into the script's name.
    fn of(script: &[u8], info: &[u8]) -> Self {
        let mut path = Vec::with_capacity(script.len() + info.len() + 1);
        push(&mut path, script);
        push(&mut path, info);
        Self(path)
    }

    /// Where its first `depth` segments end.
    fn ends(&self, depth: usize) -> usize {
        let slashes = self.0.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        slashes.map(|(at, _)| at).nth(depth).unwrap_or(self.0.len())
    }
}

impl fmt::Display for UrlPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.0.is_empty() { b"/" } else { self.0.as_slice() };
        formatter.write_str(&String::from_utf8_lossy(path))
    }
}

/// Adds a path's segments.
fn push(path: &mut Vec<u8>, more: &[u8]) {
    let start = path.len();
    for segment in more.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                let end = path[start..].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                path.truncate(start + end);
            }
            segment => {
                path.push(b'/');
                path.extend_from_slice(segment);
            }
        }
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

fn depth(path: &[u8]) -> usize {
    path.split(|byte| *byte == b'/').count() - 1
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

    #[test]
    fn actions() {
        let check = |base: &str, uri: &str, expected: Option<&str>| {
            let path = UrlPath::new(uri).expect("a path");
            let known = |name: &[u8]| [&b"view"[..], b"save"].contains(&name);
            let found = action(&path.0, base.len(), known);
            assert_eq!(found.map(|name| str::from_utf8(name).expect("text")), expected, "{base} {uri}");
        };
        check("", "/foswiki/bin/view/Main/WebHome", Some("view"));
        check("", "/bin/other/save", Some("other"));
        check("", "/bin/view.pl/save", Some("view"));
        check("", "/cgi/foswiki.fcgi/save/Main", Some("save"));
        check("", "/foswiki/bin/foswiki.fcgi/save/Main", Some("save"));
        check("", "/foswiki/bin/foswiki.fcgi/foswiki/bin/save/Main", Some("save"));
        check("", "/foswiki/bin/foswiki.fcgi/foswiki/bin", None);
        check("", "/foswiki/bin/foswiki.fcgi/foswiki/binary/save", Some("foswiki"));
        check("", "/foswiki/bin/foswiki.fcgi", None);
        check("", "/cgi/foswiki.fcgi/cgi/save/Main", Some("save"));
        check("/foswiki", "/foswiki/bin/foswiki.fcgi/foswiki/bin/save", Some("save"));
        check("", "/view/Main/save", Some("view"));
        check("", "/x/y/save", Some("save"));
        check("", "/pub/save", None);
        check("", "/Main/WebHome", None);
        check("", "/foswiki/bin", None);
        check("/foswiki/bin", "/foswiki/bin/save", Some("save"));
        check("/foswiki", "/foswiki/bin/save", Some("save"));
        check("/wiki", "/wiki/save/x", Some("save"));
        check("/wiki", "/wiki/Main/save", None);
        check("/wiki", "/wiki", None);
    }

    #[test]
    fn paths_are_those_of_the_web_server() {
        let check = |asked: Asked<'_>, expected: &str| {
            assert_eq!(UrlPath::asked(&asked, false).0, expected.as_bytes(), "{asked:?}");
        };
        let uri = b"/c%6Cient/./x";
        check(Asked { uri, ..Asked::default() }, "/client/x");
        check(Asked { uri, script: b"/bin/view", ..Asked::default() }, "/bin/view");
        check(
            Asked { uri, script: b"/bin/view", info: b"/../../a/../b//", ..Asked::default() },
            "/bin/view/b",
        );
        check(Asked { uri, info: b"/a", ..Asked::default() }, "/a");
        check(Asked { uri, script: b"view", info: b"/a", ..Asked::default() }, "/client/x");
        check(Asked { uri, script: b"view", document: b"/bin/view/a", ..Asked::default() }, "/bin/view/a");
        let authorizer = Asked { uri, script: b"/auth", ..Asked::default() };
        assert_eq!(UrlPath::asked(&authorizer, true).0, b"/client/x");
    }

    #[test]
    fn paths_of_operators_are_plain() {
        for text in ["", "x", "/a//b", "/a/../b", "/a/.", "a/"] {
            assert_eq!(UrlPath::new(text), None, "{text}");
        }
        for text in ["/", "/a", "/a/b/"] {
            assert!(UrlPath::new(text).is_some(), "{text}");
        }
    }
}
