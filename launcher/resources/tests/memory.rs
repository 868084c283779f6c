//! Memory: lookups in a bundle allocate nothing, and content of any size streams in little.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use holdall_archive::{DosTime, Method, Name, Packed, Streamed, Writer};
use holdall_resources::{Error, Resources};
use tempfile::TempDir;

/// The system's allocator, which counts what each thread does.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches plain cells only,
// which neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are the ones that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let live = LIVE_BYTES.get() - layout.size() as isize;
        LIVE_BYTES.set(live);
        // SAFETY: as above; `pointer` came from the system's allocator, by `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: isize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
    PEAK_BYTES.set(PEAK_BYTES.get().max(LIVE_BYTES.get()));
}

/// How often `work` allocates.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// By how many bytes `work` exceeds what was live before, at most.
fn peak(work: impl FnOnce()) -> isize {
    let before = LIVE_BYTES.get();
    PEAK_BYTES.set(before);
    work();
    PEAK_BYTES.get() - before
}

const IS_BUNDLE: &str = "TEST_OF_MEMORY_IS_BUNDLE";
const ONE_MIB: isize = 1 << 20;

#[test]
fn lookups_and_stored_content_in_the_running_bundle_allocate_nothing() {
    if env::var_os(IS_BUNDLE).is_some() {
        let resources = Resources::open().expect("the running bundle opens");
        assert_frugal(&resources, 0, 0);
        return println!("\nFRUGAL");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    write_small_files(&path, &fs::read(env::current_exe().expect("a path")).expect("readable"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    let name = "lookups_and_stored_content_in_the_running_bundle_allocate_nothing";
    let mut bundle = Command::new(&path);
    let output = bundle.args(["--exact", name, "--nocapture"]).env(IS_BUNDLE, "yes").output();
    let output = output.expect("the bundle runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().any(|line| line == "FRUGAL"), "{text}{output:?}");
}

#[test]
fn lookups_in_a_bundle_that_is_not_running_allocate_the_name_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    write_small_files(&path, &[]);
    let resources = Resources::from_bundle(&path).expect("opens");
    // Nothing lies in memory here: what is found is read, its name and then its content.
    assert_frugal(&resources, 1, 1);
}

fn write_small_files(path: &Path, prefix: &[u8]) {
    let file = File::create_new(path).expect("a new file");
    let mut writer = Writer::new(file, path, prefix, DosTime::EARLIEST).expect("a writer");
    for number in 0..5000 {
        let name = format!("data/{number}.txt");
        let packed = Packed::stored(format!("content of {number}").into_bytes());
        let name = Name::new(&name).expect("a name");
        writer.add(name, 0o644, "text/plain", &packed).expect("added");
    }
    writer.finish().expect("finished");
}

fn assert_frugal(resources: &Resources, for_name: usize, for_content: usize) {
    let names: Vec<String> = (0..5000).map(|number| format!("data/{number}.txt")).collect();
    // The first lookup that misses compares the index with the central directory.
    assert!(resources.find("missing").expect("readable").is_none());
    // The first reading makes the place to note that content was found intact.
    assert!(resources.read(&names[0]).is_ok());
    for name in &names {
        let lookups = allocations(|| {
            let found = resources.find(name).expect("readable").expect("found");
            assert_eq!((found.name(), found.size() > 0), (name.as_str(), true));
            assert!(resources.get(name).is_ok());
            assert!(resources.exists(name).is_ok_and(|exists| exists));
            assert!(resources.is_dir("data").is_ok_and(|is_dir| is_dir));
            assert!(resources.find("data/missing.txt").is_ok_and(|found| found.is_none()));
        });
        // Three of these find it.
        assert_eq!(lookups, 3 * for_name, "{name}");
        let reading = allocations(|| {
            let found = resources.find(name).expect("readable").expect("found");
            assert!(found.bytes().expect("intact").starts_with(b"content of "));
        });
        assert!(reading <= for_name + for_content, "{name}: {reading} allocations");
    }
}

#[test]
fn a_huge_stored_file_streams_in_bounded_memory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    write_huge_file(&path, Method::Stored);
    assert_streams(&Resources::from_bundle(&path).expect("opens"));
}

#[test]
fn a_huge_deflated_file_streams_in_bounded_memory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bundle");
    write_huge_file(&path, Method::Deflated);
    assert_streams(&Resources::from_bundle(&path).expect("opens"));
}

#[test]
fn a_huge_file_of_a_directory_streams_in_bounded_memory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut file = File::create(directory.path().join("huge")).expect("a file");
    io::copy(&mut Huge::new(), &mut file).expect("written");
    assert_streams(&Resources::from_directory(directory.path()).expect("opens"));
}

#[test]
fn a_file_too_large_for_memory_is_an_error_and_no_abort() {
    let size = 1 << 62;
    let (_directory, resources) = sparse(&env::temp_dir(), size)
        .or_else(|_| sparse(Path::new("/dev/shm"), size))
        .expect("a file system that holds sparse files of any size, as tmpfs");
    let resource = resources.get("sparse").expect("found");
    match resource.bytes() {
        Err(Error::TooLarge { name, size_bytes }) => {
            assert_eq!((name.as_str(), size_bytes), ("sparse", size));
        }
        other => panic!("{:?}", other.map(|bytes| bytes.len())),
    }
    let mut reader = resource.reader().expect("opens");
    reader.seek(SeekFrom::End(-3)).expect("seeks");
    let mut end = Vec::new();
    reader.read_to_end(&mut end).expect("readable");
    assert_eq!(end, [0; 3]);
}

fn sparse(parent: &Path, size: u64) -> io::Result<(TempDir, Resources)> {
    let directory = tempfile::tempdir_in(parent)?;
    File::create(directory.path().join("sparse"))?.set_len(size)?;
    let resources = Resources::from_directory(directory.path()).expect("opens");
    Ok((directory, resources))
}

fn write_huge_file(path: &Path, method: Method) {
    let file = File::create_new(path).expect("a new file");
    let mut writer = Writer::new(file, path, &[], DosTime::EARLIEST).expect("a writer");
    let name = Name::new("huge").expect("a name");
    let added = writer.add_stream(name, 0o644, "", method, Huge::SIZE, &mut Huge::new());
    assert!(matches!(added, Ok(Streamed::Added)), "{added:?}");
    writer.finish().expect("finished");
}

fn assert_streams(resources: &Resources) {
    let resource = resources.get("huge").expect("found");
    assert_eq!(resource.size(), Huge::SIZE);
    let reading = peak(|| {
        let mut reader = resource.reader().expect("opens");
        let length = io::copy(&mut reader, &mut io::sink()).expect("readable");
        assert_eq!(length, Huge::SIZE);
    });
    let seeking = peak(|| {
        let mut reader = resource.reader().expect("opens");
        for position in [Huge::SIZE - 10, 5000] {
            reader.seek(SeekFrom::Start(position)).expect("seeks");
            let (mut found, mut expected) = ([0; 10], [0; 10]);
            reader.read_exact(&mut found).expect("readable");
            Huge { position }.read_exact(&mut expected).expect("endless enough");
            assert_eq!(found, expected);
        }
    });
    let path = peak(|| drop(resource.as_path().expect("a path")));
    for peak in [reading, seeking, path] {
        assert!(peak < ONE_MIB, "{peak} bytes");
    }
}

/// Content that deflates to about a third, made as it is read.
struct Huge {
    position: u64,
}

impl Huge {
    const SIZE: u64 = 8 << 20;

    fn new() -> Self {
        Huge { position: 0 }
    }

    fn byte(position: u64) -> u8 {
        let mixed = position.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        if position & 0x3ff < 0x100 { (mixed ^ mixed >> 31) as u8 } else { b'.' }
    }
}

impl Read for Huge {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = (Self::SIZE - self.position).min(buffer.len() as u64);
        for byte in &mut buffer[..left as usize] {
            *byte = Self::byte(self.position);
            self.position += 1;
        }
        Ok(left as usize)
    }
}
