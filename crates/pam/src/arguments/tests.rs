use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

#[test]
fn no_words_give_the_defaults() {
    let arguments = Arguments::parse([]).unwrap();
    assert_eq!(arguments, Arguments::default());
    assert_eq!(arguments.socket.to_str(), Some("/run/signet/io.signet"));
    assert_eq!(arguments.server, ServerIdentity::ROOT);
}

#[test]
fn each_word_sets_what_the_documentation_says() {
    let words = ["socket=/tmp/a=b", "server_uid=7", "method=fido2", "use_first_pass", "no_info", "debug"];
    let want = Arguments {
        socket: "/tmp/a=b".into(),
        server: ServerIdentity { uid: 7 },
        method: Some(Method::Fido2),
        first_password: FirstPassword::Only,
        quiet: true,
        debug: true,
    };
    assert_eq!(Arguments::parse(words).unwrap(), want);
    assert_eq!(Arguments::parse(["try_first_pass"]).unwrap().first_password, FirstPassword::Try);
}

#[test]
fn a_wrong_word_is_refused_with_what_is_allowed() {
    for (word, says) in [
        ("nullok", "unknown argument 'nullok'"),
        ("", "unknown argument ''"),
        ("debug=no", "unknown argument 'debug=no'"),
        ("use_first_pass=", "unknown argument"),
        ("socket", "absolute path"),
        ("socket=run/x", "absolute path"),
        ("server_uid=", "user id"),
        ("server_uid=-1", "user id"),
        ("server_uid=+1", "user id"),
        // (uid_t) -1 means "no user" to the kernel.
        ("server_uid=4294967295", "user id"),
        ("server_uid=4294967296", "user id"),
        ("method=Smartcard", "known are smartcard"),
        ("method", "known are smartcard"),
    ] {
        let error = Arguments::parse(["debug", word]).unwrap_err().to_string();
        assert!(error.contains(says), "{word}: {error}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_takes_documented_words_only(words in vec(".{0,20}", 0..4)) {
        let known = ["socket=/", "server_uid=", "method=", "try_first_pass", "use_first_pass", "quiet", "no_info", "debug"];
        let all_known = words.iter().all(|word| known.iter().any(|known| word.starts_with(known)));
        prop_assert!(Arguments::parse(words.iter().map(String::as_str)).is_err() || all_known);
    }

    #[test]
    fn the_order_of_different_words_does_not_matter(mut words in vec(select(vec![
        "socket=/a", "server_uid=3", "method=password", "use_first_pass", "quiet", "debug",
    ]), 0..6)) {
        let forward = Arguments::parse(words.iter().copied());
        words.reverse();
        prop_assert_eq!(forward, Arguments::parse(words.iter().copied()));
    }
}
