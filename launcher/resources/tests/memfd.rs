//! Sealed files in memory do what plug-ins and programs need of them.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::Path,
    process::Command,
    thread,
};

use holdall_resources::memfd::{Error, Executable, SealedFile};
use rustix::fs::SealFlags;

fn sealed(executable: Executable, content: &[u8]) -> SealedFile {
    SealedFile::create("test", executable, |file| file.write_all(content)).expect("a sealed file")
}

#[test]
fn nothing_can_be_changed_by_anybody() {
    for executable in [Executable::Yes, Executable::No] {
        let sealed = sealed(executable, b"content");
        let changes = |file: &File| -> [io::Result<()>; 3] {
            let mut file = file;
            [file.write_all(b"x"), file.set_len(0), file.set_len(100)]
        };
        for change in changes(sealed.file()) {
            assert_eq!(change.expect_err("sealed").kind(), io::ErrorKind::PermissionDenied);
        }
        let seals = rustix::fs::fcntl_get_seals(&sealed).expect("seals");
        assert!(
            seals
                .contains(SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
        );
        assert!(rustix::fs::fcntl_add_seals(&sealed, SealFlags::FUTURE_WRITE).is_err());
        assert_eq!(fs::read(sealed.path()).expect("readable"), b"content");
    }
}

#[test]
fn it_is_closed_on_exec_and_starts_at_its_beginning() {
    let sealed = sealed(Executable::No, b"content");
    let flags = rustix::io::fcntl_getfd(&sealed).expect("flags");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    let mut content = String::new();
    sealed.into_file().read_to_string(&mut content).expect("readable");
    assert_eq!(content, "content");
}

#[test]
fn only_an_executable_has_the_permission_to_execute() {
    let mode = |executable| {
        let sealed = sealed(executable, b"content");
        sealed.file().metadata().expect("metadata").permissions().mode() & 0o111
    };
    assert_eq!(mode(Executable::Yes), 0o111);
    // Before Linux 6.3, all are executable.
    let is_older = rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::NOEXEC_SEAL).is_err();
    assert_eq!(mode(Executable::No), if is_older { 0o111 } else { 0 });
}

#[test]
fn a_program_runs_from_it() {
    let program = fs::read("/bin/echo").expect("readable");
    let sealed = sealed(Executable::Yes, &program);
    let output = Command::new(sealed.path()).arg("hello").output().expect("it runs");
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
fn a_program_does_not_run_from_one_that_is_not_executable() {
    if rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::NOEXEC_SEAL).is_err() {
        return; // Before Linux 6.3, all are executable.
    }
    let sealed = sealed(Executable::No, &fs::read("/bin/echo").expect("readable"));
    let error = Command::new(sealed.path()).output().expect_err("it does not run");
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

/// In a process namespace of its own, the strictest policy is for this test alone.
#[test]
fn under_the_strictest_policy_executables_are_refused_and_others_are_not() {
    const ROLE: &str = "TEST_OF_MEMFD_ROLE";
    if env::var_os(ROLE).is_some() {
        let executable = SealedFile::create("test", Executable::Yes, |_| Ok(()));
        assert!(matches!(executable, Err(Error::Refused { .. })), "{executable:?}");
        return drop(sealed(Executable::No, b"content"));
    }
    if !Path::new(POLICY).exists() {
        return; // Before Linux 6.3, there is no such policy.
    }
    let name = "under_the_strictest_policy_executables_are_refused_and_others_are_not";
    let script = format!("echo 2 >{POLICY} && echo strict && exec \"$0\" --exact {name}");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c", &script])
        .arg(env::current_exe().expect("a path"))
        .env(ROLE, "strict")
        .output()
        .expect("unshare runs");
    if !output.stdout.starts_with(b"strict") {
        return eprintln!("not tested, as this system permits no namespaces: {output:?}");
    }
    assert!(output.status.success(), "{output:?}");
}

const POLICY: &str = "/proc/sys/vm/memfd_noexec";

#[test]
fn a_shared_object_loads_from_one_that_is_not_executable() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (source, object) = (directory.path().join("x.c"), directory.path().join("x.so"));
    fs::write(&source, "int holdall_test_answer(void) { return 42; }\n").expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&object).arg(&source);
    assert!(compiler.status().expect("cc runs").success());
    let sealed = sealed(Executable::No, &fs::read(&object).expect("readable"));
    // SAFETY: the object is the one compiled above; it runs nothing when it is loaded, and the
    // symbol has the type that it is declared with there.
    let answer = unsafe {
        let library = libloading::Library::new(sealed.path()).expect("it loads");
        let answer = library.get::<extern "C" fn() -> i32>(b"holdall_test_answer\0");
        answer.expect("it has the symbol")()
    };
    assert_eq!(answer, 42);
}

#[test]
fn the_name_is_for_people_and_may_be_anything() {
    let long = "größe/".repeat(100);
    for (name, shown) in [("data/a.txt", "data/a.txt"), ("a\0b", "a_b"), (&long, &long[..249])] {
        let sealed = SealedFile::create(name, Executable::No, |_| Ok(())).expect(name);
        let link = fs::read_link(sealed.path()).expect("a link");
        assert_eq!(link.to_str(), Some(format!("/memfd:{shown} (deleted)").as_str()));
        assert_eq!(sealed.size(), 0);
    }
}

#[test]
fn an_error_of_the_filling_comes_back() {
    let result = SealedFile::create("test", Executable::No, |_| {
        Err(io::Error::new(io::ErrorKind::InvalidData, "no good"))
    });
    match result {
        Err(Error::Fill { name, source }) => {
            assert_eq!((name.as_str(), source.to_string().as_str()), ("test", "no good"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_gone_with_its_value() {
    let sealed = SealedFile::create("short-lived", Executable::No, |_| Ok(())).expect("sealed");
    let path = sealed.path();
    drop(sealed);
    // Another thread may have got the number by now.
    let link = fs::read_link(path).unwrap_or_default();
    assert!(!link.to_string_lossy().contains("short-lived"), "{link:?}");
}

#[test]
fn each_opening_of_the_path_has_its_own_offset() {
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let sealed = sealed(Executable::No, &content);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(fs::read(sealed.path()).expect("readable") == content));
        }
    });
    assert!(fs::read(sealed.path_for_others()).expect("readable") == content);
    assert!(sealed.path().ends_with(sealed.file().as_raw_fd().to_string()));
}
