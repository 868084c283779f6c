//! What was packed, as the user sees it at the end.

use holdall_bundle::{Bundle, BundleError, escaped, grouped};
use std::fmt;
use std::path::{Path, PathBuf};

/// How many of the largest resources are shown.
const LARGEST: usize = 5;

/// What is in a new bundle.
#[derive(Debug, Clone)]
pub struct Summary {
    title: String,
    entry_point: String,
    executable: String,
    needs: String,
    resources: Sizes,
    variants: Sizes,
    served: Option<String>,
    largest: Vec<Resource>,
    output: PathBuf,
    file_len: u64,
}

/// How many files, and how large.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    files: u64,
    size: u64,
    packed_size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Resource {
    name: String,
    size: u64,
    packed_size: u64,
}

impl Summary {
    /// Reads off the new bundle what is in it.
    ///
    /// # Errors
    /// Those of the archive.
    pub fn new(bundle: &Bundle, output: &Path) -> Result<Self, BundleError> {
        let manifest = bundle.manifest();
        let (mut resources, mut largest) = (Sizes::default(), Vec::new());
        for entry in bundle.resources()? {
            let entry = entry?;
            let (size, packed_size) = (entry.size(), entry.compressed_size());
            resources.add(size, packed_size);
            keep_largest(&mut largest, entry.name(), size, packed_size);
        }
        let mut variants = Sizes::default();
        for entry in bundle.variants()? {
            let entry = entry?;
            variants.add(entry.size(), entry.compressed_size());
        }
        let entry_point = match bundle.payload()? {
            Some(payload) => {
                format!(
                    "{} {}, {}",
                    manifest.entry_point.kind,
                    payload.name(),
                    bytes(payload.size())
                )
            }
            None => manifest.entry_point.kind.to_string(),
        };
        Ok(Self {
            title: format!("{} {}", manifest.name, manifest.version),
            entry_point,
            executable: format!("{} for {}", bytes(manifest.prefix.size), manifest.built.target),
            needs: bundle.needs_told(),
            resources,
            variants,
            served: manifest.served().map(|served| served.to_string()),
            largest,
            output: output.to_owned(),
            file_len: bundle.archive().file_len(),
        })
    }
}

impl Sizes {
    fn add(&mut self, size: u64, packed_size: u64) {
        self.files += 1;
        self.size += size;
        self.packed_size += packed_size;
    }
}

/// Keeps the largest in the archive, largest first, of equals the first by name.
fn keep_largest(largest: &mut Vec<Resource>, name: &str, size: u64, packed_size: u64) {
    let smallest = largest.last().map_or(0, |resource| resource.packed_size);
    if largest.len() == LARGEST && packed_size <= smallest {
        return;
    }
    let place = largest.partition_point(|resource| resource.packed_size >= packed_size);
    largest.insert(place, Resource { name: name.to_owned(), size, packed_size });
    largest.truncate(LARGEST);
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sizes { files, size, packed_size } = self.resources;
        writeln!(f, "{}", escaped(&self.title))?;
        writeln!(f, "  entry point  {}", escaped(&self.entry_point))?;
        writeln!(f, "  executable   {}", self.executable)?;
        writeln!(f, "  needs        {}", escaped(&self.needs))?;
        let ratio = ratio(size, packed_size);
        let (files, size) = (plural(files, "file"), bytes(size));
        writeln!(f, "  resources    {files}, {size}, packed {}{ratio}", grouped(packed_size))?;
        let width = self.largest.iter().map(|r| grouped(r.packed_size).len()).max().unwrap_or(0);
        for (at, resource) in self.largest.iter().enumerate() {
            let label = if at == 0 { "largest" } else { "" };
            let packed = grouped(resource.packed_size);
            let from = self::ratio(resource.size, resource.packed_size);
            writeln!(f, "  {label:11}  {packed:>width$}  {}{from}", escaped(&resource.name))?;
        }
        if self.variants.files > 0 {
            let Sizes { files, size, .. } = self.variants;
            writeln!(f, "  variants     {}, {}", plural(files, "file"), bytes(size))?;
        }
        if let Some(served) = &self.served {
            writeln!(f, "  served       {}", escaped(served))?;
        }
        let path = self.output.to_string_lossy();
        writeln!(f, "  output       {}, {}", escaped(&path), bytes(self.file_len))
    }
}

fn bytes(number: u64) -> String {
    plural(number, "byte")
}

fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// How much is left, where anything was saved.
fn ratio(size: u64, packed_size: u64) -> String {
    if size == packed_size {
        return String::new();
    }
    format!(" ({:.0} %)", packed_size as f64 * 100.0 / size as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_in_order() {
        let mut largest = Vec::new();
        for (name, packed_size) in
            [("a", 1), ("b", 9), ("c", 5), ("d", 9), ("e", 7), ("f", 3), ("g", 4)]
        {
            keep_largest(&mut largest, name, 10, packed_size);
        }
        let names: Vec<_> = largest.iter().map(|resource| resource.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "e", "c", "g"]);
    }

    #[test]
    fn ratios_are_shown_where_something_was_saved() {
        assert_eq!(ratio(200, 100), " (50 %)");
        assert_eq!(ratio(0, 0), "");
    }
}
