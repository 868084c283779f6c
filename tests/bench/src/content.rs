//! Content that is the same in every run: web files that compress as web files do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::bundles::{FIRST, Resource};

/// xorshift64*: the same sequence on every machine.
pub struct Random(u64);

impl Random {
    /// The sequence of a seed, which must not be 0.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// Small numbers more often than large ones, as words in a text are.
    fn skewed(&mut self, limit: usize) -> usize {
        let (one, other) = (self.below(limit), self.below(limit));
        one * other / limit * self.below(limit) / limit
    }

    /// Bytes that nothing compresses.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.flatten().take(length).collect()
    }
}

/// One KB to be read first, and as much more as makes `megabytes`.
pub fn first_and_filler(megabytes: usize) -> Vec<Resource> {
    const PIECE: usize = 1_000_000;
    let mut random = Random::new(11);
    let filler = (0..megabytes).map(|n| (format!("filler/{n:03}.bin"), random.bytes(PIECE)));
    std::iter::once(first()).chain(filler).collect()
}

/// The resource that is read first.
pub fn first() -> Resource {
    (FIRST.to_owned(), b"the first resource\n".iter().copied().cycle().take(1024).collect())
}

/// Many small stored files: `data/0000000.txt` and so on, each of `size_bytes`.
pub fn numbered(files: usize, size_bytes: usize) -> Vec<Resource> {
    let content = |number| format!("{number:>7}\n").into_bytes().repeat(size_bytes.div_ceil(8));
    let file = |number| {
        let mut content = content(number);
        content.truncate(size_bytes);
        (format!("data/{number:07}.txt"), content)
    };
    (0..files).map(file).collect()
}

/// Writes resources as loose files.
pub fn write_tree(directory: &Path, resources: &[Resource]) -> Result<()> {
    for (name, content) in resources {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(path, content)?;
    }
    Ok(())
}

/// A copy of the executable `program` with bytes behind it, so that it has about `megabytes`.
pub fn padded(program: &Path, megabytes: usize, output: PathBuf) -> Result<PathBuf> {
    let mut content = fs::read(program)?;
    let padding = (megabytes * 1_000_000).saturating_sub(content.len());
    content.extend(Random::new(13).bytes(padding));
    fs::write(&output, content)?;
    fs::set_permissions(&output, fs::metadata(program)?.permissions())?;
    Ok(output)
}

/// The kinds of files of a web site: extension, share in a thousand, typical size in bytes.
const KINDS: [(&str, usize, usize); 7] = [
    ("js", 330, 26_000),
    ("html", 220, 12_000),
    ("css", 90, 10_000),
    ("json", 120, 14_000),
    ("svg", 90, 5_000),
    ("png", 110, 40_000),
    ("woff2", 40, 30_000),
];

/// A web site of `files` files in directories of about fifty, typical sizes scaled by `scale`.
pub fn site(files: usize, scale: f64) -> Vec<Resource> {
    let mut random = Random::new(17);
    let words = Words::new(&mut random);
    (0..files).map(|number| site_file(number, scale, &words, &mut random)).collect()
}

/// A page of `size_bytes` or a little more.
pub fn page(size_bytes: usize) -> Vec<u8> {
    let mut random = Random::new(23);
    Words::new(&mut random).text("html", size_bytes, &mut random)
}

fn site_file(number: usize, scale: f64, words: &Words, random: &mut Random) -> Resource {
    let (kind, typical) = pick_kind(random);
    // From a quarter of the typical size to about twice of it.
    let factor = 0.25 + random.below(1000) as f64 / 1000.0 * 1.5;
    let size = (typical as f64 * scale * factor) as usize + 40;
    let name = format!("part{:03}/{}-{number}.{kind}", number / 50, words.any(random));
    let content = match kind {
        "png" | "woff2" => random.bytes(size),
        text => words.text(text, size, random),
    };
    (name, content)
}

fn pick_kind(random: &mut Random) -> (&'static str, usize) {
    let mut dice = random.below(1000);
    for (kind, share, typical) in KINDS {
        match dice.checked_sub(share) {
            Some(rest) => dice = rest,
            None => return (kind, typical),
        }
    }
    (KINDS[0].0, KINDS[0].2)
}

/// A vocabulary.
struct Words(Vec<String>);

impl Words {
    fn new(random: &mut Random) -> Self {
        const SYLLABLES: [&str; 24] = [
            "al", "be", "con", "der", "en", "for", "ga", "hel", "in", "ka", "lo", "men", "ne",
            "or", "per", "qui", "re", "sta", "ti", "un", "ver", "wa", "y", "zen",
        ];
        let mut word = || {
            let syllables = 1 + random.below(4);
            (0..syllables).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect()
        };
        Words((0..6000).map(|_| word()).collect())
    }

    fn any(&self, random: &mut Random) -> &str {
        &self.0[random.skewed(self.0.len())]
    }

    /// `size` bytes or a line more, of one kind.
    fn text(&self, kind: &str, size: usize, random: &mut Random) -> Vec<u8> {
        let mut text = String::with_capacity(size + 200);
        while text.len() < size {
            let line = match kind {
                "js" => self.script(random),
                "css" => self.rule(random),
                "json" => self.record(random),
                "svg" => path(random),
                _ => self.paragraph(random),
            };
            text.push_str(&line);
        }
        text.into_bytes()
    }

    fn script(&self, random: &mut Random) -> String {
        let [name, argument, called, field] = std::array::from_fn(|_| self.any(random).to_owned());
        let number = random.below(5000);
        match random.below(4) {
            0 => format!(
                "export function {name}({argument}) {{\n  return {called}({argument}.{field}, {number});\n}}\n"
            ),
            1 => format!("  if ({name}.{field} !== {argument}) {{ this.{called} = {number}; }}\n"),
            2 => format!(
                "  const {name} = await {called}({argument}, {{ {field}: \"{}\" }});\n",
                self.sentence(4, random)
            ),
            _ => format!("  // {}\n", self.sentence(9, random)),
        }
    }

    fn rule(&self, random: &mut Random) -> String {
        let (name, other) = (self.any(random).to_owned(), self.any(random).to_owned());
        let (margin, colour) = (random.below(64), random.below(0xff_ffff));
        format!(".{name} .{other} {{\n  margin: {margin}px;\n  color: #{colour:06x};\n}}\n")
    }

    fn record(&self, random: &mut Random) -> String {
        let (id, price) = (random.below(10_000_000), random.below(100_000));
        let (name, note) = (self.sentence(2, random), self.sentence(7, random));
        format!(
            "{{\"id\": {id}, \"name\": \"{name}\", \"price\": {price}, \"note\": \"{note}\"}},\n"
        )
    }

    fn paragraph(&self, random: &mut Random) -> String {
        let class = self.any(random).to_owned();
        let length = 20 + random.below(40);
        format!("<p class=\"{class}\">{}</p>\n", self.sentence(length, random))
    }

    fn sentence(&self, length: usize, random: &mut Random) -> String {
        let words: Vec<&str> = (0..length).map(|_| self.any(random)).collect();
        words.join(" ")
    }
}

fn path(random: &mut Random) -> String {
    let points = (0..8)
        .map(|_| format!("L{} {}.{} ", random.below(800), random.below(600), random.below(10)));
    format!("<path fill=\"none\" stroke=\"#333\" d=\"M0 0 {}Z\"/>\n", points.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_same_every_time_and_about_as_large_as_said() {
        let files = site(1000, 1.0);
        assert_eq!(files, site(1000, 1.0));
        let size: usize = files.iter().map(|(_, content)| content.len()).sum();
        assert!((16_000_000..24_000_000).contains(&size), "{size}");
        let mut names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 1000);
    }

    #[test]
    fn numbered_files_have_the_size_that_was_asked_for() {
        let files = numbered(3, 100);
        assert!(files.iter().all(|(_, content)| content.len() == 100));
        assert_eq!(files[2].0, "data/0000002.txt");
    }
}
