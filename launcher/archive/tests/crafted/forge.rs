//! Builds archives byte by byte, with any field wrong: what no honest writer would write.

use std::io::Write;

pub const STORED: u16 = 0;
pub const DEFLATED: u16 = 8;
pub const UTF8: u16 = 0x0800;

/// The fields that a local and a central header share.
#[derive(Clone)]
pub struct Fields {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub time: u16,
    pub date: u16,
    pub crc32: u32,
    pub compressed_size: u32,
    pub size: u32,
    pub extra: Vec<u8>,
}

/// An entry: its two headers, its data, and what comes before and after them.
#[derive(Clone)]
pub struct Item {
    pub local: Fields,
    pub central: Fields,
    pub data: Vec<u8>,
    /// Bytes before the local header that belong to no entry.
    pub before: Vec<u8>,
    pub mode: u16,
    pub comment: Vec<u8>,
    pub disk: u16,
    /// Without local header and data, or without central header.
    pub only: Option<Part>,
    /// What the central header says instead of the local header's true offset.
    pub header_offset: Option<u32>,
}

/// One half of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Local,
    Central,
}

impl Item {
    /// A stored file.
    pub fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Item {
        Item::new(name.as_ref(), STORED, content, content.to_vec())
    }

    /// A deflated file.
    pub fn deflated(name: impl AsRef<[u8]>, content: &[u8]) -> Item {
        Item::new(name.as_ref(), DEFLATED, content, deflate(content))
    }

    fn new(name: &[u8], method: u16, content: &[u8], data: Vec<u8>) -> Item {
        let fields = Fields {
            name: name.to_vec(),
            flags: 0,
            method,
            time: 0x6000,
            date: 0x5821,
            crc32: crc32fast::hash(content),
            compressed_size: data.len() as u32,
            size: content.len() as u32,
            extra: Vec::new(),
        };
        Item {
            local: fields.clone(),
            central: fields,
            data,
            before: Vec::new(),
            mode: if name.ends_with(b"/") { 0o040_755 } else { 0o100_644 },
            comment: Vec::new(),
            disk: 0,
            only: None,
            header_offset: None,
        }
    }

    /// Changes both headers.
    pub fn both(mut self, change: impl Fn(&mut Fields)) -> Item {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// Changes the local header.
    pub fn local(mut self, change: impl Fn(&mut Fields)) -> Item {
        change(&mut self.local);
        self
    }

    /// Changes the central header.
    pub fn central(mut self, change: impl Fn(&mut Fields)) -> Item {
        change(&mut self.central);
        self
    }

    /// Changes anything.
    pub fn with(mut self, change: impl Fn(&mut Item)) -> Item {
        change(&mut self);
        self
    }

    /// The local header with the data, as bytes.
    pub fn local_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put32(&mut out, 0x0403_4b50);
        shared(&mut out, &self.local);
        out.extend(&self.local.name);
        out.extend(&self.local.extra);
        out.extend(&self.data);
        out
    }

    fn central_bytes(&self, header_offset: u32) -> Vec<u8> {
        let mut out = Vec::new();
        put32(&mut out, 0x0201_4b50);
        put16(&mut out, 0x031e);
        shared(&mut out, &self.central);
        put16(&mut out, self.comment.len() as u16);
        put16(&mut out, self.disk);
        put16(&mut out, 0);
        put32(&mut out, u32::from(self.mode) << 16);
        put32(&mut out, self.header_offset.unwrap_or(header_offset));
        out.extend(&self.central.name);
        out.extend(&self.central.extra);
        out.extend(&self.comment);
        out
    }
}

/// Version needed … extra length: the part that both headers have.
fn shared(out: &mut Vec<u8>, fields: &Fields) {
    for value in [20, fields.flags, fields.method, fields.time, fields.date] {
        put16(out, value);
    }
    for value in [fields.crc32, fields.compressed_size, fields.size] {
        put32(out, value);
    }
    put16(out, fields.name.len() as u16);
    put16(out, fields.extra.len() as u16);
}

/// The end record; `None` leaves the true value.
#[derive(Clone, Default)]
pub struct EndRecord {
    pub disk: u16,
    pub entries_here: Option<u16>,
    pub entries: Option<u16>,
    pub directory_size: Option<u32>,
    pub directory_offset: Option<u32>,
    pub comment: Vec<u8>,
    pub comment_len: Option<u16>,
}

/// The zip64 end record and its locator; `None` leaves the true value.
#[derive(Clone, Default)]
pub struct End64 {
    pub signature: Option<u32>,
    pub record_size: Option<u64>,
    pub disk: u32,
    pub entries_here: Option<u64>,
    pub entries: Option<u64>,
    pub directory_size: Option<u64>,
    pub directory_offset: Option<u64>,
    pub locator_offset: Option<u64>,
    pub disks: Option<u32>,
}

/// A whole file.
#[derive(Clone)]
pub struct Forge {
    pub prefix: Vec<u8>,
    /// All offsets count from the archive's first byte, not from the file's.
    pub relative: bool,
    pub items: Vec<Item>,
    pub before_directory: Vec<u8>,
    /// How many bytes are missing at the end of the directory.
    pub cut_directory: usize,
    pub end64: Option<End64>,
    pub end: EndRecord,
    pub trailing: Vec<u8>,
}

/// Where things are in the file that a [`Forge`] made, in bytes.
#[derive(Default)]
pub struct Layout {
    pub local: Vec<u64>,
    pub central: Vec<u64>,
    pub directory: u64,
    pub end64: u64,
    pub locator: u64,
    pub end: u64,
    pub len: u64,
}

impl Forge {
    pub fn new(items: impl IntoIterator<Item = Item>) -> Forge {
        Forge {
            prefix: Vec::new(),
            relative: false,
            items: items.into_iter().collect(),
            before_directory: Vec::new(),
            cut_directory: 0,
            end64: None,
            end: EndRecord::default(),
            trailing: Vec::new(),
        }
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Forge)) -> Forge {
        change(&mut self);
        self
    }

    /// The file, and where its parts are.
    pub fn build(&self) -> (Vec<u8>, Layout) {
        let mut out = self.prefix.clone();
        let basis = if self.relative { out.len() } else { 0 };
        let mut at = Layout::default();
        for item in &self.items {
            out.extend(&item.before);
            at.local.push(out.len() as u64);
            if item.only != Some(Part::Central) {
                out.extend(item.local_bytes());
            }
        }
        out.extend(&self.before_directory);
        at.directory = out.len() as u64;
        for (item, local) in self.items.iter().zip(&at.local) {
            at.central.push(out.len() as u64);
            if item.only != Some(Part::Local) {
                out.extend(item.central_bytes((*local as usize - basis) as u32));
            }
        }
        out.truncate(out.len() - self.cut_directory);
        let directory_size = out.len() as u64 - at.directory;
        let entries = self.items.iter().filter(|item| item.only != Some(Part::Local)).count();
        let truth = [entries as u64, directory_size, at.directory - basis as u64];
        if let Some(end64) = &self.end64 {
            at.end64 = out.len() as u64;
            at.locator = at.end64 + 56;
            write_end64(&mut out, end64, truth);
        }
        at.end = out.len() as u64;
        write_end(&mut out, &self.end, truth);
        out.extend(&self.trailing);
        at.len = out.len() as u64;
        (out, at)
    }
}

fn write_end64(out: &mut Vec<u8>, end: &End64, [entries, size, offset]: [u64; 3]) {
    let at = out.len() as u64;
    put32(out, end.signature.unwrap_or(0x0606_4b50));
    put64(out, end.record_size.unwrap_or(44));
    put16(out, 45);
    put16(out, 45);
    put32(out, end.disk);
    put32(out, 0);
    put64(out, end.entries_here.or(end.entries).unwrap_or(entries));
    put64(out, end.entries.unwrap_or(entries));
    put64(out, end.directory_size.unwrap_or(size));
    put64(out, end.directory_offset.unwrap_or(offset));
    put32(out, 0x0706_4b50);
    put32(out, 0);
    put64(out, end.locator_offset.unwrap_or(at));
    put32(out, end.disks.unwrap_or(1));
}

fn write_end(out: &mut Vec<u8>, end: &EndRecord, [entries, size, offset]: [u64; 3]) {
    put32(out, 0x0605_4b50);
    put16(out, end.disk);
    put16(out, end.disk);
    put16(out, end.entries_here.or(end.entries).unwrap_or(entries as u16));
    put16(out, end.entries.unwrap_or(entries as u16));
    put32(out, end.directory_size.unwrap_or(size as u32));
    put32(out, end.directory_offset.unwrap_or(offset as u32));
    put16(out, end.comment_len.unwrap_or(end.comment.len() as u16));
    out.extend(&end.comment);
}

/// One part of an extra field.
pub fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put16(&mut out, id);
    put16(&mut out, data.len() as u16);
    out.extend(data);
    out
}

/// The Info-ZIP Unicode path field that renames `from` to `to`.
pub fn unicode_path(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut data = vec![1];
    put32(&mut data, crc32fast::hash(from));
    data.extend(to);
    extra(0x7075, &data)
}

/// The zip64 field with these values.
pub fn zip64(values: &[u64]) -> Vec<u8> {
    extra(1, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// A raw deflate stream.
pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}
