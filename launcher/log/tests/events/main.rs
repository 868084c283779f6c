//! Events of real processes, as lines.

mod child;

use std::fs;
use std::io::{Read, Write};

use child::{Child, settings};
use serde_json::{Value, json};

#[test]
fn text_is_for_people() {
    let told = Child::of("all", "text debug +").stderr();
    assert_eq!(
        told,
        "sayhello: debug: looked depth=-3\n\
         sayhello: serving on http://127.0.0.1:8080\n\
         sayhello: warning: certificate not loaded path=/etc/a.pem error=\"no key: not found\"\n\
         sayhello: error: failed request=7 user=\"a b\"\n\
         sayhello: critical: the end\n"
    );
}

#[test]
fn json_is_for_programs() {
    let told = Child::of("all", "json info +").objects();
    let own = ["level", "name", "message", "path", "error", "request", "user", "ratio", "big"];
    let shown: Vec<Value> = told.iter().map(|object| picked(object, &own)).collect();
    let name = "sayhello";
    let error = "no key: not found";
    assert_eq!(
        shown,
        [
            json!({"level": "info", "name": name, "message": "serving on http://127.0.0.1:8080"}),
            json!({"level": "warn", "name": name, "message": "certificate not loaded",
                   "path": "/etc/a.pem", "error": error}),
            json!({"level": "error", "name": name, "message": "failed",
                   "request": 7, "user": "a b"}),
            json!({"level": "critical", "name": name, "message": "the end"}),
        ]
    );
    for object in told {
        let time: jiff::Timestamp = object["time"].as_str().unwrap().parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(time).as_secs() < 3_600);
        assert_eq!(object["time"].as_str().unwrap().len(), "2026-11-22T22:50:00.123456Z".len());
    }
}

fn picked(object: &Value, names: &[&str]) -> Value {
    let members = object.as_object().unwrap().clone();
    members.into_iter().filter(|(name, _)| names.contains(&&**name)).collect()
}

#[test]
fn levels_leave_out_what_is_below() {
    for (level, lines) in [("debug", 5), ("info", 4), ("warn", 3), ("error", 2), ("critical", 1)] {
        let told = Child::of("all", &format!("json {level} +")).objects();
        assert_eq!(told.len(), lines, "{level}: {told:?}");
    }
}

#[test]
fn libraries_are_heard_from_a_warning_up() {
    let heard = |level| -> Vec<Value> {
        let told = Child::of("libraries", &format!("json {level} +")).objects();
        told.iter().map(|object| picked(object, &["target", "message"])).collect()
    };
    let warned = json!({"target": "hyper::proto", "message": "warned"});
    let own = json!({"message": "own"});
    assert_eq!(heard("info"), [warned.clone(), own.clone()]);
    assert_eq!(heard("debug"), [json!({"target": "h2::codec", "message": "low"}), warned, own]);
}

#[test]
fn hostile_values_stay_in_their_line() {
    let told = Child::of("hostile", "json info +").stderr();
    assert!(!told.trim_end().contains(char::is_control), "{told:?}");
    let objects = child::objects(&told);
    let [object] = &*objects else { panic!("{objects:?}") };
    assert_eq!(object["user"], child::HOSTILE);
    assert_eq!(object["message"], child::HOSTILE);
    assert_eq!(object["ratio"], "NaN");
    assert_eq!(object["big"], u128::MAX.to_string());
    assert_eq!(object["time_"], "never");
    assert_eq!(object["broken"], "half");
    let text = Child::of("hostile", "text info +").stderr();
    assert_eq!(text.lines().count(), 1);
    assert!(!text.trim_end().contains(char::is_control), "{text:?}");
}

#[test]
fn a_file_has_the_time_in_each_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let said = Child::of("all", &format!("text error {}", path.display())).stderr();
    assert_eq!(said, "");
    let told = fs::read_to_string(path).unwrap();
    let (time, line) = told.lines().next().unwrap().split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    assert_eq!(line, "sayhello: error: failed request=7 user=\"a b\"");
}

#[test]
fn processes_do_not_mix_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let start = || Child::of("many", &format!("json info {}", path.display())).start();
    let children = [start(), start(), start()];
    children.into_iter().for_each(|child| assert!(child.wait().success()));
    let told = fs::read_to_string(path).unwrap();
    let pids =
        |line: &str| serde_json::from_str::<Value>(line).expect("a whole line")["pid"].as_u64();
    let mut lines: Vec<_> = told.lines().map(pids).collect();
    assert_eq!(lines.len(), 3 * child::MANY);
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 3, "all of them wrote");
}

#[test]
fn a_reader_who_left_stops_nobody() {
    let mut child = Child::of("many", "json info +").start();
    drop(child.process.stderr.take());
    assert!(child.wait().success());
}

#[test]
fn a_reader_who_stops_stops_nobody_and_is_told_what_it_missed() {
    let mut child = Child::of("many, then one more", "json info +").start();
    let mut stderr = child.process.stderr.take().unwrap();
    // It says so on standard output once it has told everything to a pipe that is full.
    child.wait_for_stdout(b'!');
    let mut told = vec![0; 1 << 20];
    let length = stderr.read(&mut told).unwrap();
    told.truncate(length);
    child.process.stdin.take().unwrap().write_all(b"\n").unwrap();
    stderr.read_to_end(&mut told).unwrap();
    assert!(child.wait().success());
    let told = child::objects(&String::from_utf8(told).unwrap());
    let [.., last, lost] = &*told else { panic!("{told:?}") };
    assert_eq!(last["message"], "one more");
    assert_eq!(lost["message"], "lines of this log were lost");
    assert_eq!(lost["lines"].as_u64(), Some((child::MANY - (told.len() - 2)) as u64));
}

#[test]
fn a_closed_or_full_stderr_stops_nobody() {
    for redirection in ["2>&-", "2>/dev/full", "2</dev/null", "2>/dev/full >&-"] {
        assert!(Child::of("many", "text info +").through_shell(redirection).success());
    }
}

#[test]
fn a_process_has_one_log() {
    assert!(Child::of("twice", "text info +").start().wait().success());
}

/// Not a test: what the children do.
#[test]
fn child() {
    if let Some((part, settings)) = settings() {
        child::play(&part, settings);
    }
}
