//! nginx, tuned as its documentation advises for static files.

use std::{fs, process::Command};

use anyhow::Result;

use crate::http::{Ground, requests::Transport};

/// What starts it.
pub fn command(ground: &Ground, transport: Transport, port: u16) -> Result<Command> {
    let file = ground.directory.join("nginx.conf");
    fs::write(&file, configuration(ground, transport, port))?;
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-c"]).arg(file).arg("-p").arg(ground.directory);
    Ok(command)
}

fn configuration(ground: &Ground, transport: Transport, port: u16) -> String {
    let (directory, root) = (ground.directory.display(), ground.site.root.display());
    let server = match transport {
        Transport::Clear => format!("listen 127.0.0.1:{port} reuseport;"),
        Transport::Tls => with_tls(ground, port),
    };
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
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    types {{
        text/html html;
        application/octet-stream bin;
    }}
    access_log off;
    sendfile on;
    sendfile_max_chunk 1m;
    tcp_nopush on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    open_file_cache max=20000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    gzip_static on;
    server {{
        root {root};
        {server}
    }}
}}
"
    )
}

fn with_tls(ground: &Ground, port: u16) -> String {
    let pem = ground.pem.display();
    format!(
        "listen 127.0.0.1:{port} ssl http2 reuseport;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
        ssl_session_tickets on;"
    )
}
