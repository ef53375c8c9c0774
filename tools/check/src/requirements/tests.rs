use super::*;

const CONTRACT: &str = "\
## X
| id | src | requirement |
|---|---|---|
| MET-01 | U | Methods | with a bar. |
| RMV-02 | U | Only the very token. |
not a row MET-09
";

fn promises(promised: &[&str], open: &[&str]) -> Promises {
    let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    Promises { promised: owned(promised), open: owned(open) }
}

fn report(source: &str, promises: &Promises) -> Report {
    Report::new(contract(CONTRACT), &claims("a.rs", source), promises)
}

#[test]
fn the_contract_is_read_from_its_tables() {
    let texts = contract(CONTRACT);
    let ids: Vec<String> = texts.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["MET-01", "RMV-02"]);
    assert_eq!(texts[&Id::parse("MET-01").unwrap()], "Methods | with a bar.");
}

#[test]
fn a_claim_belongs_to_the_test_below_it() {
    let source = "/// Proves: MET-01, RMV-02\n/// More words.\n#[tokio::test]\nasync fn both_hold() {}\n";
    let report = report(source, &promises(&["MET-01"], &[]));
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!(report.unproven().count(), 0);
    assert!(report.to_string().contains("a.rs::both_hold"), "{report}");
}

#[test]
fn the_attribute_may_stand_above_the_documentation() {
    let found = claims("a.rs", "    #[test]\n    /// Proves: MET-01.\n    fn holds() {\n");
    assert_eq!(found[0].test.as_deref(), Some("a.rs::holds"));
    assert_eq!(found[0].words, ["MET-01"]);
}

#[test]
fn a_claim_on_something_that_is_no_test_is_a_fault() {
    for source in
        ["/// Proves: MET-01\nfn helper() {}\n", "/// Proves: MET-01\nstruct S;\n", "/// Proves: MET-01\n"]
    {
        let report = report(source, &promises(&[], &[]));
        assert_eq!(report.faults, ["a.rs:1: 'Proves:' stands on no test function"], "{source}");
        assert_eq!(report.proofs.len(), 0);
    }
}

#[test]
fn an_unknown_id_is_a_fault() {
    let report = report("/// Proves: MET-77, met\n#[test]\nfn t() {}\n", &promises(&["ENA-09"], &[]));
    assert_eq!(
        report.faults,
        [
            "a.rs:1: docs/behaviour.md has no requirement 'MET-77'",
            "a.rs:1: docs/behaviour.md has no requirement 'met'",
            "tests/requirements.toml: docs/behaviour.md has no requirement 'ENA-09'",
        ]
    );
}

#[test]
fn a_promise_that_nothing_proves_is_a_fault_unless_it_is_open() {
    let kept = report("", &promises(&["MET-01", "RMV-02"], &["RMV-02"]));
    assert_eq!(kept.faults, ["MET-01 is promised in tests/requirements.toml, but no test proves it"]);
    assert_eq!(kept.open, [Id::parse("RMV-02").unwrap()]);
    let stray = report("", &promises(&[], &["RMV-02"]));
    assert_eq!(stray.faults, ["tests/requirements.toml: 'RMV-02' is open, but not promised"]);
}
