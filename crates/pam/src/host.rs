use signet_protocol::SecretText;
use signet_types::GrantId;
use zeroize::Zeroizing;

use crate::table::Code;

/// libpam and the program behind it, as the module sees them.
pub(crate) trait Host {
    /// An item of the transaction; none where it is unset or empty. What is not UTF-8 is replaced,
    /// never left out: a strange remote host must not become no remote host.
    fn item(&self, item: Item) -> Option<String>;

    /// The password that an earlier module asked for, if any.
    fn earlier_password(&self) -> Option<SecretText>;

    /// Hands a typed password to later modules.
    fn keep_password(&mut self, password: &SecretText) -> Result<(), Code>;

    /// Sets the user who was identified.
    fn set_user(&mut self, user: &str) -> Result<(), Code>;

    /// Asks; an answer is what the person typed, perhaps nothing.
    fn ask(&mut self, style: Style, text: &str) -> Result<Zeroizing<String>, NoAnswer>;

    /// Tells; that nobody could be told is no reason to stop.
    fn tell(&mut self, style: Told, text: &str);

    /// A variable of the PAM environment, never of the process.
    fn variable(&self, name: Variable) -> Option<String>;

    /// Sets or removes the variable that carries the grant from an authenticating child process
    /// to the process that opens the session (sshd).
    fn export_grant(&mut self, grant: Option<GrantId>);

    /// Keeps the grant of this transaction.
    fn keep_grant(&mut self, kept: KeptGrant) -> Result<(), Code>;

    /// The grant of this transaction, as this process made it.
    fn kept_grant(&self) -> Option<KeptGrant>;

    /// Writes to syslog. The text never holds an answer.
    fn log(&self, level: Level, text: &str);
}

/// The items that the module reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Service,
    User,
    Terminal,
    RemoteHost,
    Requester,
}

/// The variables that the module reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variable {
    /// `XDG_SESSION_ID`, as `pam_systemd` sets it.
    Session,
    /// `SIGNET_GRANT`.
    Grant,
}

/// How an answer is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Hidden,
    Shown,
}

/// How a text is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Info,
    Error,
}

/// The conversation function gave no answer: it failed, was aborted, or returned what is none.
/// This ends the conversation; nothing goes on without the answer (`pam_u2f` CVE-2021-31924).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// A grant and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptGrant {
    pub(crate) grant: GrantId,
    pub(crate) user: String,
}

/// How important a line in syslog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Debug,
}
