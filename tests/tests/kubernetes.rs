//! The manifests below `examples/kubernetes`: Kubernetes would take them, and what they start shows the wiki.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use rustix::process::geteuid;

use tests::{Nginx, TestHost, eventually, example, paths, station};

/// What is sent to Kubernetes.
const MANIFESTS: [&str; 4] = ["deployment.yaml", "disruption.yaml", "service.yaml", "storage.yaml"];

/// What the manifests call the settings file.
const SETTINGS: &str = "/etc/fcgi-wasm-host/settings.toml";

/// The user of a pod's processes, by deployment.yaml.
const USER: u32 = 33;

fn text(name: &str) -> String {
    fs::read_to_string(paths::repository("examples/kubernetes").join(name)).expect("a file")
}

/// Whether a manifest is as the schemas of Kubernetes have it, and what is said of it. Without `--strict`, misspelt fields pass.
fn validate(manifest: &Path) -> (bool, String) {
    let mut validate = Command::new("python3");
    validate.env("PYTHONPATH", paths::kubernetes());
    station::run(validate.args(["-m", "kubernetes_validate", "--strict"]).arg(manifest))
}

#[test]
fn the_manifests_are_as_the_schemas_of_kubernetes_have_them() {
    for name in MANIFESTS {
        let (valid, said) = validate(&paths::repository("examples/kubernetes").join(name));
        assert!(valid && said.contains("passed"), "{name}: {said}");
    }
}

#[test]
fn a_misspelt_field_and_a_value_of_another_type_would_be_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |from: &str, to: &str, expected: &str| {
        let manifest = folder.path().join("deployment.yaml");
        fs::write(&manifest, example("kubernetes/deployment.yaml", &[(from, to.to_owned())]))
            .expect("a file");
        let (valid, said) = validate(&manifest);
        assert!(!valid && said.contains(expected), "{said}");
    };
    check("maxUnavailable:", "maxUnavailabel:", "'maxUnavailabel' was unexpected");
    check("replicas: 2", "replicas: two", "'two' is not of type 'integer'");
    check("startupProbe:", "startProbe:", "'startProbe' was unexpected");
}

#[test]
fn all_files_are_in_the_kustomization() {
    let kustomization = text("kustomization.yaml");
    for entry in fs::read_dir(paths::repository("examples/kubernetes")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let is_itself = name == "kustomization.yaml";
        assert!(
            is_itself
                || kustomization.contains(&format!("- {name}"))
                || kustomization.contains(&format!("[{name}]")),
            "{name}"
        );
    }
    for map in ["foswiki-settings", "foswiki-nginx"] {
        assert!(
            kustomization.contains(&format!("name: {map}")) && text("deployment.yaml").contains(map),
            "{map}"
        );
    }
}

/// A host with the settings of a pod and its folders, as the user that it has there.
fn pod() -> TestHost {
    let settings = text("settings.toml")
        .replace("/var/cache/fcgi-wasm-host", "$FOLDER/cache")
        .replace("/run/foswiki", "$FOLDER/run")
        .replace("/srv/foswiki", "$FOLDER/wiki");
    let builder = TestHost::settings(&settings).as_user(USER);
    let folder = builder.folder().to_owned();
    paths::copy(&paths::repository("examples/wiki"), &folder.join("wiki")).expect("a wiki");
    for volume in ["run", "cache"] {
        let path = folder.join(volume);
        fs::create_dir(&path).and_then(|()| chown(&path, None, Some(USER))).expect("a folder");
        // As those are of a volume of the kind `emptyDir`.
        fs::set_permissions(&path, Permissions::from_mode(0o2777)).expect("its mode");
    }
    builder.socket(&folder.join("run/foswiki.sock")).start()
}

#[test]
fn a_pod_shows_the_wiki_to_its_probes() {
    if !geteuid().is_root() {
        return;
    }
    let deployment = text("deployment.yaml");
    let host = pod();
    let nginx = Nginx::in_pod(&host);
    for (path, status) in [("/bin/view/Main/WebHome", 200), ("/alive", 204)] {
        assert!(deployment.contains(&format!("httpGet: {{ path: {path}, port: http }}")), "{path}");
        assert_eq!(nginx.get(path).status, status, "{path}");
    }
    let probe = format!("command: [fcgi-wasm-host, status, --config, {SETTINGS}]");
    assert_eq!(deployment.matches(&probe).count(), 2);
    let settings = host.folder().join("settings.toml");
    let mut status = Command::new(host.folder().join("program"));
    status.uid(USER).gid(USER).args(["status", "--config"]).arg(settings);
    assert!(station::run(&mut status).0);
    host.stop();
    eventually("the host does not run", || !station::run(&mut status).0);
    assert!(host.wait().success());
    assert_eq!(nginx.get("/alive").status, 204);
    assert_eq!(nginx.get("/bin/view/Main/WebHome").status, 502);
}
