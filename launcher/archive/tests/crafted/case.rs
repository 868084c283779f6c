//! What a row of the tables says: a file, why we refuse it, and what other readers do.

use holdall_archive::{Error, Field, Flaw};

use crate::forge::{Forge, Item, Layout};

/// One attack.
pub struct Case {
    pub title: &'static str,
    pub file: Vec<u8>,
    pub refusal: Refusal,
    /// What the crates `zip` and `rawzip` do with it.
    pub others: [Verdict; 2],
}

/// How we refuse it.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not opened: the offset of the flaw, and the flaw.
    Malformed(u64, Flaw),
    /// It is not taken for an archive at all.
    NoArchive,
    /// The entry is not read.
    BadData(&'static str, Flaw),
    /// The entry is read, but its CRC-32 is another.
    Crc32(&'static str),
}

/// Whether a reader reads all entries of an archive without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepts,
    Rejects,
}

pub fn row(
    title: &'static str,
    others: [Verdict; 2],
    forge: Forge,
    refusal: impl Fn(&Layout) -> Refusal,
) -> Case {
    let (file, at) = forge.build();
    Case { title, file, refusal: refusal(&at), others }
}

pub fn malformed(offset: u64, flaw: Flaw) -> Refusal {
    Refusal::Malformed(offset, flaw)
}

pub fn value(field: Field, found: u64) -> Flaw {
    Flaw::Value { field, found }
}

pub fn mismatch(field: Field, expected: u64, found: u64) -> Flaw {
    Flaw::Mismatch { field, expected, found }
}

/// The refusal that an error is, without the path.
pub fn refusal_of(error: Error) -> Option<Refusal> {
    match error {
        Error::Malformed { offset, flaw, .. } => Some(Refusal::Malformed(offset, flaw)),
        Error::NoArchive { .. } => Some(Refusal::NoArchive),
        _ => None,
    }
}

pub const FIRST: &[u8] = b"first content";

pub fn second() -> Vec<u8> {
    b"second content, ".repeat(40)
}

/// A stored file and a deflated one.
pub fn pair() -> [Item; 2] {
    [Item::stored("data/a", FIRST), Item::deflated("data/b", &second())]
}

/// The archive that has nothing wrong.
pub fn control() -> Forge {
    Forge::new(pair())
}

/// The control with a third entry.
pub fn third(item: Item) -> Forge {
    control().with(|forge| forge.items.push(item))
}

/// The control with a change to its first entry, the stored one.
pub fn first(change: impl Fn(Item) -> Item) -> Forge {
    let [a, b] = pair();
    Forge::new([change(a), b])
}

/// An executable of the least size: an ELF header, one section with `payload`, and its table.
pub fn executable(payload: &[u8]) -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16] = 2; // ET_EXEC
    elf[18] = 62; // EM_X86_64
    elf[20] = 1;
    elf[52] = 64;
    elf[54] = 56;
    elf[58] = 64;
    elf[60] = 2;
    let offset = elf.len() as u64;
    elf.extend(payload);
    elf.resize(elf.len().next_multiple_of(8), 0);
    let table = elf.len() as u64;
    elf[40..48].copy_from_slice(&table.to_le_bytes());
    elf.resize(elf.len() + 128, 0);
    let section = table as usize + 64;
    elf[section + 4] = 1; // SHT_PROGBITS
    elf[section + 24..section + 32].copy_from_slice(&offset.to_le_bytes());
    elf[section + 32..section + 40].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    elf
}
