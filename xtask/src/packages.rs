//! Programs that the tests and the benchmark drive and that are not crates.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step;

/// A program or library, the Debian package that has it, and what it is for.
pub(crate) struct Program {
    name: &'static str,
    kind: Kind,
    package: &'static str,
    purpose: &'static str,
}

/// How [`Program::is_present`] knows.
enum Kind {
    /// A file of that name, or with a version behind it.
    File,
    /// A module of Perl.
    Perl,
    /// A module of Python.
    Python,
    /// The library that clang links for WebAssembly.
    ClangRuntime,
}

const NGINX: Program = Program {
    name: "nginx",
    kind: Kind::File,
    package: "nginx",
    purpose: "the web server in front of the host",
};

const CLANG: Program =
    Program { name: "clang", kind: Kind::File, package: "clang", purpose: "compiles handlers in C" };

const LLD: Program =
    Program { name: "wasm-ld", kind: Kind::File, package: "lld", purpose: "links handlers in C" };

const WASI_LIBC: Program = Program {
    name: "/usr/lib/wasm32-wasi/libc.a",
    kind: Kind::File,
    package: "wasi-libc",
    purpose: "the C library of handlers in C",
};

const BUILTINS: Program = Program {
    name: "clang's runtime for wasm32",
    kind: Kind::ClangRuntime,
    package: "libclang-rt-dev-wasm32",
    purpose: "the arithmetic of handlers in C",
};

const PIP: Program =
    Program { name: "pip", kind: Kind::Python, package: "python3-pip", purpose: "fetches an interpreter" };

/// All programs that the tests need besides cargo.
pub(crate) const TESTS: &[Program] = &[
    NGINX,
    Program {
        name: "lighttpd",
        kind: Kind::File,
        package: "lighttpd",
        purpose: "a web server that starts the host",
    },
    Program {
        name: "apache2",
        kind: Kind::File,
        package: "apache2",
        purpose: "a web server that starts the host",
    },
    Program {
        name: "/usr/lib/apache2/modules/mod_fcgid.so",
        kind: Kind::File,
        package: "libapache2-mod-fcgid",
        purpose: "the part of it that does",
    },
    Program {
        name: "/usr/lib/apache2/modules/mod_xsendfile.so",
        kind: Kind::File,
        package: "libapache2-mod-xsendfile",
        purpose: "the part of it that sends files which the host names",
    },
    Program {
        name: "htpasswd",
        kind: Kind::File,
        package: "apache2-utils",
        purpose: "makes the file of passwords that it checks",
    },
    Program {
        name: "/etc/mime.types",
        kind: Kind::File,
        package: "media-types",
        purpose: "the types of files that it sends",
    },
    Program {
        name: "caddy",
        kind: Kind::File,
        package: "caddy",
        purpose: "a web server in front of the host",
    },
    Program {
        name: "haproxy",
        kind: Kind::File,
        package: "haproxy",
        purpose: "a proxy in front of the host, which multiplexes",
    },
    Program {
        name: "spawn-fcgi",
        kind: Kind::File,
        package: "spawn-fcgi",
        purpose: "starts the host as web servers do",
    },
    Program {
        name: "ip",
        kind: Kind::File,
        package: "iproute2",
        purpose: "makes networks for several hosts",
    },
    Program {
        name: "systemd-analyze",
        kind: Kind::File,
        package: "systemd",
        purpose: "checks the units for services",
    },
    Program {
        name: "docker-registry",
        kind: Kind::File,
        package: "docker-registry",
        purpose: "a registry that modules come from",
    },
    Program {
        name: "systemd-socket-activate",
        kind: Kind::File,
        package: "systemd",
        purpose: "passes the host its socket",
    },
    Program { name: "adduser", kind: Kind::File, package: "adduser", purpose: "makes the package's user" },
    Program {
        name: "deb-systemd-helper",
        kind: Kind::File,
        package: "init-system-helpers",
        purpose: "the package's scripts call it",
    },
    Program { name: "nsenter", kind: Kind::File, package: "util-linux", purpose: "enters machines of tests" },
    Program { name: "lintian", kind: Kind::File, package: "lintian", purpose: "checks the package" },
    Program {
        name: "buildah",
        kind: Kind::File,
        package: "buildah",
        purpose: "builds the container's image",
    },
    Program { name: "cgi-fcgi", kind: Kind::File, package: "libfcgi-bin", purpose: "a FastCGI client" },
    Program {
        name: "FCGI::Client",
        kind: Kind::Perl,
        package: "libfcgi-client-perl",
        purpose: "a FastCGI client",
    },
    Program {
        name: "Net::FastCGI",
        kind: Kind::Perl,
        package: "libnet-fastcgi-perl",
        purpose: "a FastCGI client",
    },
    Program { name: "node", kind: Kind::File, package: "nodejs", purpose: "runs a FastCGI client" },
    Program { name: "npm", kind: Kind::File, package: "npm", purpose: "installs a FastCGI client" },
    CLANG,
    LLD,
    WASI_LIBC,
    BUILTINS,
    PIP,
];

/// What packs what operators install.
pub(crate) const DIST: &[Program] = &[
    Program { name: "dpkg-deb", kind: Kind::File, package: "dpkg", purpose: "reads the package" },
    Program {
        name: "dpkg-shlibdeps",
        kind: Kind::File,
        package: "dpkg-dev",
        purpose: "finds the libraries that the package depends on",
    },
    Program { name: "strip", kind: Kind::File, package: "binutils", purpose: "makes the program smaller" },
    Program { name: "xz", kind: Kind::File, package: "xz-utils", purpose: "compresses the archive" },
];

/// What compiles C to WebAssembly.
pub(crate) const C: &[Program] = &[CLANG, LLD, WASI_LIBC, BUILTINS];

/// What fetches Python's packages.
pub(crate) const PYTHON: &[Program] = &[PIP];

/// All programs that the benchmark needs besides cargo.
pub(crate) const BENCH: &[Program] = &[
    NGINX,
    Program { name: "wrk", kind: Kind::File, package: "wrk", purpose: "the load on the web server" },
    Program { name: "gcc", kind: Kind::File, package: "gcc", purpose: "compiles the CGI program" },
    Program { name: "php-fpm", kind: Kind::File, package: "php-fpm", purpose: "a contender" },
    Program { name: "fcgiwrap", kind: Kind::File, package: "fcgiwrap", purpose: "a contender" },
    Program { name: "FCGI", kind: Kind::Perl, package: "libfcgi-perl", purpose: "a contender" },
    Program {
        name: "FCGI::ProcManager",
        kind: Kind::Perl,
        package: "libfcgi-procmanager-perl",
        purpose: "a contender",
    },
];

/// Where Debian puts servers, which is not always in `PATH`.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// What starts and stops services has a file here, whatever runs it.
const SERVICES: &str = "/etc/init.d";

/// Installs those of `programs` that are missing, as root on Debian; elsewhere says which they are.
pub(crate) fn ensure(programs: &[Program]) -> Result<()> {
    let missing: Vec<&Program> = programs.iter().filter(|program| !program.is_present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").is_file() {
        let lines = missing.iter().map(|program| {
            format!("\n  {} (Debian's package {}): {}", program.name, program.package, program.purpose)
        });
        bail!("programs are missing, install them and try again:{}", lines.collect::<String>());
    }
    install(&missing)
}

/// The file of the program `name`, or of one with a version behind that name, the newest by its spelling.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let servers = SERVER_FOLDERS.iter().map(PathBuf::from);
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(servers).collect();
    let exact = folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    let versioned = || {
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries.map(|entry| entry.path()).filter(|file| is_version_of(name, file)).max()
    };
    exact.or_else(versioned).with_context(|| format!("there is no {name}"))
}

impl Program {
    fn is_present(&self) -> bool {
        match self.kind {
            Kind::File => find(self.name).is_ok(),
            Kind::Perl => {
                step::answer(Command::new("perl").arg(format!("-M{}", self.name)).arg("-e1")).is_ok()
            }
            Kind::Python => {
                step::answer(Command::new("python3").args(["-m", self.name, "--version"])).is_ok()
            }
            Kind::ClangRuntime => clang_has_runtime(),
        }
    }
}

/// Whether the library is there that clang links for WASI.
fn clang_has_runtime() -> bool {
    let Ok(clang) = find("clang") else { return false };
    let asked = step::answer(Command::new(clang).args(["--target=wasm32-wasi", "-print-libgcc-file-name"]));
    asked.is_ok_and(|file| Path::new(file.trim()).is_file())
}

/// Whether `file` is called `name` with nothing but digits and dots behind it.
fn is_version_of(name: &str, file: &Path) -> bool {
    let file = file.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let version = file.strip_prefix(name).unwrap_or_default();
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn install(missing: &[&Program]) -> Result<()> {
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    println!("installing {}", packages.join(" "));
    let before = services();
    step::quiet(apt().arg("update"))?;
    step::quiet(apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    for service in services().difference(&before) {
        // systemd does not look at the run level; where nothing was started, there is nothing to stop.
        let _ = step::answer(Command::new("service").args([service, "stop"]));
    }
    Ok(())
}

fn services() -> BTreeSet<String> {
    let entries = fs::read_dir(SERVICES).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]);
    // In run level 1 no package starts the service that it brings.
    apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    apt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_stand_behind_a_name() {
        let check = |file: &str, expected| assert_eq!(is_version_of("php-fpm", Path::new(file)), expected);
        check("/usr/sbin/php-fpm8.2", true);
        check("/usr/sbin/php-fpm", false);
        check("/usr/sbin/php-fpm-stop", false);
        check("/usr/sbin/php8.2", false);
    }
}
