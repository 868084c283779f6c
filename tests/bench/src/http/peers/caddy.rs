//! Caddy's file server, with what was compressed before.

use std::{fs, process::Command};

use anyhow::Result;

use crate::http::{Ground, certificate::HOST, running::Ports};

pub fn command(ground: &Ground, ports: Ports) -> Result<Command> {
    let file = ground.directory.join("Caddyfile");
    fs::write(&file, configuration(ground, ports))?;
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    // It keeps a copy of its configuration there.
    command.env("XDG_CONFIG_HOME", ground.directory).env("XDG_DATA_HOME", ground.directory);
    Ok(command)
}

fn configuration(ground: &Ground, Ports { clear, tls }: Ports) -> String {
    let (root, pem) = (ground.site.root.display(), ground.pem.display());
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
(site) {{
    root * {root}
    file_server {{
        precompressed gzip
    }}
}}
http://:{clear} {{
    import site
}}
https://{HOST}:{tls} {{
    tls {pem} {pem}
    import site
}}
"
    )
}
