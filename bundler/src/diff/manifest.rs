//! Which keys of two manifests differ.

use holdall_bundle::Manifest;
use serde::Serialize;
use serde_json::{Map, Value};

/// A key whose value differs, as a path: `entry_point.kind`.
#[derive(Debug, PartialEq, Serialize)]
pub struct KeyChange {
    /// Where the value stands; parts that are no plain words are quoted.
    pub key: String,
    /// What it was; `None` where the key was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it is; `None` where the key is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// The keys that differ, in order. What follows from the file itself is told elsewhere: `prefix`
/// and `content`.
pub fn compare(old: &Manifest, new: &Manifest) -> Vec<KeyChange> {
    let mut changes = Vec::new();
    compare_objects("", &object(old), &object(new), &mut changes);
    changes
}

fn object(manifest: &Manifest) -> Map<String, Value> {
    // Strings, numbers and lists only: there is nothing in it that JSON can't say.
    let mut object = match serde_json::to_value(manifest) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.remove("prefix");
    object.remove("content");
    object
}

fn compare_objects(
    path: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<KeyChange>,
) {
    let added = new.keys().filter(|key| !old.contains_key(*key));
    let mut keys: Vec<&String> = old.keys().chain(added).collect();
    keys.sort_unstable();
    for key in keys {
        let inner = joined(path, key);
        match (old.get(key), new.get(key)) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                compare_objects(&inner, old, new, changes);
            }
            (old, new) if old == new => {}
            (old, new) => {
                changes.push(KeyChange { key: inner, old: old.cloned(), new: new.cloned() });
            }
        }
    }
}

/// `path.key`, as TOML writes it.
fn joined(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = match !key.is_empty() && key.chars().all(is_plain) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compared(old: Value, new: Value) -> Vec<KeyChange> {
        let mut changes = Vec::new();
        compare_objects("", old.as_object().unwrap(), new.as_object().unwrap(), &mut changes);
        changes
    }

    #[test]
    fn keys_are_told_with_their_paths_in_order() {
        let old =
            json!({ "name": "a", "gone": 1, "serving": { "mounts": { "/": "", "/d": "d" } } });
        let new = json!({ "added": [2], "name": "a", "serving": { "mounts": { "/": "x" } } });
        let changes = compared(old, new);
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        assert_eq!(keys, ["added", "gone", r#"serving.mounts."/""#, r#"serving.mounts."/d""#]);
        assert_eq!((&changes[0].old, &changes[0].new), (&None, &Some(json!([2]))));
        assert_eq!((&changes[3].old, &changes[3].new), (&Some(json!("d")), &None));
    }

    #[test]
    fn equal_manifests_have_no_change() {
        assert_eq!(compared(json!({ "a": { "b": [1] } }), json!({ "a": { "b": [1] } })), []);
    }
}
