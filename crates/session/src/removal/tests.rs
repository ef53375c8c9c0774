use std::cell::RefCell;

use proptest::prelude::*;
use signet_authn::{DeviceKind, Proof};
use signet_types::{Assurance, ConversationId, Factor, GrantId};

use super::*;
use crate::{
    Case, Evidence, Verdict, decide,
    testing::{credential, device, drivers, id, profile, rules, user},
};

/// What policy says and who is busy, changeable in the middle.
struct World {
    rules: RefCell<BTreeMap<(UserName, Method), RemovalRule>>,
    busy: RefCell<BTreeSet<UserName>>,
}

impl Surroundings for World {
    fn rule(&self, user: &UserName, method: Method) -> RemovalRule {
        self.rules.borrow().get(&(user.clone(), method)).copied().unwrap_or_default()
    }

    fn busy(&self, user: &UserName) -> bool {
        self.busy.borrow().contains(user)
    }
}

impl World {
    fn new() -> Self {
        Self { rules: RefCell::default(), busy: RefCell::default() }
    }

    fn set(&self, name: &str, method: Method, action: RemovalAction, on_reader_loss: ReaderLoss) {
        self.rules.borrow_mut().insert((user(name), method), RemovalRule { action, on_reader_loss });
    }

    fn action(&self, action: RemovalAction) {
        self.set("alice", Method::Smartcard, action, ReaderLoss::Remove);
    }

    fn busy(&self, name: &str, busy: bool) {
        let mut all = self.busy.borrow_mut();
        if busy {
            all.insert(user(name))
        } else {
            all.remove(&user(name))
        };
    }
}

/// A real grant, made by the decision.
fn grant(name: &str, method: Method, byte: u8, reader: &str) -> Grant {
    let token = method.is_token();
    let profile = profile(name, rules(), vec![credential(method, byte)]);
    let proof = Proof {
        credential: token.then(|| id(byte)),
        factors: Factor::Knowledge.into(),
        assurance: Assurance::SingleFactor,
        device: token.then(|| device(reader)),
        data: None,
    };
    let case = Case {
        user: &user(name),
        service: &"login".parse().unwrap(),
        profile: &profile,
        drivers: &drivers(&[Method::Password]),
        conversation: ConversationId::from_bytes([1; 16]),
        grant: GrantId::from_bytes([2; 16]),
        now: Timestamp::from_secs(5),
    };
    match decide(case, &[Evidence { method, proof }]) {
        Verdict::Grant(grant) => grant,
        Verdict::Deny(denial) => panic!("{denial:?}"),
    }
}

fn session(name: &str) -> SessionId {
    name.parse().unwrap()
}

fn event(reader: &str, change: DeviceChange) -> DeviceEvent {
    DeviceEvent { device: device(reader), kind: DeviceKind::Pcsc, change }
}

fn open(watch: &mut Watch, world: &World, name: &str, grant: Option<&Grant>, owner: &str) {
    watch.opened(session(name), user(owner), grant, world, Timestamp::from_secs(1));
}

/// Alice's session "s", opened by card 1 in reader a.
fn opened(world: &World) -> Watch {
    let mut watch = Watch::default();
    open(&mut watch, world, "s", Some(&grant("alice", Method::Smartcard, 1, "pcsc:a")), "alice");
    watch
}

fn removed(watch: &mut Watch, world: &World, reader: &str) -> Vec<Action> {
    watch.device(&event(reader, DeviceChange::Removed), world)
}

fn back(watch: &mut Watch, world: &World) {
    let _ = watch.identified(&device("pcsc:a"), Method::Smartcard, Some(id(1)), world);
}

/// Proves: RMV-01, POL-04, POL-05
#[test]
fn a_removal_does_what_policy_says_for_each_method_with_a_token() {
    for method in [Method::Smartcard, Method::Fido2] {
        for (action, expected) in [
            (RemovalAction::None, vec![]),
            (RemovalAction::Lock, vec![Action::Lock(session("s"))]),
            (RemovalAction::Logoff, vec![Action::Terminate(session("s"))]),
        ] {
            let world = World::new();
            world.set("alice", method, action, ReaderLoss::Remove);
            let mut watch = Watch::default();
            open(&mut watch, &world, "s", Some(&grant("alice", method, 1, "pcsc:a")), "alice");
            assert_eq!(removed(&mut watch, &world, "pcsc:a"), expected, "{method} {action}");
            assert_eq!(removed(&mut watch, &world, "pcsc:a"), [], "a token is removed once");
        }
    }
}

/// Proves: RMV-02
#[test]
fn a_session_without_a_token_reacts_to_no_card() {
    let world = World::new();
    world.action(RemovalAction::Logoff);
    let mut watch = Watch::default();
    open(&mut watch, &world, "p", Some(&grant("alice", Method::Password, 0, "")), "alice");
    open(&mut watch, &world, "n", None, "alice");
    // Somebody else's grant binds nothing.
    open(&mut watch, &world, "x", Some(&grant("bob", Method::Smartcard, 2, "pcsc:a")), "alice");
    for change in [DeviceChange::Removed, DeviceChange::ReaderLost, DeviceChange::Inserted] {
        assert_eq!(watch.device(&event("pcsc:a", change), &world), []);
    }
    assert_eq!(watch.resume(&BTreeSet::new(), &world), []);
    assert!(watch.sessions().all(|(_, watched)| watched.token.is_none()));
}

/// Proves: RMV-02
#[test]
fn the_token_that_unlocked_last_holds_the_session_from_then_on() {
    let world = World::new();
    world.action(RemovalAction::Lock);
    let mut watch = opened(&world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Lock(session("s"))]);
    watch.locked(&session("s"), true);
    // Unlocked by another card in another reader: now that one counts.
    watch.unlocked(&session("s"), &grant("alice", Method::Smartcard, 3, "pcsc:b"), &world);
    assert!(!watch.get(&session("s")).unwrap().locked);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), []);
    assert_eq!(removed(&mut watch, &world, "pcsc:b"), [Action::Lock(session("s"))]);
    // Unlocked by password: no card counts.
    watch.unlocked(&session("s"), &grant("alice", Method::Password, 0, ""), &world);
    assert_eq!(removed(&mut watch, &world, "pcsc:b"), []);
    // Another user's grant unlocks nothing.
    watch.unlocked(&session("s"), &grant("bob", Method::Smartcard, 2, "pcsc:a"), &world);
    assert_eq!(watch.get(&session("s")).unwrap().token, None);
    watch.closed(&session("s"));
    assert_eq!(watch.sessions().count(), 0);
}

/// "The next removal still does what was in force at logon; after it the new one counts."
/// Proves: RMV-04
#[test]
fn a_changed_action_counts_from_the_removal_after_next() {
    let world = World::new();
    world.action(RemovalAction::None);
    let mut watch = opened(&world);
    world.action(RemovalAction::Lock);
    assert_eq!(watch.get(&session("s")).unwrap().next, RemovalAction::None);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [], "as at logon");
    back(&mut watch, &world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Lock(session("s"))], "the new one");
    // Changed twice before the next removal: that one still does the old, the one after it the newest.
    let unlock = grant("alice", Method::Smartcard, 1, "pcsc:a");
    watch.unlocked(&session("s"), &unlock, &world);
    world.action(RemovalAction::None);
    world.action(RemovalAction::Logoff);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Lock(session("s"))]);
    watch.unlocked(&session("s"), &unlock, &world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Terminate(session("s"))]);
}

/// Proves: RMV-04
#[test]
fn unlocking_with_the_same_method_brings_no_change_forward_and_with_another_one_its_own_rule() {
    let world = World::new();
    world.action(RemovalAction::Lock);
    let mut watch = opened(&world);
    world.action(RemovalAction::None);
    watch.unlocked(&session("s"), &grant("alice", Method::Smartcard, 1, "pcsc:a"), &world);
    assert_eq!(watch.get(&session("s")).unwrap().next, RemovalAction::Lock);
    world.set("alice", Method::Fido2, RemovalAction::Logoff, ReaderLoss::Remove);
    watch.unlocked(&session("s"), &grant("alice", Method::Fido2, 2, "pcsc:b"), &world);
    assert_eq!(watch.get(&session("s")).unwrap().next, RemovalAction::Logoff);
}

/// Every sequence of up to six policy changes and removals, against the sentence taken literally.
/// Proves: RMV-04
#[test]
fn every_history_of_changes_and_removals_follows_the_sentence() {
    let actions = [RemovalAction::None, RemovalAction::Lock, RemovalAction::Logoff];
    for word in 0..4_usize.pow(6) {
        let world = World::new();
        world.action(RemovalAction::Lock);
        let mut watch = opened(&world);
        // What was in force at logon or at the removal before, and what is in force now.
        let (mut before, mut now) = (RemovalAction::Lock, RemovalAction::Lock);
        for step in 0..6 {
            match word / 4_usize.pow(step) % 4 {
                3 => {
                    let expected = match before {
                        RemovalAction::None => vec![],
                        RemovalAction::Lock => vec![Action::Lock(session("s"))],
                        RemovalAction::Logoff => vec![Action::Terminate(session("s"))],
                    };
                    assert_eq!(removed(&mut watch, &world, "pcsc:a"), expected, "{word}");
                    before = now;
                    back(&mut watch, &world);
                }
                change => {
                    now = actions[change];
                    world.action(now);
                }
            }
        }
    }
}

/// Proves: RMV-05
#[test]
fn while_an_enrolment_or_a_reauthentication_is_open_a_removal_triggers_nothing() {
    let world = World::new();
    world.action(RemovalAction::Lock);
    let mut watch = opened(&world);
    world.action(RemovalAction::Logoff);
    world.busy("alice", true);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), []);
    world.busy("alice", false);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [], "it is gone already");
    // It comes back, and its next removal counts, as the first one of all.
    back(&mut watch, &world);
    world.busy("bob", true);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Lock(session("s"))]);
}

/// Proves: RMV-06
#[test]
fn a_lock_that_is_not_confirmed_is_reported_and_the_fallback_runs() {
    let world = World::new();
    let mut watch = opened(&world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Lock(session("s"))]);
    let rule = |terminate| LockRule { confirm: Duration::from_secs(5), terminate };
    let not_confirmed = Action::LockNotConfirmed(session("s"));
    assert_eq!(watch.lock_expired(&session("s"), rule(false)), std::slice::from_ref(&not_confirmed));
    assert_eq!(
        watch.lock_expired(&session("s"), rule(true)),
        [not_confirmed, Action::Terminate(session("s"))]
    );
    watch.locked(&session("s"), true);
    assert_eq!(watch.lock_expired(&session("s"), rule(true)), []);
    assert_eq!(watch.lock_expired(&session("gone"), rule(true)), []);
    // The values come from policy.
    let text = "[session]\nlock_confirm_seconds = 9\nlock_fallback = \"terminate\"\n";
    let source = signet_policy::Source { layer: signet_policy::Layer::Machine, file: "m.toml", text };
    let policy = signet_policy::Policy::load([source]).unwrap().effective_for_nobody();
    assert_eq!(
        LockRule::from(policy.session()),
        LockRule { confirm: Duration::from_secs(9), terminate: true }
    );
}

#[test]
fn a_locked_session_is_not_locked_again_but_it_is_ended() {
    let world = World::new();
    world.action(RemovalAction::Lock);
    let mut watch = opened(&world);
    watch.locked(&session("s"), true);
    world.action(RemovalAction::Logoff);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), []);
    back(&mut watch, &world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Terminate(session("s"))]);
}

/// Proves: RMV-07
#[test]
fn the_loss_of_the_reader_is_a_removal_where_policy_says_so_and_never_a_tap() {
    let world = World::new();
    for method in [Method::Smartcard, Method::Proximity, Method::Fido2] {
        for loss in [ReaderLoss::Remove, ReaderLoss::Ignore] {
            world.set("alice", method, RemovalAction::Lock, loss);
            let mut watch = Watch::default();
            open(&mut watch, &world, "s", Some(&grant("alice", method, 1, "pcsc:a")), "alice");
            let lost = watch.device(&event("pcsc:a", DeviceChange::ReaderLost), &world);
            let expected = if loss == ReaderLoss::Remove { vec![Action::Lock(session("s"))] } else { vec![] };
            assert_eq!(lost, expected, "{method} {loss}");
            // The reader comes back: neither a removal nor a tap.
            assert_eq!(watch.device(&event("pcsc:a", DeviceChange::ReaderFound), &world), []);
            let token = watch.get(&session("s")).unwrap().token.clone().unwrap();
            assert_eq!(token.present, loss == ReaderLoss::Ignore);
        }
    }
    // A proximity card leaves the field after its tap: that is no removal.
    world.set("alice", Method::Proximity, RemovalAction::Lock, ReaderLoss::Remove);
    let mut watch = Watch::default();
    open(&mut watch, &world, "s", Some(&grant("alice", Method::Proximity, 1, "pcsc:a")), "alice");
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), []);
}

/// The watch knows no store: what is deleted there changes nothing here.
/// Proves: CRD-05
#[test]
fn the_token_of_a_deleted_credential_still_holds_its_session() {
    let world = World::new();
    world.action(RemovalAction::Logoff);
    let mut watch = opened(&world);
    // Deleted, its token is nobody's any more: a look at the reader must not unbind it either.
    world.action(RemovalAction::None);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), [Action::Terminate(session("s"))]);
}

#[test]
fn a_token_that_comes_back_is_asked_who_it_is_and_another_one_is_not_taken_for_it() {
    let world = World::new();
    world.action(RemovalAction::None);
    let mut watch = opened(&world);
    assert_eq!(removed(&mut watch, &world, "pcsc:a"), []);
    let inserted = event("pcsc:b", DeviceChange::Inserted);
    assert_eq!(watch.device(&inserted, &world), [Action::Identify(device("pcsc:b"), Method::Smartcard)]);
    assert_eq!(watch.identified(&device("pcsc:b"), Method::Smartcard, Some(id(2)), &world), []);
    assert_eq!(watch.identified(&device("pcsc:b"), Method::Smartcard, None, &world), []);
    assert_eq!(removed(&mut watch, &world, "pcsc:b"), []);
    assert_eq!(watch.identified(&device("pcsc:b"), Method::Fido2, Some(id(1)), &world), []);
    assert!(!watch.get(&session("s")).unwrap().token.as_ref().unwrap().present);
    let _ = watch.identified(&device("pcsc:b"), Method::Smartcard, Some(id(1)), &world);
    let token = watch.get(&session("s")).unwrap().token.clone().unwrap();
    assert_eq!((token.present, token.device), (true, device("pcsc:b")));
    // It is there: what is put into another reader is no question.
    assert_eq!(watch.device(&event("pcsc:a", DeviceChange::Inserted), &world), []);
}

/// Proves: RMV-02
#[test]
fn after_a_restart_an_absent_token_was_removed_and_a_foreign_one_in_its_place_too() {
    let world = World::new();
    world.action(RemovalAction::Lock);
    let watch = opened(&world);
    let stored = serde_json::to_string(&watch).unwrap();
    let restored = || -> Watch { serde_json::from_str(&stored).unwrap() };
    assert_eq!(restored(), watch);
    assert_eq!(restored().resume(&BTreeSet::new(), &world), [Action::Lock(session("s"))]);
    let there = BTreeSet::from([device("pcsc:a")]);
    let identify = [Action::Identify(device("pcsc:a"), Method::Smartcard)];
    let look = |who: Option<u8>| {
        let mut watch = restored();
        assert_eq!(watch.resume(&there, &world), identify);
        watch.identified(&device("pcsc:a"), Method::Smartcard, who.map(id), &world)
    };
    assert_eq!(look(Some(1)), []);
    assert_eq!(look(Some(2)), [Action::Lock(session("s"))]);
    assert_eq!(look(None), [Action::Lock(session("s"))]);
}

/// Three sessions of three users; each session may hang on a card in reader a, in reader b, or on
/// none (27 worlds); each reader loses its card or itself, or neither does (9 events): exactly the sessions whose
/// own card is gone react.
/// Proves: RMV-02, RMV-07
#[test]
fn three_sessions_and_two_readers_every_combination() {
    let users = ["alice", "bob", "carol"];
    let readers = ["pcsc:a", "pcsc:b"];
    let changes = [None, Some(DeviceChange::Removed), Some(DeviceChange::ReaderLost)];
    for arrangement in 0..27_usize {
        for what in 0..9_usize {
            let world = World::new();
            let mut watch = Watch::default();
            let place = |at: usize| {
                [None, Some(0), Some(1)][arrangement / 3_usize.pow(u32::try_from(at).unwrap()) % 3]
            };
            for (at, name) in users.iter().enumerate() {
                world.set(name, Method::Smartcard, RemovalAction::Lock, ReaderLoss::Remove);
                let grant = match place(at) {
                    Some(reader) => {
                        let byte = u8::try_from(at).unwrap() + 1;
                        grant(name, Method::Smartcard, byte, readers[reader])
                    }
                    None => grant(name, Method::Password, 0, ""),
                };
                open(&mut watch, &world, name, Some(&grant), name);
            }
            let happens = [changes[what % 3], changes[what / 3]];
            let mut actions = Vec::new();
            for (reader, change) in readers.iter().zip(happens) {
                if let Some(change) = change {
                    actions.extend(watch.device(&event(reader, change), &world));
                }
            }
            let expected: Vec<_> = (0..3)
                .filter(|at| place(*at).is_some_and(|reader: usize| happens[reader].is_some()))
                .map(|at| Action::Lock(session(users[at])))
                .collect();
            assert_eq!(actions.len(), expected.len(), "{arrangement} {what}");
            assert!(expected.iter().all(|action| actions.contains(action)));
        }
    }
}

proptest! {
    /// Whatever happens, only a session whose own token was last seen at that device reacts, and a
    /// stored watch goes on like the one in memory.
    #[test]
    fn nothing_but_its_own_token_moves_a_session(steps in prop::collection::vec((0..7_u8, 0..2_usize, 1..4_u8), 0..40)) {
        let readers = ["pcsc:a", "pcsc:b"];
        let world = World::new();
        world.action(RemovalAction::Lock);
        let mut watch = opened(&world);
        for (step, reader, who) in steps {
            let name = readers[reader];
            let bound = watch.get(&session("s")).unwrap().token.clone();
            let here = bound.as_ref().is_some_and(|t| t.present && t.device == device(name));
            let actions = match step {
                0 => watch.device(&event(name, DeviceChange::Removed), &world),
                1 => watch.device(&event(name, DeviceChange::ReaderLost), &world),
                2 => watch.device(&event(name, DeviceChange::Inserted), &world),
                3 => watch.identified(&device(name), Method::Smartcard, Some(id(who)), &world),
                4 => {
                    watch.unlocked(&session("s"), &grant("alice", Method::Smartcard, who, name), &world);
                    vec![]
                }
                5 => {
                    watch.unlocked(&session("s"), &grant("alice", Method::Password, 0, ""), &world);
                    vec![]
                }
                _ => {
                    watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
                    vec![]
                }
            };
            let acted = actions.iter().any(|a| !matches!(a, Action::Identify(..)));
            prop_assert!(!acted || (here && step != 2), "step {} acted", step);
        }
    }
}
