//! Sites and routes of a settings file: who answers what, and with what authority.

use std::{fs, path::Path, process::Command};

use tests::{Request, Response, TestHost, filled_in, paths};

/// The beginning of a settings file.
const HEAD: &str = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n";

fn start(sites: &str) -> TestHost {
    TestHost::settings(&format!("{HEAD}{sites}")).start()
}

/// A request to a script, for which the handler does what `behaviour` says.
fn script(script: &str, behaviour: &str) -> Request {
    Request::get(behaviour).variable("SCRIPT_NAME", script).variable("DOCUMENT_URI", script)
}

fn answer(host: &TestHost, name: &str, path: &str) -> Response {
    host.send(script(path, "/env").variable("HTTP_HOST", name))
}

/// The value of `SITE` in the environment that a handler shows.
fn site(response: &Response) -> String {
    let text = response.text();
    let value = text.lines().find_map(|line| line.strip_prefix("SITE="));
    value.map_or_else(|| format!("status {}", response.status()), str::to_owned)
}

const SITES: &str = r#"
[[site]]
name = "one"
hosts = ["one.example", "*.one.example"]
module = "$GUESTS/behaviours.wasm"
env = { SITE = "one" }

[[site]]
name = "blog"
hosts = ["one.example"]
path = "/blog"
module = "$GUESTS/behaviours.wasm"
env = { SITE = "blog" }

[[site]]
name = "two"
hosts = ["two.example"]
module = "$GUESTS/behaviours.wasm"
env = { SITE = "two" }
"#;

#[test]
fn a_site_is_found_by_its_host_and_its_path() {
    let host = start(SITES);
    let check = |name: &str, path: &str, expected: &str| {
        assert_eq!(site(&answer(&host, name, path)), expected, "{name} {path}");
    };
    check("one.example", "/", "one");
    check("ONE.example:8080", "/x", "one");
    check("www.one.example", "/blog/x", "one");
    check("one.example", "/blog/x", "blog");
    check("one.example", "/blogs", "one");
    check("two.example", "/blog", "two");
    check("three.example", "/", "status 404");
    host.log_line("no site that can be reached here is for this host and path");
}

#[test]
fn a_web_server_may_name_the_site() {
    let host = start(SITES);
    let named = |name: &str| host.send(Request::get("/env").variable("FCGI_SITE", name));
    assert_eq!(site(&named("two")), "two");
    assert_eq!(site(&named("three")), "status 404");
}

#[test]
fn a_listener_leads_to_its_own_sites() {
    let head = format!("{HEAD}sites = [\"two\"]\n");
    let host = TestHost::settings(&format!("{head}{SITES}")).start();
    assert_eq!(site(&answer(&host, "two.example", "/")), "two");
    assert_eq!(site(&answer(&host, "one.example", "/")), "status 404");
}

const ROUTES: &str = r#"
[[site]]
name = "wiki"
module = "$GUESTS/behaviours.wasm"
mounts = [{ host = "$FILES", guest = "/files" }]

[[site.route]]
actions = ["view"]
methods = ["GET", "HEAD"]

[[site.route]]
actions = ["save"]
mounts = [{ host = "$FILES", guest = "/files", access = "rw" }]
limits = { deadline = "200ms", max-request = "10B", max-response = "1KiB" }

[[site.route]]
path = "/wiki/pub"
mounts = [{ guest = "/files", access = "none" }]
"#;

#[test]
fn a_route_has_its_own_authority() {
    let host = start(ROUTES);
    let check = |path: &str, behaviour: &str, expected: u16| {
        assert_eq!(host.send(script(path, behaviour)).status(), expected, "{path} {behaviour}");
    };
    check("/wiki/bin/view/Main", "/write?path=/files/x", 403);
    check("/wiki/bin/view/Main", "/list?path=/files", 200);
    check("/wiki/bin/save/Main", "/write?path=/files/x", 200);
    check("/wiki/pub/Main", "/list?path=/files", 404);
    check("/wiki/bin/other", "/env", 404);
    assert!(host.files().join("x").exists());
}

#[test]
fn a_route_has_its_own_limits() {
    let host = start(ROUTES);
    assert_eq!(host.send(script("/wiki/bin/save", "/loop")).status(), 504);
    let post = |body: &'static str| Request::post("/count", body).variable("SCRIPT_NAME", "/wiki/bin/save");
    assert_eq!(host.send(post("ten bytes!")).status(), 200);
    assert_eq!(host.send(post("eleven byte")).status(), 413);
    host.log_line("a body of 11 bytes is longer than max-request allows, 10");
    let unknown = post("eleven byte").without("CONTENT_LENGTH");
    assert_eq!(host.send(unknown).status(), 400);
    let _broken_off = host.begin(script("/wiki/bin/save", "/generate?bytes=2000"));
    host.log_line("max-response");
}

#[test]
fn methods_that_no_route_takes_are_named() {
    let host = start(ROUTES);
    let post = Request::post("/echo", "x").variable("SCRIPT_NAME", "/wiki/bin/view");
    let response = host.send(post);
    assert_eq!((response.status(), response.header("allow")), (405, Some("GET, HEAD")));
    host.log_line("the site wiki has no route for it: its path is for GET, HEAD");
}

#[test]
fn the_environment_is_the_requests_and_the_operators() {
    let host = TestHost::settings(&format!(
        "{HEAD}[[site]]\nname = \"a\"\nmodule = \"$GUESTS/behaviours.wasm\"\nenv = {{ QUERY_STRING = \"fixed\" }}\n\
         env-from-host = [\"OF_THE_HOST\"]\n"
    ));
    let host = host.env("OF_THE_HOST", "seen").env("SECRET", "unseen").start();
    let text = host.get("/env?asked").text().to_owned();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.contains(&"QUERY_STRING=fixed") && lines.contains(&"OF_THE_HOST=seen"), "{text}");
    assert!(!lines.contains(&"QUERY_STRING=asked") && !text.contains("unseen"), "{text}");
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once() {
    let text =
        "[[site]]\nname = \"a\"\nmodul = \"x\"\nlimits = { memory = \"1B\" }\n[[site]]\nhosts = [\"a:b\"]\n";
    let refusal = TestHost::settings(&format!("{HEAD}{text}")).refused();
    let told = |part: &str| assert!(refusal.log.contains(part), "{part} in {}", refusal.log);
    told("settings.toml:6: `modul = \"x\"`: there is no setting `modul` here; did you mean `module`?");
    told("settings.toml:7: `limits = { memory = \"1B\" }`: between 1 MiB and 4 GiB");
    told("a site without a `name`");
}

const LIMITS: &str = r#"
[[site]]
name = "a"
module = "$GUESTS/behaviours.wasm"
mounts = [{ host = "$FILES", guest = "/files", access = "rw" }]
limits = { cpu = "50ms", max-stderr = "10B", max-write = "30B", max-files = 1 }
clock = "still"
random = "fixed"
"#;

#[test]
fn processor_time_is_bounded() {
    let host = start(LIMITS);
    assert_eq!(host.get("/sleep?ms=200").status(), 200);
    assert_eq!(host.get("/loop").status(), 504);
    host.log_line("the handler used up its 50ms of the processor's time; raise cpu");
}

#[test]
fn standard_error_is_bounded() {
    let host = start(LIMITS);
    let response = host.get("/stderr?bytes=1000");
    assert!(String::from_utf8_lossy(&response.stderr).contains("more bytes of standard error dropped"));
    assert!(response.stderr.len() < 100, "{:?}", response.stderr);
}

#[test]
fn what_a_request_writes_is_bounded() {
    let host = start(LIMITS);
    assert_eq!(host.get("/write?path=/files/one").status(), 200);
    assert_eq!(fs::read(host.files().join("one")).expect("a file").len(), 21);
    let host = start(&LIMITS.replace("30B", "20B"));
    assert_ne!(host.get("/write?path=/files/two").status(), 200);
    assert!(fs::read(host.files().join("two")).is_ok_and(|content| content.is_empty()));
}

#[test]
fn what_a_site_holds_is_bounded() {
    let quota = "quota = { bytes = \"1KiB\", files = 1000 }\n";
    let full = start(&format!("{LIMITS}{quota}"));
    fs::write(full.files().join("large"), [0; 2000]).expect("a file");
    drop(full);
    let host = TestHost::settings(&format!("{HEAD}{LIMITS}{quota}"));
    fs::write(host.files().join("large"), [0; 2000]).expect("a file");
    let host = host.start();
    host.log_line("counted for its quota");
    assert_ne!(host.get("/write?path=/files/one").status(), 200);
}

#[test]
fn clocks_and_numbers_tell_nothing_where_they_may_not() {
    let host = start(LIMITS);
    assert_eq!(host.get("/time").text(), "0 0\n");
    assert_eq!(host.get("/chance").text(), host.get("/chance").text());
    let host = start(&LIMITS.replace("still", "real").replace("fixed", "real"));
    assert_ne!(host.get("/time").text(), "0 0\n");
    assert_ne!(host.get("/chance").text(), host.get("/chance").text());
}

#[test]
fn an_instance_serves_again_where_its_operator_wants_it() {
    let host = start(&LIMITS.replace("cpu = \"50ms\"", "reuse = 3"));
    let visits: Vec<_> = (0..4).map(|_| host.get("/visits").text().to_owned()).collect();
    assert_eq!(visits, ["1\n", "2\n", "3\n", "1\n"]);
}

/// Runs `check` with these arguments.
fn check(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(paths::program()).arg("check").args(arguments).output().expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_check_compiles_everything_and_shows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.toml");
    let text = filled_in(&format!("{HEAD}{ROUTES}"), Path::new("/run/x.sock"), folder.path());
    fs::write(&file, &text).expect("a file");
    let (done, table, told) = check(&["--config", file.to_str().expect("a path")]);
    assert!(done, "{told}");
    for line in
        ["listen /run/x.sock", "site wiki: every other host", "route save: save", "mount     /files rw ="]
    {
        assert!(table.contains(line), "{line} in\n{table}");
    }
    fs::write(&file, text.replace("behaviours.wasm", "none.wasm")).expect("a file");
    let (done, _, told) = check(&["--config", file.to_str().expect("a path")]);
    assert!(!done && told.contains("site wiki, route view: module"), "{told}");
}

#[test]
fn a_command_line_is_printed_as_a_file() {
    let module = paths::component("behaviours");
    let module = module.to_str().expect("a path");
    let (done, printed, told) =
        check(&["--listen", "127.0.0.1:9000,trust=user", "--module", module, "--memory", "8MiB", "--print"]);
    assert!(done, "{told}");
    for line in
        ["address = \"127.0.0.1:9000\"", "memory = \"8MiB\"", "[[site]]", &format!("module = \"{module}\"")]
    {
        assert!(printed.contains(line), "{line} in\n{printed}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.toml");
    fs::write(&file, &printed).expect("a file");
    let (done, again, told) = check(&["--config", file.to_str().expect("a path"), "--print"]);
    assert!(done && again == printed, "{told}{again}");
}

#[test]
fn the_schema_is_the_one_that_editors_find() {
    let (done, schema, told) = check(&["--schema"]);
    assert!(done, "{told}");
    let kept = fs::read_to_string(paths::repository("docs/settings.schema.json")).expect("the schema");
    assert!(schema == kept, "write it anew: fcgi-wasm-host check --schema > docs/settings.schema.json");
}

#[test]
fn the_example_can_be_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(paths::repository("examples/settings.toml")).expect("the example");
    let wiki = paths::repository("examples/wiki");
    let text = text.replace("/var/www/foswiki", &wiki.display().to_string());
    let text = text.replace("/var/cache/fcgi-wasm-host", &paths::cache().display().to_string());
    let text = text.replace("/srv/app/app.wasm", &paths::component("hello").display().to_string());
    let text = text.replace("/srv/app", &folder.path().display().to_string());
    let file = folder.path().join("settings.toml");
    fs::write(&file, text).expect("a file");
    let (done, table, told) = check(&["--config", file.to_str().expect("a path")]);
    assert!(done && table.contains("route login: login logon"), "{told}{table}");
}
