use std::fmt::Write as _;

use crate::{Access, Caller, Method};

/// The table that a reviewer reads: one line for each method, one column for each caller.
fn table() -> String {
    let mut text = String::from("method                                         root    self    other\n");
    for method in Method::ALL {
        write!(text, "{:<47}", method.name()).unwrap();
        let row = Caller::ALL.map(|caller| match method.access(caller) {
            Access::Allowed => "allowed",
            Access::Denied => "-",
        });
        writeln!(text, "{}", format!("{:<8}{:<8}{}", row[0], row[1], row[2]).trim_end()).unwrap();
    }
    text
}

#[test]
fn the_caller_table_is_the_reviewed_one() {
    assert_eq!(
        table(),
        include_str!("callers.txt"),
        "the caller table changed; the new one is:\n{}",
        table()
    );
}

#[test]
fn root_may_call_everything_and_more_rights_never_follow_from_less_closeness() {
    for method in Method::ALL {
        assert_eq!(method.access(Caller::Root), Access::Allowed);
        if method.access(Caller::Other) == Access::Allowed {
            assert_eq!(method.access(Caller::Self_), Access::Allowed, "{method}");
        }
    }
}

#[test]
fn what_changes_the_system_or_the_record_is_closed_to_everybody_but_root() {
    for method in [Method::Opened, Method::Closed, Method::Reload, Method::Export, Method::Audit] {
        assert_eq!(method.access(Caller::Self_), Access::Denied, "{method}");
        assert_eq!(method.access(Caller::Other), Access::Denied, "{method}");
    }
}

#[test]
fn a_subject_that_is_not_known_is_nobodys_own() {
    assert_eq!(Caller::of(1000, None), Caller::Other);
    assert_eq!(Caller::of(1000, Some(1001)), Caller::Other);
    assert_eq!(Caller::of(1000, Some(1000)), Caller::Self_);
    assert_eq!(Caller::of(1000, Some(0)), Caller::Other);
    assert_eq!(Caller::of(0, None), Caller::Root);
    assert_eq!(Caller::of(0, Some(1000)), Caller::Root);
    // (uid_t) -1 is no user (sudo CVE-2019-14287).
    assert_eq!(Caller::of(u32::MAX, Some(0)), Caller::Other);
}
