//! An event as one JSON object.

use std::io::Write;

use serde_json::Value;

use crate::escape::write_json;
use crate::event::Told;

/// The members that each line has or can have; a field of such a name gets a `_` behind it.
const OWN: [&str; 5] = ["time", "level", "name", "message", "target"];

/// Appends the line to the buffer.
pub(crate) fn write(told: &Told<'_>, line: &mut Vec<u8>) {
    // The time and the level need no escapes, and writing to memory does not fail.
    let _ = write!(line, r#"{{"time":"{:.6}","level":"{}","name":"#, told.time, told.level);
    write_json(told.name, line);
    line.extend_from_slice(br#","message":"#);
    write_json(&told.said.message, line);
    if let Some(target) = told.target {
        line.extend_from_slice(br#","target":"#);
        write_json(target, line);
    }
    for (name, value) in &told.said.fields {
        member(name, value, line);
    }
    line.extend_from_slice(b"}\n");
}

fn member(name: &str, value: &Value, line: &mut Vec<u8>) {
    line.push(b',');
    match OWN.contains(&name) {
        true => write_json(&format!("{name}_"), line),
        false => write_json(name, line),
    }
    line.push(b':');
    write_json(value, line);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::Level;
    use crate::event::Said;

    fn told(said: Said) -> Told<'static> {
        let time = Timestamp::from_microsecond(1_795_387_800_123_456).unwrap();
        Told { time, level: Level::Info, name: "say\"hello", target: None, said }
    }

    fn parsed(told: &Told<'_>) -> Value {
        let mut line = Vec::new();
        write(told, &mut line);
        assert_eq!(line.iter().filter(|byte| **byte < 32).count(), 1, "one line");
        serde_json::from_slice(&line).expect("valid JSON")
    }

    #[test]
    fn the_members_come_flat_and_with_their_types() {
        let fields = vec![("port", json!(8080)), ("up", json!(true)), ("time", json!("\u{1b}\n"))];
        let said = Said { message: "a\r\nb".into(), is_critical: false, fields };
        let expected = json!({
            "time": "2026-11-22T22:50:00.123456Z", "level": "info", "name": "say\"hello",
            "message": "a\r\nb", "port": 8080, "up": true, "time_": "\u{1b}\n",
        });
        assert_eq!(parsed(&told(said)), expected);
    }

    #[test]
    fn foreign_code_is_named() {
        let told = Told { target: Some("h2::proto"), ..told(Said::default()) };
        assert_eq!(parsed(&told)["target"], "h2::proto");
    }
}
