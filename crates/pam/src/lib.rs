//! `pam_signet.so`: authentication, account, password and session for the PAM stack.
//!
//! The module decides nothing. It carries the conversation between the program's conversation
//! function and signetd, and turns how that ended into a PAM return code by one total table
//! (`table`). It opens no file, starts no thread, installs no handler, trusts no environment,
//! and every call ends within a second of the daemon's death.
//!
//! - `ffi`: the six entry points and the calls of libpam; the only unsafe code.
//! - `Host`: libpam as the rest of the module sees it.
//! - `arguments`: the words of the line in `pam.d`.
//! - `dialogue`: events to prompts, answers to events.
//! - `steps`: what each entry point does, from top to bottom.
//!
//! # Arguments
//! | word | meaning |
//! |---|---|
//! | `socket=PATH` | the daemon's socket, absolute; default `/run/signet/io.signet` |
//! | `server_uid=N` | the uid that the daemon runs as; default 0 |
//! | `method=NAME` | restricts authentication to one method |
//! | `try_first_pass` | a password typed for an earlier module answers the first question for one |
//! | `use_first_pass` | the same, and a password is never asked for |
//! | `quiet`, `no_info` | no information texts, for programs that break on them |
//! | `debug` | what happened goes to syslog, without any answer or text |
//!
//! A word that is not in this table makes every entry point return `PAM_SERVICE_ERR`: a misspelt
//! restriction must not become no restriction.

mod arguments;
mod dialogue;
#[allow(unsafe_code)]
mod ffi;
mod host;
mod steps;
mod table;
