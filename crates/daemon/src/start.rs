//! From the command line to a serving daemon.

use std::{
    cell::{Cell, RefCell},
    fs::{self, DirBuilder, File},
    io::{self, Read},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use signet_authn::Authenticator;
use signet_policy::PolicySlot;
use signet_session::Drivers;
use signet_store::{
    EngineError, ExportError, KeySource, Location, Presence, Records, StoreError,
    audit::{AuditError, AuditLog, AuditPlace, Entry},
};
use signet_types::{Secret, SecretTooLong};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Arguments, accounts,
    config::{Config, ConfigError, Layout},
    daemon::{Daemon, now},
    devices::{Devices, HostProgram},
    logind::Logind,
    policy_files::{self, PolicyLoadError},
    server,
    sessions::{self, Sessions},
    work::WorkQueue,
};

/// Page cache of the store in bytes; the records of a workstation are few.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Size in bytes at which the audit file is turned over, and how many older ones are kept.
const AUDIT_BYTES: u64 = 16 * 1024 * 1024;
const AUDIT_KEEP: u32 = 16;

/// Why the daemon does not run. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy; there is no last good one at the start.
    #[error(
        "the policy cannot be put in force; mend it ('signetctl policy check' tells all faults) and start again"
    )]
    Policy(#[from] PolicyLoadError),
    /// The store.
    #[error("the store is refused; nobody is let in by a store that cannot be believed{}", advice(.0))]
    Store(#[from] StoreError),
    /// The audit record.
    #[error("the audit record is refused")]
    Audit(#[from] AuditError),
    /// The export.
    #[error("the export cannot be imported")]
    Import(#[from] ExportError),
    /// The passphrase.
    #[error("the passphrase cannot be used")]
    Passphrase(#[from] SecretTooLong),
    /// machine-id(5).
    #[error("/etc/machine-id is missing or not 32 hex digits; run 'systemd-machine-id-setup'")]
    MachineId,
    /// Another one holds the directory.
    #[error("another signetd is running in {}", .0.display())]
    Running(PathBuf),
    /// A file or directory.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// What to do about damage that the engine itself finds; all other errors of the store say it themselves.
fn advice(error: &StoreError) -> &'static str {
    match error {
        StoreError::Engine(EngineError::Damaged(_) | EngineError::Missing { .. }) => {
            ". Put its newest files back, or import the newest export ('signetd --import FILE')"
        }
        _ => "",
    }
}

/// Runs the daemon until it is told to end.
pub(crate) fn run(arguments: &Arguments) -> Result<(), StartError> {
    harden();
    let layout = Layout::new(arguments.root.clone());
    let config = Config::load(&arguments.config.clone().unwrap_or_else(|| layout.config()))?;
    for directory in [layout.run(), layout.state()] {
        make_directory(&directory, if directory == layout.run() { 0o755 } else { 0o700 })?;
    }
    let _lock = lock(&layout)?;
    let location = location(&layout, &config);
    if let Some(export) = &arguments.import {
        return import(&location, export);
    }
    let records = match (arguments.init, location.presence()) {
        (true, _) => return Records::create(&location).map(drop).map_err(Into::into),
        (false, Presence::Present) => Records::open(&location)?,
        (false, Presence::Untouched | Presence::Unfinished) => {
            tracing::warn!("first start: a new store is made in {}", location.directory.display());
            Records::create(&location)?
        }
    };
    tracing::warn!(
        "the store's key is a file that root can read: whoever reads the whole disk reads the store"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // A directory that hangs must not keep others from the store.
        .max_blocking_threads(32)
        .build()
        .map_err(|source| io_error("start the runtime in", &layout.run(), source))?;
    let daemon = assemble(config, layout, records)?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(serve(Rc::new(daemon))))
}

fn assemble(config: Config, layout: Layout, records: Records) -> Result<Daemon, StartError> {
    let state = layout.state();
    let place = AuditPlace {
        path: state.join("audit.jsonl"),
        mark: state.join("audit.mark"),
        max_bytes: AUDIT_BYTES,
        keep: AUDIT_KEEP,
    };
    let audit = AuditLog::open(place, records.audit_key())?;
    let policy = policy_files::load(&layout.policy())?;
    let machine = accounts::machine_id(Path::new("/etc/machine-id")).ok_or(StartError::MachineId)?;
    let drivers: [Arc<dyn Authenticator>; 2] =
        [Arc::new(signet_smartcard::Smartcard::new()), Arc::new(signet_password::Password::new())];
    Ok(Daemon {
        work: WorkQueue::new(config.password_check.clone()),
        config,
        layout,
        records: Arc::new(records),
        audit: Arc::new(audit),
        policy: RefCell::new(PolicySlot::new(policy)),
        policy_since: Cell::new(now()),
        drivers: Arc::new(Drivers::from_iter(drivers)),
        devices: Devices::new(),
        logind: Logind::default(),
        sessions: Sessions::default(),
        machine,
        started_at: now(),
        arbiter: Rc::default(),
    })
}

async fn serve(daemon: Rc<Daemon>) -> Result<(), StartError> {
    let socket = daemon.layout.socket();
    let signals = |kind| signal(kind).map_err(|source| io_error("watch signals for", &socket, source));
    let (mut terminate, mut interrupt, mut hangup) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
        signals(SignalKind::hangup())?,
    );
    let program = HostProgram {
        path: daemon.config.device_host.clone(),
        user: if daemon.layout.is_system() { daemon.config.device_user.clone() } else { String::new() },
    };
    tokio::task::spawn_local(Rc::clone(&daemon.devices).supervise(program));
    tokio::task::spawn_local(Rc::clone(&daemon.arbiter).run(daemon.devices.events()));
    tokio::task::spawn_local(sessions::watch(Rc::clone(&daemon)));
    let listener = server::bind(&socket).map_err(|source| io_error("listen on", &socket, source))?;
    tokio::task::spawn_local(server::serve(Rc::clone(&daemon), listener));
    let _ = daemon.record(Entry::new(now(), "daemon", "started")).await;
    tracing::info!("listening on {}", socket.display());
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => drop(crate::dispatch::reload_policy(&daemon).await),
        }
    }
    let _ = fs::remove_file(&socket);
    let _ = daemon.record(Entry::new(now(), "daemon", "stopped")).await;
    Ok(())
}

/// No core dump, no debugger, no file that others can read, every descriptor that there is (AUD-02, R31).
fn harden() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let core = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let dumpable = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if core.is_err() || dumpable.is_err() {
        tracing::error!("core dumps could not be switched off");
    }
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

fn make_directory(path: &Path, mode: u32) -> Result<(), StartError> {
    let created = DirBuilder::new().recursive(true).mode(mode).create(path);
    created
        .and_then(|()| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)))
        .map_err(|source| io_error("make", path, source))
}

/// One daemon to a directory: the lock ends with the process, however it ends.
fn lock(layout: &Layout) -> Result<File, StartError> {
    let path = layout.state().join("lock");
    let file = File::create(&path).map_err(|source| io_error("make", &path, source))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(StartError::Running(layout.state())),
    }
}

/// Store, mark and key lie in directories of their own, so that copying one does not copy another.
fn location(layout: &Layout, config: &Config) -> Location {
    let state = layout.state();
    Location {
        engine: config.engine(),
        directory: state.join("store"),
        mark: state.join("store.mark"),
        key: KeySource::File(state.join("store.key")),
        cache_bytes: CACHE_BYTES,
    }
}

fn import(location: &Location, export: &Path) -> Result<(), StartError> {
    let mut file = File::open(export).map_err(|source| io_error("read", export, source))?;
    let mut typed = Vec::new();
    let line = io::stdin().lock().take(Secret::MAX_LEN as u64 + 1).read_to_end(&mut typed);
    line.map_err(|source| io_error("read the passphrase for", export, source))?;
    if typed.last() == Some(&b'\n') {
        typed.pop();
    }
    let passphrase = Secret::new(typed)?;
    let (_, summary) = Records::import(location, &mut file, &passphrase)?;
    tracing::info!("imported: {summary:?}");
    Ok(())
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> StartError {
    StartError::Io { what, path: path.into(), source }
}
