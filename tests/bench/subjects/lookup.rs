//! Reads resources of its own bundle, and the same content through the controls.
//!
//! `lookup get FILES LOOSE` prints one `name nanoseconds` line per way to read, the ways taken in
//! turns; `lookup open NAME` and `lookup zip NAME` print how long opening and one reading took;
//! `lookup quiet FILES` reads between two marks that a tracer of system calls can see.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    borrow::Cow,
    env,
    error::Error,
    fs::{self, File},
    hint::black_box,
    io::Read,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use holdall_resources::Resources;
use include_dir::{Dir, include_dir};
use rust_embed::RustEmbed;
use zip::ZipArchive;

/// How many files the controls have that compile them in.
const EMBEDDED_FILES: usize = 1000;
const TURNS: usize = 40;
/// All names have this length in bytes: `data/0000000.txt`.
const NAME_LEN: usize = 16;
/// How long a turn should take, so that what the way before left in the caches is gone from most of
/// it.
const TURN_NS: f64 = 3e6;
/// Readings that are watched for allocations and system calls.
const READINGS: usize = 2000;

static INCLUDED: Dir<'static> = include_dir!("$BENCH_TREE");

// The same tree for `rust-embed`: `struct Embedded`.
include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The system's allocator, which counts how often it is asked.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that the system's allocator wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["get", files, loose] => get(files.parse()?, loose.into()),
        ["quiet", files] => quiet(files.parse()?),
        ["open", name] => open(name),
        ["zip", name] => open_zip(name),
        _ => Err("usage: lookup get FILES LOOSE | quiet FILES | open NAME | zip NAME".into()),
    }
}

/// A way to read: hands the length and a byte of the content on, so that it is really looked at.
type Way<'a> = (&'static str, Box<dyn FnMut(&str) -> Outcome<u64> + 'a>);

fn get(files: usize, loose: PathBuf) -> Outcome<()> {
    let resources = Resources::open()?;
    let names = Names::new(files);
    let mut archive = ZipArchive::new(File::open(env::current_exe()?)?)?;
    println!("first {}", first_time(&resources, &names)?);
    let slices = slices(&resources, &names)?;
    let mut ways: Vec<Way> = vec![
        ("holdall", Box::new(|name| look(&resources.find(name)?.ok_or("absent")?.bytes()?))),
        ("memory", Box::new(|name| look(slices[name[5..12].parse::<usize>()?]))),
        ("std::fs::read", Box::new(|name| look(&fs::read(loose.join(name))?))),
        ("zip", Box::new(|name| read_zip(&mut archive, name))),
    ];
    if files == EMBEDDED_FILES {
        ways.push(("include_dir", Box::new(read_included)));
        ways.push(("rust-embed", Box::new(read_embedded)));
    }
    let mut random = Random(1);
    let mut readings = Vec::new();
    for (_, read) in &mut ways {
        readings.push((TURN_NS / turn(&names, &mut random, 1000, read)?) as usize + 1);
    }
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..TURNS {
        for (((_, read), times), readings) in ways.iter_mut().zip(&mut times).zip(&readings) {
            times.push(turn(&names, &mut random, *readings, read)?);
        }
    }
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort_unstable_by(f64::total_cmp);
        println!("{name} {}", times[times.len() / 2]);
    }
    println!("allocations {}", allocations(&resources, &names)?);
    Ok(())
}

/// Nanoseconds for the first reading of each name, in random order: it checks the content, too.
fn first_time(resources: &Resources, names: &Names) -> Outcome<f64> {
    let mut order: Vec<usize> = (0..names.0.len()).collect();
    let mut random = Random(7);
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    let start = Instant::now();
    for number in &order {
        black_box(look(&resources.find(&names.0[*number])?.ok_or("absent")?.bytes()?)?);
    }
    Ok(start.elapsed().as_nanos() as f64 / order.len() as f64)
}

/// Where each content lies: with the number in the name this is the least that a reading can cost,
/// one slice and one byte, both somewhere in memory.
fn slices<'a>(resources: &'a Resources, names: &'a Names) -> Outcome<Vec<&'a [u8]>> {
    let slice = |name| match resources.find(name)?.ok_or("absent")?.bytes()? {
        Cow::Borrowed(content) => Ok(content),
        Cow::Owned(_) => Err("the content was copied".into()),
    };
    names.0.iter().map(|name| slice(name)).collect()
}

/// Nanoseconds per reading, of names in random order. The names themselves lie in a row, as a
/// server has the one at hand that it was asked for.
fn turn(
    names: &Names,
    random: &mut Random,
    readings: usize,
    read: &mut dyn FnMut(&str) -> Outcome<u64>,
) -> Outcome<f64> {
    let picked: String = (0..readings).map(|_| names.any(random)).collect();
    let start = Instant::now();
    for at in 0..readings {
        black_box(read(&picked[at * NAME_LEN..][..NAME_LEN])?);
    }
    Ok(start.elapsed().as_nanos() as f64 / readings as f64)
}

/// How often memory was asked for while resources were read.
fn allocations(resources: &Resources, names: &Names) -> Outcome<u64> {
    let mut random = Random(2);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..READINGS {
        let name = names.any(&mut random);
        black_box(look(&resources.find(name)?.ok_or("absent")?.bytes()?)?);
    }
    Ok(ALLOCATIONS.load(Ordering::Relaxed) - before)
}

/// Reads between two readings of a file that is not there: what a tracer sees between is ours.
fn quiet(files: usize) -> Outcome<()> {
    let resources = Resources::open()?;
    let names = Names::new(files);
    let mut random = Random(3);
    let mark = |name| fs::metadata(name).is_ok();
    black_box(mark("/bench-mark-begin"));
    for _ in 0..READINGS {
        let name = names.any(&mut random);
        black_box(look(&resources.find(name)?.ok_or("absent")?.bytes()?)?);
    }
    black_box(mark("/bench-mark-end"));
    Ok(())
}

fn open(name: &str) -> Outcome<()> {
    let start = Instant::now();
    let resources = Resources::open()?;
    black_box(look(&resources.get(name)?.bytes()?)?);
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}

fn open_zip(name: &str) -> Outcome<()> {
    let start = Instant::now();
    let mut archive = ZipArchive::new(File::open("/proc/self/exe")?)?;
    black_box(read_zip(&mut archive, name)?);
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}

fn read_zip(archive: &mut ZipArchive<File>, name: &str) -> Outcome<u64> {
    let mut entry = archive.by_name(name)?;
    let mut content = Vec::with_capacity(entry.size() as usize);
    entry.read_to_end(&mut content)?;
    look(&content)
}

fn read_included(name: &str) -> Outcome<u64> {
    look(INCLUDED.get_file(name).ok_or("absent")?.contents())
}

fn read_embedded(name: &str) -> Outcome<u64> {
    look(&Embedded::get(name).ok_or("absent")?.data)
}

fn look(content: &[u8]) -> Outcome<u64> {
    let first = content.first().ok_or("empty")?;
    Ok(content.len() as u64 + u64::from(*first))
}

/// The names of the files: those of the tree that the build script makes, and more of the kind.
struct Names(Vec<String>);

impl Names {
    fn new(files: usize) -> Self {
        Names((0..files).map(|number| format!("data/{number:07}.txt")).collect())
    }

    fn any(&self, random: &mut Random) -> &str {
        &self.0[random.below(self.0.len())]
    }
}

/// xorshift64*, so that every run reads in the same order.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(number) * limit as u128) >> 64) as usize
    }
}
