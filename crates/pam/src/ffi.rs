//! The edge to libpam: its types, its calls, and the six entry points. Every unsafe block of the
//! module is here.
//!
//! Names and numbers are those of `<security/pam_modules.h>`, `<security/_pam_types.h>` and
//! `<syslog.h>` of Linux-PAM.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    ptr::{null, null_mut},
    slice,
    sync::Once,
};

use signet_protocol::SecretText;
use signet_types::GrantId;
use zeroize::{Zeroize, Zeroizing};
use zeroizing_alloc::ZeroAlloc;

use crate::{
    arguments::Arguments,
    host::{Host, Item, KeptGrant, Level, NoAnswer, Style, Told, Variable},
    steps::{self, Flags},
    table::Code,
};

/// What the module frees is wiped: JSON text, answers, prompts.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// `pam_handle_t`, known to libpam alone.
#[repr(C)]
pub(crate) struct PamHandle {
    _private: [u8; 0],
}

/// `struct pam_message`.
#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct PamResponse {
    text: *mut c_char,
    /// Unused by Linux-PAM.
    code: c_int,
}

type Converse =
    unsafe extern "C" fn(c_int, *mut *const PamMessage, *mut *mut PamResponse, *mut c_void) -> c_int;

/// `struct pam_conv`.
#[repr(C)]
struct PamConv {
    converse: Option<Converse>,
    data: *mut c_void,
}

type Cleanup = unsafe extern "C" fn(*mut PamHandle, *mut c_void, c_int);

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_get_item(handle: *const PamHandle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
    fn pam_getenv(handle: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_putenv(handle: *mut PamHandle, assignment: *const c_char) -> c_int;
    fn pam_get_data(handle: *const PamHandle, name: *const c_char, data: *mut *const c_void) -> c_int;
    fn pam_set_data(
        handle: *mut PamHandle,
        name: *const c_char,
        data: *mut c_void,
        cleanup: Option<Cleanup>,
    ) -> c_int;
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
}

unsafe extern "C" {
    /// The answers of a conversation function are allocated by `malloc` (`pam_conv(3)`).
    fn free(pointer: *mut c_void);
}

const PAM_SUCCESS: c_int = 0;
const PAM_SERVICE: c_int = 1;
const PAM_USER: c_int = 2;
const PAM_TTY: c_int = 3;
const PAM_RHOST: c_int = 4;
const PAM_CONV: c_int = 5;
const PAM_AUTHTOK: c_int = 6;
const PAM_RUSER: c_int = 8;
const PAM_SILENT: c_int = 0x8000;
const PAM_PRELIM_CHECK: c_int = 0x4000;
const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_ERROR_MSG: c_int = 3;
const PAM_TEXT_INFO: c_int = 4;
const LOG_ERR: c_int = 3;
const LOG_WARNING: c_int = 4;
const LOG_DEBUG: c_int = 7;

/// The name of the module's data in the transaction.
const GRANT_DATA: &CStr = c"signet_grant";
const GRANT_VARIABLE: &CStr = c"SIGNET_GRANT";
const SESSION_VARIABLE: &CStr = c"XDG_SESSION_ID";

/// A transaction of libpam for the time of one call.
struct Pam {
    handle: *mut PamHandle,
}

impl Pam {
    fn raw_item(&self, item: c_int) -> Option<*const c_void> {
        let mut value = null();
        // SAFETY: libpam gave the handle for this call, and `value` takes one pointer.
        let code = unsafe { pam_get_item(self.handle, item, &raw mut value) };
        (code == PAM_SUCCESS && !value.is_null()).then_some(value)
    }

    fn text_item(&self, item: c_int) -> Option<String> {
        let value = self.raw_item(item)?;
        // SAFETY: the items that are asked for here are C strings, which libpam owns and keeps
        // until they are set again; the text is copied at once.
        let text = unsafe { CStr::from_ptr(value.cast()) };
        (!text.is_empty()).then(|| text.to_string_lossy().into_owned())
    }

    fn set_text_item(&mut self, item: c_int, text: &str) -> Result<(), Code> {
        // The allocator wipes this copy.
        let text = CString::new(text).map_err(|_| Code::System)?;
        // SAFETY: the handle is valid for this call; libpam copies the string.
        let code = unsafe { pam_set_item(self.handle, item, text.as_ptr().cast()) };
        if code == PAM_SUCCESS { Ok(()) } else { Err(Code::System) }
    }

    /// Calls the program's conversation function with one message.
    fn converse(&self, style: c_int, text: &str) -> Result<Zeroizing<String>, NoAnswer> {
        let conv = self.raw_item(PAM_CONV).ok_or(NoAnswer)?.cast::<PamConv>();
        // SAFETY: PAM_CONV is the `struct pam_conv` of the program, which libpam keeps for the
        // transaction; both members are copied.
        let (converse, data) = unsafe { ((*conv).converse.ok_or(NoAnswer)?, (*conv).data) };
        let text = CString::new(printable(text)).map_err(|_| NoAnswer)?;
        let message = PamMessage { style, text: text.as_ptr() };
        let mut messages = [&raw const message];
        let mut responses: *mut PamResponse = null_mut();
        // SAFETY: pam_conv(3): one message, an array of one pointer to it, and a place for the
        // array of one answer. `message`, `text` and `messages` live until the call has returned.
        let code = unsafe { converse(1, messages.as_mut_ptr(), &raw mut responses, data) };
        // SAFETY: after success the answers are ours (pam_conv(3)); after a failure they are
        // undefined and not looked at.
        unsafe { if code == PAM_SUCCESS { take_answer(responses) } else { Err(NoAnswer) } }
    }
}

/// Copies the one answer, wipes it where it was, and frees it.
///
/// # Safety
/// `responses` is null, or an array of one answer from `malloc`, whose text is null or a C string
/// from `malloc`; it is not used afterwards.
unsafe fn take_answer(responses: *mut PamResponse) -> Result<Zeroizing<String>, NoAnswer> {
    if responses.is_null() {
        return Err(NoAnswer);
    }
    // SAFETY: the array has one element, as the caller promises.
    let text = unsafe { (*responses).text };
    let answer = if text.is_null() {
        Err(NoAnswer)
    } else {
        // SAFETY: a C string from the conversation function, which nobody else uses now.
        let bytes =
            unsafe { slice::from_raw_parts_mut(text.cast::<u8>(), CStr::from_ptr(text).count_bytes()) };
        let answer = std::str::from_utf8(bytes).map(|text| Zeroizing::new(text.to_owned()));
        let answer = answer.map_err(|_| NoAnswer);
        bytes.zeroize();
        answer
    };
    // SAFETY: both were allocated by malloc, and nothing refers to them any more; free(NULL) does
    // nothing.
    unsafe {
        free(text.cast());
        free(responses.cast());
    }
    answer
}

/// The text without anything that moves a cursor or ends a C string.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl Host for Pam {
    fn item(&self, item: Item) -> Option<String> {
        self.text_item(match item {
            Item::Service => PAM_SERVICE,
            Item::User => PAM_USER,
            Item::Terminal => PAM_TTY,
            Item::RemoteHost => PAM_RHOST,
            Item::Requester => PAM_RUSER,
        })
    }

    fn earlier_password(&self) -> Option<SecretText> {
        let value = self.raw_item(PAM_AUTHTOK)?;
        // SAFETY: PAM_AUTHTOK is a C string that libpam owns; it is copied at once.
        let text = unsafe { CStr::from_ptr(value.cast()) };
        let text = text.to_str().ok().filter(|text| !text.is_empty())?;
        SecretText::new(text.to_owned()).ok()
    }

    fn keep_password(&mut self, password: &SecretText) -> Result<(), Code> {
        self.set_text_item(PAM_AUTHTOK, password.expose())
    }

    fn set_user(&mut self, user: &str) -> Result<(), Code> {
        self.set_text_item(PAM_USER, user)
    }

    fn ask(&mut self, style: Style, text: &str) -> Result<Zeroizing<String>, NoAnswer> {
        let style = match style {
            Style::Hidden => PAM_PROMPT_ECHO_OFF,
            Style::Shown => PAM_PROMPT_ECHO_ON,
        };
        self.converse(style, text)
    }

    fn tell(&mut self, style: Told, text: &str) {
        let style = match style {
            Told::Info => PAM_TEXT_INFO,
            Told::Error => PAM_ERROR_MSG,
        };
        // Many programs give no answer to a text; none is needed.
        drop(self.converse(style, text));
    }

    fn variable(&self, name: Variable) -> Option<String> {
        let name = match name {
            Variable::Session => SESSION_VARIABLE,
            Variable::Grant => GRANT_VARIABLE,
        };
        // SAFETY: the handle is valid for this call and the name is a C string.
        let value = unsafe { pam_getenv(self.handle, name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: pam_getenv(3): a C string that libpam owns; it is copied at once.
        let value = unsafe { CStr::from_ptr(value) };
        (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
    }

    fn export_grant(&mut self, grant: Option<GrantId>) {
        let name = GRANT_VARIABLE.to_string_lossy();
        let assignment = match grant {
            Some(grant) => format!("{name}={grant}"),
            None if self.variable(Variable::Grant).is_none() => return,
            // pam_putenv(3): a name without '=' deletes the variable.
            None => name.into_owned(),
        };
        let Ok(assignment) = CString::new(assignment) else { return };
        // SAFETY: the handle is valid for this call; libpam copies the string.
        if unsafe { pam_putenv(self.handle, assignment.as_ptr()) } != PAM_SUCCESS {
            self.log(Level::Warning, "the grant could not be put into the PAM environment");
        }
    }

    fn keep_grant(&mut self, kept: KeptGrant) -> Result<(), Code> {
        let kept = Box::into_raw(Box::new(kept));
        // SAFETY: the handle is valid for this call; `drop_grant` is the cleanup of this very type
        // and stays mapped until the transaction has ended, since libpam unloads modules last.
        let code = unsafe { pam_set_data(self.handle, GRANT_DATA.as_ptr(), kept.cast(), Some(drop_grant)) };
        if code == PAM_SUCCESS {
            return Ok(());
        }
        // SAFETY: libpam did not take the pointer, so it is still the only one to the box.
        drop(unsafe { Box::from_raw(kept) });
        Err(Code::System)
    }

    fn kept_grant(&self) -> Option<KeptGrant> {
        let mut data = null();
        // SAFETY: the handle is valid for this call, and `data` takes one pointer.
        let code = unsafe { pam_get_data(self.handle, GRANT_DATA.as_ptr(), &raw mut data) };
        if code != PAM_SUCCESS || data.is_null() {
            return None;
        }
        // SAFETY: only `keep_grant` sets data of this name; libpam keeps it for the transaction.
        Some(unsafe { &*data.cast::<KeptGrant>() }.clone())
    }

    fn log(&self, level: Level, text: &str) {
        let priority = match level {
            Level::Error => LOG_ERR,
            Level::Warning => LOG_WARNING,
            Level::Debug => LOG_DEBUG,
        };
        let Ok(text) = CString::new(printable(text)) else { return };
        // SAFETY: the handle is valid for this call; the format takes one C string, which lives
        // until the call has returned.
        unsafe { pam_syslog(self.handle, priority, c"%s".as_ptr(), text.as_ptr()) }
    }
}

/// The cleanup of the data that `keep_grant` sets.
unsafe extern "C" fn drop_grant(_: *mut PamHandle, data: *mut c_void, _: c_int) {
    if !data.is_null() {
        // SAFETY: libpam calls this once, with the pointer that `keep_grant` made of a box.
        drop(unsafe { Box::from_raw(data.cast::<KeptGrant>()) });
    }
}

/// Runs a step; a panic ends here and not in the program.
fn guarded(step: impl FnOnce() -> Code) -> c_int {
    static QUIET: Once = Once::new();
    // The module carries its own copy of the standard library, so this hook is not the program's.
    // The usual one would write to the program's standard error.
    QUIET.call_once(|| set_hook(Box::new(|_| ())));
    catch_unwind(AssertUnwindSafe(step)).unwrap_or(Code::Abort) as c_int
}

/// # Safety
/// As for every `pam_sm_*` function: `handle` is a transaction that libpam keeps for this call, and
/// `words` holds `count` C strings.
unsafe fn enter(
    handle: *mut PamHandle,
    flags: c_int,
    count: c_int,
    words: *const *const c_char,
    step: fn(&mut Pam, &Arguments, Flags) -> Code,
) -> c_int {
    guarded(|| {
        if handle.is_null() {
            return Code::System;
        }
        let mut pam = Pam { handle };
        // SAFETY: the caller's promise.
        let texts = unsafe { texts(count, words) };
        match Arguments::parse(texts.iter().map(String::as_str)) {
            Ok(arguments) => {
                let flags =
                    Flags { silent: flags & PAM_SILENT != 0, preliminary: flags & PAM_PRELIM_CHECK != 0 };
                step(&mut pam, &arguments, flags)
            }
            Err(error) => {
                pam.log(Level::Error, &error.to_string());
                Code::Service
            }
        }
    })
}

/// # Safety
/// `words` holds `count` C strings, or is null.
unsafe fn texts(count: c_int, words: *const *const c_char) -> Vec<String> {
    let count = usize::try_from(count).unwrap_or_default();
    if words.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's promise; libpam keeps the array for the call.
    let pointers = unsafe { slice::from_raw_parts(words, count) };
    let texts = pointers.iter().filter(|pointer| !pointer.is_null());
    // SAFETY: each is a C string, by the caller's promise; it is copied at once.
    texts.map(|pointer| unsafe { CStr::from_ptr(*pointer) }.to_string_lossy().into_owned()).collect()
}

/// Declares an entry point of `pam_sm_*` (pam(3)).
macro_rules! entry {
    ($(#[$doc:meta])* $name:ident, $step:path) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by libpam alone: `handle` is a transaction that it keeps for this call, and `words`
        /// holds `count` C strings.
        #[unsafe(no_mangle)]
        pub(crate) unsafe extern "C" fn $name(
            handle: *mut PamHandle,
            flags: c_int,
            count: c_int,
            words: *const *const c_char,
        ) -> c_int {
            // SAFETY: libpam's promise, passed on.
            unsafe { enter(handle, flags, count, words, $step) }
        }
    };
}

entry! {
    /// Authenticates the user (`pam_sm_authenticate(3)`).
    pam_sm_authenticate, steps::authenticate
}
entry! {
    /// Establishes credentials (`pam_sm_setcred(3)`).
    pam_sm_setcred, steps::set_credentials
}
entry! {
    /// Whether the user may use the system now (`pam_sm_acct_mgmt(3)`).
    pam_sm_acct_mgmt, steps::account
}
entry! {
    /// Opens a session (`pam_sm_open_session(3)`).
    pam_sm_open_session, steps::open_session
}
entry! {
    /// Closes a session (`pam_sm_close_session(3)`).
    pam_sm_close_session, steps::close_session
}
entry! {
    /// Changes the password (`pam_sm_chauthtok(3)`).
    pam_sm_chauthtok, steps::change_password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        #[allow(clippy::panic)]
        let code = guarded(|| panic!("must not reach the program"));
        // The other tests of this process keep their messages.
        drop(std::panic::take_hook());
        assert_eq!(code, Code::Abort as c_int);
    }

    #[test]
    fn a_transaction_that_is_none_is_refused() {
        // SAFETY: a null handle is what this test is about; nothing else is passed.
        let code = unsafe { pam_sm_authenticate(null_mut(), 0, 0, null()) };
        assert_eq!(code, Code::System as c_int);
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2J\0b\nc"), "a\u{fffd}[2J\u{fffd}b\nc");
    }
}
