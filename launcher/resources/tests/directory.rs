//! What only a directory can do to its resources: links, special files, changes.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
};

use holdall_resources::{Error, Origin, Resources, Unusable};
use tempfile::TempDir;

/// A root below a directory that also holds `secret.txt`.
fn made() -> (TempDir, Resources) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("root");
    fs::create_dir_all(root.join("data")).expect("a directory");
    fs::write(root.join("data/a.txt"), "a").expect("a file");
    fs::write(directory.path().join("secret.txt"), "secret").expect("a file");
    let resources = Resources::from_directory(&root).expect("the root opens");
    (directory, resources)
}

fn names(resources: &Resources) -> Vec<String> {
    let walk = resources.walk("").expect("the root");
    walk.map(|resource| resource.expect("readable").name().to_owned()).collect()
}

#[test]
fn links_within_the_root_are_what_they_point_to() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    symlink("data/a.txt", root.join("relative.txt")).expect("a link");
    symlink(root.join("data/a.txt"), root.join("absolute.txt")).expect("a link");
    symlink("data", root.join("linked")).expect("a link");
    for name in ["relative.txt", "absolute.txt", "linked/a.txt"] {
        assert_eq!(resources.read(name).expect(name), b"a", "{name}");
    }
    assert!(resources.is_dir("linked").expect("readable"));
    assert_eq!(names(&resources), ["absolute.txt", "data/a.txt", "linked/a.txt", "relative.txt"]);
}

#[test]
fn links_out_of_the_root_are_not_followed() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    symlink("../secret.txt", root.join("relative.txt")).expect("a link");
    symlink("/etc/passwd", root.join("absolute.txt")).expect("a link");
    symlink("..", root.join("up")).expect("a link");
    symlink("up/secret.txt", root.join("through.txt")).expect("a link");
    for name in ["relative.txt", "absolute.txt", "up/secret.txt", "through.txt", "up"] {
        match resources.get(name) {
            Err(Error::Unusable { name: unusable, reason: Unusable::LeadsOut }) => {
                assert_eq!(unusable, name);
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(!resources.exists(name).expect(name), "{name}");
        assert!(!resources.is_dir(name).expect(name), "{name}");
    }
    assert_eq!(names(&resources), ["data/a.txt"]);
    assert_eq!(resources.list("").expect("the root").len(), 1);
}

#[test]
fn a_root_beside_one_with_a_longer_name_does_not_contain_it() {
    let (directory, resources) = made();
    fs::create_dir(directory.path().join("root-of-others")).expect("a directory");
    fs::write(directory.path().join("root-of-others/x"), "x").expect("a file");
    symlink("../root-of-others/x", directory.path().join("root/x")).expect("a link");
    assert!(matches!(resources.get("x"), Err(Error::Unusable { .. })));
}

#[test]
fn links_that_lead_nowhere_are_not_there() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    symlink("missing", root.join("dangling")).expect("a link");
    symlink("itself", root.join("itself")).expect("a link");
    for name in ["dangling", "itself", "itself/below"] {
        assert!(resources.get(name).is_err_and(|error| error.is_not_found()), "{name}");
    }
    assert_eq!(names(&resources), ["data/a.txt"]);
}

#[test]
fn a_walk_ends_in_spite_of_links_to_directories_above() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    symlink("..", root.join("data/up")).expect("a link");
    symlink(".", root.join("here")).expect("a link");
    assert_eq!(names(&resources), ["data/a.txt"]);
    assert_eq!(resources.read("data/up/here/data/a.txt").expect("followed"), b"a");
}

#[test]
fn pipes_sockets_and_devices_are_no_resources() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    let _socket = UnixListener::bind(root.join("socket")).expect("a socket");
    let mkfifo = std::process::Command::new("mkfifo").arg(root.join("pipe")).status();
    assert!(mkfifo.expect("mkfifo runs").success());
    for name in ["socket", "pipe"] {
        match resources.get(name) {
            Err(Error::Unusable { reason: Unusable::Special, .. }) => {}
            other => panic!("{name}: {other:?}"),
        }
        assert!(!resources.exists(name).expect(name), "{name}");
    }
    assert_eq!(names(&resources), ["data/a.txt"]);
}

#[test]
fn names_that_no_resource_can_have_are_not_there() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    for odd in [&b"gr\xf6\xdfe"[..], b"back\\slash", b"line\nfeed", b"c:drive"] {
        fs::write(root.join(OsStr::from_bytes(odd)), "odd").expect("a file");
    }
    assert_eq!(names(&resources), ["data/a.txt"]);
    assert_eq!(resources.list("").expect("the root").len(), 1);
}

#[test]
fn an_open_resource_survives_deletion_and_replacement() {
    let (directory, resources) = made();
    let path = directory.path().join("root/data/a.txt");
    let resource = resources.get("data/a.txt").expect("found");
    fs::remove_file(&path).expect("removed");
    assert!(resources.get("data/a.txt").is_err_and(|error| error.is_not_found()));
    fs::write(&path, "another one").expect("a file");
    assert_eq!(*resource.bytes().expect("the old one"), *b"a");
    assert_eq!(resources.read("data/a.txt").expect("the new one"), b"another one");
}

#[test]
fn a_root_that_is_made_again_is_used_again() {
    let (directory, resources) = made();
    let root = directory.path().join("root");
    fs::remove_dir_all(&root).expect("removed");
    match resources.get("data/a.txt") {
        Err(Error::Io { path, source, .. }) => {
            assert_eq!(path, root);
            assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
    fs::create_dir_all(root.join("data")).expect("a directory");
    fs::write(root.join("data/a.txt"), "b").expect("a file");
    assert_eq!(resources.read("data/a.txt").expect("there again"), b"b");
}

#[test]
fn a_root_must_be_a_directory() {
    let (directory, _) = made();
    for not_a_directory in ["missing", "secret.txt"] {
        match Resources::from_directory(directory.path().join(not_a_directory)) {
            Err(Error::Io { action: "open", path, .. }) => assert!(path.ends_with(not_a_directory)),
            other => panic!("{not_a_directory}: {other:?}"),
        }
    }
}

#[test]
fn the_origin_is_an_absolute_path() {
    let resources = Resources::from_directory("src").expect("the sources of this package");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(resources.origin().to_string(), format!("the directory {}", path.display()));
    assert_eq!(*resources.origin(), Origin::Directory { path });
}

#[test]
fn a_directory_that_may_be_passed_but_not_listed_gives_its_files() {
    let (directory, resources) = made();
    let data = directory.path().join("root/data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o311)).expect("permissions");
    assert_eq!(resources.read("data/a.txt").expect("passed"), b"a");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
#[cfg(feature = "include_dir")]
fn what_include_dir_compiles_in_is_the_same_as_the_directory() {
    use holdall_resources::include_dir;
    static TREE: include_dir::Dir = include_dir::include_dir!("$CARGO_MANIFEST_DIR/src");
    let embedded = Resources::from_embedded(&TREE);
    let directory =
        Resources::from_directory(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("opens");
    assert_eq!(names(&embedded), names(&directory));
    for name in names(&directory) {
        let digest = |resources: &Resources| resources.get(&name).and_then(|file| file.digest());
        assert_eq!(digest(&embedded).expect("found"), digest(&directory).expect("found"), "{name}");
    }
}
