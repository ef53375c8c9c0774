use std::ffi::{CStr, CString};

use pam_client2::{ConversationHandler, ErrorCode};
use zeroize::Zeroizing;

/// How many secrets the modules of one stack may ask for. A stack asks once or, for a new one, twice
/// and the old one again; more is a loop.
const MAX_PROMPTS: u8 = 6;

/// A NUL byte in a secret: no system password has one.
#[derive(Debug)]
pub(crate) struct Unspeakable;

/// Answers PAM's questions from what the person has typed already.
pub(crate) struct Answers {
    password: Zeroizing<CString>,
    new: Option<Zeroizing<CString>>,
    /// Whether the password is being changed now.
    changing: bool,
    prompts: u8,
}

impl Answers {
    pub(crate) fn new(password: &[u8], new: Option<&[u8]>) -> Result<Self, Unspeakable> {
        let text = |bytes| CString::new(bytes).map(Zeroizing::new).map_err(|_| Unspeakable);
        Ok(Self { password: text(password)?, new: new.map(text).transpose()?, changing: false, prompts: 0 })
    }

    /// From now on the modules are asked to change the password.
    pub(crate) fn begin_change(&mut self) {
        self.changing = true;
    }

    /// Which secret a prompt wants. While a password is being changed, the old one is asked for as
    /// "current" or "old" (`pam_unix`, `pam_sss`, `pam_krb5`); the environment is empty, so prompts are
    /// not translated.
    fn wanted(&self, prompt: &CStr) -> &CString {
        let prompt = prompt.to_string_lossy().to_ascii_lowercase();
        let old =
            prompt.split(|c: char| !c.is_ascii_alphabetic()).any(|word| matches!(word, "current" | "old"));
        match &self.new {
            Some(new) if self.changing && !old => new,
            _ => &self.password,
        }
    }
}

impl ConversationHandler for Answers {
    /// Nothing is asked that may be seen: the user's name is known.
    fn prompt_echo_on(&mut self, _prompt: &CStr) -> Result<CString, ErrorCode> {
        Err(ErrorCode::CONV_ERR)
    }

    fn prompt_echo_off(&mut self, prompt: &CStr) -> Result<CString, ErrorCode> {
        self.prompts = self.prompts.saturating_add(1);
        if self.prompts > MAX_PROMPTS {
            return Err(ErrorCode::CONV_ERR);
        }
        Ok(self.wanted(prompt).clone())
    }

    fn text_info(&mut self, _message: &CStr) {}

    fn error_msg(&mut self, _message: &CStr) {}

    fn radio_prompt(&mut self, _prompt: &CStr) -> Result<bool, ErrorCode> {
        Err(ErrorCode::CONV_ERR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_secret_goes_only_where_the_old_one_is_asked_for() {
        let mut answers = Answers::new(b"old secret", Some(b"new secret")).unwrap();
        let ask = |answers: &mut Answers, prompt| answers.prompt_echo_off(prompt).unwrap().into_bytes();
        assert_eq!(ask(&mut answers, c"Password: "), b"old secret");
        answers.begin_change();
        assert_eq!(ask(&mut answers, c"Current password: "), b"old secret");
        assert_eq!(ask(&mut answers, c"(current) UNIX password: "), b"old secret");
        assert_eq!(ask(&mut answers, c"New password: "), b"new secret");
        assert_eq!(ask(&mut answers, c"Retype new password: "), b"new secret");
    }

    #[test]
    fn a_stack_that_asks_for_ever_is_ended() {
        let mut answers = Answers::new(b"x", None).unwrap();
        let given = (0..100).filter(|_| answers.prompt_echo_off(c"Password: ").is_ok()).count();
        assert_eq!(given, usize::from(MAX_PROMPTS));
        assert!(answers.prompt_echo_on(c"login: ").is_err() && answers.radio_prompt(c"?").is_err());
    }

    #[test]
    fn a_secret_with_a_nul_is_refused_rather_than_cut() {
        assert!(Answers::new(b"right\0tail", None).is_err());
    }
}
