use super::*;

#[test]
fn links_paths_and_tests_are_found() {
    let text = "\
See [the contract](docs/behaviour.md#met) and [elsewhere](https://example.org/x).
The edge is `crates/pam/src/ffi.rs`, not `pam.d/x`, `crates/{a,b}` or `tests`.
```
`crates/in/a/fence.rs`
```
Proven by `tests/e2e/tests/a.rs::module::holds`.
";
    let found = pointers(text);
    let shown: Vec<_> = found.iter().map(|p| (p.line, p.path.as_str(), p.function.as_deref())).collect();
    assert_eq!(
        shown,
        [
            (1, "docs/behaviour.md", None),
            (2, "crates/pam/src/ffi.rs", None),
            (6, "tests/e2e/tests/a.rs", Some("module::holds")),
        ]
    );
}

#[test]
fn a_function_is_found_by_its_whole_name() {
    let source = "fn holds_on() {}\nasync fn holds() {}\nfn generic<T>() {}";
    assert!(defines(source, "holds") && defines(source, "a::holds_on") && defines(source, "generic"));
    assert!(!defines(source, "hold") && !defines(source, "olds"));
}
