//! The shipped policies load, and decide what the table beside each says.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{Effective, Evidence, Layer, Outcome, Policy, Source, strongest};
use signet_types::{Assurance, Factors, Method};

const NAMES: [&str; 5] = ["default", "developer", "hospital", "kiosk", "strict"];

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"))
}

fn text(file: &str) -> String {
    fs::read_to_string(directory().join(file)).unwrap()
}

fn effective(name: &str) -> Effective {
    let file = format!("{name}.toml");
    let text = text(&file);
    Policy::load([Source { layer: Layer::Machine, file: &file, text: &text }])
        .unwrap_or_else(|findings| panic!("{findings:#?}"))
        .effective_for_nobody()
}

fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').map(str::trim).filter(|word| *word != "-")
}

fn evidence(policy: &Effective, word: &str) -> Evidence {
    let (name, kind) = word.split_once(':').unwrap_or((word, "full"));
    let method: Method = name.parse().unwrap();
    match kind {
        "full" => strongest(method, policy.method(method), false),
        "copyable" => strongest(method, policy.method(method), true),
        "bare" => Evidence { method, factors: Factors::NONE, assurance: Assurance::Identified },
        other => panic!("{other}: no such evidence"),
    }
}

fn outcome(policy: &Effective, service: &str, enrolled: &str, presented: &str) -> String {
    let enrolled: BTreeSet<Method> = list(enrolled).map(|word| word.parse().unwrap()).collect();
    let presented: Vec<_> = list(presented).map(|word| evidence(policy, word)).collect();
    match policy.rule(&service.parse().unwrap(), &enrolled).outcome(&presented) {
        Outcome::Enough => "enough".to_owned(),
        Outcome::More => "more".to_owned(),
        Outcome::Refused(method, admission) => format!("refused {method} {admission}"),
    }
}

/// Proves: ENA-01, ENA-02
#[test]
fn every_shipped_policy_decides_as_its_table_says() {
    for name in NAMES {
        let policy = effective(name);
        let table = text(&format!("{name}.decisions.md"));
        let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
        let mut checked = 0;
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [service, enrolled, presented, expected, _why] = cells[..] else { panic!("{name}: {row}") };
            assert_eq!(outcome(&policy, service, enrolled, presented), expected, "{name}: {row}");
            checked += 1;
        }
        assert!(checked >= 9, "{name}: {checked} rows");
    }
}

#[test]
fn every_policy_file_is_tested_and_says_for_whom_it_is() {
    let mut found: Vec<_> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(ToOwned::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
    for name in NAMES {
        assert!(text(&format!("{name}.toml")).starts_with("# For whom: "), "{name}");
    }
}

/// The default policy writes the built-in values out: it must not drift from them.
#[test]
fn the_default_policy_is_the_built_in_one() {
    let with_file = effective("default");
    let built_in = Policy::default().effective_for_nobody();
    assert_eq!(with_file, built_in);
}

/// Proves: POL-10
#[test]
fn no_shipped_policy_sets_a_value_without_effect_or_takes_a_risk() {
    for name in NAMES {
        let file = format!("{name}.toml");
        let text = text(&file);
        let policy = Policy::load([Source { layer: Layer::Machine, file: &file, text: &text }]).unwrap();
        assert_eq!(policy.warnings(None, &[]), [], "{name}");
    }
}
