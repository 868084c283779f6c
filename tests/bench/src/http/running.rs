//! A server that listens where it was told to, with all of its processes.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::processes::{cpu_time_of_family, kill_family, resident_bytes_of_family};

/// A server; all of its processes end with the value.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
    /// Where it listens, sooner or later.
    pub address: SocketAddr,
}

impl Running {
    /// Starts a server for a port, which writes what it has to say to the new file `log`.
    pub fn start(command: &mut Command, port: u16, log: PathBuf) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().with_context(|| format!("can't run {command:?}"))?;
        Ok(Running { child, log, address: address(port) })
    }

    /// Fails with what it said if it has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                bail!("the server ended ({status}): {}", fs::read_to_string(&self.log)?.trim())
            }
        }
    }

    /// What the processors have worked for it.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        cpu_time_of_family(self.child.id())
    }

    /// What of its memory is in use.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        resident_bytes_of_family(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill_family(self.child.id());
        // Nobody is there to hear of a failure.
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(address(0))?.local_addr()?.port())
}

/// A port of this host.
pub fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
