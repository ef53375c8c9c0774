use pam_client2::{Context, Error, ErrorCode, Flag};
use signet_device_link::password::{Reply, Request};
use signet_types::{Secret, UserName};

use crate::conversation::Answers;

/// Does what is asked through the PAM service `service`; blocks as long as its modules do.
pub fn answer(service: &str, request: &Request) -> Reply {
    match request {
        Request::Check { user, password } => check(service, user, password),
        Request::Change { user, old, new } => change(service, user, old, new),
    }
}

fn check(service: &str, user: &UserName, password: &Secret) -> Reply {
    let Ok(answers) = Answers::new(password.expose(), None) else { return Reply::Wrong };
    match Context::new(service, Some(user.as_str()), answers) {
        Ok(mut context) => authenticate(&mut context),
        Err(_) => Reply::Failed,
    }
}

fn change(service: &str, user: &UserName, old: &Secret, new: &Secret) -> Reply {
    let Ok(answers) = Answers::new(old.expose(), Some(new.expose())) else { return Reply::Failed };
    let Ok(mut context) = Context::new(service, Some(user.as_str()), answers) else { return Reply::Failed };
    // This process is root, and nobody asks root for the old password: so it is checked first.
    match authenticate(&mut context) {
        Reply::Right | Reply::Expired => {}
        refused => return refused,
    }
    context.conversation_mut().begin_change();
    match context.chauthtok(Flag::SILENT) {
        Ok(()) => Reply::Right,
        Err(error) => after_change(error.code()),
    }
}

/// The password, then the account, as login(1) does.
fn authenticate(context: &mut Context<Answers>) -> Reply {
    let flags = Flag::SILENT | Flag::DISALLOW_NULL_AUTHTOK;
    let password = context.authenticate(flags).as_ref().map_err(Error::code).err();
    match password.map_or(Reply::Right, after_authenticate) {
        Reply::Right => {
            let account = context.acct_mgmt(flags).as_ref().map_err(Error::code).err();
            account.map_or(Reply::Right, after_account)
        }
        refused => refused,
    }
}

/// `pam_authenticate(3)`. What is not foreseen says nothing about the password; `PERM_DENIED` neither,
/// because Linux-PAM gives it for a stack in which no module decided.
pub(crate) fn after_authenticate(code: ErrorCode) -> Reply {
    match code {
        ErrorCode::AUTH_ERR | ErrorCode::USER_UNKNOWN | ErrorCode::MAXTRIES => Reply::Wrong,
        ErrorCode::ACCT_EXPIRED | ErrorCode::CRED_EXPIRED => Reply::AccountRefused,
        _ => Reply::Failed,
    }
}

/// `pam_acct_mgmt(3)`: the password was right.
pub(crate) fn after_account(code: ErrorCode) -> Reply {
    match code {
        ErrorCode::NEW_AUTHTOK_REQD => Reply::Expired,
        ErrorCode::ACCT_EXPIRED
        | ErrorCode::AUTH_ERR
        | ErrorCode::PERM_DENIED
        | ErrorCode::USER_UNKNOWN
        | ErrorCode::CRED_EXPIRED => Reply::AccountRefused,
        _ => Reply::Failed,
    }
}

/// `pam_chauthtok(3)`.
pub(crate) fn after_change(code: ErrorCode) -> Reply {
    match code {
        ErrorCode::AUTHTOK_RECOVERY_ERR | ErrorCode::AUTH_ERR => Reply::Wrong,
        ErrorCode::PERM_DENIED | ErrorCode::USER_UNKNOWN => Reply::AccountRefused,
        _ => Reply::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of Linux-PAM: none of them but success may say that a password is right.
    #[test]
    fn no_error_is_taken_for_right() {
        use ErrorCode as E;
        let codes = [
            E::OPEN_ERR,
            E::SYMBOL_ERR,
            E::SERVICE_ERR,
            E::SYSTEM_ERR,
            E::BUF_ERR,
            E::PERM_DENIED,
            E::AUTH_ERR,
            E::CRED_INSUFFICIENT,
            E::AUTHINFO_UNAVAIL,
            E::USER_UNKNOWN,
            E::MAXTRIES,
            E::NEW_AUTHTOK_REQD,
            E::ACCT_EXPIRED,
            E::SESSION_ERR,
            E::CRED_UNAVAIL,
            E::CRED_EXPIRED,
            E::CRED_ERR,
            E::CONV_ERR,
            E::AUTHTOK_ERR,
            E::AUTHTOK_RECOVERY_ERR,
            E::AUTHTOK_LOCK_BUSY,
            E::AUTHTOK_DISABLE_AGING,
            E::ABORT,
            E::AUTHTOK_EXPIRED,
            E::BAD_ITEM,
            E::CONV_AGAIN,
            E::INCOMPLETE,
        ];
        for code in codes {
            for reply in [after_authenticate(code), after_account(code), after_change(code)] {
                assert_ne!(reply, Reply::Right, "{code:?}");
            }
            assert_eq!(after_account(code) == Reply::Expired, code == E::NEW_AUTHTOK_REQD);
        }
    }
}
