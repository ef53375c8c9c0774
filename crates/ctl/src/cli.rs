use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;
use signet_protocol::interfaces::SOCKET;
use signet_types::{Method, ServiceName, SessionId, UserName};

/// Enrols, lists, explains and repairs what signetd holds.
///
/// Exit codes: 0 yes (granted, done, good), 1 no (denied, cancelled, faults found), 2 error,
/// 3 signetd does not answer.
#[derive(Debug, Parser)]
#[command(name = "signetctl", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Options {
    /// Print one JSON document; conversations print one for each event
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The daemon's socket
    #[arg(long, global = true, value_name = "PATH", default_value = SOCKET)]
    pub(crate) socket: PathBuf,
    /// The uid that the daemon must have; nobody else is told a secret
    #[arg(long, global = true, value_name = "UID", default_value_t = 0)]
    pub(crate) server_uid: u32,
    /// Read answers from standard input, one a line, in the order of the prompts
    #[arg(long, global = true)]
    pub(crate) stdin_secrets: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How the daemon is: store, policy, readers
    Status,
    /// Every method and how it stands for a user
    Methods {
        #[command(flatten)]
        who: Who,
    },
    /// Enrol a credential; asks for authentication first
    Enroll {
        /// What to enrol
        #[arg(value_parser = method_name())]
        method: Method,
        #[command(flatten)]
        who: Who,
    },
    /// Try an authentication; nothing is opened
    Verify {
        /// Only this method
        #[arg(value_parser = method_name())]
        method: Option<Method>,
        /// Under the rules of this service
        #[arg(long, value_name = "NAME", default_value = "signetctl")]
        service: ServiceName,
        #[command(flatten)]
        who: Who,
    },
    /// List credentials
    List {
        #[command(flatten)]
        who: Who,
    },
    /// Show one credential
    Show {
        #[command(flatten)]
        credential: CredentialArgument,
    },
    /// Change a credential's description
    Modify {
        #[command(flatten)]
        credential: CredentialArgument,
        /// The new description
        #[arg(long, value_name = "TEXT")]
        description: String,
    },
    /// Delete a credential; asks for authentication first
    Delete {
        #[command(flatten)]
        credential: CredentialArgument,
    },
    /// Change the PIN or password that Signet keeps for a method
    Pin {
        /// Whose secret; needed where several methods are enrolled
        #[arg(value_parser = method_name())]
        method: Option<Method>,
        #[command(flatten)]
        who: Who,
    },
    /// What is in force, and where each value comes from
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Login sessions and the tokens that hold them open
    #[command(subcommand)]
    Session(SessionCommand),
    /// Look at every part and say what to do
    Doctor,
    /// Write an encrypted export of all records to a new file
    Export {
        /// The new file
        file: PathBuf,
    },
    /// The most recent audit entries, newest last
    Audit {
        /// How many
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
        count: u32,
    },
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a directory
    Man {
        /// An existing directory
        directory: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a policy file: its faults, and who would be locked out
    Check {
        /// The file; NAME.toml in a directory 'groups' or 'users' is checked as that layer
        #[arg(default_value = "/etc/signet/policy.toml")]
        file: PathBuf,
        /// Do not ask the daemon who would be locked out
        #[arg(long)]
        offline: bool,
    },
    /// The workstation's policy that is in force
    Show,
    /// Each effective value and the layer that gave it
    Explain {
        /// For this user
        user: UserName,
        /// Of this method
        #[arg(value_parser = method_name())]
        method: Option<Method>,
        /// Of this service too
        service: Option<ServiceName>,
    },
    /// Read the policy files again
    Reload,
    /// Every setting with what is allowed, as Markdown
    Reference,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List sessions
    List,
    /// Show one session; exit code 1 where there is none
    Status {
        #[command(flatten)]
        session: SessionArgument,
    },
    /// Lock a session; exit code 1 where it did not lock in time
    Lock {
        #[command(flatten)]
        session: SessionArgument,
    },
    /// Authenticate and unlock a session
    Unlock {
        #[command(flatten)]
        session: SessionArgument,
    },
}

/// Whose credentials.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Of this user instead of your own; for root
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<UserName>,
}

/// One credential.
#[derive(Debug, Args)]
pub(crate) struct CredentialArgument {
    /// The id, or the first four or more digits of it
    #[arg(value_name = "ID", value_parser = parse_id)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// One session.
#[derive(Debug, Args)]
pub(crate) struct SessionArgument {
    /// logind's id of the session; yours where none is given
    #[arg(value_name = "SESSION", env = "XDG_SESSION_ID")]
    pub(crate) session: SessionId,
}

/// Takes a method's name; clap lists the allowed ones.
fn method_name() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(Method::ALL.map(Method::as_str)).try_map(|name| name.parse::<Method>())
}

fn parse_id(text: &str) -> Result<String, String> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digits && (4..=32).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("expected 4 to 32 lower-case hex digits; 'signetctl list' shows the ids".to_owned())
    }
}
