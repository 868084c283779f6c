//! Caddy's file server, with what was compressed before.

use std::{fs, process::Command};

use anyhow::Result;

use crate::http::{Ground, certificate::HOST, requests::Transport};

/// What starts it.
pub fn command(ground: &Ground, transport: Transport, port: u16) -> Result<Command> {
    let file = ground.directory.join("Caddyfile");
    fs::write(&file, configuration(ground, transport, port))?;
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    // It keeps a copy of its configuration there.
    command.env("XDG_CONFIG_HOME", ground.directory).env("XDG_DATA_HOME", ground.directory);
    Ok(command)
}

fn configuration(ground: &Ground, transport: Transport, port: u16) -> String {
    let (root, pem) = (ground.site.root.display(), ground.pem.display());
    let (address, tls) = match transport {
        Transport::Clear => (format!("http://:{port}"), String::new()),
        Transport::Tls => (format!("https://{HOST}:{port}"), format!("tls {pem} {pem}")),
    };
    format!(
        "{{
    admin off
    persist_config off
    auto_https off
    default_bind 127.0.0.1
    log {{
        output discard
    }}
}}
{address} {{
    {tls}
    root * {root}
    file_server {{
        precompressed gzip
    }}
}}
"
    )
}
