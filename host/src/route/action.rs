//! The action that a URL path names: what its script does, such as `view`.

/// The folder that scripts are in: the segment behind it is the action.
const SCRIPTS: &[u8] = b"bin";

/// The folder that files are in: nothing behind it is an action.
const FILES: &[u8] = b"pub";

/// The endings of scripts, which are not part of the action's name.
const SCRIPT_ENDINGS: [&[u8]; 3] = [b".fcgi", b".cgi", b".pl"];

/// The action in a path behind its first `base` bytes, which are the site's: the segment behind the folder of scripts or behind
/// a script for all actions, else the first one if `known`, of all where the script path is not known.
pub(super) fn action(path: &[u8], base: usize, known: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions() {
        let check = |base: &str, uri: &str, expected: Option<&str>| {
            let known = |name: &[u8]| [&b"view"[..], b"save"].contains(&name);
            let found = action(uri.as_bytes(), base.len(), known);
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
}
