//! Two bundles side by side: what is on one side only, and what differs.

use super::entry::{Change, Status, VariantChange, is_same_content};
use super::manifest::{self, KeyChange};
use holdall_archive::{Archive, Entries, Entry, Error, INDEX, IndexState, MANIFEST, RESERVED};
use holdall_bundle::{Bundle, BundleError, Content, Prefix, VARIANTS_PREFIX};
use serde::Serialize;
use std::collections::BTreeMap;
use std::iter::Peekable;

/// What differs between two bundles.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// In one word.
    pub verdict: Verdict,
    /// The bundle as it was.
    pub old: Side,
    /// The bundle as it is.
    pub new: Side,
    /// The keys of the manifest that differ, those aside that follow from the rest.
    pub manifest: Vec<KeyChange>,
    /// Whether the executable that the file begins with differs.
    pub executable_differs: bool,
    /// The payload, if it differs; both of them, if its name does.
    pub payload: Vec<Change>,
    /// How many resources there are of each kind.
    pub counts: Counts,
    /// The resources that differ, in the order of their names, and directories that hold nothing.
    pub resources: Vec<Change>,
    /// Other entries of the bundle's own that differ.
    pub own: Vec<Change>,
}

/// How much alike two bundles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// In every byte.
    Identical,
    /// In all that the indexes tell; the files differ in compression, time stamps, padding or damage.
    SameContent,
    /// They are not.
    Different,
}

/// One of the two bundles.
#[derive(Debug, Serialize)]
pub struct Side {
    /// The file, as it was named.
    pub path: String,
    /// The name in the manifest.
    pub name: String,
    /// The version in the manifest.
    pub version: String,
    /// The length of the file in bytes.
    pub size: u64,
    /// Whether digests are the recorded ones: they are not where an edit left the index behind.
    pub digests_recorded: bool,
    /// The executable, as the manifest tells of it.
    pub executable: Prefix,
    /// All content, as the manifest tells of it.
    pub content: Content,
    /// The payload.
    pub payload: Sizes,
    /// The resources.
    pub resources: Sizes,
    /// Their variants for HTTP.
    pub variants: Sizes,
}

/// How many files, and how large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// How many.
    pub files: u64,
    /// Their sizes in bytes, summed up.
    pub size: u64,
    /// Their sizes in the archive, summed up.
    pub packed_size: u64,
}

/// How many resources there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In the new bundle only.
    pub added: u64,
    /// In the old bundle only.
    pub removed: u64,
    /// In both, and not the same.
    pub changed: u64,
    /// In both, the same, but packed to another size.
    pub repacked: u64,
    /// In both, the same.
    pub same: u64,
}

impl Diff {
    /// Compares two bundles; whether all bytes are the same is left to the caller.
    ///
    /// # Errors
    /// If one of them is damaged or can't be read.
    pub fn new(old: &Bundle, new: &Bundle) -> Result<Self, BundleError> {
        let mut diff = Self {
            verdict: Verdict::Different,
            old: Side::new(old)?,
            new: Side::new(new)?,
            manifest: manifest::compare(old.manifest(), new.manifest()),
            executable_differs: old.manifest().prefix != new.manifest().prefix,
            payload: Vec::new(),
            counts: Counts::default(),
            resources: Vec::new(),
            own: Vec::new(),
        };
        let variants = diff.compare_variants(old.archive(), new.archive())?;
        diff.compare_entries(old, new, variants)?;
        if diff.has_no_difference() {
            diff.verdict = Verdict::SameContent;
        }
        Ok(diff)
    }

    fn has_no_difference(&self) -> bool {
        let Counts { added, removed, changed, .. } = self.counts;
        let is_repacked = |change: &Change| change.status == Status::Repacked;
        self.manifest.is_empty()
            && !self.executable_differs
            && added + removed + changed == 0
            && self.resources.iter().chain(&self.payload).chain(&self.own).all(is_repacked)
    }

    /// Which variants differ, by the names of their resources.
    fn compare_variants(&mut self, old: &Archive, new: &Archive) -> Result<Variants, Error> {
        let directory = VARIANTS_PREFIX.trim_end_matches('/');
        let (old_sizes, new_sizes) = (&mut self.old.variants, &mut self.new.variants);
        let mut variants = Variants::new();
        let (old, new) = (old.entries_under(directory)?, new.entries_under(directory)?);
        walk(old, new, |pair| {
            pair.before().into_iter().for_each(|entry| old_sizes.add(entry));
            pair.after().into_iter().for_each(|entry| new_sizes.add(entry));
            let differs = match &pair {
                Pair::Both(old, new) => !is_same_content(old, new)?,
                _ => true,
            };
            if let (true, Some((resource, coding))) = (differs, variant_of(pair.name())) {
                let size = |entry: Option<&Entry>| entry.map(Entry::size);
                let (old, new) = (size(pair.before()), size(pair.after()));
                let change = VariantChange { coding: coding.to_owned(), old, new };
                variants.entry(resource.to_owned()).or_default().push(change);
            }
            Ok(())
        })?;
        Ok(variants)
    }

    fn compare_entries(
        &mut self,
        old: &Bundle,
        new: &Bundle,
        mut variants: Variants,
    ) -> Result<(), Error> {
        let payloads = [old, new].map(|bundle| bundle.manifest().entry_point.payload.as_deref());
        let (old, new) = (old.archive().entries_under("")?, new.archive().entries_under("")?);
        walk(old, new, |pair| {
            let name = pair.name();
            if name == MANIFEST || name == INDEX || name.starts_with(VARIANTS_PREFIX) {
                return Ok(());
            }
            if payloads.contains(&Some(name)) {
                self.add_sizes(&pair, |side| &mut side.payload);
                self.payload.extend(pair.change(Vec::new())?);
            } else if name.starts_with(RESERVED) {
                self.own.extend(pair.change(Vec::new())?.filter(|_| !name.ends_with('/')));
            } else {
                self.add_sizes(&pair, |side| &mut side.resources);
                let is_directory = name.ends_with('/');
                let change = pair.change(variants.remove(name).unwrap_or_default())?;
                self.counts.add(change.as_ref(), is_directory);
                self.resources.extend(change);
            }
            Ok(())
        })
    }

    fn add_sizes(&mut self, pair: &Pair, sizes: fn(&mut Side) -> &mut Sizes) {
        pair.before().into_iter().for_each(|entry| sizes(&mut self.old).add(entry));
        pair.after().into_iter().for_each(|entry| sizes(&mut self.new).add(entry));
    }
}

/// Variants that differ, by the names of their resources.
type Variants = BTreeMap<String, Vec<VariantChange>>;

impl Side {
    fn new(bundle: &Bundle) -> Result<Self, Error> {
        let (archive, manifest) = (bundle.archive(), bundle.manifest());
        Ok(Self {
            path: archive.path().to_string_lossy().into_owned(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            size: archive.file_len(),
            digests_recorded: archive.index_state()? == IndexState::Used,
            executable: manifest.prefix.clone(),
            content: manifest.content.clone(),
            payload: Sizes::default(),
            resources: Sizes::default(),
            variants: Sizes::default(),
        })
    }
}

impl Sizes {
    fn add(&mut self, entry: &Entry) {
        if !entry.is_directory() {
            self.files += 1;
            self.size += entry.size();
            self.packed_size += entry.compressed_size();
        }
    }
}

impl Counts {
    fn add(&mut self, change: Option<&Change>, is_directory: bool) {
        match change.map(|change| change.status) {
            Some(Status::Added) => self.added += 1,
            Some(Status::Removed) => self.removed += 1,
            Some(Status::Changed) => self.changed += 1,
            Some(Status::Repacked) => self.repacked += 1,
            // A directory is none of the files that are the same.
            None => self.same += u64::from(!is_directory),
        }
    }
}

/// The resource that a variant is of, and its coding: `.holdall/variants/a.css.br`.
fn variant_of(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(VARIANTS_PREFIX)?.rsplit_once('.')
}

/// What two bundles have under one name.
enum Pair<'a> {
    Old(Entry<'a>),
    New(Entry<'a>),
    Both(Entry<'a>, Entry<'a>),
}

impl<'a> Pair<'a> {
    fn name(&self) -> &str {
        match self {
            Self::Old(entry) | Self::New(entry) | Self::Both(_, entry) => entry.name(),
        }
    }

    fn before(&self) -> Option<&Entry<'a>> {
        match self {
            Self::Old(entry) | Self::Both(entry, _) => Some(entry),
            Self::New(_) => None,
        }
    }

    fn after(&self) -> Option<&Entry<'a>> {
        match self {
            Self::New(entry) | Self::Both(_, entry) => Some(entry),
            Self::Old(_) => None,
        }
    }

    fn change(&self, variants: Vec<VariantChange>) -> Result<Option<Change>, Error> {
        match self {
            Self::Old(entry) => Change::removed(entry, variants).map(Some),
            Self::New(entry) => Change::added(entry, variants).map(Some),
            Self::Both(old, new) => Change::between(old, new, variants),
        }
    }
}

/// Goes through two lists in the order of names. Directories that are on one side only are shown
/// where they hold nothing: those of files follow from the files.
fn walk<'a>(
    old: Entries<'a>,
    new: Entries<'a>,
    mut visit: impl FnMut(Pair<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    loop {
        match (next_is_first(&mut old, &mut new), next_is_first(&mut new, &mut old)) {
            (false, false) => return Ok(()),
            (true, true) => {
                if let (Some(old), Some(new)) = (old.next(), new.next()) {
                    visit(Pair::Both(old?, new?))?;
                }
            }
            (true, false) => {
                next_shown(&mut old)?.map_or(Ok(()), |entry| visit(Pair::Old(entry)))?
            }
            (false, true) => {
                next_shown(&mut new)?.map_or(Ok(()), |entry| visit(Pair::New(entry)))?
            }
        }
    }
}

/// Whether the next entry of `one` comes before that of `other`, or with it. What can't be read comes
/// first, so that it is told.
fn next_is_first(one: &mut Peekable<Entries>, other: &mut Peekable<Entries>) -> bool {
    match (one.peek(), other.peek()) {
        (Some(Ok(one)), Some(Ok(other))) => one.name() <= other.name(),
        (Some(Err(_)), _) => true,
        (Some(Ok(_)), Some(Err(_))) => false,
        (Some(Ok(_)), None) => true,
        (None, _) => false,
    }
}

/// The next entry, unless it is a directory with something in it.
fn next_shown<'a>(entries: &mut Peekable<Entries<'a>>) -> Result<Option<Entry<'a>>, Error> {
    let Some(entry) = entries.next().transpose()? else { return Ok(None) };
    let follows = |next: &Entry| next.name().starts_with(entry.name());
    let is_full = entry.is_directory() && matches!(entries.peek(), Some(Ok(next)) if follows(next));
    Ok((!is_full).then_some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_name_their_resource() {
        assert_eq!(variant_of(".holdall/variants/a/b.css.br"), Some(("a/b.css", "br")));
        assert_eq!(variant_of(".holdall/variants/LICENSE.zst"), Some(("LICENSE", "zst")));
        assert_eq!(variant_of("a.br"), None);
    }
}
