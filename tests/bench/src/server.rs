//! Servers that are started, tell their address, and end with the value that stands for them.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Result, bail};

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens, as `http://127.0.0.1:1234`.
    pub url: String,
}

impl Server {
    /// Starts a server and waits for the address in its log, which it writes to the new file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?);
        let mut server = Server { child: command.spawn()?, url: String::new() };
        loop {
            let has_ended = server.child.try_wait()?.is_some();
            let text = fs::read_to_string(log)?;
            match address(&text) {
                Some(address) => server.url = format!("http://{address}"),
                None if has_ended => bail!("{command:?} ended: {}", text.trim()),
                None => sleep(Duration::from_millis(1)),
            }
            if !server.url.is_empty() {
                return Ok(server);
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already can't be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in `serving on http://127.0.0.1:1234`, or https, in text or JSON; `None` while the line is
/// not whole.
pub fn address(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("://")?;
    let end = rest.find(|char: char| !(char.is_ascii_digit() || ".:".contains(char)))?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_text_and_in_json() {
        assert_eq!(address("serving on http://127.0.0.1:80\n"), Some("127.0.0.1:80"));
        assert_eq!(
            address(r#"{"message":"serving on http://127.0.0.1:80"}"#),
            Some("127.0.0.1:80")
        );
        assert_eq!(address("serving on http://127.0.0.1:8"), None);
    }
}
