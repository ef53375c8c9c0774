use proptest::prelude::*;

use super::*;
use crate::{Explained, Standing};

fn threshold_file(value: u32) -> String {
    format!("[lockout]\nthreshold = {value}\n")
}

/// Proves: POL-11
#[test]
fn explain_names_the_layer_file_and_line_of_each_value() {
    let policy = policy(&[
        (Layer::Machine, "policy.toml", "[method.smartcard]\nremoval_action = \"logoff\"\n"),
        (Layer::Group(group("staff")), "groups/staff.toml", "[service.sudo]\nfactors = \"two-factor\"\n"),
        (
            Layer::User(user("alice")),
            "users/alice.toml",
            "\n\n[method.smartcard]\nremoval_action = \"none\"\n",
        ),
    ]);
    let lines = |who: &str, groups: &[_]| -> Vec<String> {
        policy
            .explain(&user(who), groups, Method::Smartcard, Some(&service("sudo")))
            .iter()
            .filter(|e| e.key.contains("removal_action") || e.key.contains("factors"))
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        lines("alice", &[group("staff")]),
        [
            "method.smartcard.removal_action = none (user alice, users/alice.toml:4)",
            "method.smartcard.removal_action = logoff (machine, policy.toml:2), covered by user alice",
            "method.smartcard.removal_action = lock (built-in), covered by user alice",
            "service.sudo.factors = two-factor (group staff, groups/staff.toml:2)",
            "service.sudo.factors = any (built-in), covered by group staff",
        ]
    );
    assert_eq!(
        lines("bob", &[]),
        [
            "method.smartcard.removal_action = logoff (machine, policy.toml:2)",
            "method.smartcard.removal_action = lock (built-in), covered by machine",
            "service.sudo.factors = any (built-in)",
        ]
    );
}

/// Proves: POL-11
#[test]
fn explain_gives_every_key_of_the_method_and_service_exactly_one_value_in_force() {
    let policy = policy(&[(Layer::Machine, "policy.toml", "[service.default]\nfactors = \"two-factor\"\n")]);
    for method in Method::ALL {
        let explained = policy.explain(&user("alice"), &[], method, Some(&service("login")));
        let in_force = explained.iter().filter(|e| e.standing == Standing::InForce).count();
        let keys = Section::Method(method).keys().len() + Section::Service(service("login")).keys().len();
        assert_eq!(in_force, keys, "{method}");
        assert!(explained.iter().any(|e| e.key == "service.default.factors" && e.value == "two-factor"));
    }
    let everything = policy.explain_everything(None, &[]);
    let keys: usize =
        all_sections().iter().filter(|s| !matches!(s, Section::Group)).map(|s| s.keys().len()).sum();
    let sudo = Section::Service(service("sudo")).keys().len();
    assert_eq!(everything.iter().filter(|e| e.standing == Standing::InForce).count(), keys - sudo);
}

/// Proves: POL-11
#[test]
fn groups_rank_by_priority_then_by_name_and_a_conflict_is_shown() {
    let ranked = |a: &str, b: &str| {
        policy(&[
            (Layer::Group(group("a")), "groups/a.toml", &format!("{a}\n{}", threshold_file(10))),
            (Layer::Group(group("b")), "groups/b.toml", &format!("{b}\n{}", threshold_file(20))),
        ])
    };
    let value =
        |policy: &Policy, groups: &[_]| policy.effective(&user("x"), groups).lockout().threshold.get();
    let both = [group("b"), group("a"), group("b")];
    let equal = ranked("", "");
    assert_eq!(value(&equal, &both), 10);
    assert_eq!(value(&equal, &[group("a"), group("b")]), 10, "the order of the user's groups does not count");
    let b_first = ranked("", "[group]\npriority = 1\n");
    assert_eq!(value(&b_first, &both), 20);
    assert_eq!(value(&b_first, &[group("a"), group("c")]), 10);
    let explained = b_first.explain_everything(Some(&user("x")), &both);
    let lines: Vec<_> =
        explained.iter().filter(|e| e.key == "lockout.threshold").map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "lockout.threshold = 20 (group b, groups/b.toml:5)",
            "lockout.threshold = 10 (group a, groups/a.toml:3), in conflict with group b, which ranks higher",
            "lockout.threshold = 5 (built-in), covered by group b",
        ]
    );
}

/// Proves: POL-11
#[test]
fn groups_that_agree_are_in_no_conflict() {
    let policy = policy(&[
        (Layer::Group(group("a")), "groups/a.toml", &threshold_file(10)),
        (Layer::Group(group("b")), "groups/b.toml", &threshold_file(10)),
    ]);
    let explained = policy.explain_everything(None, &[group("a"), group("b")]);
    let lines: Vec<_> =
        explained.iter().filter(|e| e.key == "lockout.threshold").map(ToString::to_string).collect();
    assert_eq!(lines[1], "lockout.threshold = 10 (group b, groups/b.toml:2), covered by group a");
    assert_eq!(
        explained[0].documentation(),
        "Language of messages and prompts; `system` takes the operating system's."
    );
}

#[test]
fn a_services_own_value_wins_within_a_layer_and_a_higher_layer_wins_over_both() {
    let effective = |user_text: &str| {
        policy(&[
            (
                Layer::Machine,
                "policy.toml",
                "[service.sudo]\nfactors = \"any\"\n[service.default]\nfactors = \"two-factor\"\ninfo_text = false\n",
            ),
            (Layer::User(user("alice")), "users/alice.toml", user_text),
        ])
        .effective(&user("alice"), &[])
    };
    let plain = effective("");
    assert_eq!(plain.service(&service("sudo")).factors.to_string(), "any");
    assert!(!plain.service(&service("sudo")).info_text, "what it does not set comes from default");
    assert_eq!(plain.service(&service("login")).factors.to_string(), "two-factor");
    let strict = effective("[service.default]\nfactors = \"hardware-two-factor\"\n");
    assert_eq!(strict.service(&service("sudo")).factors.to_string(), "hardware-two-factor");
}

/// Two different values of every key, as policy files write them.
fn two_values(section: &Section, name: &str) -> [String; 2] {
    let default = section.built_in(name).unwrap().toml();
    let info = section.keys().into_iter().find(|info| info.name == name).unwrap();
    let other = values::right(&info.kind).into_iter().find(|value| *value != default).unwrap();
    [default, other]
}

fn line(section: &Section, name: &str, value: &str) -> String {
    format!("[{section}]\n{name} = {value}\n")
}

/// Proves: POL-11
#[test]
fn of_every_key_the_higher_of_any_two_layers_wins() {
    let layers =
        [Layer::Machine, Layer::Group(group("staff")), Layer::User(user("alice")), Layer::Enterprise];
    for section in all_sections().into_iter().filter(|s| *s != Section::Group) {
        for info in section.keys() {
            let [default, other] = two_values(&section, info.name);
            for (low, high) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
                for (below, above) in [(&default, &other), (&other, &default)] {
                    let policy = policy(&[
                        (layers[high].clone(), "high.toml", &line(&section, info.name, above)),
                        (layers[low].clone(), "low.toml", &line(&section, info.name, below)),
                    ]);
                    let groups = [group("staff")];
                    let alone =
                        super::policy(&[(Layer::Machine, "m.toml", &line(&section, info.name, above))]);
                    let settled = policy.effective(&user("alice"), &groups);
                    assert_eq!(settled, alone.effective_for_nobody(), "{section}.{}", info.name);
                    let key = format!("{section}.{}", info.name);
                    let explained = policy.explain_everything(Some(&user("alice")), &groups);
                    let trail: Vec<_> =
                        explained.iter().filter(|e| e.key == key).map(|e| (&e.layer, &e.toml)).collect();
                    let built_in = (&Layer::BuiltIn, &default);
                    assert_eq!(trail, [(&layers[high], above), (&layers[low], below), built_in], "{key}");
                }
            }
        }
    }
}

/// One machine file that says what is in force by the explanation alone.
fn flattened(explained: &[Explained], sections: &[Section]) -> String {
    let mut in_force = explained.iter().filter(|e| e.standing == Standing::InForce);
    let mut lines = Vec::new();
    for section in sections {
        lines.push(format!("[{section}]"));
        for info in section.keys() {
            let given = in_force.next().unwrap();
            assert!(given.key.ends_with(info.name), "{given}");
            lines.push(format!("{} = {}", info.name, given.toml));
        }
    }
    assert!(in_force.next().is_none());
    lines.join("\n")
}

proptest! {
    /// Proves: POL-11
    #[test]
    fn the_highest_layer_that_sets_a_key_wins_and_explain_says_so(
        values in proptest::collection::vec(proptest::option::of(1_u32..=100), 4),
    ) {
        let layers = [Layer::Machine, Layer::Group(group("staff")), Layer::User(user("alice")), Layer::Enterprise];
        let files: Vec<_> = layers
            .iter()
            .zip(&values)
            .filter_map(|(layer, value)| value.map(|v| (layer.clone(), threshold_file(v))))
            .collect();
        let policy = policy(&files.iter().map(|(l, text)| (l.clone(), "f.toml", text.as_str())).collect::<Vec<_>>());
        let groups = [group("staff")];
        let found = policy.effective(&user("alice"), &groups).lockout().threshold.get();
        let winner = layers.iter().zip(&values).rev().find_map(|(l, v)| v.map(|v| (l.clone(), v)));
        let (layer, value) = winner.unwrap_or((Layer::BuiltIn, 5));
        prop_assert_eq!(found, value);
        let explained = policy.explain_everything(Some(&user("alice")), &groups);
        let trail: Vec<_> = explained.iter().filter(|e| e.key == "lockout.threshold").collect();
        prop_assert_eq!(trail.len(), files.len() + 1, "nothing is left out");
        prop_assert_eq!((&trail[0].layer, &trail[0].value), (&layer, &value.to_string()));
        prop_assert!(trail.windows(2).all(|w| w[0].layer > w[1].layer));
        // Somebody else gets neither the user's nor the group's layer.
        let other = policy.effective(&user("bob"), &[]).lockout().threshold.get();
        let expected = values[3].or(values[0]).unwrap_or(5);
        prop_assert_eq!(other, expected);
    }

    /// What `explain` says and what is in force are worked out apart; they must agree, over layers
    /// that set any keys, groups that rank, and services with values of their own and of `default`.
    #[test]
    fn a_machine_file_of_the_explained_values_has_the_same_effect(
        picks in proptest::collection::vec((0_usize..6, any::<proptest::sample::Index>(), any::<bool>()), 0..40),
        priorities in (0_u32..3, 0_u32..3),
    ) {
        let layers = [
            Layer::Machine, Layer::Group(group("a")), Layer::Group(group("b")), Layer::User(user("alice")),
            Layer::Enterprise, Layer::User(user("bob")),
        ];
        let keys: Vec<_> = all_sections()
            .into_iter()
            .filter(|section| *section != Section::Group)
            // Few keys, so that layers meet.
            .filter(|section| !matches!(section, Section::Method(m) if *m != Method::Smartcard))
            .flat_map(|section| section.keys().into_iter().map(move |info| (section.clone(), info.name)))
            .collect();
        let mut texts = [(); 6].map(|()| std::collections::BTreeMap::new());
        for (layer, key, second) in picks {
            let (section, name) = key.get(&keys);
            let value = two_values(section, name)[usize::from(second)].clone();
            texts[layer].insert(format!("{section}.{name}"), value);
        }
        texts[1].insert("group.priority".to_owned(), priorities.0.to_string());
        texts[2].insert("group.priority".to_owned(), priorities.1.to_string());
        let texts = texts.map(|keys| {
            keys.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n")
        });
        let files: Vec<_> = layers.iter().zip(&texts).map(|(l, text)| (l.clone(), "f.toml", text.as_str())).collect();
        let policy = policy(&files);
        let groups = [group("b"), group("a")];
        let alice = user("alice");
        let sections = crate::policy::sections(&policy.stack(Some(&alice), &groups));
        let flat = flattened(&policy.explain_everything(Some(&alice), &groups), &sections);
        let flat = super::policy(&[(Layer::Machine, "flat.toml", &flat)]);
        prop_assert_eq!(policy.effective(&alice, &groups), flat.effective_for_nobody());
    }
}
