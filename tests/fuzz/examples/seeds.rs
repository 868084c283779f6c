//! Writes the corpora that fuzzing begins with: `cargo run --example seeds`, in this directory.

use std::{
    fs::{self, File},
    path::Path,
};

use holdall_archive::{DosTime, Method, Name, Packed, Streamed, Writer};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A raw deflate stream: one block that is stored, as the seeds need no packer.
fn as_stored_block(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), content].concat()
}

fn bundle(path: &Path, names: &[&str], index: bool) -> Outcome {
    let _ = fs::remove_file(path);
    let mut writer = Writer::new(File::create_new(path)?, path, &[], DosTime::EARLIEST)?;
    for (position, name) in names.iter().enumerate() {
        let content = format!("{name}, ").repeat(20 * position);
        let packed = match position % 2 {
            0 => Packed::stored(content.into_bytes()),
            _ => Packed::deflated(content.as_bytes(), as_stored_block(content.as_bytes()))
                .ok_or("deflatable")?,
        };
        writer.add(Name::new(name)?, 0o644, "text/plain", &packed)?;
    }
    let zeros = vec![0; 5000];
    let streamed = writer.add_stream(
        Name::new("zeros")?,
        0o600,
        "",
        Method::Deflated,
        zeros.len() as u64,
        &mut &zeros[..],
    )?;
    assert!(matches!(streamed, Streamed::Added));
    writer.finish()?;
    if !index {
        let mut bytes = fs::read(path)?;
        let magic = bytes.windows(8).rposition(|window| window == b"holdall\x01").ok_or("index")?;
        bytes[magic] = b'H';
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn manifest(kind: &str) -> String {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let payload = match kind {
        "plugin" => r#", "payload": ".holdall/lib/libsayhello.so""#,
        "exec" => r#", "payload": ".holdall/bin/sayhello""#,
        _ => "",
    };
    format!(
        r#"{{"format": 1, "name": "sayhello", "version": "0.1.0",
        "entry_point": {{ "kind": "{kind}"{payload} }},
        "arguments": ["--port", "8080"],
        "built": {{ "by": "holdall 0.1.0", "target": "x86_64-unknown-linux-gnu" }},
        "prefix": {{ "size": 4096, "sha256": "{digest}" }},
        "content": {{ "files": 1, "size": 10, "digest": "sha256:{digest}" }} }}"#
    )
}

fn main() -> Outcome {
    let corpus = Path::new("corpus");
    for target in ["archive", "manifest", "name"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    let names = ["data/a.txt", "data/größe/b", "data/c", "top"];
    bundle(&corpus.join("archive/indexed"), &names, true)?;
    bundle(&corpus.join("archive/scanned"), &names, false)?;
    bundle(&corpus.join("archive/small"), &[], true)?;
    for kind in ["linked", "site", "plugin", "exec"] {
        fs::write(corpus.join("manifest").join(kind), manifest(kind))?;
    }
    for (position, name) in names.iter().chain(&["../a", "a//b", "C:x", "a\\b"]).enumerate() {
        fs::write(corpus.join(format!("name/{position}")), name)?;
    }
    Ok(())
}
