//! A process that tells things: the test executable itself, once more.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use holdall_log::{Log, LogError, Settings};
use serde_json::Value;

/// How many lines `many` is; they are more than a pipe holds.
pub const MANY: usize = 3_000;

/// What could end a line, leave a quoted text, or speak to a terminal.
pub const HOSTILE: &str =
    "a\r\nsayhello: error: \"forged\\\" \u{1b}[31m\0\u{7f}\u{85}\u{2028}\u{202e}";

const PART: &str = "HOLDALL_LOG_TEST_PART";
const SETTINGS: &str = "HOLDALL_LOG_TEST_SETTINGS";

pub struct Child(Command);

pub struct Running {
    pub process: process::Child,
}

impl Child {
    /// A child that plays this part, with `FORMAT LEVEL TARGET`.
    pub fn of(part: &str, settings: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "child", "--nocapture", "--quiet"]);
        command.env(PART, part).env(SETTINGS, settings).env_remove("NO_COLOR");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    pub fn start(mut self) -> Running {
        Running { process: self.0.spawn().expect("it starts") }
    }

    /// What it tells on standard error.
    pub fn stderr(mut self) -> String {
        let output = self.0.output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    pub fn objects(self) -> Vec<Value> {
        objects(&self.stderr())
    }

    /// Runs it with descriptors that only a shell gives.
    pub fn through_shell(self, redirection: &str) -> ExitStatus {
        let program: OsString = self.0.get_program().into();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {redirection}"));
        shell.arg(program).args(self.0.get_args());
        let set = self.0.get_envs().filter_map(|(name, value)| Some((name, value?)));
        shell.envs(set).stdout(Stdio::null()).status().expect("a shell")
    }
}

impl Running {
    /// Waits for the end; one that hangs is ended, and fails the test.
    pub fn wait(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(status) = self.process.try_wait().expect("a child") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = self.process.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the child writes this byte to standard output.
    pub fn wait_for_stdout(&mut self, wanted: u8) {
        let stdout = self.process.stdout.as_mut().expect("a pipe");
        let mut bytes = BufReader::new(stdout).bytes();
        assert!(bytes.any(|byte| byte.expect("a pipe") == wanted), "it ended");
    }
}

/// The lines of a log, each of which has to be a whole object.
pub fn objects(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

/// What this process is to do, where it is a child.
pub fn settings() -> Option<(String, Settings)> {
    let words = std::env::var(SETTINGS).ok()?;
    let mut words = words.split(' ');
    let mut word = || words.next().expect("three words");
    let format = word().parse().expect("a format");
    let level = word().parse().expect("a level");
    let target = word().parse().unwrap_or_else(|never| match never {});
    Some((std::env::var(PART).expect("a part"), Settings { format, level, target }))
}

pub fn play(part: &str, settings: Settings) {
    let _log = Log::start("sayhello", settings.clone()).expect("a log");
    match part {
        "all" => all(),
        "libraries" => libraries(),
        "hostile" => hostile(),
        "many" => many(),
        "many, then one more" => {
            many();
            io::stdout().write_all(b"!").and_then(|()| io::stdout().flush()).expect("a pipe");
            io::stdin().read_line(&mut String::new()).expect("a pipe");
            tracing::info!("one more");
        }
        "twice" => {
            let again = Log::start("sayhello", settings);
            assert!(matches!(again, Err(LogError::AlreadyStarted)));
        }
        other => panic!("no part {other}"),
    }
}

fn all() {
    let url = "http://127.0.0.1:8080";
    let error = NoKey(io::Error::new(io::ErrorKind::NotFound, "not found"));
    let error = &error as &(dyn std::error::Error + 'static);
    tracing::trace!("too low for any level");
    tracing::debug!(depth = -3, "looked");
    tracing::info!("serving on {url}");
    tracing::warn!(path = "/etc/a.pem", error, "certificate not loaded");
    let span = tracing::info_span!("request", request = 7, user = tracing::field::Empty);
    span.record("user", "a b");
    span.in_scope(|| tracing::error!("failed"));
    tracing::error!(critical = true, "the end");
}

fn libraries() {
    tracing::trace!(target: "h2::codec", "too low for any level");
    tracing::debug!(target: "h2::codec", "low");
    tracing::warn!(target: "hyper::proto", "warned");
    tracing::info!(target: "holdall_service::server", "own");
}

fn hostile() {
    let big = u128::MAX;
    tracing::info!(
        user = HOSTILE,
        ratio = f64::NAN,
        big,
        time = "never",
        broken = %Broken,
        "{HOSTILE}"
    );
}

fn many() {
    let pid = process::id();
    let filler = "x".repeat(300);
    (0..MANY).for_each(|number| tracing::info!(pid, number, %filler, "many"));
}

#[derive(Debug)]
struct NoKey(io::Error);

impl fmt::Display for NoKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no key")
    }
}

impl std::error::Error for NoKey {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Fails midway when it is shown.
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("half").and(Err(fmt::Error))
    }
}
