//! The bundle, with nothing but where to listen.

use std::process::Command;

use crate::http::{Ground, requests::Transport};

/// What starts it.
pub fn command(ground: &Ground, transport: Transport, port: u16) -> Command {
    let listen = format!("tcp:{port}:interface=127.0.0.1");
    let certificates = ground.pem.parent().unwrap_or(ground.directory).display();
    let mut command = Command::new(&ground.site.bundle);
    command.arg("--port").arg(match transport {
        Transport::Clear => listen,
        Transport::Tls => format!("tls:path={certificates}:{listen}"),
    });
    command
}
