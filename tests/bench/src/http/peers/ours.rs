//! The bundle, with nothing but where to listen.

use std::process::Command;

use crate::http::{Ground, running::Ports};

pub fn command(ground: &Ground, ports: Ports) -> Command {
    let certificates = ground.pem.parent().unwrap_or(ground.directory).display();
    let clear = format!("tcp:{}:interface=127.0.0.1", ports.clear);
    let tls = format!("tls:path={certificates}:tcp:{}:interface=127.0.0.1", ports.tls);
    let mut command = Command::new(&ground.site.bundle);
    command.args(["--port", &clear, "--port", &tls]);
    command
}
