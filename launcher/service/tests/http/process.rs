//! The example `probe`, running.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

pub struct Probe {
    pub child: Child,
    authority: String,
    stdout: BufReader<ChildStdout>,
}

/// What a process left behind.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Probe {
    pub fn start() -> Self {
        let mut command = Command::new(built());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut url = String::new();
        stdout.read_line(&mut url).expect("its address");
        let authority = url.trim().strip_prefix("http://").expect("a URL").to_owned();
        Self { child, authority, stdout }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }

    pub fn refuses_connections(&self) -> bool {
        TcpStream::connect(&self.authority).is_err()
    }

    /// Sends a request and reads up to the end of the connection.
    pub fn ask(&self, method: &str, target: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            .expect("it goes out");
        read_to_end(stream)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for the end.
    pub fn outcome(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).expect("UTF-8");
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("UTF-8");
        let code = self.child.wait().expect("it ends").code();
        Outcome { code, stdout, stderr }
    }

    /// Stops it politely.
    pub fn stop(self) -> Outcome {
        self.signal(Signal::TERM);
        self.outcome()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // A test that failed must not leave a server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what comes; a reset ends it as well as a close does.
pub fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).expect("UTF-8")
}

/// The example, built by cargo once.
fn built() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--quiet", "--example", "probe", "--message-format", "json"]);
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let (_, rest) = messages.rsplit_once("\"executable\":\"").expect("an executable");
        PathBuf::from(rest.split('"').next().expect("its path"))
    })
}
