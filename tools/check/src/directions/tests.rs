use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

/// Metadata with these packages: place (or a bare name for a library from outside), kind of
/// target, normal dependencies, dev-dependencies; all by name.
struct Fixture(Vec<(String, Value, Value)>);

impl Fixture {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(self, place: &str, kind: &str, normal: &[&str]) -> Self {
        self.with_dev(place, kind, normal, &[])
    }

    fn with_dev(mut self, place: &str, kind: &str, normal: &[&str], dev: &[&str]) -> Self {
        let name = name(place);
        let edge =
            |dep: &&str, kind: Value| json!({"pkg": format!("id:{dep}"), "dep_kinds": [{"kind": kind}]});
        let deps: Vec<Value> = normal
            .iter()
            .map(|d| edge(d, Value::Null))
            .chain(dev.iter().map(|d| edge(d, json!("dev"))))
            .collect();
        let package = json!({
            "id": format!("id:{name}"), "name": name, "manifest_path": format!("/w/{place}/Cargo.toml"),
            "targets": [{"kind": [kind]}],
        });
        let node = json!({"id": format!("id:{name}"), "deps": deps});
        self.0.push((place.to_owned(), package, node));
        self
    }

    fn violations(&self) -> Vec<String> {
        let members: Vec<String> = self
            .0
            .iter()
            .filter(|(p, ..)| p.contains('/'))
            .map(|(p, ..)| format!("id:{}", name(p)))
            .collect();
        let packages: Vec<&Value> = self.0.iter().map(|(_, p, _)| p).collect();
        let nodes: Vec<&Value> = self.0.iter().map(|(.., n)| n).collect();
        let metadata = json!({
            "packages": packages, "workspace_members": members, "workspace_root": "/w",
            "resolve": {"nodes": nodes},
        });
        violations(&Workspace::parse(&metadata.to_string()).unwrap())
    }
}

fn name(place: &str) -> String {
    if place.contains('/') {
        format!("signet-{}", place.rsplit('/').next().unwrap())
    } else {
        place.to_owned()
    }
}

fn good() -> Fixture {
    Fixture::new()
        .with("tokio", "lib", &[])
        .with("pcsc", "lib", &[])
        .with("crates/types", "lib", &[])
        .with("crates/authn", "lib", &["signet-types"])
        .with("crates/policy", "lib", &["signet-types"])
        .with("crates/session", "lib", &["signet-authn", "signet-policy", "signet-types"])
        .with("simulators/card", "bin", &["signet-types"])
        .with_dev("drivers/smartcard", "lib", &["signet-authn"], &["signet-card", "signet-policy", "tokio"])
        .with("drivers/ports/port", "lib", &["signet-types", "pcsc"])
        .with("crates/device-host", "bin", &["signet-port", "tokio"])
        .with("crates/daemon", "bin", &["signet-session", "signet-smartcard", "tokio"])
        .with("tests/e2e", "lib", &["signet-daemon", "signet-card"])
}

#[test]
fn the_planned_shape_breaks_nothing() {
    assert_eq!(good().violations(), Vec::<String>::new());
}

#[test]
fn each_broken_rule_is_named() {
    let cases: &[(&str, &str, &[&str], &str)] = &[
        (
            "crates/store",
            "lib",
            &["signet-policy"],
            "crates/store depends on crates/policy; allowed are: crates/types",
        ),
        (
            "drivers/totp",
            "lib",
            &["signet-policy"],
            "drivers/totp depends on crates/policy; allowed are: crates/authn",
        ),
        ("drivers/totp", "lib", &["signet-smartcard"], "drivers/totp depends on drivers/smartcard"),
        ("drivers/totp", "lib", &["tokio"], "drivers/totp reaches the library tokio (through signet-totp)"),
        ("crates/ctl", "bin", &["signet-daemon"], "crates/ctl depends on crates/daemon, which is a program"),
        ("crates/store", "lib", &["signet-card"], "crates/store depends on simulators/card, which is a tool"),
        ("crates/pam", "cdylib", &["tokio"], "crates/pam reaches the library tokio"),
        ("crates/novel", "lib", &[], "crates/novel: the table MAY_DEPEND_ON"),
        ("drivers/ports/nfc", "lib", &["signet-session"], "drivers/ports/nfc depends on crates/session"),
    ];
    for (place, kind, deps, expected) in cases {
        let found = good().with(place, kind, deps).violations();
        assert!(found.iter().any(|v| v.starts_with(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn a_library_is_found_through_others() {
    let found = Fixture::new()
        .with("pcsc", "lib", &[])
        .with("middle", "lib", &["pcsc"])
        .with("crates/daemon", "bin", &["middle"])
        .violations();
    assert_eq!(
        found,
        ["crates/daemon reaches the library pcsc (through middle): the daemon links no device library"]
    );
}

#[test]
fn the_decision_takes_the_outside_world_as_arguments() {
    let found = Fixture::new()
        .with("getrandom", "lib", &[])
        .with("crates/session", "lib", &["getrandom"])
        .violations();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("time, randomness and I/O as arguments"), "{found:?}");
}

#[test]
fn metadata_without_a_graph_is_refused() {
    let json = json!({"packages": [], "workspace_members": [], "workspace_root": "/w", "resolve": null});
    assert!(Workspace::parse(&json.to_string()).is_err());
    assert!(Workspace::parse("{}").is_err());
}

#[test]
fn unsafe_is_forbidden_where_the_table_does_not_allow_it() {
    let cases: BTreeMap<&str, (&str, bool)> = BTreeMap::from([
        ("[lints]\nworkspace = true", ("crates/store", true)),
        ("[lints.rust]\nunsafe_code = \"forbid\"", ("crates/store", true)),
        ("[lints.rust]\nunsafe_code = \"deny\"", ("crates/pam", true)),
        ("[lints.rust]\nunsafe_code = { level = \"deny\", priority = 0 }", ("drivers/ports/pcsc", true)),
        ("[lints.rust]\nunsafe_code = 'deny'", ("crates/store", false)),
        ("[lints.rust]\nunsafe_code = \"warn\"", ("crates/pam", false)),
        ("", ("crates/types", false)),
        ("= no toml", ("crates/types", false)),
    ]);
    for (manifest, (place, good)) in cases {
        assert_eq!(unsafe_violation(place, manifest).is_none(), good, "{place}: {manifest}");
    }
    assert!(workspace_lint_violation("[workspace.lints.rust]\nunsafe_code = \"forbid\"").is_none());
    assert!(workspace_lint_violation("[workspace.lints.rust]\nunsafe_code = \"warn\"").is_some());
}

#[test]
fn a_place_fits_its_pattern_only() {
    assert!(fits("drivers/*", "drivers/totp") && !fits("drivers/*", "drivers/ports/pcsc"));
    assert!(fits("tests/**", "tests/e2e/deep") && !fits("tests/**", "testsuite/x"));
}
