//! System calls that the host has no use for, among them those that have let programs out of other sandboxes (seccomp).

use std::{collections::BTreeMap, env};

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::{Finding, Part, WallError, refused};

/// What is refused, whatever its arguments.
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Other roots and namespaces.
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    // Files by number, around every path.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // Large parts of the kernel that nothing here needs. The runtime is built without io_uring.
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The kernel and the machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_personality,
    // Its arguments are out of a filter's sight; libraries take `clone` instead.
    libc::SYS_clone3,
];

/// What only this processor has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// The bit of the numbers of the second set of system calls that some kernels have for this processor (x32).
#[cfg(target_arch = "x86_64")]
const SECOND_SET: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const SECOND_SET: Option<c_long> = None;

/// `CLONE_NEWUSER`: a new user namespace makes its first process root in it, with all of the kernel that root can reach.
const NEW_USER: u64 = 0x1000_0000;

/// The bits of a socket's type without its flags.
const KINDS: u64 = 0xf;

/// `SOCK_DCCP`: datagrams with a connection.
const SOCK_DCCP: i32 = 6;

/// Installs the filter in this thread, and all that come from it.
pub(super) fn restrict(names: bool) -> Result<Finding, WallError> {
    let part = Part::Seccomp.name();
    let filter = program(names).map_err(refused(part))?;
    let datagrams = if names { ", datagrams" } else { "" };
    let calls = REFUSED.len() + REFUSED_HERE.len();
    match apply_filter(&filter) {
        Ok(()) => Ok(Finding::in_force(
            part,
            format!("{calls} system calls refused, and sockets but for TCP{datagrams} and Unix"),
        )),
        Err(seccompiler::Error::Seccomp(error)) => {
            Ok(Finding::lacking(Part::Seccomp, format!("this kernel refuses filters: {error}")))
        }
        Err(error) => Err(refused(part)(error)),
    }
}

/// What is refused fails as in a kernel without it, so that libraries fall back to what they did before.
fn program(names: bool) -> Result<BpfProgram, BackendError> {
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules(names)?, SeccompAction::Allow, missing, env::consts::ARCH.try_into()?)?
        .try_into()
}

/// No rule at all for a number means: always.
fn rules(names: bool) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let always = REFUSED.iter().chain(REFUSED_HERE).map(|&call| (call, Vec::new()));
    let mut rules: BTreeMap<_, _> = always.collect();
    let new_user = argument(0, SeccompCmpOp::MaskedEq(NEW_USER), NEW_USER)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![new_user])?]);
    rules.insert(libc::SYS_socket, sockets(names)?);
    let second: Vec<_> = SECOND_SET
        .iter()
        .flat_map(|bit| rules.iter().map(move |(call, rules)| (call | bit, rules.clone())))
        .collect();
    rules.extend(second);
    Ok(rules)
}

/// Sockets are those of TCP and of the machine's own processes. Who looks up names also sends datagrams, and asks the kernel for
/// the machine's own addresses.
fn sockets(names: bool) -> Result<Vec<SeccompRule>, BackendError> {
    let not_of = |family: i32| argument(0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()));
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].into_iter();
    let families = families.chain(names.then_some(libc::AF_NETLINK)).map(not_of);
    let mut rules = vec![SeccompRule::new(families.collect::<Result<_, _>>()?)?];
    let kinds = [libc::SOCK_RAW, libc::SOCK_SEQPACKET, SOCK_DCCP].into_iter();
    for kind in kinds.chain((!names).then_some(libc::SOCK_DGRAM)) {
        let of_kind = argument(1, SeccompCmpOp::MaskedEq(KINDS), u64::from(kind.unsigned_abs()))?;
        rules.push(SeccompRule::new(vec![not_of(libc::AF_UNIX)?, not_of(libc::AF_NETLINK)?, of_kind])?);
    }
    Ok(rules)
}

/// A condition on one of the first arguments, of which the kernel itself looks at the lower half.
fn argument(index: u8, compared: SeccompCmpOp, with: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, compared, with)
}
