//! Killed in the middle of a write: what is there is the old or the new, whole.

use std::path::Path;
use std::time::Instant;

use super::*;

const WRITER: &str = "HOLDALL_TEST_WRITER";

/// Saves one certificate after the other, until it is killed. The test of the next line is the
/// same program, and runs this in another process.
#[test]
fn writer() {
    let Some(directory) = std::env::var_os(WRITER) else { return };
    let directory = Path::new(&directory);
    let store = Store::open(&directory.join("certs")).unwrap();
    let pems = [0, 1].map(|one| fs::read_to_string(directory.join(format!("{one}"))).unwrap());
    for round in 0_u64.. {
        let version = store.version(&name()).unwrap();
        store.save(&name(), &pems[round as usize % 2], &version).unwrap();
        store.write_json("a.example.state", &vec![round; 1000]).unwrap();
    }
}

#[test]
fn killed_again_and_again_it_leaves_nothing_half_written() {
    let site = Site::new();
    let pems = [(); 2].map(|()| site.issue("a.example"));
    for (index, pem) in pems.iter().enumerate() {
        fs::write(site.parent.path().join(index.to_string()), pem).unwrap();
    }
    let mut last = 0;
    for round in 0..25 {
        let mut writer = child("store::tests::crash::writer", WRITER, site.parent.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        wait_for_writes(&site, last);
        std::thread::sleep(Duration::from_micros(617 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let told = events(|| {
            let found = site.store.look(&name(), now());
            assert!(pems.iter().any(|pem| found == held(pem)), "{found:?}");
            last = written(&site).unwrap();
        });
        assert_eq!(told, "");
        if let Ok(previous) = fs::read_to_string(site.path("a.example.pem.prev")) {
            assert!(pems.iter().any(|pem| previous.ends_with(pem)));
        }
    }
    let left: Vec<_> = site.files().into_iter().filter(|file| file.starts_with(".tmp-")).collect();
    left.iter().for_each(|file| age(&site.path(file)));
    Store::open(site.store.directory()).unwrap();
    assert_eq!(site.files(), ["a.example.pem", "a.example.pem.prev", "a.example.state"]);
}

/// The round that the writer has come to; whatever there is, is whole.
fn written(site: &Site) -> Option<u64> {
    let rounds: Vec<u64> = site.store.read_json("a.example.state")?;
    assert_eq!(rounds, vec![rounds[0]; 1000]);
    Some(rounds[0])
}

fn wait_for_writes(site: &Site, last: u64) {
    let begin = Instant::now();
    // Each writer counts from nought.
    while written(site).is_none_or(|round| round == last || round < 2) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the writer does not write");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// As if it had been left behind long ago.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(600)).unwrap();
}

/// What a power loss may leave: each step of a save done or not, and the file that was being
/// written cut or full of zeros.
#[test]
fn whatever_a_power_loss_leaves_is_the_old_or_the_new() {
    let site = Site::new();
    let [_, old] = site.two_generations();
    let old_text = site.read("a.example.pem");
    let new = site.issue("a.example");
    let new_text = old_text.replace(&old, &new);
    for cut in (0..new_text.len()).step_by(53) {
        let zeros = vec![0; new_text.len() - cut];
        let zeroed = [&new_text.as_bytes()[..cut], &zeros].concat();
        for torn in [&new_text.as_bytes()[..cut], &zeroed] {
            // The temporary file is torn, and nothing was renamed.
            site.write("a.example.pem", &old_text);
            site.write(".tmp-0123456789abcdef", torn);
            assert_eq!(site.store.look(&name(), now()), held(&old));
            // The old file was kept, and the new one, on a disk that lies, is torn.
            site.write("a.example.pem.prev", &old_text);
            site.write("a.example.pem", torn);
            let found = site.store.look(&name(), now());
            assert!(found == held(&old) || (torn.is_empty() && found == Held::Requested));
        }
    }
    fs::remove_file(site.path("a.example.pem")).unwrap();
    fs::hard_link(site.path("a.example.pem.prev"), site.path("a.example.pem")).unwrap();
    let version = site.store.version(&name()).unwrap();
    site.store.save(&name(), &new, &version).unwrap();
    assert_eq!(site.store.look(&name(), now()), held(&new));
    assert_eq!(site.read("a.example.pem.prev"), old_text);
}
