use std::{
    env, io,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nix::unistd::{User, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, CapabilitySets},
};

use crate::filter;

/// What the process may do.
#[derive(Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Nothing but its work, as the user of this name where it was started by root.
    User(String),
    /// Nothing but its work, as the user that it was started as.
    SameUser,
    /// Everything. For debugging only.
    None,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::User("signet-device".into())
    }
}

/// Why the sandbox could not be built. The process then ends: it never serves with less.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The user to become is not there.
    #[error("there is no user {0}; create it as a system user, or name another one with --user")]
    NoUser(String),
    /// The user to become is root.
    #[error("the user {0} is root; name an unprivileged one with --user")]
    RootUser(String),
    /// The kernel refused a step.
    #[error("the kernel refused: {step}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The system call filter could not be made or installed.
    #[error("the system call filter could not be installed")]
    Filter(#[from] filter::FilterError),
    /// The file system rules could not be made.
    #[error("the file system rules could not be installed")]
    Landlock(#[from] landlock::RulesetError),
}

/// Names a step for the error.
fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, SandboxError> {
    result.map_err(|error| SandboxError::Refused { step, source: error.into() })
}

impl Sandbox {
    /// Gives up what is not needed; call it before there is a second thread.
    ///
    /// A parent-death signal is left out on purpose: it follows the *thread* that started the process
    /// (prctl(2)), and a thread of the daemon's runtime that retires would look like every card being
    /// pulled at once. The end of the link says the same without that.
    pub fn enter(&self) -> Result<(), SandboxError> {
        step("no core files", setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }))?;
        match self {
            Self::None => {
                tracing::error!(
                    "NO SANDBOX: this process may do everything that its user may; for debugging only"
                );
                return step("not dumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable));
            }
            Self::User(name) => become_user(name)?,
            Self::SameUser => {}
        }
        drop_capabilities()?;
        // A change of user resets it, so it comes after.
        step("not dumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
        step("no new privileges", rustix::thread::set_no_new_privs(true))?;
        confine_files()?;
        filter::install()?;
        Ok(())
    }
}

/// Becomes the user for good; without privileges, stays who it is.
fn become_user(name: &str) -> Result<(), SandboxError> {
    let now = step("user ids", getresuid())?;
    if !now.effective.is_root() && !now.real.is_root() && !now.saved.is_root() {
        return Ok(());
    }
    let user =
        step("user database", User::from_name(name))?.ok_or_else(|| SandboxError::NoUser(name.to_owned()))?;
    if user.uid.is_root() || user.gid.as_raw() == 0 {
        return Err(SandboxError::RootUser(name.to_owned()));
    }
    drop_bounding_set()?;
    step("no groups", setgroups(&[]))?;
    step("the group", setresgid(user.gid, user.gid, user.gid))?;
    step("the user", setresuid(user.uid, user.uid, user.uid))?;
    let (uid, gid) = (step("user ids", getresuid())?, step("group ids", getresgid())?);
    let became = [uid.real, uid.effective, uid.saved].iter().all(|&id| id == user.uid)
        && [gid.real, gid.effective, gid.saved].iter().all(|&id| id == user.gid);
    step("the user", if became { Ok(()) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) })
}

/// No program that this process could start would get a capability.
fn drop_bounding_set() -> Result<(), SandboxError> {
    for capability in CapabilitySet::all().iter() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // INVAL: a capability that this kernel does not know.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return step("the bounding set", Err(error)),
        }
    }
    Ok(())
}

fn drop_capabilities() -> Result<(), SandboxError> {
    match rustix::thread::clear_ambient_capability_set() {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return step("ambient capabilities", Err(error)),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    step("no capabilities", rustix::thread::set_capabilities(None, none))
}

/// Where pcscd keeps its socket and its process id; libpcsclite looks at both. The second place is fixed.
fn service_directories() -> [PathBuf; 2] {
    let fixed = PathBuf::from("/run/pcscd");
    let socket = env::var_os("PCSCLITE_CSOCK_NAME").map(PathBuf::from);
    [socket.as_deref().and_then(Path::parent).unwrap_or(&fixed).to_path_buf(), fixed]
}

/// No file but pcscd's, no TCP, no abstract sockets, no signals, as far as this kernel has landlock.
fn confine_files() -> Result<(), SandboxError> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    for directory in service_directories() {
        // pcscd may be installed later: then its directory is not there yet, the one above is. The root
        // directory has none above, and would mean all files.
        let mut places = directory.ancestors().take(2).filter(|path| path.parent().is_some());
        if let Some(fd) = places.find_map(|path| PathFd::new(path).ok()) {
            rules = rules.add_rule(PathBeneath::new(fd, AccessFs::ReadFile))?;
        }
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => tracing::info!("landlock: fully enforced"),
        RulesetStatus::PartiallyEnforced => tracing::info!("landlock: enforced as far as this kernel can"),
        RulesetStatus::NotEnforced => {
            tracing::warn!("landlock: this kernel has none; user and system call filter remain");
        }
    }
    Ok(())
}
