//! What is packed again and again: a site, programs, plug-ins.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Scratch, programs, tools};

/// The start page of [`site`].
pub const INDEX: &str = "<!doctype html>\n<title>holdall</title>\n<p>It works.\n";

/// The resources of [`site`] in the order of their names, without its directories.
pub const SITE_NAMES: [&str; 8] = [
    "data/empty.txt",
    "data/größe.txt",
    "data/noise.bin",
    "data/run.sh",
    "docs/index.html",
    "index.html",
    "style.css",
    "text.txt",
];

/// A resource that is deflated: lines of text, 200 KB.
pub fn text() -> String {
    (0..5_000).map(|line| format!("line {line} of a text that is worth packing\n")).collect()
}

/// A resource that is stored, as it can't be made smaller: 100,000 bytes, the same each time.
pub fn noise() -> Vec<u8> {
    noise_of(100_000, 0x9e37_79b9_7f4a_7c15)
}

/// Bytes without a pattern that a compressor finds (xorshift64*), the same for the same `seed`.
pub fn noise_of(length: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Random::new(seed);
    (0..length).map(|_| (numbers.next() >> 32) as u8).collect()
}

/// Numbers that look random, and are the same each time.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers that depend on `seed`, which is not 0.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Writes a site into the directory `name`: large and small files, deflated and stored, an empty
/// one, an executable one, a name beyond ASCII, an empty directory.
pub fn site(scratch: &Scratch, name: &str) {
    let write = |file: &str, content: &[u8]| scratch.write(Path::new(name).join(file), content);
    write("index.html", INDEX.as_bytes());
    write("style.css", b"body { margin: 0 }\n");
    write("text.txt", text().as_bytes());
    write("docs/index.html", b"<p>Documents.\n");
    write("data/empty.txt", b"");
    write("data/noise.bin", &noise());
    write("data/gr\u{f6}\u{df}e.txt", "größe\n".as_bytes());
    scratch.write_program(Path::new(name).join("data/run.sh"), "#!/bin/sh\n");
    fs::create_dir(scratch.path(name).join("void")).expect("a directory of ours");
}

/// How many files there are in a [`crowd`].
pub const CROWD: usize = 50_000;

/// How many contents they have, in turns: more than anybody would guess right.
const CROWD_CONTENTS: usize = 997;

/// The names of a [`crowd`], in directories of directories, the same each time.
pub fn crowd_names() -> Vec<String> {
    let mut random = Random::new(20_261_123);
    let name = |number: usize| {
        let (a, b, c) = (random.below(40), random.below(40), random.next() & 0xffff_ffff);
        format!("d{a}/e{b}/{c:08x}-{number}.txt")
    };
    (0..CROWD).map(name).collect()
}

/// What file `number` of a [`crowd`] has in it.
pub fn crowd_content(number: usize) -> String {
    format!("content {}\n", number % CROWD_CONTENTS)
}

/// Writes very many small files into the directory `name`.
pub fn crowd(scratch: &Scratch, name: &str) {
    for (number, file) in crowd_names().iter().enumerate() {
        let file = scratch.path(name).join(file);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory of ours");
        // One file with many names is made faster than many files.
        let content = scratch.path(format!("contents/{}", number % CROWD_CONTENTS));
        if number < CROWD_CONTENTS {
            scratch.write(&content, crowd_content(number));
        }
        fs::hard_link(content, file).expect("a file of ours");
    }
}

/// A bundle of [`site`], in the file `site`.
pub fn site_bundle(scratch: &Scratch) -> PathBuf {
    site(scratch, "www");
    scratch.bundle("www", "site", &["--name", "site", "--bundle-version", "1.2.3"])
}

/// A bundle of the program `probe` with one resource, in the file `probe`. It tells what it was
/// started with: see `fixtures/probe.c`.
pub fn probe_bundle(scratch: &Scratch) -> PathBuf {
    let program = c_program(scratch, "probe.c", "build/probe");
    exec_bundle(scratch, &program, "probe", &[])
}

/// A bundle of `program` with the resource `data/hello.txt`, in the file `output`.
pub fn exec_bundle(scratch: &Scratch, program: &Path, output: &str, arguments: &[&str]) -> PathBuf {
    scratch.write("files/data/hello.txt", "hello from the bundle\n");
    let run = scratch.bundler(output).arg("files").arg("--path").arg(program);
    run.args(["--entry-point", "exec", "--name", output]).args(arguments).ok();
    scratch.path(output)
}

/// Compiles a program among the fixtures with the compiler of the system.
pub fn c_program(scratch: &Scratch, source: &str, output: &str) -> PathBuf {
    compile(scratch, source, output, &["-std=gnu99"])
}

/// The same, linked with all that it needs.
pub fn static_c_program(scratch: &Scratch, source: &str, output: &str) -> PathBuf {
    compile(scratch, source, output, &["-std=gnu99", "-static"])
}

/// Compiles a shared object among the fixtures that needs no library.
pub fn c_module(scratch: &Scratch, source: &str, output: &str) -> PathBuf {
    compile(scratch, source, output, &["-std=gnu99", "-shared", "-fPIC", "-nostdlib"])
}

/// Compiles a plug-in among the fixtures, with `flags` for the preprocessor.
pub fn c_plugin(scratch: &Scratch, source: &str, output: &str, flags: &[&str]) -> PathBuf {
    let include = programs::repository().join("launcher/plugin/include");
    let include = format!("-I{}", include.display());
    let flags = [&["-std=c99", "-pedantic", "-shared", "-fPIC", &include], flags].concat();
    compile(scratch, source, output, &flags)
}

fn compile(scratch: &Scratch, source: &str, output: &str, flags: &[&str]) -> PathBuf {
    let output = scratch.path(output);
    std::fs::create_dir_all(output.parent().expect("a file")).expect("a directory of ours");
    let compiler = tools::tool("cc").args(["-O1", "-Wall", "-Wextra", "-Werror"]).args(flags);
    compiler.arg("-o").arg(&output).arg(fixture(source)).ok();
    output
}

/// A file among the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    programs::repository().join("tests/fixtures").join(name)
}
