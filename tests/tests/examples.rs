//! The handlers below `examples/handlers`, and an interpreter with the scripts of a mounted folder.

use std::fs;

use tests::{Request, TestHost, guest, noise, paths};

/// What makes `QuickJS` a CGI interpreter.
const RUN_SCRIPT: [&str; 6] =
    ["--arg", "--std", "--arg", "-e", "--arg", "std.loadScript(std.getenv('SCRIPT_FILENAME'))"];

fn script(uri: &str, file: &str) -> Request {
    Request::get(uri).variable("SCRIPT_FILENAME", file)
}

#[test]
fn programs_in_c_and_rust_do_the_same() {
    for example in [guest::COMMAND_C, guest::COMMAND_RUST] {
        let host = TestHost::with(example).start();
        let request = Request::post("/app", "a body").variable("PATH_INFO", "/x");
        let response = host.send(request);
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{example}");
        assert_eq!(response.text(), "POST /app/x\n6 bytes\n", "{example}");
        assert_eq!(response.end.map(|(status, _)| status), Some(0), "{example}");

        let large = host.send(Request::post("/app", noise(1_000_000)));
        assert_eq!(large.text(), "POST /app\n1000000 bytes\n", "{example}");
        let short = host.send(Request::post("/app", "half").variable("CONTENT_LENGTH", "8"));
        assert_eq!(short.status(), 400, "{example}");
    }
}

#[test]
fn an_interpreter_runs_the_scripts_of_a_mounted_folder() {
    let www = paths::repository("examples/handlers/quickjs/www");
    let host = TestHost::with(guest::QUICKJS).mount(&www, "/www").args(RUN_SCRIPT).start();
    let body = Request::post("/hello.js", "a body").variable("SCRIPT_FILENAME", "/www/hello.js");
    assert_eq!(host.send(body).text(), "POST /hello.js\na body");
    for outside in ["/www/../hello.js", "/etc/passwd", "/www/missing.js", ""] {
        assert_eq!(host.send(script("/x", outside)).status(), 502, "{outside}");
    }
}

#[test]
fn a_script_that_is_changed_is_run_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.js");
    let host = TestHost::with(guest::QUICKJS).mount(folder.path(), "/www").args(RUN_SCRIPT).start();
    for page in ["one", "two"] {
        let text = format!("std.out.puts('Content-Type: text/plain\\n\\n{page}\\n');");
        fs::write(&file, text).expect("a script");
        assert_eq!(host.send(script("/page.js", "/www/page.js")).text(), format!("{page}\n"));
    }
    fs::write(&file, "throw new Error('on purpose')").expect("a script");
    assert_eq!(host.send(script("/page.js", "/www/page.js")).status(), 502);
    host.log_line("on purpose");
}
