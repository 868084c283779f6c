//! Makes the tree that the controls `include_dir` and `rust-embed` compile in, and hands on the
//! name of the target.

use std::{env, fs, path::Path};

/// How many files of which size; `subjects/lookup.rs` asks for the same names.
const FILES: usize = 1000;
const SIZE_BYTES: usize = 1024;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out_dir = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let tree = Path::new(&out_dir).join("tree");
    fs::create_dir_all(tree.join("data")).expect("OUT_DIR can be written");
    for number in 0..FILES {
        let content = format!("{number:>7}\n").repeat(SIZE_BYTES / 8);
        fs::write(tree.join(format!("data/{number:07}.txt")), content)
            .expect("OUT_DIR can be written");
    }
    println!("cargo:rustc-env=BENCH_TREE={}", tree.display());
    // The macro takes a path only as a literal.
    let embedded =
        format!("#[derive(RustEmbed)]\n#[folder = {:?}]\nstruct Embedded;\n", tree.display());
    fs::write(Path::new(&out_dir).join("embedded.rs"), embedded).expect("OUT_DIR can be written");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    println!("cargo:rustc-env=BENCH_TARGET={target}");
}
