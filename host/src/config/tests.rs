//! Command lines and files, and what is said about wrong ones.

use std::time::Duration;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    written: Written,
}

fn config(line: &str) -> Result<Config, String> {
    started(line, Start::Alone)
}

fn started(line: &str, start: Start) -> Result<Config, String> {
    let line = Line::try_parse_from(["host"].into_iter().chain(line.split_whitespace()))
        .map_err(|error| error.to_string())?;
    Config::check(line.written, start).map_err(|errors| errors.to_string())
}

/// What a file says, called `f.toml` in a folder with a wiki in it.
fn file(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("wiki/data")).expect("a folder");
    let text = format!("cache-dir = \"/c\"\n{text}");
    let source = Source { file: "f.toml".into(), text };
    let (document, mut errors) = parse(source).map_err(|errors| errors.to_string())?;
    let config = checked(&document, (folder.path(), None), Start::Alone, &mut errors);
    config.filter(|_| errors.is_empty()).ok_or_else(|| ConfigErrors(errors.told()).to_string())
}

const LISTEN: &str = "[[listen]]\naddress = \"/s\"\n";

#[test]
fn a_short_line_is_enough() {
    let config = config("--listen /run/x.sock --cache-dir /c").expect("valid settings");
    let [listen] = &config.listen[..] else { panic!("one place to listen") };
    assert_eq!(listen.address, Address::Unix("/run/x.sock".into()));
    let [Site { name, routes, terms: None, .. }] = &config.sites[..] else { panic!("one site") };
    let [route] = &routes[..] else { panic!("one route") };
    assert_eq!((name.as_str(), &route.module), ("default", &ModuleSource::BuiltIn));
    assert_eq!(route.limits.memory, 64 << 20);
    assert_eq!(route.deadline, Duration::from_secs(30));
    assert_eq!(config.execution.terms.instances, 64);
}

#[test]
fn a_web_server_that_starts_the_host_need_not_say_where_to_listen() {
    let check = |line, start, expected: Option<(Address, usize)>| {
        let read = started(line, start).ok();
        let read = read.map(|config| (config.listen[0].address.clone(), config.execution.terms.instances));
        assert_eq!(read, expected, "{line:?}");
    };
    check("--cache-dir /c", Start::Spawned, Some((Address::Inherited, 8)));
    check("--cache-dir /c -n 3", Start::Spawned, Some((Address::Inherited, 3)));
    check("--cache-dir /c --listen /s", Start::Spawned, Some((Address::Unix("/s".into()), 8)));
    check("--cache-dir /c --listen /s", Start::Alone, Some((Address::Unix("/s".into()), 64)));
    check("--cache-dir /c", Start::Alone, None);
    check("--cache-dir /c --http 127.0.0.1:8080", Start::Spawned, None);
}

#[test]
fn all_errors_are_told_at_once() {
    let told = config("--listen 0.0.0.0:9000 --memory 1KiB --instances 0 --mount nonsense --cache-dir /c")
        .expect_err("four errors");
    assert_eq!(told.lines().count(), 4, "{told}");
    assert!(told.contains("0.0.0.0:9000") && told.contains("nonsense"), "{told}");
}

#[test]
fn a_file_says_everything() {
    let config = file(
        r#"
        [[listen]]
        address = "10.0.0.1:9000"
        allow = ["10.0.0.0/8"]
        trust = ["user"]
        sites = ["wiki"]

        [limits]
        instances = 32
        deadline = "10s"

        [[site]]
        name = "wiki"
        hosts = ["Wiki.example.org", "*.wiki.example.org"]
        path = "/foswiki"
        root = "wiki"
        limits = { memory = "32MiB" }

        [[site.route]]
        actions = ["view", "viewfile"]
        methods = ["GET", "HEAD"]
        module = "view.wasm"
        mounts = [{ host = "data", guest = "/data", hide = [".htpasswd"] }]
        env = { LANG = "C.UTF-8" }
        limits = { instances = 4, deadline = "5s" }

        [[site]]
        name = "rest"
        "#,
    )
    .expect("valid settings");
    assert!(config.listen[0].trust.user && config.listen[0].sites == ["wiki"]);
    let [wiki, rest] = &config.sites[..] else { panic!("two sites") };
    assert_eq!(wiki.hosts, ["wiki.example.org", "*.wiki.example.org"]);
    assert_eq!(wiki.terms.map(|terms| terms.instances), Some(16));
    let names: Vec<_> = wiki.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["view+viewfile", "view", "edit", "change", "login"]);
    let [view, others, ..] = &wiki.routes[..] else { panic!("two routes") };
    assert!(view.mounts[0].host.ends_with("wiki/data") && view.mounts[0].hidden == [".htpasswd"]);
    assert_eq!(view.environment, [("LANG".to_owned(), "C.UTF-8".to_owned())]);
    assert_eq!((view.limits.memory, view.deadline), (32 << 20, Duration::from_secs(5)));
    assert_eq!(view.terms.map(|terms| terms.instances), Some(4));
    assert_eq!((others.deadline, others.terms), (Duration::from_secs(10), None));
    assert!(rest.hosts.is_empty() && rest.routes.len() == 1 && rest.routes[0].mounts.is_empty());
}

#[test]
fn errors_in_a_file_say_where_what_and_the_way_out() {
    let check = |text: &str, expected: &[&str]| {
        let told = file(&format!("{LISTEN}{text}")).expect_err(text);
        assert_eq!(told.lines().collect::<Vec<_>>(), expected, "{text}");
    };
    check(
        "[limits]\nmemory = \"1KiB\"\n[[site]]\nname = \"a\"\n",
        &["f.toml:5: `memory = \"1KiB\"`: between 1 MiB and 4 GiB"],
    );
    check(
        "[[site]]\nname = \"a\"\nmodul = \"x\"\nlimits = { memmory = \"1GiB\", instances = \"many\" }\n",
        &[
            "f.toml:6: `modul = \"x\"`: there is no setting `modul` here; did you mean `module`?",
            "f.toml:7: `limits = { memmory = \"1GiB\", instances = \"many\" }`: there is no setting `memmory` here; did you \
         mean `memory`?",
            "f.toml:7: `limits = { memmory = \"1GiB\", instances = \"many\" }`: invalid type: string \"many\", expected usize",
        ],
    );
    check(
        "[[site]]\nname = \"a\"\n[[site]]\nname = \"a\"\nhosts = [\"a b\"]\n",
        &[
            "f.toml:7: `name = \"a\"`: another site is called \"a\", too",
            "f.toml:7: `name = \"a\"`: every other host: the site \"a\" has the same host and path; give one of them a `path`",
            "f.toml:8: `hosts = [\"a b\"]`: \"a b\" is not a host name such as wiki.example.org, nor *.example.org; leave the \
         port out",
        ],
    );
    check(
        "[[site]]\nname = \"a\"\nroot = \"none\"\n",
        &["f.toml:6: `root = \"none\"`: cannot open the folder: No such file or directory (os error 2)"],
    );
    check(
        "[[site]]\nname = \"a\"\n[[site.route]]\nactions = [\"x\"]\n[[site.route]]\nactions = [\"x\"]\n",
        &["f.toml:5: `name = \"a\"`: the route \"x\" is for the same requests as another one"],
    );
    check("", &["f.toml: nothing is served: add a [[site]]"]);
}

#[test]
fn servers_that_may_be_asked() {
    let check = |text: &str, expected: Option<&str>| {
        let config = file(&format!("{LISTEN}[[site]]\nname = \"a\"\noutbound = [\"{text}\"]\n"));
        let shown =
            config.as_ref().ok().map(|config| config.sites[0].routes[0].outbound.origins[0].to_string());
        assert_eq!(shown.as_deref(), expected, "{config:?}");
    };
    check("https://Api.example.org", Some("https://api.example.org:443"));
    check("http://*.example.org:8080", Some("http://*.example.org:8080"));
    check("http://[::1]:81", Some("http://[::1]:81"));
    check("http://[::1]", Some("http://[::1]:80"));
    for wrong in
        ["example.org", "ftp://a", "https://", "https://a/b", "https://a:x", "https://a@b", "http://a:99999"]
    {
        check(wrong, None);
    }
}

#[test]
fn what_is_not_toml_is_told_line_by_line() {
    let told = file("x = = 1\ny = 'a\n").expect_err("two errors");
    assert!(told.lines().any(|line| line.starts_with("f.toml:2: ")), "{told}");
    assert!(told.lines().any(|line| line.starts_with("f.toml:3: ")), "{told}");
    let told = file("site = 3\n").expect_err("one error");
    assert!(told.starts_with("f.toml:2: `site = 3`: "), "{told}");
}

#[test]
fn a_command_line_is_a_file_written_short() {
    let line = "--listen 127.0.0.1:9000,trust=user,sendfile=x-sendfile --socket-mode 0600 --mount /a:/b:rw --arg=-x \
                --instances 7 --memory 128MiB --cache-dir /c --head-timeout 5s --module /m.wasm --preset none";
    let parsed = Line::try_parse_from(["host"].into_iter().chain(line.split_whitespace())).ok();
    let printed = Document::written(parsed.expect("options").written).and_then(|document| document.print());
    let printed = printed.expect("settings");
    let source = Source { file: "f.toml".into(), text: printed.clone() };
    let (document, mut errors) = parse(source).expect("TOML");
    let again = checked(&document, (Path::new("/"), None), Start::Alone, &mut errors);
    assert_eq!(errors.told(), Vec::<String>::new(), "{printed}");
    assert_eq!(again, config(line).ok(), "{printed}");
}

#[test]
fn what_decides_about_handlers_is_not_theirs_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir_all(at("wiki/data/cache")).expect("a folder");
    std::os::unix::fs::symlink(at("wiki/data"), at("elsewhere")).expect("a link");
    let told = |cache: &str, module: &str, access: &str| {
        let text = format!(
            "cache-dir = '{cache}'\n[[listen]]\naddress = '/run/s'\n[[site]]\nname = 'a'\nmodule = '{module}'\n\
             mounts = [{{ host = '{}', guest = '/data', access = '{access}' }}]\n",
            at("wiki/data")
        );
        let checked = Config::parse(&text, "f", Path::new("/"), Start::Alone);
        checked.err().map(|errors| errors.to_string()).unwrap_or_default()
    };
    assert_eq!(told("/c", "/m.wasm", "rw"), "");
    assert_eq!(told(&at("wiki/data/cache"), &at("wiki/data/m.wasm"), "ro"), "");
    for cache in ["wiki/data/cache", "wiki/data", "elsewhere/new"] {
        let told = told(&at(cache), "/m.wasm", "rw");
        assert!(
            told.contains("route all of site a may write") && told.contains("cache-dir"),
            "{cache}: {told}"
        );
    }
    assert!(told("/c", &at("elsewhere/m.wasm"), "rw").contains("a module"));
}
