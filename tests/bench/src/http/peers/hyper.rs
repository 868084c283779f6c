//! Hyper alone: the least that the answer costs.

use std::{fs, process::Command};

use anyhow::Result;

use crate::http::{Ground, exchange::Exchange, requests::Transport, running::address};

/// What starts it.
pub fn command(
    ground: &Ground,
    transport: Transport,
    port: u16,
    exchange: &Exchange,
) -> Result<Command> {
    let content = ground.directory.join("constant");
    fs::write(&content, &exchange.content)?;
    let mut command = Command::new(ground.programs.constant_server());
    command.arg("--listen").arg(address(port).to_string());
    command.args(["--status", &exchange.status.to_string(), "--header", "etag:\"constant\""]);
    for (name, value) in &exchange.answer_headers {
        command.args(["--header", &format!("{name}:{value}")]);
    }
    if transport == Transport::Tls {
        command.arg("--tls").arg(&ground.pem);
    }
    command.arg(content);
    Ok(command)
}
