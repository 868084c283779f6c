//! The parts of a file as a tree of directories, with sums.

use super::anatomy::{Anatomy, Part, Role};
use super::terminal::Extent;
use holdall_archive::RESERVED;
use holdall_bundle::{VARIANTS_PREFIX, escaped};
use serde::Serialize;

/// A file or directory, or a part of the bundle that is neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The last segment of its name; a directory's ends in `/`.
    pub name: String,
    /// What it takes in the file, in bytes, with headers.
    pub bytes: u64,
    /// The length of all that is packed in it, in bytes, as it comes out.
    pub size: u64,
    /// The same as it is kept, in bytes.
    pub packed_size: u64,
    /// How many entries it holds that are files.
    pub files: u64,
    /// What is in it, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

impl Node {
    /// The whole file.
    pub fn of_file(name: String, anatomy: &Anatomy) -> Self {
        let mut children: Vec<_> =
            anatomy.parts.iter().filter(|part| !is_in_tree(part)).map(Self::of_part).collect();
        let mut tree = |label: &str, prefix: &str, is_below: fn(&Part) -> bool| {
            let mut parts: Vec<_> = anatomy
                .parts
                .iter()
                .filter(|part| is_in_tree(part) && is_below(part))
                .map(|part| (part.name.strip_prefix(prefix).unwrap_or(""), part))
                .collect();
            parts.sort_unstable_by_key(|(name, _)| *name);
            if !parts.is_empty() {
                children.push(Self::of_directory(label.to_owned(), 0, &parts));
            }
        };
        tree("resources/", "", |part| !part.name.starts_with(VARIANTS_PREFIX));
        tree("variants/", VARIANTS_PREFIX, |part| part.name.starts_with(VARIANTS_PREFIX));
        Self::of_children(name, children)
    }

    /// A part that is no tree of its own.
    fn of_part(part: &Part) -> Self {
        let name = match part.role {
            Role::Payload => format!("payload {}", last_segment(&part.name)),
            Role::Folder => part.name.clone(),
            role => role.as_str().to_owned(),
        };
        Self { name: escaped(&name).into_owned(), ..Self::of_file_part(part) }
    }

    fn of_file_part(part: &Part) -> Self {
        Self {
            name: escaped(last_segment(&part.name)).into_owned(),
            bytes: part.len(),
            size: part.size,
            packed_size: part.packed_size,
            files: u64::from(!part.name.is_empty() && part.role != Role::Folder),
            children: Vec::new(),
        }
    }

    /// A directory of `parts`, which are sorted; `depth` bytes of each name lead to it.
    fn of_directory(name: String, depth: usize, parts: &[(&str, &Part)]) -> Self {
        let (mut children, mut own) = (Vec::new(), 0);
        let mut rest = parts;
        while let Some(((first, part), others)) = rest.split_first() {
            let below = &first[depth..];
            let Some(slash) = below.find('/') else {
                match part.role {
                    // Its own entry, the name of which ends here.
                    Role::Folder => own += part.len(),
                    _ => children.push(Self::of_file_part(part)),
                }
                rest = others;
                continue;
            };
            let end = depth + slash + 1;
            let len = rest.partition_point(|(name, _)| name.starts_with(&first[..end]));
            let (inside, behind) = rest.split_at(len.max(1));
            children.push(Self::of_directory(escaped(&below[..=slash]).into_owned(), end, inside));
            rest = behind;
        }
        let mut node = Self::of_children(name, children);
        node.bytes += own;
        node
    }

    fn of_children(name: String, mut children: Vec<Self>) -> Self {
        children.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        let sum = |of: fn(&Self) -> u64| children.iter().map(of).sum();
        Self {
            name,
            bytes: sum(|node| node.bytes),
            size: sum(|node| node.size),
            packed_size: sum(|node| node.packed_size),
            files: sum(|node| node.files),
            children,
        }
    }

    /// The tree without what is too deep, and with what is too much of a directory summed up; the few
    /// parts that a file is made of are always there.
    pub fn cut(self, extent: Extent) -> Self {
        self.cut_to(usize::MAX, extent)
    }

    fn cut_to(mut self, top: usize, extent: Extent) -> Self {
        let Some(below) = extent.below() else { return Self { children: Vec::new(), ..self } };
        // One line that stands for one node would gain nothing.
        if self.children.len() > top.saturating_add(1) {
            let rest = self.children.split_off(top);
            let rest = Self::of_children(format!("… {} more", rest.len()), rest);
            self.children.push(Self { children: Vec::new(), ..rest });
        }
        let cut = |child: Self| child.cut_to(extent.top, below);
        self.children = self.children.into_iter().map(cut).collect();
        self
    }
}

/// Whether a part belongs into one of the two trees of names.
fn is_in_tree(part: &Part) -> bool {
    let is_apart = part.name.starts_with(RESERVED) && !part.name.starts_with(VARIANTS_PREFIX);
    matches!(part.role, Role::Resource | Role::Variant | Role::Folder) && !is_apart
}

fn last_segment(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdall_archive::Method;

    fn part(role: Role, name: &str, packed_size: u64) -> Part {
        Part {
            role,
            name: name.to_owned(),
            header_len: 30,
            packed_size,
            size: 2 * packed_size,
            method: Method::Deflated,
            mode: 0o644,
            media_type: String::new(),
            digest: None,
        }
    }

    fn tree() -> Node {
        let parts = vec![
            part(Role::Executable, "", 1000),
            part(Role::Folder, ".holdall/", 0),
            part(Role::Manifest, ".holdall/manifest.json", 50),
            part(Role::Folder, "a/", 0),
            part(Role::Resource, "a/b/c", 7),
            part(Role::Resource, "a/d", 9),
            part(Role::Folder, "a-b/", 0),
            part(Role::Resource, "a-b/e", 5),
            part(Role::Folder, ".holdall/variants/", 0),
            part(Role::Variant, ".holdall/variants/a/d.br", 4),
            part(Role::Index, ".holdall/index", 80),
        ];
        let file_len = parts.iter().map(Part::len).sum();
        Node::of_file("file".into(), &Anatomy { file_len, parts })
    }

    fn lines(node: &Node, indent: usize, lines: &mut Vec<String>) {
        lines.push(format!("{:indent$}{} {}", "", node.name, node.bytes));
        node.children.iter().for_each(|child| self::lines(child, indent + 1, lines));
    }

    fn shown(node: &Node) -> Vec<String> {
        let mut shown = Vec::new();
        lines(node, 0, &mut shown);
        shown
    }

    #[test]
    fn directories_are_the_sums_of_what_is_in_them() {
        let root = tree();
        assert_eq!(
            shown(&root),
            [
                "file 1485",
                " executable 1030",
                " resources/ 171",
                "  a/ 106",
                "   d 39",
                "   b/ 37",
                "    c 37",
                "  a-b/ 65",
                "   e 35",
                " index 110",
                " manifest 80",
                " variants/ 64",
                "  a/ 34",
                "   d.br 34",
                " .holdall/ 30",
            ]
        );
        assert_eq!((root.size, root.packed_size, root.files), (2310, 1155, 6));
    }

    #[test]
    fn what_is_cut_off_is_still_counted() {
        let root = tree().cut(Extent { depth: 2, top: 0 });
        let resources = shown(&root.children[1]);
        assert_eq!(root.children.len(), 6);
        assert_eq!(resources, ["resources/ 171", " … 2 more 171"]);
        assert_eq!(shown(&tree().cut(Extent { depth: 0, top: 2 })), ["file 1485"]);
        assert_eq!(tree().cut(Extent::all()), tree());
        let root = tree().cut(Extent { depth: 2, top: 1 });
        assert_eq!(shown(&root.children[1]), ["resources/ 171", " a/ 106", " a-b/ 65"]);
    }
}
