//! The suite over the running executable: this test program bundles a copy of itself and runs it.

use std::{env, process::Command};

use holdall_archive::Method;
use holdall_resources::{Origin, Resources};

use crate::{ALL, origins};

/// Set in the copy.
const IS_BUNDLE: &str = "CONFORMANCE_IS_BUNDLE";

#[test]
fn the_running_bundle_conforms() {
    if env::var_os(IS_BUNDLE).is_some() {
        return run_all();
    }
    let own = std::fs::read(env::current_exe().expect("a path")).expect("readable");
    for method in [Method::Stored, Method::Deflated] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let bundle = directory.path().join("bundle");
        origins::write_bundle(&bundle, &own, method);
        make_executable(&bundle);
        let output = Command::new(&bundle)
            .args(["--exact", "running::the_running_bundle_conforms", "--nocapture"])
            .env(IS_BUNDLE, "yes")
            .output()
            .expect("the bundle runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let passed = text.lines().filter(|line| line.ends_with(": conforms")).count();
        assert_eq!(passed, ALL.len(), "{text}");
    }
}

fn run_all() {
    let resources = Resources::open().expect("the running bundle opens");
    assert!(matches!(resources.origin(), Origin::Bundle { .. }));
    for (name, case) in ALL {
        case(&resources);
        println!("\n{name}: conforms");
    }
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, executable).expect("permissions");
}
