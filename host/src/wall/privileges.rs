//! Privileges that are given up, and the process's memory.

use std::io;

use rustix::{
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, geteuid, set_dumpable_behavior, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

use super::{Finding, Part, WallError, os, refused};

/// What is left to a host that stays root: files of other users within reach of its mounts.
const KEPT_BY_ROOT: CapabilitySet =
    CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::FOWNER);

/// Whether the bounding set is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoundingSet {
    Empty,
    /// Only who has capabilities can empty it. Without new privileges, it gives none to anybody.
    Kept,
}

/// Programs with a set-user-ID bit or capabilities of their own are no way out.
pub(super) fn give_up_new() -> Result<(), WallError> {
    set_no_new_privs(true).map_err(os).map_err(refused("no-new-privileges"))
}

/// Takes what programs that are started could have from them.
pub(super) fn empty_bounding_set() -> Result<BoundingSet, WallError> {
    for bit in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit)) {
            Ok(()) => {}
            Err(Errno::INVAL) => break, // The kernel knows no more of them.
            Err(Errno::PERM) => return Ok(BoundingSet::Kept),
            Err(error) => return Err(refused(Part::CapabilityDrop.name())(io::Error::from(error))),
        }
    }
    Ok(BoundingSet::Empty)
}

/// Gives up what the process itself has.
pub(super) fn drop_capabilities(bounded: Option<BoundingSet>) -> Result<Finding, WallError> {
    let (kept, told) = if geteuid().is_root() {
        (KEPT_BY_ROOT, "none but those of root over files, as the host runs as root")
    } else {
        (CapabilitySet::empty(), "none")
    };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    clear_ambient_capability_set()
        .and_then(|()| held(sets))
        .map_err(os)
        .map_err(refused(Part::CapabilityDrop.name()))?;
    let bound = if bounded == Some(BoundingSet::Empty) { ", and none to be had" } else { "" };
    Ok(Finding::in_force(Part::CapabilityDrop.name(), format!("{told}{bound}")))
}

/// Sets what is held. Of what should be kept, a root without it gets nothing.
fn held(sets: CapabilitySets) -> rustix::io::Result<()> {
    let now = rustix::thread::capabilities(None)?;
    let kept = sets.permitted & now.permitted;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, ..sets })
}

/// Keeps the memory of all requests out of core files, and from other processes of the same user.
pub(super) fn protect_memory() -> Result<Finding, WallError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(os)
        .map_err(refused(Part::DumpProtection.name()))?;
    Ok(Finding::in_force(Part::DumpProtection.name(), "no core dumps, no debugger of the same user"))
}
