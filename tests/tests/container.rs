//! The recipe for containers, with a base image that is made here: an image is built, and run as an engine would run it, but for
//! namespaces of its own.

use std::{
    fs,
    os::unix::{fs::chown, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{Client, Request, Station, eventually, paths, station::run};

/// The user of the image.
const USER: u32 = 65532;

/// What is served.
const SETTINGS: &str = "/etc/fcgi-wasm-host/settings.toml";

/// A folder for images, containers, and a container's volumes.
struct Engine(Station);

impl Engine {
    fn new() -> Self {
        let engine = Self(Station::new());
        for volume in ["run", "cache"] {
            fs::create_dir(engine.0.path(volume)).expect("a volume");
            chown(engine.0.path(volume), Some(USER), Some(USER)).expect("its owner");
        }
        engine
    }

    fn buildah(&self, command: &str) -> Command {
        let mut buildah = Command::new("buildah");
        buildah.arg("--root").arg(self.0.path("store")).arg("--runroot").arg(self.0.path("state"));
        buildah.args(["--storage-driver", "vfs", command]).stdin(Stdio::null());
        buildah
    }

    /// What a command says last.
    fn does(&self, command: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> String {
        let mut buildah = self.buildah(command);
        change(&mut buildah);
        let (good, said) = run(&mut buildah);
        assert!(good, "buildah {command}, of the package buildah: {said}");
        said.lines().last().unwrap_or_default().to_owned()
    }

    /// A base image with the libraries of the program, and nothing else.
    fn base(&self) -> String {
        let container = self.does("from", |command| command.arg("scratch"));
        let (_, libraries) = run(Command::new("ldd").arg(paths::program()));
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            self.does("copy", |command| command.args([&container, library, library]));
        }
        self.does("commit", |command| command.args(["--quiet", &container, "localhost/base"]));
        "localhost/base".to_owned()
    }

    /// Builds what the archive has the recipe for, on that base.
    fn image(&self, base: &str) -> String {
        let archive = paths::packed("archive", 1, self.0.folder());
        let context = self.0.path("context");
        fs::create_dir(&context).expect("a folder");
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--strip-components=1", "--file"])
            .arg(archive)
            .arg("--directory")
            .arg(&context);
        assert!(run(&mut tar).0);
        self.does("build", |command| {
            command.args(["--isolation", "chroot", "--pull-never", "--format", "docker", "--quiet"]);
            command.args(["--build-arg", &format!("BASE={base}"), "--tag", "localhost/host", "--file"]);
            command.arg(context.join("examples/container/Containerfile")).arg(&context)
        });
        "localhost/host".to_owned()
    }

    /// What an engine is told of an image.
    fn config(&self, image: &str) -> Value {
        let (_, text) = run(self.buildah("inspect").args(["--type", "image", image]));
        let all: Value = serde_json::from_str(&text).expect("JSON");
        all["Docker"]["config"].clone()
    }

    /// Runs the program of the image with those arguments, as its user, without capabilities.
    fn run(&self, container: &str, program: &[&str]) -> Command {
        let mut command = self.buildah("run");
        command.args(["--isolation", "chroot", "--cap-drop", "all"]);
        let volume = |path: PathBuf, place: &str| format!("{}:{place}", path.display());
        command.args(["--volume", &volume(self.0.path("run"), "/run/fcgi-wasm-host")]);
        command.args(["--volume", &volume(self.0.path("cache"), "/var/cache/fcgi-wasm-host")]);
        command.args([container, "--"]).args(program);
        command
    }
}

/// The words of a list.
fn words(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

fn serve(engine: &Engine, container: &str, program: &[&str]) -> Child {
    let log = fs::File::create(engine.0.path("log")).expect("a log");
    engine.run(container, program).stderr(log).spawn().expect("a container")
}

fn answers(socket: &Path) {
    let connected = UnixStream::connect(socket).expect("a host that listens");
    assert_eq!(Client::new(connected).send(Request::get("/bin/view/Main/WebHome")).status(), 200);
}

#[test]
fn an_image_is_built_and_serves() {
    let engine = Engine::new();
    let image = engine.image(&engine.base());
    let config = engine.config(&image);
    assert_eq!(
        (config["User"].as_str(), config["StopSignal"].as_str()),
        (Some("65532:65532"), Some("SIGTERM"))
    );
    let program = [words(&config["Entrypoint"]), words(&config["Cmd"])].concat();
    assert_eq!(program, ["/usr/bin/fcgi-wasm-host", "--config", SETTINGS]);
    paths::copy(&paths::cache(), &engine.0.path("cache/compiled")).expect("a copy");
    assert!(run(Command::new("chown").arg("-R").arg(USER.to_string()).arg(engine.0.path("cache"))).0);
    assert!(run(Command::new("chmod").arg("0700").arg(engine.0.path("cache/compiled"))).0);

    let container = engine.does("from", |command| command.args(["--pull-never", &image]));
    let mut host = serve(&engine, &container, &program);
    let health = words(&config["Healthcheck"]["Test"]);
    let [_cmd, health @ ..] = health.as_slice() else { panic!("{health:?}") };
    eventually("it is healthy", || run(&mut engine.run(&container, health)).0);
    answers(&engine.0.path("run/wiki.sock"));
    let status = engine.run(&container, &[health, &["--json"]].concat()).output().expect("a command");
    let log = engine.0.text("log");
    assert!(log.contains("landlock: files") && !log.contains("WARN fcgi_wasm_host: wall"), "{log}");
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let process = status["pid"].as_i64().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    kill_process(process.expect("a process"), Signal::TERM).expect("a process that runs");
    assert!(host.wait().expect("its end").success(), "{}", engine.0.text("log"));
}
