//! A file that is damaged is set aside; the last good one, or a request, takes its place.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use rcgen::KeyPair;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::*;

/// What may have become of a file, and a part of the reason that is told.
fn damages(site: &Site, good: &str) -> Vec<(&'static str, Vec<u8>)> {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let certificates = &good[good.find("-----BEGIN CERT").unwrap()..];
    let zeroed = [&good.as_bytes()[..600], &[0; 600]].concat();
    vec![
        ("NUL", vec![0; 4096]),
        ("NUL", zeroed),
        ("no certificate", b"rubbish".to_vec()),
        ("no certificate", b"\n".to_vec()),
        ("belongs to the private key", (key.clone() + certificates).into_bytes()),
        ("no certificate", key.into_bytes()),
        ("no private key", certificates.as_bytes().to_vec()),
        ("not for a.example, but for", site.issue("b.example").into_bytes()),
        ("larger than", vec![b'\n'; 2 << 20]),
    ]
}

#[test]
fn each_damage_is_told_once_and_mended() {
    let site = Site::new();
    let [_, good] = site.two_generations();
    for (reason, damage) in damages(&site, &good) {
        for previous in [Some(&good), None] {
            match previous {
                Some(previous) => site.write("a.example.pem.prev", previous),
                None => fs::remove_file(site.path("a.example.pem.prev")).unwrap(),
            }
            site.write("a.example.pem", &damage);
            assert!(site.store.inspect(&name()).is_err());
            let expected = previous.map_or(Held::Requested, |pem| held(pem));
            let told = events(|| assert_eq!(site.store.look(&name(), now()), expected));
            assert_eq!(told.matches("WARN").count(), 1, "{told}");
            assert!(told.contains(reason), "{reason}: {told}");
            assert_eq!(fs::read(site.path("a.example.pem.bad-20261123T040000Z")).unwrap(), damage);
            let told = events(|| assert_eq!(site.store.look(&name(), now()), expected));
            assert_eq!(told, "");
            assert_eq!(site.read("a.example.pem"), *previous.unwrap_or(&String::new()));
        }
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_found_out() {
    let site = Site::new();
    let [previous, _] = site.two_generations();
    let whole = site.read("a.example.pem");
    let ends = whole.match_indices('\n').map(|(index, _)| index);
    let cuts = ends.flat_map(|end| [end, end + 1]).chain((0..whole.len()).step_by(61));
    for cut in cuts.filter(|cut| (1..whole.len() - 1).contains(cut)) {
        site.write("a.example.pem", &whole[..cut]);
        assert_eq!(site.store.look(&name(), now()), held(&previous), "cut at {cut}");
    }
    for zeroed in (0..whole.len()).step_by(97) {
        let zeros = vec![0; whole.len() - zeroed];
        site.write("a.example.pem", [&whole.as_bytes()[..zeroed], &zeros].concat());
        assert_eq!(site.store.look(&name(), now()), held(&previous), "zeros from {zeroed}");
    }
}

#[test]
fn what_is_no_file_is_set_aside() {
    let site = Site::new();
    let [previous, _] = site.two_generations();
    let pem = site.path("a.example.pem");
    let makers: [&dyn Fn(); 4] = [
        &|| fs::create_dir_all(pem.join("with/content")).unwrap(),
        &|| symlink("a.example.pem", &pem).unwrap(),
        &|| symlink("nowhere", &pem).unwrap(),
        &|| assert!(Command::new("mkfifo").arg(&pem).status().unwrap().success()),
    ];
    for (second, make) in makers.into_iter().enumerate() {
        fs::remove_file(&pem).unwrap();
        make();
        let time = now() + jiff::SignedDuration::from_secs(second as i64);
        let told = events(|| assert_eq!(site.store.look(&name(), time), held(&previous)));
        assert_eq!(told.matches("WARN").count(), 1, "{told}");
        assert_eq!(site.store.look(&name(), time), held(&previous));
        assert!(pem.is_file() && !pem.is_symlink());
    }
    assert!(site.path("a.example.pem.bad-20261123T040000Z/with/content").is_dir());
}

#[test]
fn what_others_may_read_is_made_private() {
    let site = Site::new();
    let [_, good] = site.two_generations();
    for open in [0o644, 0o640, 0o604, 0o666, 0o700 | 0o011] {
        fs::set_permissions(site.path("a.example.pem"), Permissions::from_mode(open)).unwrap();
        let told = events(|| assert_eq!(site.store.look(&name(), now()), held(&good)));
        assert_eq!(told.matches("WARN").count(), 1, "{told}");
        assert_eq!(mode(&site.path("a.example.pem")), 0o600);
        assert_eq!(events(|| drop(site.store.look(&name(), now()))), "");
    }
}

#[test]
fn what_can_not_be_read_is_set_aside_and_what_can_not_be_renamed_is_told_once() {
    let site = Site::new();
    let [previous, _] = site.two_generations();
    obey_permissions();
    let mode = |file: &str, mode| {
        fs::set_permissions(site.path(file), Permissions::from_mode(mode)).unwrap();
    };
    mode("a.example.pem", 0);
    let told = events(|| assert_eq!(site.store.look(&name(), now()), held(&previous)));
    assert!(told.contains("Permission denied"), "{told}");
    mode("a.example.pem", 0);
    mode("", 0o500);
    let told = events(|| {
        for _ in 0..3 {
            assert_eq!(site.store.look(&name(), now()), Held::Requested);
        }
    });
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(site.store.writable().is_err());
    mode("", 0o700);
    assert_eq!(site.store.look(&name(), now()), held(&previous));
    assert!(site.store.writable().is_ok());
}

/// Lets the permissions of files count for this thread, as they do not for root.
fn obey_permissions() {
    let mut sets = capabilities(None).unwrap();
    sets.effective &= !(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).unwrap();
}

#[test]
fn only_the_last_three_are_kept() {
    let site = Site::new();
    for second in 0..6 {
        site.write("a.example.pem", format!("damage {second}"));
        site.store.look(&name(), now() + jiff::SignedDuration::from_secs(second));
    }
    let bad = (3..6).map(|second| format!("a.example.pem.bad-20261123T04000{second}Z"));
    let expected: Vec<_> = ["a.example.pem".to_owned()].into_iter().chain(bad).collect();
    assert_eq!(site.files(), expected);
}

#[test]
fn a_file_that_is_being_written_is_waited_for() {
    let site = Site::new();
    let whole = site.issue("a.example");
    let (first, second) = whole.split_at(whole.len() / 2);
    let mut file = fs::File::create(site.path("a.example.pem")).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    std::thread::scope(|scope| {
        let looked = scope.spawn(|| site.store.look(&name(), now()));
        std::thread::sleep(Duration::from_millis(100));
        file.write_all(second.as_bytes()).unwrap();
        assert_eq!(looked.join().unwrap(), held(&whole));
    });
    assert_eq!(site.files(), ["a.example.pem"]);
}

#[test]
fn an_expired_certificate_and_one_by_wildcard_are_no_damage() {
    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["*.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let certificate = params.signed_by(&key, &site.authority).unwrap();
    let pem = key.serialize_pem() + &certificate.pem() + &site.authority.pem();
    site.write("a.example.pem", &pem);
    assert_eq!(site.store.look(&name(), now()), held(&pem));
    assert_eq!(leaf(&pem).not_after.to_string(), "2020-01-01T00:00:00Z");
    for other in ["a.b.example", "example", "127.0.0.1"] {
        assert!(Leaf::read(&named(other), pem.as_bytes()).is_err(), "{other}");
    }
}
