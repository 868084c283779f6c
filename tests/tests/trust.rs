//! Signatures: `holdall sign` and `verify`, the ordinary minisign, and `--require-signature`.

use std::fs;
use std::path::{Path, PathBuf};

use holdall_tests::fixtures::{self, INDEX};
use holdall_tests::generations::{self, Generations};
use holdall_tests::{FREE_PORT, Run, Scratch, Server, tools};

/// A pair of keys without a password, as minisign makes them: `NAME.key` and `NAME.pub`.
fn keys(scratch: &Scratch, name: &str) -> (PathBuf, PathBuf) {
    let (secret, public) =
        (scratch.path(format!("{name}.key")), scratch.path(format!("{name}.pub")));
    tools::tool("minisign").args(["-G", "-W", "-f", "-s"]).arg(&secret).arg("-p").arg(&public).ok();
    (secret, public)
}

/// The public key itself, as `minisign -P` takes it.
fn base64(public: &Path) -> String {
    fs::read_to_string(public).unwrap().lines().nth(1).unwrap().to_owned()
}

fn signed_site(scratch: &Scratch) -> (PathBuf, PathBuf) {
    let site = fixtures::site_bundle(scratch);
    let (secret, public) = keys(scratch, "ours");
    scratch.holdall().args(["sign", "site", "--key"]).arg(&secret).ok();
    (site, public)
}

fn verify(scratch: &Scratch, public: &Path) -> Run {
    scratch.holdall().args(["verify", "site", "--public-key"]).arg(public)
}

/// Changes one byte of what is kept as it is, `data/noise.bin`.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let noise = &fixtures::noise()[..64];
    let offset = bytes.windows(64).position(|window| window == noise).unwrap();
    bytes[offset + 7] ^= 0xff;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_signed_bundle_is_whole_and_says_by_whom() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    let verified = verify(&scratch, &public).ok();
    assert!(verified.text().contains("site: ok, "), "{}", verified.text());
    let line = verified.lines().into_iter().find(|line| line.contains("signed by")).unwrap();
    assert!(line.contains(": holdall site 1.2.3 manifest sha256:"), "{line}");
    assert!(Run::new(&site).arg("--verify").ok().text().contains("site: ok, "));
    tools::tool("unzip").args(["-tq"]).arg(&site).ok();
    let server = Server::start(&site);
    assert_eq!(server.get("/").text(), INDEX);
    assert!(server.stop().success());
    // No signature is a resource.
    assert_eq!(Run::new(&site).arg("--list-resources").ok().lines(), fixtures::SITE_NAMES);
}

#[test]
fn the_ordinary_minisign_verifies_it_too() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    let entry = |name: &str| tools::tool("unzip").arg("-p").arg(&site).arg(name).ok().stdout;
    scratch.write("manifest.json", entry(".holdall/manifest.json"));
    scratch.write("manifest.json.minisig", entry(".holdall/signatures/*"));
    let minisign = || {
        let run = tools::tool("minisign").args(["-V", "-m", "manifest.json", "-p"]).arg(&public);
        run.current_dir(scratch.dir())
    };
    let said = minisign().ok();
    assert!(said.text().contains("Signature and comment signature verified"), "{}", said.text());
    scratch.write("manifest.json", "{}");
    assert!(!minisign().end().status.success());
}

#[test]
fn a_key_may_be_typed() {
    let scratch = Scratch::new();
    let (_, public) = signed_site(&scratch);
    scratch.holdall().args(["verify", "site", "--public-key", &base64(&public)]).ok();
    let error = scratch.holdall().args(["verify", "site", "--public-key", "RWQnonsense"]).fails(66);
    assert!(error.contains("can't read the public key RWQnonsense"), "{error}");
    scratch.write("text", "no key\n");
    let error = scratch.holdall().args(["verify", "site", "--public-key", "text"]).fails(64);
    assert!(error.contains("\"text\" is no public key of minisign"), "{error}");
}

#[test]
fn who_did_not_sign_is_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let (_, theirs) = keys(&scratch, "theirs");
    let error = verify(&scratch, &theirs).fails(65);
    assert!(error.contains("is not signed by") && error.contains("no signature"), "{error}");
    let (secret, _) = keys(&scratch, "ours");
    scratch.holdall().args(["sign", "site", "--key"]).arg(&secret).ok();
    let error = verify(&scratch, &theirs).fails(65);
    assert!(error.contains("it has signatures of"), "{error}");
    assert!(Run::new(&site).arg("--verify").ok().text().contains("ok"));
}

#[test]
fn two_keys_sign_one_bundle_and_each_only_once() {
    let scratch = Scratch::new();
    let (site, ours) = signed_site(&scratch);
    let (secret, theirs) = keys(&scratch, "theirs");
    for _ in 0..2 {
        scratch.holdall().args(["sign", "site", "--key"]).arg(&secret).ok();
    }
    verify(&scratch, &ours).ok();
    verify(&scratch, &theirs).ok();
    let info = Run::new(&site).arg("--bundle-info").ok();
    let signatures = info.lines().into_iter().filter(|line| line.starts_with("signature "));
    assert_eq!(signatures.count(), 2, "{}", info.text());
}

#[test]
fn a_key_with_a_password_is_opened_by_a_file() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    let secret = scratch.path("secret.key");
    let public = scratch.path("secret.pub");
    let made = tools::tool("minisign").args(["-G", "-f", "-s"]).arg(&secret).arg("-p").arg(&public);
    made.input("word\nword\n").ok();
    let sign = || scratch.holdall().args(["sign", "site", "--key"]).arg(&secret);
    let error = sign().fails(64);
    assert!(error.contains("use --password-file"), "{error}");
    scratch.write("wrong", "other\n");
    let error = sign().args(["--password-file", "wrong"]).fails(77);
    assert!(error.contains("Wrong password"), "{error}");
    scratch.write("right", "word\n");
    sign().args(["--password-file", "right"]).ok();
    verify(&scratch, &public).ok();
    sign().args(["--password-file", "-"]).input("word\n").ok();
    verify(&scratch, &public).ok();
}

#[test]
fn what_is_no_key_and_what_is_no_bundle_is_refused() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let (secret, public) = keys(&scratch, "ours");
    let before = fs::read(&site).unwrap();
    scratch.holdall().args(["sign", "site", "--key"]).arg(&public).fails(65);
    scratch.holdall().args(["sign", "site", "--key", "nowhere"]).fails(66);
    scratch.write("text", "no bundle\n");
    let error = scratch.holdall().args(["sign", "text", "--key"]).arg(&secret).fails(65);
    assert!(error.contains("has no archive"), "{error}");
    damage(&site);
    let error = scratch.holdall().args(["sign", "site", "--key"]).arg(&secret).fails(65);
    assert!(error.contains("not signed"), "{error}");
    assert_ne!(fs::read(&site).unwrap(), before, "the damage is ours");
    let error = scratch.holdall().args(["sign", "site", "-o", "/nowhere/x", "--key"]).arg(&secret);
    error.fails(65);
}

#[test]
fn what_changed_since_is_told() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    let signed = fs::read(&site).unwrap();

    scratch.holdall().args(["set", "site", "--arg=--port", "--arg=8081"]).ok();
    let error = verify(&scratch, &public).fails(65);
    assert!(error.contains("changed since: its signature is of another manifest"), "{error}");
    let info = Run::new(&site).arg("--bundle-info").ok();
    assert!(info.text().contains("changed since"), "{}", info.text());
    scratch.holdall().args(["verify", "site"]).ok();

    fs::write(&site, &signed).unwrap();
    fs::rename(&site, scratch.path("site.run")).unwrap();
    scratch.write("www/index.html", "edited\n");
    let zip = tools::tool("zip").args(["-q", "-u", "../site.run", "index.html"]);
    zip.current_dir(scratch.path("www")).ok();
    fs::rename(scratch.path("site.run"), &site).unwrap();
    let ended = verify(&scratch, &public).end();
    assert_eq!(ended.code(), 65, "{}", ended.stderr);
    assert!(ended.stderr.contains("edited"), "{}", ended.stderr);
    assert!(!ended.text().contains("signed by"), "{}", ended.text());
}

#[test]
fn a_tampered_signature_is_none() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    let names = tools::tool("unzip").arg("-Z1").arg(&site).ok();
    let name = names.lines().into_iter().find(|name| name.ends_with(".minisig")).unwrap();
    let text = tools::tool("unzip").arg("-p").arg(&site).arg(name).ok().stdout;
    // With the right checksums, as who tampers would do it.
    let forged = String::from_utf8(text).unwrap().replace("site 1.2.3", "site 9.9.9");
    let script = "import sys, zipfile\n\
                  with zipfile.ZipFile(sys.argv[1], 'a') as z: z.writestr(sys.argv[2], sys.argv[3])";
    fs::copy(&site, scratch.path("forged.run")).unwrap();
    tools::tool("zip").args(["-q", "-d", "forged.run", name]).current_dir(scratch.dir()).ok();
    let forge = tools::tool("python3").args(["-c", script, "forged.run", name, &forged]);
    forge.current_dir(scratch.dir()).ok();
    let verify = scratch.holdall().args(["verify", "forged.run", "--public-key"]).arg(&public);
    let ended = verify.end();
    assert_eq!(ended.code(), 65);
    assert!(ended.stderr.contains("its signature is not right"), "{}", ended.stderr);
}

#[test]
fn only_what_is_signed_starts_where_that_is_required() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    let required = public.display().to_string();
    let server = Server::with(&site, &["--require-signature", &required]);
    assert_eq!(server.get("/").text(), INDEX);
    assert!(server.stop().success());
    Run::new(&site).arg("--list-resources").env("HOLDALL_REQUIRE_SIGNATURE", &required).ok();

    let (_, theirs) = keys(&scratch, "theirs");
    let theirs = base64(&theirs);
    let error = Run::new(&site).args(["--require-signature", &theirs]).fails(65);
    assert!(error.contains("is not signed by"), "{error}");
    let error = Run::new(&site).env("HOLDALL_REQUIRE_SIGNATURE", &theirs).fails(65);
    assert!(error.contains("is not signed by"), "{error}");

    damage(&site);
    let error = Run::new(&site).args(["--require-signature", &required]).fails(65);
    assert!(error.contains("noise.bin"), "{error}");
}

#[test]
fn a_program_of_any_kind_is_held_to_its_signature() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let (secret, public) = keys(&scratch, "ours");
    let required = ["--require-signature".as_ref(), public.as_os_str()];
    Run::new(&probe).args(required).arg("one").fails(65);
    scratch.holdall().args(["sign", "probe", "--key"]).arg(&secret).ok();
    let ours = Run::new(&probe).args(required).arg("one").ok();
    assert_eq!(ours.text(), Run::new(&probe).arg("one").ok().text(), "our option is taken away");
}

#[test]
fn an_unsigned_file_does_not_take_over() {
    let scratch = Scratch::new();
    let (site, public) = signed_site(&scratch);
    scratch.write("www/index.html", "the next\n");
    let next = scratch.bundle("www", "next", &["--name", "site"]);
    let run = Run::new(&site).args(["--port", FREE_PORT, "--log-format", "json"]);
    let run = run.args(["--require-signature".as_ref(), public.as_os_str()]);
    let mut generations = Generations::start(&scratch, run);
    generations::replace(&site, &next);
    generations.fail_to_upgrade();
    assert_eq!(generations.server().get("/").text(), INDEX);
    let told = generations.log().lines().join("\n");
    assert!(told.contains("it has no signature"), "{told}");
    scratch.holdall().args(["sign", "next", "--key", "ours.key"]).ok();
    generations::replace(&site, &next);
    generations.upgrade();
    assert_eq!(generations.server().get("/").text(), "the next\n");
}
