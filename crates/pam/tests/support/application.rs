//! A program that authenticates through libpam, as `login` or `sudo` do.
#![allow(unsafe_code)]

use std::{
    cell::RefCell,
    collections::VecDeque,
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr::{null, null_mut},
};

use super::Services;

pub const SUCCESS: c_int = 0;
pub const SERVICE_ERR: c_int = 3;
pub const SYSTEM_ERR: c_int = 4;
pub const PERM_DENIED: c_int = 6;
pub const AUTH_ERR: c_int = 7;
pub const AUTHINFO_UNAVAIL: c_int = 9;
pub const MAXTRIES: c_int = 11;
pub const NEW_AUTHTOK_REQD: c_int = 12;
pub const SESSION_ERR: c_int = 14;
pub const CONV_ERR: c_int = 19;
pub const AUTHTOK_ERR: c_int = 20;
pub const TRY_AGAIN: c_int = 24;

pub const PROMPT_HIDDEN: c_int = 1;
pub const PROMPT_SHOWN: c_int = 2;
pub const ERROR_TEXT: c_int = 3;
pub const INFO_TEXT: c_int = 4;

pub const SILENT: c_int = 0x8000;
pub const PRELIMINARY: c_int = 0x4000;

/// The items of a transaction.
#[derive(Clone, Copy)]
pub enum Item {
    User = 2,
    Terminal = 3,
    RemoteHost = 4,
    Password = 6,
    Requester = 8,
}

/// What the conversation function does with a prompt.
#[derive(Clone, Debug)]
pub enum Answer {
    Text(&'static str),
    Bytes(Vec<u8>),
    /// Success, but no array of answers.
    NoArray,
    /// Success, but an array whose text is null: what many programs give for Escape.
    NoText,
    /// A failure with this code.
    Fails(c_int),
    /// A failure with an array that must not be believed.
    FailsWithText(c_int, &'static str),
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    converse: unsafe extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

#[repr(C)]
struct Handle {
    _private: [u8; 0],
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        directory: *const c_char,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_end(handle: *mut Handle, status: c_int) -> c_int;
    fn pam_authenticate(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_chauthtok(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_get_item(handle: *const Handle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_set_item(handle: *mut Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_getenv(handle: *mut Handle, name: *const c_char) -> *const c_char;
    fn pam_putenv(handle: *mut Handle, assignment: *const c_char) -> c_int;
}

unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn strdup(text: *const c_char) -> *mut c_char;
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    seen: Vec<(c_int, String)>,
    inheritable: Option<usize>,
}

/// A transaction; it ends when it is dropped.
pub struct Application {
    handle: *mut Handle,
    script: Box<RefCell<Script>>,
    _conversation: Box<Conversation>,
}

impl Application {
    pub fn start(services: &Services, service: &str, user: Option<&str>, answers: Vec<Answer>) -> Self {
        let script = Box::new(RefCell::new(Script { answers: answers.into(), ..Script::default() }));
        let data = (&raw const *script).cast_mut().cast();
        let conversation = Box::new(Conversation { converse, data });
        let service = CString::new(service).unwrap();
        let user = user.map(|user| CString::new(user).unwrap());
        let directory = CString::new(services.path().to_str().unwrap()).unwrap();
        let mut handle = null_mut();
        // SAFETY: all pointers are valid for the call; the conversation and its data live as long
        // as the transaction, both in this struct.
        let code = unsafe {
            pam_start_confdir(
                service.as_ptr(),
                user.as_ref().map_or(null(), |user| user.as_ptr()),
                &raw const *conversation,
                directory.as_ptr(),
                &raw mut handle,
            )
        };
        assert_eq!(code, SUCCESS);
        Self { handle, script, _conversation: conversation }
    }

    pub fn authenticate(&self, flags: c_int) -> c_int {
        // SAFETY: the transaction lives as long as `self`; so below.
        unsafe { pam_authenticate(self.handle, flags) }
    }

    pub fn set_credentials(&self, flags: c_int) -> c_int {
        // SAFETY: as above.
        unsafe { pam_setcred(self.handle, flags) }
    }

    pub fn account(&self) -> c_int {
        // SAFETY: as above.
        unsafe { pam_acct_mgmt(self.handle, 0) }
    }

    pub fn open_session(&self) -> c_int {
        // SAFETY: as above.
        unsafe { pam_open_session(self.handle, 0) }
    }

    pub fn close_session(&self) -> c_int {
        // SAFETY: as above.
        unsafe { pam_close_session(self.handle, 0) }
    }

    pub fn change_password(&self) -> c_int {
        // SAFETY: as above.
        unsafe { pam_chauthtok(self.handle, 0) }
    }

    pub fn set(&self, item: Item, text: &CStr) {
        // SAFETY: as above; libpam copies the text.
        assert_eq!(unsafe { pam_set_item(self.handle, item as c_int, text.as_ptr().cast()) }, SUCCESS);
    }

    /// An item that programs may read.
    pub fn get(&self, item: Item) -> Option<String> {
        let mut value = null();
        // SAFETY: as above, and `value` takes one pointer.
        assert_eq!(unsafe { pam_get_item(self.handle, item as c_int, &raw mut value) }, SUCCESS);
        // SAFETY: a text item is null or a C string.
        (!value.is_null()).then(|| unsafe { CStr::from_ptr(value.cast()) }.to_str().unwrap().to_owned())
    }

    pub fn put_variable(&self, assignment: &str) {
        let assignment = CString::new(assignment).unwrap();
        // SAFETY: as above; libpam copies the text.
        assert_eq!(unsafe { pam_putenv(self.handle, assignment.as_ptr()) }, SUCCESS);
    }

    pub fn variable(&self, name: &CStr) -> Option<String> {
        // SAFETY: as above.
        let value = unsafe { pam_getenv(self.handle, name.as_ptr()) };
        // SAFETY: null or a C string.
        (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_str().unwrap().to_owned())
    }

    /// Every message that the conversation function was given, with its style.
    pub fn seen(&self) -> Vec<(c_int, String)> {
        self.script.borrow().seen.clone()
    }

    /// How many descriptors a new program would have inherited at the first message.
    pub fn inheritable(&self) -> Option<usize> {
        self.script.borrow().inheritable
    }

    /// How many answers were never asked for.
    pub fn answers_left(&self) -> usize {
        self.script.borrow().answers.len()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // SAFETY: the transaction is ended once, here.
        unsafe { pam_end(self.handle, SUCCESS) };
    }
}

unsafe extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    assert_eq!(count, 1, "one message at a time works with every program");
    // SAFETY: the data of `Application::start`, and one message as pam_conv(3) says.
    let (script, message) = unsafe { (&*data.cast::<RefCell<Script>>(), &**messages) };
    // SAFETY: the message's text is a C string.
    let text = unsafe { CStr::from_ptr(message.text) }.to_str().unwrap().to_owned();
    let mut script = script.borrow_mut();
    script.seen.push((message.style, text));
    script.inheritable.get_or_insert_with(super::inheritable);
    let answer = match message.style {
        ERROR_TEXT | INFO_TEXT => Answer::Text(""),
        _ => script.answers.pop_front().unwrap_or(Answer::Fails(CONV_ERR)),
    };
    let (code, text) = match answer {
        Answer::Text(text) => (SUCCESS, Some(text.as_bytes().to_vec())),
        Answer::Bytes(bytes) => (SUCCESS, Some(bytes)),
        Answer::NoText => (SUCCESS, None),
        Answer::NoArray => {
            // SAFETY: the place that the caller gave.
            unsafe { *responses = null_mut() };
            return SUCCESS;
        }
        Answer::Fails(code) => return code,
        Answer::FailsWithText(code, text) => (code, Some(text.as_bytes().to_vec())),
    };
    let text = text.map(|text| CString::new(text).unwrap());
    // SAFETY: an array of one answer, zeroed, whose text comes from malloc; a failure leaks it,
    // as the program would.
    unsafe {
        let array = calloc(1, size_of::<Response>()).cast::<Response>();
        (*array).text = text.map_or(null_mut(), |text| strdup(text.as_ptr()));
        *responses = array;
    }
    code
}
