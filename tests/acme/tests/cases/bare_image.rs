//! An image that holds nothing but the program: no roots, no hosts, no users, nowhere to write.

use std::path::PathBuf;

use holdall_acme_tests::{Site, TLS_PORT};
use holdall_tests::{Scratch, Server, programs, tools};

use crate::expect::{NAME, failure, text};

/// `/etc` is empty, and so is each place where systems keep roots or temporary files; only the
/// directory of certificates can be written to.
const BARE: &str = r#"
    mount -t tmpfs tmpfs /mnt
    cp "$1" /mnt/sayhello
    cp "$2" /mnt/ca.pem
    mkdir -m 700 /mnt/certificates
    chown 65534:65534 /mnt/certificates
    mount -t tmpfs -o mode=700,uid=65534,gid=65534 tmpfs /mnt/certificates
    mount -o remount,bind,ro /mnt
    for at in /etc /tmp /var /dev/shm /usr/share /usr/local /usr/lib/ssl; do
        if [ -d $at ]; then mount -t tmpfs -o size=4k,nr_inodes=2,ro,noexec tmpfs $at; fi
    done
    mount -o remount,bind,ro /
    unset HOME TMPDIR SSL_CERT_FILE SSL_CERT_DIR
    shift 2
    cd /
    exec setpriv --reuid=65534 --regid=65534 --clear-groups -- /mnt/sayhello "$@"
"#;

/// The example as a bundle, in the file `sayhello`.
pub fn bundle(scratch: &Scratch) -> PathBuf {
    let data = programs::repository().join("app/resources");
    let run = scratch.bundler("sayhello").arg(&data).arg("--path").arg(programs::sayhello());
    run.args(["--entry-point", "linked"]).ok();
    scratch.path("sayhello")
}

/// A server in such an image. The authority is called by its address, as there is no `/etc/hosts`.
fn bare(site: &Site, arguments: &str) -> Server {
    let url = format!(r"https\://{}/dir", site.pebble.host().replace(':', r"\:"));
    let tcp = format!("tcp:{TLS_PORT}:interface={}", site.address);
    let endpoint =
        format!("acme:/mnt/certificates:directory={url}{arguments}:domains={NAME}:{tcp}");
    let run = tools::in_mount_namespace(BARE, [bundle(&site.scratch), site.scratch.path("ca.pem")]);
    Server::from_run(run.args(["--log-format", "json", "--port", &endpoint]))
}

#[test]
fn case_40_an_image_with_nothing_else_in_it_will_do() {
    if !tools::root_for("can make such an image, and be nobody in it") {
        return;
    }
    let site = Site::new();
    let server = bare(&site, ":ca=/mnt/ca.pem");
    site.wait_for(NAME);
    site.browse(NAME);
    let warnings = server.log().events().into_iter().filter(|event| event["level"] == "warn");
    assert_eq!(warnings.count(), 0, "{:#?}", server.log().lines());
    assert!(server.stop().success());
}

#[test]
fn case_40_roots_are_in_the_program_where_the_image_has_none() {
    if !tools::root_for("can make such an image, and be nobody in it") {
        return;
    }
    let site = Site::new();
    let server = bare(&site, "");
    // It knows whom to trust, and this authority is none of those.
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("UnknownIssuer"), "{told}");
    assert_eq!(site.pebble.orders(), 0);
}
