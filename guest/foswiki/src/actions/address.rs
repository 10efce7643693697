//! Where a request goes: the action and path behind the many forms in which web servers split a URL.

use crate::http::{Request, query};

/// The folder that scripts are in, in Foswiki's own layout.
const SCRIPTS: &str = "bin";

/// The folder that attachments are in, in Foswiki's own layout.
const ATTACHMENTS: &str = "pub";

/// The script URL path where nothing tells: Foswiki's own.
const DEFAULT_SCRIPT_URL_PATH: &str = "/foswiki/bin";

/// The endings of scripts.
const SCRIPT_ENDINGS: [&str; 3] = [".fcgi", ".cgi", ".pl"];

/// Actions that show where the script path ends when the URL has no `bin` in it.
const ACTIONS: &str = " asset attach changes compare compareauth configure edit jsonrpc login logon manage oops preview \
                       previewauth rdiff rdiffauth register rename resetpasswd rest restauth save search statistics \
                       upload view viewauth viewfile viewfileauth ";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The URL path before the action, e.g. `/foswiki/bin`; empty at the top.
    pub script_url_path: String,
    /// The URL path of attachments, e.g. `/foswiki/pub`.
    pub pub_url_path: String,
    /// The action: `view` where the URL names none.
    pub action: String,
    /// The path behind the action: decoded, without empty and dot segments.
    pub path: Vec<String>,
    /// Whether the path ends with a slash.
    pub trailing_slash: bool,
}

impl Address {
    /// Reads the address from `FOSWIKI_SCRIPT_URL_PATH` and `FOSWIKI_PUB_URL_PATH` where the operator sets
    /// them, and from `SCRIPT_NAME`, `PATH_INFO`, `DOCUMENT_URI` and `REQUEST_URI`.
    pub fn of(request: &Request) -> Address {
        let url = Url::of(request);
        let setting = |name| Some(segments(request.variable(name))).filter(|path| !path.is_empty());
        let [scripts, files] = ["FOSWIKI_SCRIPT_URL_PATH", "FOSWIKI_PUB_URL_PATH"].map(setting);
        let below = |base: &Option<Vec<String>>, file| url.below(base.as_deref()?, file);
        let configured = below(&files, true).or_else(|| below(&scripts, false));
        let Split { base, file, mut rest } =
            configured.or_else(|| url.split()).unwrap_or_else(|| url.short());
        let derived = derive(&base, file);
        let [scripts, files] = [scripts.unwrap_or(derived.0), files.unwrap_or(derived.1)];
        let named = rest.first().filter(|_| !file).and_then(|first| action_of(first).map(str::to_owned));
        if named.is_some() {
            rest.remove(0);
        }
        let action = named.unwrap_or_else(|| if file { "viewfile" } else { "view" }.to_owned());
        // Some servers repeat the whole URL as PATH_INFO. No web has a name like a script path.
        if !base.is_empty() && !file && rest.starts_with(&base) {
            rest.drain(..base.len());
            rest.drain(..usize::from(rest.first() == Some(&action)));
        }
        Address {
            script_url_path: url_path(&scripts),
            pub_url_path: url_path(&files),
            action,
            trailing_slash: url.trailing_slash && !rest.is_empty(),
            path: rest,
        }
    }
}

/// The URL's path as far as the variables tell it.
struct Url {
    segments: Vec<String>,
    trailing_slash: bool,
}

impl Url {
    /// `SCRIPT_NAME` and `PATH_INFO` together; where neither is given, `REQUEST_URI`.
    ///
    /// A script name without a leading slash is what nginx's `fastcgi_split_path_info` cuts out of the URL
    /// when its pattern skips the script path: that path is in `DOCUMENT_URI`, or in `REQUEST_URI` where
    /// nothing was rewritten.
    fn of(request: &Request) -> Url {
        let (script, info) = (request.variable("SCRIPT_NAME"), request.variable("PATH_INFO"));
        let tail = format!("{script}{info}");
        let path = match () {
            () if tail.is_empty() => request_path(request),
            // Dot segments of the path cannot climb into the script's name.
            () if script.is_empty() || script.starts_with('/') => {
                let segments = segments(script).into_iter().chain(segments(info)).collect();
                return Url { segments, trailing_slash: tail.ends_with('/') };
            }
            () => {
                let mut whole =
                    [request.variable("DOCUMENT_URI").to_owned(), request_path(request)].into_iter();
                let found = whole.find(|url| url.strip_suffix(&tail).is_some_and(|base| base.ends_with('/')));
                found.unwrap_or_else(|| format!("{DEFAULT_SCRIPT_URL_PATH}/{tail}"))
            }
        };
        Url { segments: segments(&path), trailing_slash: path.ends_with('/') }
    }

    /// The URL as one below a base, if it is.
    fn below(&self, base: &[String], file: bool) -> Option<Split> {
        let mut rest = self.segments.strip_prefix(base)?;
        if !file
            && let [script, behind @ ..] = rest
            && is_wiki_script(script)
        {
            // Apache's mod_actions puts the whole URL behind the script.
            rest = behind.strip_prefix(base).unwrap_or(behind);
        }
        Some(Split { base: base.to_vec(), file, rest: rest.to_vec() })
    }

    /// The URL split where the first segment that means something is: `bin`, `pub`, a script, an action.
    fn split(&self) -> Option<Split> {
        let is_folder = |segment: &str| segment == SCRIPTS || segment == ATTACHMENTS;
        let tells = |segment: &String| {
            is_folder(segment)
                || has_script_ending(segment)
                || action_of(segment).is_some_and(is_known_action)
        };
        let at = self.segments.iter().position(tells)?;
        let end = if is_folder(&self.segments[at]) { at + 1 } else { at };
        self.below(&self.segments[..end], self.segments[at] == ATTACHMENTS)
    }

    /// The URL where nothing in it tells: the wiki has short ones, and Foswiki's own script path is for the others.
    fn short(&self) -> Split {
        Split { base: segments(DEFAULT_SCRIPT_URL_PATH), file: false, rest: self.segments.clone() }
    }
}

/// A URL's path in its parts.
struct Split {
    /// The script path, without a script's own name, or the path of attachments.
    base: Vec<String>,
    /// Whether it is that of attachments.
    file: bool,
    /// What is behind it.
    rest: Vec<String>,
}

/// The script and attachment paths that go with a base found in a URL.
fn derive(base: &[String], file: bool) -> (Vec<String>, Vec<String>) {
    let sibling = |name: &str| {
        let parent = base.split_last().map_or(&[][..], |(_, parent)| parent);
        parent.iter().cloned().chain([name.to_owned()]).collect()
    };
    match base.last().map(String::as_str) {
        _ if file => (sibling(SCRIPTS), base.to_vec()),
        Some(SCRIPTS) => (base.to_vec(), sibling(ATTACHMENTS)),
        _ => (base.to_vec(), base.iter().cloned().chain([ATTACHMENTS.to_owned()]).collect()),
    }
}

/// The action that a segment names: itself, or a known one before the ending of a script, as in `edit.pl`.
fn action_of(segment: &str) -> Option<&str> {
    let script = segment.rsplit_once('.').map(|(name, _)| name).filter(|name| is_known_action(name));
    script.filter(|_| has_script_ending(segment)).or_else(|| is_action(segment).then_some(segment))
}

/// Actions are lower-case words; webs and topics begin with a capital.
fn is_action(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_known_action(segment: &str) -> bool {
    is_action(segment) && ACTIONS.contains(&format!(" {segment} "))
}

/// Whether a segment is the one script for all actions, such as `foswiki.fcgi`.
fn is_wiki_script(segment: &str) -> bool {
    has_script_ending(segment) && action_of(segment).is_none()
}

fn has_script_ending(segment: &str) -> bool {
    SCRIPT_ENDINGS.iter().any(|ending| segment.ends_with(ending))
}

/// The decoded path of `REQUEST_URI`.
fn request_path(request: &Request) -> String {
    let uri = request.variable("REQUEST_URI");
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // Some servers give the absolute form.
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    query::decode(path)
}

/// A path's segments without empty ones, with `.` and `..` resolved and never above the top.
fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => (),
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

fn url_path(segments: &[String]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(&query::encode_path(segment));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks `base action path` as the variables give them.
    fn check(variables: &[(&str, &str)], expected: &str) {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let address = Address::of(&Request::new(owned));
        let slash = if address.trailing_slash { "/" } else { "" };
        let found =
            format!("{} {} {}{slash}", address.script_url_path, address.action, address.path.join("/"));
        assert_eq!(found, expected, "{variables:?}");
    }

    fn check_cgi(script: &str, info: &str, uri: &str, expected: &str) {
        check(&[("SCRIPT_NAME", script), ("PATH_INFO", info), ("REQUEST_URI", uri)], expected);
    }

    #[test]
    fn every_web_server_splits_urls_its_own_way() {
        let url = "/foswiki/bin/view/Main/WebHome";
        let same = "/foswiki/bin view Main/WebHome";
        // Plain CGI, lighttpd, HAProxy with a pattern for the path.
        check_cgi("/foswiki/bin/view", "/Main/WebHome", url, same);
        // Apache with mod_fcgid: rewritten to the script, Alias to the script, Action.
        check_cgi("/foswiki/bin/foswiki.fcgi", "/view/Main/WebHome", url, same);
        check_cgi("/foswiki/bin", "/view/Main/WebHome", url, same);
        check_cgi("/foswiki/bin/foswiki.fcgi", url, url, same);
        let configured = ("FOSWIKI_SCRIPT_URL_PATH", "/foswiki/bin");
        check(&[("SCRIPT_NAME", "/foswiki/bin/foswiki.fcgi"), ("PATH_INFO", url), configured], same);
        check(&[("PATH_INFO", url), configured], same);
        // IIS.
        check_cgi("/foswiki/bin/view", url, url, same);
        check_cgi("/foswiki/bin/view", "/foswiki/bin/Main/WebHome", "", same);
        // Apache with mod_proxy_fcgi.
        check_cgi(url, "", url, same);
        // nginx without a split, and with the one that Foswiki's manual shows.
        check_cgi(url, "", url, same);
        check_cgi("view", "/Main/WebHome", url, same);
        check_cgi("/foswiki/bin/view", "", "/foswiki/bin/view", "/foswiki/bin view ");
        // HAProxy and Caddy give the whole path as PATH_INFO.
        check_cgi("", url, url, same);
        check_cgi("", "/bin/view/Main/WebHome", "/bin/view/Main/WebHome", "/bin view Main/WebHome");
        // Scripts with endings.
        check_cgi("/foswiki/bin/edit.pl", "/Main/WebHome", "", "/foswiki/bin edit Main/WebHome");
        check_cgi("/cgi/view.cgi", "/Main/WebHome", "", "/cgi view Main/WebHome");
        // No variables but the URI.
        check_cgi("", "", "/foswiki/bin/view/Main/Web%48ome?x=/y", same);
        check_cgi("", "", "http://wiki.example/foswiki/bin/view/Main/WebHome", same);
    }

    #[test]
    fn nginx_rewrites_of_the_manual() {
        let document = ("DOCUMENT_URI", "/foswiki/bin/view/Main/WebHome");
        let split =
            [("SCRIPT_NAME", "view"), ("PATH_INFO", "/Main/WebHome"), ("REQUEST_URI", "/Main/WebHome?a=b")];
        check(&[split[0], split[1], split[2], document], "/foswiki/bin view Main/WebHome");
        check(&split, "/foswiki/bin view Main/WebHome");
        let configured = ("FOSWIKI_SCRIPT_URL_PATH", "/foswiki/bin/");
        check(&[split[0], split[1], split[2], configured], "/foswiki/bin view Main/WebHome");
        check_cgi(
            "viewfile",
            "/Main/WebHome/a.png",
            "/pub/Main/WebHome/a.png",
            "/foswiki/bin viewfile Main/WebHome/a.png",
        );
        check_cgi("", "", "/", "/foswiki/bin view ");
    }

    #[test]
    fn short_urls() {
        check_cgi("", "/Main/WebHome", "/Main/WebHome", "/foswiki/bin view Main/WebHome");
        check_cgi("/Main/WebHome", "", "/Main/WebHome", "/foswiki/bin view Main/WebHome");
        check_cgi("", "/view/Main/WebHome", "/view/Main/WebHome", " view Main/WebHome");
        check_cgi("", "/foswiki/Main/WebHome", "", "/foswiki/bin foswiki Main/WebHome");
        check_cgi("", "/Main/", "/Main/", "/foswiki/bin view Main/");
        check_cgi("", "/_default/WebHome", "/_default/WebHome", "/foswiki/bin view _default/WebHome");
        let wiki = ("FOSWIKI_SCRIPT_URL_PATH", "/wiki");
        check(&[("SCRIPT_NAME", "/wiki"), ("PATH_INFO", "/Main/WebHome"), wiki], "/wiki view Main/WebHome");
        check(&[("SCRIPT_NAME", "/wiki/edit/Main/X"), wiki], "/wiki edit Main/X");
        check(&[("REQUEST_URI", "/wiki/"), wiki], "/wiki view ");
        check_cgi("/wiki", "/view/Main/WebHome", "", "/wiki view Main/WebHome");
        check_cgi(
            "/foswiki/bin/foswiki.fcgi",
            "/Main/WebHome",
            "/foswiki/Main/WebHome",
            "/foswiki/bin view Main/WebHome",
        );
    }

    #[test]
    fn attachments() {
        check_cgi("", "/foswiki/pub/Main/WebHome/a.png", "", "/foswiki/bin viewfile Main/WebHome/a.png");
        check_cgi("", "/pub/Main/WebHome/view", "", "/bin viewfile Main/WebHome/view");
        check_cgi(
            "/foswiki/bin/viewfile",
            "/Main/WebHome/bin/a.png",
            "",
            "/foswiki/bin viewfile Main/WebHome/bin/a.png",
        );
        let files = ("FOSWIKI_PUB_URL_PATH", "/files");
        check(&[("SCRIPT_NAME", "/files/Main/WebHome/a.png"), files], "/bin viewfile Main/WebHome/a.png");
    }

    #[test]
    fn dots_slashes_and_nonsense() {
        for (info, expected) in [
            ("/view//Main//WebHome", "/foswiki/bin view Main/WebHome"),
            ("/view/./Main/WebHome", "/foswiki/bin view Main/WebHome"),
            ("/view/Main/../../etc", "/foswiki/bin etc "),
            ("/view/../../../../../etc/passwd", "/foswiki/bin etc passwd"),
            ("/nosuch/Main/WebHome", "/foswiki/bin nosuch Main/WebHome"),
            ("/view/Main/<script>", "/foswiki/bin view Main/<script>"),
            ("/view/OracleAcl/Sub/", "/foswiki/bin view OracleAcl/Sub/"),
            ("/view/", "/foswiki/bin view "),
            ("", "/foswiki/bin view "),
            ("/", "/foswiki/bin view "),
        ] {
            check_cgi("/foswiki/bin/foswiki.fcgi", info, "", expected);
        }
    }
}
