//! A site of given files: packed, served, and asked. Every answer is checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use holdall_tests::{Client, Scratch, Server};

use crate::answer::{Answer, Asked};
use crate::every_answer::{self, Kind, Seen};

/// A bundle that serves.
#[derive(Debug)]
pub struct Site {
    /// The process.
    pub server: Server,
    scratch: Scratch,
    kind: Kind,
    seen: Seen,
}

/// A site that the tests of a module share while at least one of them runs.
#[derive(Debug)]
pub struct Shared(Mutex<Weak<Site>>);

/// The name of the bundle in the directory of a site.
const BUNDLE: &str = "site";

impl Site {
    /// Packs and serves files, with a `holdall.toml` of this text.
    pub fn of<C: AsRef<[u8]>>(files: &[(&str, C)], manifest: &str) -> Self {
        Self::with(files, manifest, &[])
    }

    /// The same with more arguments for the bundler.
    pub fn with<C: AsRef<[u8]>>(files: &[(&str, C)], manifest: &str, arguments: &[&str]) -> Self {
        let kind = match manifest.contains("[[static.headers]]") {
            true => Kind::Ruled,
            false => Kind::Plain,
        };
        Self::serve(pack(files, manifest, arguments), kind)
    }

    /// The same with the files that are in the directory `www` already.
    pub fn of_directory(scratch: Scratch) -> Self {
        pack_directory(&scratch, &[]);
        Self::serve(scratch, Kind::Plain)
    }

    fn serve(scratch: Scratch, kind: Kind) -> Self {
        Self { server: Server::start(scratch.path(BUNDLE)), scratch, kind, seen: Seen::default() }
    }

    /// A service with files before it: `program` is its entry point of the kind `kind`.
    pub fn before<C: AsRef<[u8]>>(
        program: &Path,
        kind: &str,
        files: &[(&str, C)],
        manifest: &str,
    ) -> Self {
        let program = program.to_str().expect("a path of text");
        let arguments = ["--path", program, "--entry-point", kind];
        Self::serve(pack(files, manifest, &arguments), Kind::Service)
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The file that it runs from.
    pub fn bundle(&self) -> PathBuf {
        self.scratch.path(BUNDLE)
    }

    /// The directory of all of this.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// GETs a target.
    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, &[])
    }

    /// GETs a target with more fields, and checks that HEAD is answered alike.
    pub fn get_with(&self, target: &str, fields: &[&str]) -> Answer {
        self.ask("GET", target, fields)
    }

    /// GETs a target as gzip.
    pub fn gzip(&self, target: &str) -> Answer {
        self.get_with(target, &["accept-encoding: gzip"])
    }

    /// Asks whatever it is; a GET is followed by a HEAD.
    pub fn ask(&self, method: &str, target: &str, fields: &[&str]) -> Answer {
        let asked = Asked { method, target, fields };
        let answer = self.answer(&asked);
        // HEAD ignores ranges, so that its answer is another one.
        if method == "GET" && asked.field("range").is_none() {
            let head = self.answer(&asked.with_method("HEAD"));
            every_answer::check_twin(&asked, &answer, &head);
        }
        answer
    }

    /// Another request follows in the same piece: what is wrong with the end of an answer spoils the
    /// one after it.
    fn answer(&self, asked: &Asked<'_>) -> Answer {
        let last = "OPTIONS * HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        let mut client = self.sending([&asked.head(), last].concat());
        let answer = every_answer::read(&mut client, asked);
        every_answer::check(self.kind, asked, &answer);
        self.seen.check(asked, &answer);
        answer
    }

    /// Sends bytes as they are, on a connection of their own.
    pub fn sending(&self, bytes: impl AsRef<[u8]>) -> Client {
        Client::sending(self.address(), bytes)
    }
}

impl Shared {
    /// None yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The site that there is, or a new one.
    pub fn get(&self, make: impl FnOnce() -> Site) -> Arc<Site> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let site = shared.upgrade().unwrap_or_else(|| Arc::new(make()));
        *shared = Arc::downgrade(&site);
        site
    }
}

/// Writes files and manifest, and packs them; says why, if the bundler won't.
pub fn pack<C: AsRef<[u8]>>(files: &[(&str, C)], manifest: &str, arguments: &[&str]) -> Scratch {
    let scratch = write(files, manifest);
    pack_directory(&scratch, arguments);
    scratch
}

fn pack_directory(scratch: &Scratch, arguments: &[&str]) {
    scratch.bundler(BUNDLE).args(["www", "--quiet"]).args(arguments).ok();
}

/// Packs what has to be refused; returns the line that says why.
pub fn refused(manifest: &str) -> String {
    let scratch = write(&[("index.html", "")], manifest);
    scratch.bundler(BUNDLE).args(["www", "--quiet"]).fails(78)
}

fn write<C: AsRef<[u8]>>(files: &[(&str, C)], manifest: &str) -> Scratch {
    let scratch = Scratch::new();
    for (name, content) in files {
        scratch.write(Path::new("www").join(name), content);
    }
    scratch.write("www/holdall.toml", manifest);
    scratch
}

/// A path with everything encoded that could mean something.
pub fn encoded(path: &str) -> String {
    let encode = |byte: u8| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

/// What gzip makes of this.
pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    holdall_tests::tools::tool("gzip").arg("-dc").input(bytes).ok().stdout
}
