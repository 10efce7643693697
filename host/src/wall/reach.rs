//! What the process reaches (Landlock): files, TCP ports, other processes.

use std::{env, fs, io, path::PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, Scope,
};

use super::{Finding, Part, WallError, refused};

/// The newest version of Landlock that is asked for; of an older kernel's, everything that it has.
const NEWEST: ABI = ABI::V10;

/// The version without which files can be cut or moved, ports used, and signals sent.
const WHOLE: ABI = ABI::V6;

/// What the linker of the program's libraries reads when a child process begins.
const LINKER_CACHE: &str = "/etc/ld.so.cache";

/// A folder or a file within reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Where it is. What is not there is not granted.
    pub path: PathBuf,
    /// What may be done at and below it.
    pub access: Access,
}

/// What may be done with a path and what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Files are read.
    ReadFiles,
    /// Files are read, folders are listed.
    Read,
    /// Files and folders are also made, changed, moved and removed. No devices, no sockets, no programs to run.
    Write,
    /// Sockets are made, reached and, like other files, removed.
    Sockets,
    /// Files are removed, and nothing else.
    Remove,
    /// Files are made and written, not read.
    Append,
    /// Files are read, and run as programs.
    Run,
    /// A device is read and written.
    Device,
}

/// The network within reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// TCP ports to listen on.
    pub bind: Vec<u16>,
    /// TCP ports to connect to, anywhere.
    pub connect: Vec<u16>,
    /// Whether names of machines are looked up, which takes datagrams.
    pub names: bool,
}

impl Grant {
    /// What it takes to run this program again in a child process: its file, the libraries that it has mapped, and what
    /// finds them.
    pub fn program() -> io::Result<Vec<Self>> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let mut files: Vec<_> = maps.lines().filter_map(mapped).map(PathBuf::from).collect();
        files.dedup();
        let run = |path| Self { path, access: Access::Run };
        let cache = Self { path: LINKER_CACHE.into(), access: Access::ReadFiles };
        let null = Self { path: "/dev/null".into(), access: Access::Device };
        // By this name it is the file that runs, wherever it has been moved.
        Ok(files.into_iter().chain(["/proc/self/exe".into()]).map(run).chain([cache, null]).collect())
    }

    /// What it takes to ask other servers, as far as this machine has it.
    pub fn outbound() -> impl Iterator<Item = Self> {
        let named = CERTIFICATES.into_iter().filter_map(env::var_os).map(PathBuf::from);
        let resolver = fs::read_link(RESOLVER).and_then(|_| fs::canonicalize(RESOLVER)).ok();
        let beside = resolver.and_then(|file| file.parent().map(PathBuf::from));
        let all = OUTBOUND.into_iter().map(PathBuf::from).chain(beside).chain(named);
        all.map(|path| Self { path, access: Access::Read })
    }
}

/// Which name servers there are. Often a link to a file that is replaced whenever the network changes.
const RESOLVER: &str = "/etc/resolv.conf";

/// What it takes to ask other servers: how their names are looked up, and whose certificates are believed.
const OUTBOUND: [&str; 11] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    RESOLVER,
    // Certificates, and what links among them lead to; not the keys that some keep beside them.
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
];

/// The variables that name other certificates (OpenSSL).
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The file in a line of `/proc/PID/maps`, where that can be run.
fn mapped(line: &str) -> Option<&str> {
    let path = line.find('/').map(|at| &line[at..])?;
    let can_run = line.split(' ').nth(1).is_some_and(|permissions| permissions.contains('x'));
    (can_run && !path.ends_with(" (deleted)")).then_some(path)
}

impl Access {
    fn rights(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        match self {
            Self::ReadFiles => AccessFs::ReadFile.into(),
            Self::Read => read,
            Self::Write => {
                read | AccessFs::WriteFile
                    | AccessFs::Truncate
                    | AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::MakeSym
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    | AccessFs::Refer
            }
            Self::Sockets => AccessFs::MakeSock | AccessFs::RemoveFile | AccessFs::ResolveUnix,
            Self::Remove => AccessFs::RemoveFile.into(),
            Self::Append => AccessFs::WriteFile | AccessFs::MakeReg,
            Self::Run => AccessFs::ReadFile | AccessFs::Execute,
            Self::Device => AccessFs::ReadFile | AccessFs::WriteFile,
        }
    }
}

/// Puts everything else out of reach, as far as the kernel can.
pub(super) fn restrict(grants: &[Grant], network: &Network) -> Result<Finding, WallError> {
    let part = Part::Landlock.name();
    let mut ruleset = ruleset(network.names).map_err(refused(part))?;
    for Grant { path, access } in grants {
        let Ok(opened) = PathFd::new(path) else { continue };
        let folder = path.is_dir();
        let rights = if folder { access.rights() } else { access.rights() & AccessFs::from_file(NEWEST) };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, rights)).map_err(refused(part))?;
    }
    for (ports, access) in [(&network.bind, AccessNet::BindTcp), (&network.connect, AccessNet::ConnectTcp)] {
        for &port in ports {
            ruleset = ruleset.add_rule(NetPort::new(port, access)).map_err(refused(part))?;
        }
    }
    let RestrictionStatus { landlock, .. } = ruleset.restrict_self().map_err(refused(part))?;
    Ok(finding(landlock))
}

fn ruleset(names: bool) -> Result<RulesetCreated, RulesetError> {
    let tcp = AccessNet::BindTcp | AccessNet::ConnectTcp;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(if names { tcp } else { AccessNet::from_all(NEWEST) })?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

fn finding(status: LandlockStatus) -> Finding {
    match status {
        LandlockStatus::Available { effective_abi, .. } if effective_abi >= WHOLE => Finding::in_force(
            Part::Landlock.name(),
            format!("files, TCP ports, signals (version {})", effective_abi as i32),
        ),
        LandlockStatus::Available { effective_abi, .. } => Finding::lacking(
            Part::Landlock,
            format!(
                "this kernel has version {} of it, which lacks {}",
                effective_abi as i32,
                missing(effective_abi)
            ),
        ),
        LandlockStatus::NotEnabled => {
            Finding::lacking(Part::Landlock, "switched off in this kernel; boot it with landlock among lsm=")
        }
        LandlockStatus::NotImplemented => {
            Finding::lacking(Part::Landlock, "this kernel has none; Linux 5.13 and later have it")
        }
    }
}

/// What versions before [`WHOLE`] leave open.
fn missing(version: ABI) -> String {
    let since = [
        (ABI::V3, "cutting files to length"),
        (ABI::V4, "TCP ports"),
        (ABI::V5, "commands to devices"),
        (ABI::V6, "signals"),
    ];
    let missing = since.into_iter().filter(|(since, _)| version < *since).map(|(_, what)| what);
    missing.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_files() {
        let check = |line, expected| assert_eq!(mapped(line), expected, "{line}");
        check("7f00-7f01 r-xp 00001000 fe:01 12 /usr/lib/libc.so.6", Some("/usr/lib/libc.so.6"));
        check("7f00-7f01 r-xp 00001000 fe:01 12    /usr/a b", Some("/usr/a b"));
        check("7f00-7f01 r--p 00001000 fe:01 12 /usr/lib/locale", None);
        check("7f00-7f01 r-xp 00001000 fe:01 12 /usr/old (deleted)", None);
        check("7f00-7f01 r-xp 00000000 00:00 0 [vdso]", None);
        check("7f00-7f01 r-xp 00000000 00:00 0", None);
    }

    #[test]
    fn what_older_kernels_lack() {
        assert_eq!(missing(ABI::V6), "");
        assert_eq!(missing(ABI::V4), "commands to devices, signals");
        assert_eq!(missing(ABI::V1).matches(", ").count(), 3);
    }
}
