//! What the process as a whole may do: `--user`, `--allow-path`, `--without`, and what the other settings need.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    document,
    module::{self, ModuleSource},
    setting::{Errors, Setting},
    site::Site,
};
use crate::{
    capability,
    registry::{self, Reference, Settings},
    serve::{Address, Listen},
    wall::{Access, Grant, Identity, Network, Part, Wall},
};

/// Permission bits that the files of handlers do not get where nothing else is said: those of strangers, and those with which
/// the group would write.
const UMASK: u32 = 0o027;

/// The port of name servers, which are asked over TCP where an answer is long.
const DNS: u16 = 53;

/// What the process as a whole may do.
#[derive(Debug, Clone, Default, Args)]
pub struct WrittenWall {
    /// User that the host becomes when its sockets are bound, by name or number; it must be started as root
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// Group that it has then [default: the user's own]
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,

    /// Permission bits that the files of handlers do not get, octal [default: 027]
    #[arg(long, value_name = "MODE")]
    pub umask: Option<String>,

    /// Path that stays within the process's reach though nothing is mounted from it yet, read-only unless it says :rw;
    /// may be repeated
    #[arg(long, value_name = "PATH[:ro|:rw]")]
    pub allow_path: Vec<String>,

    /// Part of the wall around the process to do without: landlock, capability-drop, dump-protection or seccomp; may be
    /// repeated
    #[arg(long, value_name = "PART")]
    pub without: Vec<String>,
}

/// What the other settings need.
pub(super) struct Needs<'a> {
    pub(super) listen: &'a [Listen],
    pub(super) control: Option<&'a Path>,
    pub(super) sites: &'a [Site],
    pub(super) cache: &'a Path,
    pub(super) registry: &'a Settings,
}

impl WrittenWall {
    pub(super) fn is_empty(&self) -> bool {
        let Self { user, group, umask, allow_path, without } = self;
        let no_one = user.is_none() && group.is_none() && umask.is_none();
        no_one && allow_path.is_empty() && without.is_empty()
    }

    /// The same as a file would say it.
    pub(super) fn document(self) -> document::Wall {
        let text = |name, value: String| Setting::option(name, &value, value.clone());
        let all = |name, values: Vec<String>| values.into_iter().map(|value| text(name, value)).collect();
        document::Wall {
            user: self.user.map(|user| text("--user", user)),
            group: self.group.map(|group| text("--group", group)),
            umask: self.umask.map(|umask| text("--umask", umask)),
            allow_path: all("--allow-path", self.allow_path),
            without: all("--without", self.without),
        }
    }
}

/// Checks what is written, and adds what `needs` to be within reach. Relative paths are below `base`.
pub(super) fn check(written: &document::Wall, needs: &Needs, base: &Path, errors: &mut Errors) -> Wall {
    let document::Wall { user, group, umask, allow_path, without } = written;
    let identity = identity(user.as_ref(), group.as_ref(), errors);
    let umask = umask.as_ref().map_or(Some(UMASK), |umask| errors.check(umask, |umask| bits(umask)));
    let named = allow_path.iter().filter_map(|path| errors.check(path, |text| allowed(text, base)));
    let mut grants: Vec<_> = named.collect();
    grants.extend(needs.grants());
    let network = needs.network();
    if network.names {
        grants.extend(Grant::outbound());
    }
    let without = without.iter().filter_map(|part| errors.check(part, |name| self::part(name))).collect();
    Wall { grants, network, identity, umask: umask.unwrap_or(UMASK), without }
}

/// The folder of a settings file, to read that again.
pub(super) fn beside(file: &Path) -> Grant {
    Grant { path: folder(file), access: Access::ReadFiles }
}

/// Has a Unix socket belong to whom the host becomes, as if that had bound it, unless its owner is named. It can also remove
/// the socket then, from a folder of its own.
pub(super) fn give(listen: &mut Listen, identity: &Identity) {
    listen.access.user.get_or_insert(identity.user);
    listen.access.group.get_or_insert(identity.group);
}

impl Needs<'_> {
    /// What is needed, once each.
    fn grants(&self) -> Vec<Grant> {
        let mut grants = vec![Grant { path: self.cache.to_owned(), access: Access::Write }];
        grants.extend(self.listen.iter().filter_map(|listen| match &listen.address {
            Address::Unix(path) => Some(Grant { path: folder(path), access: Access::Sockets }),
            Address::Tcp(_) | Address::Inherited | Address::Passed(_) => None,
        }));
        grants.extend(self.control.map(|path| Grant { path: folder(path), access: Access::Sockets }));
        for route in self.sites.iter().flat_map(|site| &site.routes) {
            grants.extend(route.mounts.iter().map(|mount| Grant {
                path: mount.host.clone(),
                access: match mount.access {
                    capability::Access::Read => Access::Read,
                    capability::Access::ReadWriteNamed(_) | capability::Access::ReadWrite => Access::Write,
                },
            }));
            if let ModuleSource::File(file) = &route.module {
                // The folder, as a file that is replaced is another one.
                grants.push(Grant { path: folder(file), access: Access::ReadFiles });
            }
        }
        let Settings { credentials, keys, .. } = self.registry;
        let files = keys.iter().chain(credentials);
        grants.extend(files.map(|file| Grant { path: folder(file), access: Access::ReadFiles }));
        grants.sort_unstable();
        grants.dedup();
        grants
    }

    /// The servers that handlers may ask, and the registries of modules, by their ports.
    fn network(&self) -> Network {
        let routes = self.sites.iter().flat_map(|site| &site.routes);
        let mut connect: Vec<_> =
            routes.flat_map(|route| &route.outbound.origins).map(|origin| origin.port).collect();
        let registries: BTreeSet<_> =
            module::references(self.sites).map(|one| one.port(self.is_plain(one))).collect();
        // Registries say where to ask for permission, and where they keep what is large.
        connect.extend((!registries.is_empty()).then_some(registry::ELSEWHERE));
        connect.extend(registries);
        let names = !connect.is_empty();
        connect.extend(names.then_some(DNS));
        connect.sort_unstable();
        connect.dedup();
        Network { bind: Vec::new(), connect, names }
    }

    fn is_plain(&self, module: &Reference) -> bool {
        self.registry.plain_http.iter().any(|registry| registry == module.registry())
    }
}

/// The folder of a file, which may be named without one.
fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => ".".into(),
    }
}

fn bits(umask: &str) -> Result<u32, String> {
    let bits = u32::from_str_radix(umask, 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| format!("{umask:?} is not three octal digits such as 027"))
}

/// Reads `PATH[:ro|:rw]`.
fn allowed(text: &str, base: &Path) -> Result<Grant, String> {
    let (path, access) = match text.rsplit_once(':') {
        Some((path, "ro")) => (path, Access::Read),
        Some((path, "rw")) => (path, Access::Write),
        _ => (text, Access::Read),
    };
    let path = base.join(path);
    let found = fs::metadata(&path).map(|_| Grant { path, access });
    found.map_err(|error| format!("{error}; only what is there can stay within reach"))
}

fn part(name: &str) -> Result<Part, String> {
    Part::ALL.into_iter().find(|part| part.name() == name).ok_or_else(|| {
        let all = Part::ALL.map(Part::name).join(", ");
        format!("{name:?} is not a part of the wall; there are {all}")
    })
}

fn identity(
    user: Option<&Setting<String>>,
    group: Option<&Setting<String>>,
    errors: &mut Errors,
) -> Option<Identity> {
    let (users, groups) = (Table::read("/etc/passwd"), Table::read("/etc/group"));
    let gid = group.and_then(|group| errors.check(group, |group| number(group, &groups, "/etc/group")));
    let Some(user) = user else {
        if let Some(group) = group {
            errors.at(group.place(), "it goes with a user; name that as well");
        }
        return None;
    };
    errors.check(user, |name| {
        let uid = number(name, &users, "/etc/passwd")?;
        if uid == 0 {
            return Err("that is root, who can undo everything; name another user".into());
        }
        let entry = users.entry(name);
        let own = entry.and_then(|entry| entry.field(3)?.parse().ok());
        let gid = gid.or(own).ok_or("/etc/passwd does not say its group; name that as well")?;
        let member = |group: &Entry| entry.is_some_and(|user| group.has(user));
        let others = groups.entries().filter(member).filter_map(|group| group.field(2)?.parse().ok());
        Ok(Identity { user: uid, group: gid, groups: others.collect() })
    })
}

/// The number of a user or a group, by name or number.
fn number(name: &str, table: &Table, file: &str) -> Result<u32, String> {
    let number = table.entry(name).map_or(Some(name), |entry| entry.field(2));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| format!("{file} has no {name:?}"))
}

/// `/etc/passwd` or `/etc/group`: a name, a password, a number, and more.
struct Table(String);

#[derive(Clone, Copy)]
struct Entry<'a>(&'a str);

impl Table {
    /// A table that cannot be read is empty; numbers still mean themselves.
    fn read(file: &str) -> Self {
        Self(fs::read_to_string(file).unwrap_or_default())
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.0.lines().map(Entry)
    }

    /// The entry with that name, or that number.
    fn entry(&self, name: &str) -> Option<Entry<'_>> {
        let named = self.entries().find(|entry| entry.field(0) == Some(name));
        named.or_else(|| self.entries().find(|entry| entry.field(2) == Some(name)))
    }
}

impl<'a> Entry<'a> {
    fn field(self, index: usize) -> Option<&'a str> {
        self.0.split(':').nth(index)
    }

    /// Whether `user`, of `/etc/passwd`, is a member of this group.
    fn has(self, user: Entry) -> bool {
        self.field(3).is_some_and(|members| members.split(',').any(|member| user.field(0) == Some(member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(user: Option<&str>, group: Option<&str>) -> Result<Option<Identity>, String> {
        let setting =
            |name, value: Option<&str>| value.map(|value| Setting::option(name, value, value.to_owned()));
        let mut errors = Errors::default();
        let (user, group) = (setting("--user", user), setting("--group", group));
        let found = super::identity(user.as_ref(), group.as_ref(), &mut errors);
        let told = errors.told();
        if told.is_empty() { Ok(found) } else { Err(told.join("\n")) }
    }

    #[test]
    fn entries() {
        let users = Table("root:x:0:0::/root:\nwww:x:33:34::/:\n".into());
        let check = |name, expected| assert_eq!(users.entry(name).and_then(|entry| entry.field(3)), expected);
        check("www", Some("34"));
        check("33", Some("34"));
        check("34", None);
        let www = users.entry("www").expect("an entry");
        assert!(Entry("wiki:x:7:a,www").has(www));
        assert!(!Entry("wiki:x:7:wwww,ww").has(www) && !Entry("wiki:x:7:").has(www));
    }

    #[test]
    fn identities() {
        assert_eq!(identity(None, None), Ok(None));
        let check = |user, group, expected: &str| {
            let told = identity(user, group).expect_err(expected);
            assert!(told.contains(expected), "{told}");
        };
        check(None, Some("0"), "--group 0: it goes with a user");
        check(Some("root"), None, "--user root: that is root");
        check(Some("0"), None, "--user 0: that is root");
        check(Some("no such user"), None, "/etc/passwd has no");
        check(Some("54321"), None, "name that as well");
        check(Some("54321"), Some("no such group"), "/etc/group has no");
        let found = identity(Some("54321"), Some("54322"));
        assert_eq!(found, Ok(Some(Identity { user: 54321, group: 54322, groups: Vec::new() })));
    }

    #[test]
    fn what_is_refused_says_why() {
        assert_eq!(bits("027"), Ok(0o27));
        assert!(bits("8").is_err() && bits("1777").is_err() && bits("").is_err());
        assert_eq!(part("landlock"), Ok(Part::Landlock));
        assert!(part("lock").is_err_and(|told| told.contains("landlock, capability-drop")));
        let here = Path::new("/");
        assert!(allowed("no/such/path:rw", here).is_err_and(|told| told.contains("within reach")));
        let grant = Grant { path: "/proc".into(), access: Access::Write };
        assert_eq!(allowed("proc:rw", here), Ok(grant));
    }

    #[test]
    fn settings_bring_what_they_need() {
        let text = "cache-dir = '/c'\n[[listen]]\naddress = '/run/host/x.sock'\n[[site]]\nname = 'x'\n\
                    module = 'handler.wasm'\nmounts = [{ host = '/a', guest = '/a' }, { host = '/b', guest = '/b', \
                    access = 'rw' }]\n";
        let config = super::super::Config::parse(text, "f", Path::new("/srv"), super::super::Start::Alone);
        let grants = config.expect("valid settings").wall.grants;
        let grants: Vec<_> = grants.into_iter().map(|grant| (grant.path, grant.access)).collect();
        let expected = [
            ("/a", Access::Read),
            ("/b", Access::Write),
            ("/c", Access::Write),
            ("/run/host", Access::Sockets),
            ("/srv", Access::ReadFiles),
        ];
        assert_eq!(grants, expected.map(|(path, access)| (path.into(), access)));
    }
}
