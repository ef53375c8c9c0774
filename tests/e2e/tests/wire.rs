//! The socket of the running daemon against everything that may come over it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Line, SOCKET, alive};
use serde_json::{Value, json};
use signet_e2e::{Setup, Typist, Workstation, library};
use signet_rig::{account, in_sandbox};

const START: &str = "io.signet.Authentication.Start";
const RESPOND: &str = "io.signet.Authentication.Respond";

/// The daemon's resident memory in KiB.
fn memory(station: &Workstation) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", station.signetd.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn password_works(station: &Workstation) {
    let typed = station.authenticate("bob", &[("password", "bob-pw")]).unwrap();
    assert!(typed.granted(), "{}\n{}", typed.said, station.signetd.log());
}

/// Junk ends its own connection and nothing else.
#[test]
fn junk_ends_only_its_own_connection() {
    in_sandbox("junk_ends_only_its_own_connection", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let before = memory(&station);
        let deep = format!(
            "{{\"method\":\"{START}\",\"parameters\":{}{}}}\0",
            "[".repeat(30_000),
            "]".repeat(30_000)
        );
        let mut long = vec![b' '; 64 * 1024];
        long.push(0);
        let junk: [(&str, &[u8]); 8] = [
            ("noise", b"\x16\x03\x01\xff\xfe\x80 GET / HTTP/1.1\r\n\r\n\0"),
            ("empty messages", &[0; 4096]),
            ("another type", b"[1,2,3]\0"),
            ("no method", b"{}\0"),
            ("a half frame", b"{\"method\":\"io.signet.Admin.Sta"),
            ("deep nesting", deep.as_bytes()),
            ("64 KiB and one byte", &long),
            ("not UTF-8", b"{\"method\":\"\xff\xfe\"}\0"),
        ];
        for (what, bytes) in junk {
            let mut line = Line::open();
            line.raw(bytes);
            let _ = line.stream.shutdown(std::net::Shutdown::Write);
            // Whatever is said is an error, and then the connection ends.
            while let Some(reply) = line.reply() {
                assert!(reply.get("error").is_some(), "{what}: {reply}");
            }
            assert!(alive(), "{what}: {}", station.signetd.log());
        }
        for _ in 0..200 {
            Line::open().raw(&long);
        }
        assert!(alive());
        let grown = memory(&station).saturating_sub(before);
        assert!(grown < 16 * 1024, "signetd grew by {grown} KiB");
        password_works(&station);
    });
}

/// What is no method, has a wrong type, or belongs to somebody else is refused by its name.
#[test]
fn wrong_calls_are_refused_by_name() {
    in_sandbox("wrong_calls_are_refused_by_name", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let start = json!({"service": "signet-try", "user": "bob"});
        let mut owner = Line::open();
        let told = owner.start(&start);
        assert!(told.asks("password"), "{told:?}");
        let foreign = json!({"conversation": owner.conversation(), "answer": "bob-pw"});
        let unknown = owner.conversation().chars().rev().collect::<String>();
        let unknown = json!({"conversation": unknown, "answer": "bob-pw"});
        for (method, parameters, more, expected) in [
            ("io.signet.Authentication.Grant", json!({}), false, "MethodNotFound"),
            ("io.signet.Backdoor.Open", json!({}), false, "InterfaceNotFound"),
            ("Start", json!({}), false, "InterfaceNotFound"),
            (START, json!({"service": 7, "user": "bob"}), true, "InvalidParameter"),
            (START, json!({"service": "signet-try", "user": ["bob"]}), true, "InvalidParameter"),
            (START, json!({"service": "../../etc/passwd", "user": "bob"}), true, "InvalidParameter"),
            (START, json!({"user": "bob"}), true, "InvalidParameter"),
            (START, json!("bob"), true, "closed"),
            (START, start.clone(), false, "ExpectedMore"),
            (RESPOND, foreign, true, "UnknownConversation"),
            (RESPOND, unknown, true, "Conversation"),
        ] {
            let error = Line::open().error_of(method, &parameters, more);
            assert!(
                error.as_deref().is_some_and(|e| e.contains(expected)),
                "{method} {parameters}: {error:?}"
            );
        }
        // The conversation that somebody else wanted to answer goes on as if nothing had been.
        let told = owner.respond("bob-pw");
        assert!(told.granted(), "{told:?}\n{}", station.signetd.log());
        // And it is over: nothing can be answered twice.
        let told = owner.respond("bob-pw");
        assert!(told.error.is_some() && !told.granted(), "{told:?}");
    });
}

/// A peer that never reads is dropped; meanwhile others are served. Half a first call has two seconds.
#[test]
fn a_peer_that_never_reads_or_never_ends_its_call_is_dropped() {
    in_sandbox("a_peer_that_never_reads_or_never_ends_its_call_is_dropped", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let before = memory(&station);
        let started = Instant::now();
        let mut half = Line::open();
        half.raw(b"{\"method\":");
        assert!(half.reply().is_none());
        let waited = started.elapsed();
        assert!(waited > Duration::from_secs(1) && waited < Duration::from_secs(6), "{waited:?}");

        let mut deaf = Line::open();
        let call = b"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"io.signet.Enrollment\"}}\0";
        let flood = std::thread::spawn(move || {
            let started = Instant::now();
            while deaf.stream.write_all(call).is_ok() {}
            started.elapsed()
        });
        for _ in 0..5 {
            password_works(&station);
        }
        let waited = flood.join().unwrap();
        assert!(waited < Duration::from_secs(30), "{waited:?}");
        let grown = memory(&station).saturating_sub(before);
        assert!(grown < 16 * 1024, "signetd grew by {grown} KiB");
    });
}

const HOLD: &str = "
import socket, sys
held = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
    if i == 100: print('begun', flush=True)
print('ready', flush=True)
sys.stdin.read()
";

/// Processes that hold silent connections.
struct Silent(Vec<(Child, BufReader<std::process::ChildStdout>)>);

impl Silent {
    fn start(processes: usize, each: usize) -> Self {
        let one = |_| {
            let script = format!("ulimit -n {}; exec /usr/bin/python3 -c \"$0\" {SOCKET} {each}", each + 64);
            let mut command = Command::new("sh");
            command.args(["-c", &script, HOLD]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let out = BufReader::new(child.stdout.take().unwrap());
            (child, out)
        };
        Self((0..processes).map(one).collect())
    }

    fn wait_for(&mut self, word: &str) {
        for (_, out) in &mut self.0 {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            assert_eq!(line.trim(), word);
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        for (child, _) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ten thousand connections that say nothing keep no honest login out.
#[test]
fn ten_thousand_silent_connections_keep_nobody_out() {
    in_sandbox("ten_thousand_silent_connections_keep_nobody_out", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let before = memory(&station);
        let mut silent = Silent::start(4, 2_500);
        silent.wait_for("begun");
        password_works(&station);
        silent.wait_for("ready");
        password_works(&station);
        let grown = memory(&station).saturating_sub(before);
        assert!(grown < 64 * 1024, "signetd grew by {grown} KiB");
        assert!(alive());
    });
}

/// The Python client `varlink`, written by others from the specification, finds its way.
#[test]
fn a_foreign_client_finds_its_way() {
    in_sandbox("a_foreign_client_finds_its_way", || {
        let target = library().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
        let python = target.join("python/bin/python");
        assert!(python.exists(), "{} is missing: run 'make deps'", python.display());
        let _station = Workstation::start(&Setup::default()).unwrap();
        let varlink = |arguments: &[&str]| {
            let output = Command::new(&python).args(["-m", "varlink.cli"]).args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.success(), said, String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let address = format!("unix:{SOCKET}");
        let (fine, info, errors) = varlink(&["info", &address]);
        assert!(fine && info.contains("signetd"), "{info}{errors}");
        for part in ["Admin", "Authentication", "Enrollment", "Policy", "Session"] {
            let interface = format!("io.signet.{part}");
            assert!(info.contains(&interface), "{info}");
            let (fine, help, errors) = varlink(&["help", &format!("{address}/{interface}")]);
            assert!(fine && help.contains(&format!("interface {interface}")), "{help}{errors}");
        }
        let start = format!("{address}/{START}");
        let (_, said, errors) =
            varlink(&["call", "--more", &start, r#"{"service": "signet-try", "user": "bob"}"#]);
        assert!(said.contains("Your password"), "no prompt came: {said}{errors}");
        assert!(said.contains("conversation"), "{said}");
    });
}

const ONE_CALL: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b'\\0')
sys.stdout.buffer.write(s.recv(65536).split(b'\\0')[0])
";

/// Makes one call as this user.
fn as_user(uid: u32, method: &str, parameters: &Value, more: bool) -> Value {
    let message = json!({"method": method, "parameters": parameters, "more": more}).to_string();
    let uid = uid.to_string();
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        &uid,
        "--regid",
        &uid,
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        ONE_CALL,
        SOCKET,
        &message,
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{message}: {error}: {said}"))
}

/// A user may ask for himself, and for nothing that is root's.
#[test]
fn a_user_may_ask_for_himself_only() {
    in_sandbox("a_user_may_ask_for_himself_only", || {
        let station = Workstation::start(&Setup::default()).unwrap();
        let alice = account::user_id("alice").unwrap();
        let denied = json!("org.varlink.service.PermissionDenied");
        for (method, parameters, more) in [
            (START, json!({"service": "signet-try", "user": "bob"}), true),
            (START, json!({"service": "signet-try", "user": "root"}), true),
            (START, json!({"service": "signet-try", "user": "nobody-of-this-name"}), true),
            ("io.signet.Enrollment.Enroll", json!({"user": "bob", "method": "smartcard"}), true),
            ("io.signet.Enrollment.List", json!({"user": "bob"}), false),
            ("io.signet.Policy.Reload", json!({}), false),
            (
                "io.signet.Admin.Export",
                json!({"path": "/tmp/stolen", "passphrase": "a long passphrase"}),
                false,
            ),
            ("io.signet.Admin.Audit", json!({"count": 10}), false),
            (
                "io.signet.Session.Opened",
                json!({"session": "c1", "user": "alice", "service": "login"}),
                false,
            ),
            ("io.signet.Session.Closed", json!({"session": "c1"}), false),
        ] {
            let reply = as_user(alice, method, &parameters, more);
            assert_eq!(reply["error"], denied, "{method} {parameters}: {reply}");
        }
        assert!(!fs::exists("/tmp/stolen").unwrap());
        let own = as_user(alice, START, &json!({"service": "signet-try", "user": "alice"}), true);
        assert!(own.get("error").is_none() && own["parameters"]["conversation"].is_string(), "{own}");
        let list = as_user(alice, "io.signet.Enrollment.List", &json!({"user": "alice"}), false);
        assert_eq!(list["parameters"]["credentials"], json!([]), "{list}");
        // Nor through the tool.
        let uid = alice.to_string();
        let tool = library().unwrap().parent().unwrap().join("signetctl");
        let mut reload = Command::new("setpriv");
        reload
            .args(["--reuid", &uid, "--regid", &uid, "--clear-groups"])
            .arg(tool)
            .args(["policy", "reload"]);
        let typed = Typist::run(&mut reload, &[]).unwrap();
        assert!(!typed.granted(), "{}", typed.said);
        password_works(&station);
    });
}
