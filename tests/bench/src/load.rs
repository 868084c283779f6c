//! Load generators: requests for a given time, as fast as the server answers.

mod output;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::cores::Cores;

pub use output::{Answered, Latency};

/// Enough that the server is never without work, and few enough that they all get their turn.
pub const CONNECTIONS: u32 = 64;
/// How many requests at one time on each connection of HTTP/2.
const STREAMS: u32 = 10;

/// Enough for a hundredth of them to be many.
const REQUESTS_FOR_LATENCY: u32 = 50_000;
/// Longer than any measurement; a generator that hangs is better ended than waited for.
const PATIENCE_S: &str = "120";
/// With latencies; an answer that takes long is no error.
const WRK: [&str; 3] = ["--latency", "--timeout", PATIENCE_S];
/// What timeout(1) ends with if there is no such program.
const NOT_FOUND: i32 = 127;

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, one request after the other on each connection.
    KeepAlive,
    /// HTTP/1.1, a new connection for each request.
    Close,
    /// HTTP/2, several requests at one time on each connection.
    Http2,
}

/// What is sent, and over how many connections.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    /// How.
    pub protocol: Protocol,
    /// At one time.
    pub connections: u32,
    /// Fields of each request, as `name: value`.
    pub headers: Vec<String>,
    /// What makes the requests, in wrk's Lua.
    pub script: Option<&'a Path>,
}

/// How much is sent.
#[derive(Debug, Clone, Copy)]
enum Amount {
    Duration(Duration),
    Requests(u32),
}

impl Load<'_> {
    /// Plain requests over [`CONNECTIONS`].
    pub fn of(protocol: Protocol) -> Self {
        Load { protocol, connections: CONNECTIONS, headers: Vec::new(), script: None }
    }

    /// Requests `url` for `duration`, in whole seconds; every answer must be a success.
    pub fn run(&self, url: &str, duration: Duration, cores: &Cores) -> Result<Answered> {
        let mut generator = self.command(Amount::Duration(duration));
        generator.arg(url);
        let output = self.output(&mut generator, cores)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let answered = match self.protocol {
            Protocol::Http2 => output::of_h2load(&text),
            Protocol::KeepAlive | Protocol::Close => output::of_wrk(&text),
        };
        answered.with_context(|| format!("{generator:?} told of failures, or not enough: {text}"))
    }

    /// How long answers take, where [`Load::run`] does not tell: h2load writes a log for that, which
    /// slows it down.
    pub fn latency(&self, url: &str, log: &Path, cores: &Cores) -> Result<Latency> {
        let mut generator = self.command(Amount::Requests(REQUESTS_FOR_LATENCY));
        generator.arg("--log-file").arg(log).arg(url);
        self.output(&mut generator, cores)?;
        let text = fs::read_to_string(log)?;
        fs::remove_file(log)?;
        output::of_h2load_log(&text).with_context(|| format!("{generator:?} wrote no times"))
    }

    fn output(&self, generator: &mut Command, cores: &Cores) -> Result<Output> {
        let output = cores.for_load(|| generator.output())?;
        let output = output.with_context(|| format!("can't run {generator:?}"))?;
        ensure!(output.status.code() != Some(NOT_FOUND), self.missing());
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{generator:?} failed: {text}");
        Ok(output)
    }

    fn command(&self, amount: Amount) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--foreground", "--signal=KILL", PATIENCE_S, self.program().0]);
        command.args(["-t", "1", "-c", &self.connections.to_string()]);
        match self.protocol {
            Protocol::Http2 => drop(command.args(["-m", &STREAMS.to_string()])),
            Protocol::KeepAlive => drop(command.args(WRK)),
            Protocol::Close => drop(command.args(WRK).args(["-H", "Connection: close"])),
        }
        command.args(match (self.protocol, amount) {
            (Protocol::Http2, Amount::Duration(time)) => ["-D".into(), time.as_secs().to_string()],
            (_, Amount::Duration(time)) => ["-d".into(), format!("{}s", time.as_secs())],
            (_, Amount::Requests(count)) => ["-n".into(), count.to_string()],
        });
        command.args(self.headers.iter().flat_map(|header| ["-H", header]));
        command.args(self.script.iter().flat_map(|script| [Path::new("-s"), script]));
        command
    }

    /// What is run, and the Debian package that has it.
    fn program(&self) -> (&'static str, &'static str) {
        match self.protocol {
            Protocol::Http2 => ("h2load", "nghttp2-client"),
            Protocol::KeepAlive | Protocol::Close => ("wrk", "wrk"),
        }
    }

    fn missing(&self) -> String {
        let (program, package) = self.program();
        format!("{program} is missing: install it, for example by: apt-get install {package}")
    }
}
