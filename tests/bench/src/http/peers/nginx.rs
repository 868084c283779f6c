//! nginx, tuned as its documentation advises for static files.

use std::{fs, process::Command};

use anyhow::Result;

use crate::http::{Ground, running::Ports};

pub fn command(ground: &Ground, ports: Ports) -> Result<Command> {
    let file = ground.directory.join("nginx.conf");
    fs::write(&file, configuration(ground, ports))?;
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-c"]).arg(file).arg("-p").arg(ground.directory);
    Ok(command)
}

fn configuration(ground: &Ground, ports: Ports) -> String {
    let Ports { clear, tls } = ports;
    let (root, pem) = (ground.site.root.display(), ground.pem.display());
    let directory = ground.directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {directory}/nginx-{name};\n"))
        .concat();
    format!(
        "daemon off;
user root root;
pid {directory}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{
    worker_connections 16384;
    multi_accept on;
}}
http {{
{temporary}    types {{
        text/html html;
        application/octet-stream bin;
    }}
    access_log off;
    sendfile on;
    sendfile_max_chunk 1m;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    open_file_cache max=20000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    gzip_static on;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:10m;
    ssl_session_tickets on;
    server {{
        listen 127.0.0.1:{clear} reuseport backlog=65535;
        listen 127.0.0.1:{tls} ssl http2 reuseport backlog=65535;
        root {root};
    }}
}}
"
    )
}
