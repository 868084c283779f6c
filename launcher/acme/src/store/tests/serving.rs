//! The store and those who serve from its directory, at the same time.

use std::time::Instant;

use holdall_certificates::Certificates;

use super::*;

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `action` while a client asks again and again, and gets a certificate each time.
fn without_a_gap(certificates: &Certificates, action: impl FnOnce()) {
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            while !is_done.load(ordering) {
                assert!(certificates.knows(Some("a.example")), "a gap");
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        action();
        is_done.store(true, ordering);
        client.join().unwrap();
    });
}

#[test]
fn damage_is_mended_while_the_old_certificate_is_served() {
    let site = Site::new();
    let [first, second] = site.two_generations();
    let certificates = Certificates::awaiting(site.store.directory().into()).unwrap();
    let _watcher = certificates.watch().unwrap();
    assert_eq!(certificates.leaf("a.example"), Some(leaf(&second).der));
    without_a_gap(&certificates, || {
        site.write("a.example.pem", &second[..second.len() / 2]);
        assert_eq!(site.store.look(&name(), now()), held(&first));
        wait_for("the one before", || certificates.leaf("a.example") == Some(leaf(&first).der));
        // Nothing is left to go back to: what is in memory stays.
        fs::remove_file(site.path("a.example.pem.prev")).unwrap();
        site.write("a.example.pem", "damage");
        assert_eq!(site.store.look(&name(), now()), Held::Requested);
        site.write("b.example.pem", site.issue("b.example"));
        wait_for("the next look", || certificates.knows(Some("b.example")));
        let version = site.store.version(&name()).unwrap();
        let third = site.issue("a.example");
        site.store.save(&name(), &third, &version).unwrap();
        wait_for("the new one", || certificates.leaf("a.example") == Some(leaf(&third).der));
    });
    fs::remove_file(site.path("a.example.pem")).unwrap();
    wait_for("its end", || !certificates.knows(Some("a.example")));
}

#[test]
fn a_renewal_leaves_no_gap() {
    let site = Site::new();
    site.two_generations();
    let certificates = Certificates::awaiting(site.store.directory().into()).unwrap();
    let _watcher = certificates.watch().unwrap();
    without_a_gap(&certificates, || {
        for _ in 0..10 {
            let [_, last] = site.two_generations();
            certificates.publish(&site.store.path(&name()), last.as_bytes()).unwrap();
            assert_eq!(certificates.leaf("a.example"), Some(leaf(&last).der));
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(certificates.leaf("a.example"), Some(leaf(&last).der));
        }
    });
}
