//! `holdall inspect` and `holdall info --tree`: where the bytes of a bundle are, as a page and as text.

use std::fs;
use std::path::Path;

use holdall_tests::fixtures;
use holdall_tests::{Run, Scratch, programs, tools};
use serde_json::Value;
use snapbox::{assert_data_eq, str};

/// What a page was told.
fn data(page: impl AsRef<Path>) -> Value {
    data_of(&fs::read_to_string(page).unwrap())
}

fn data_of(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// Has other readers of HTML and zip look at the page and the bundle.
fn compare(scratch: &Scratch, page: &str, bundle: &str) {
    let script = tools::tool("python3").arg(fixtures::fixture("page.py"));
    let compared = script.args([page, bundle]).current_dir(scratch.dir()).ok();
    assert!(compared.text().ends_with(" entries\n"), "{}", compared.text());
}

/// Runs the scripts of the page over its data; returns what is there twice.
fn duplicates(scratch: &Scratch, page: &str) -> Value {
    let scripts = programs::repository().join("bundler/src/report");
    let script = tools::tool("node").arg(fixtures::fixture("page.cjs")).arg(scripts);
    script.arg(page).current_dir(scratch.dir()).ok().json()
}

/// A damaged copy of the bundle `site`: one byte in the data of `text.txt` is another.
fn damaged(scratch: &Scratch, site: &Path) {
    let script = "import sys, zipfile\n\
                  info = zipfile.ZipFile(sys.argv[1]).getinfo('text.txt')\n\
                  print(info.header_offset + 30 + len(info.filename) + 100)";
    let offset = tools::tool("python3").args(["-c", script]).arg(site).ok();
    let mut bytes = fs::read(site).unwrap();
    bytes[offset.text().trim().parse::<usize>().unwrap()] ^= 0x10;
    scratch.write("damaged", bytes);
}

#[test]
fn a_page_says_what_others_find_in_the_bundle() {
    let scratch = Scratch::new();
    fixtures::site(&scratch, "www");
    scratch.write("www/twin/copy.css", "body { margin: 0 }\n");
    scratch.bundle("www", "site", &["--variants", "br,zstd"]);
    let told = scratch.holdall().args(["inspect", "site"]).ok();
    assert!(told.stderr.contains("Wrote site.html"), "{}", told.stderr);
    compare(&scratch, "site.html", "site");
    let twins = duplicates(&scratch, "site.html");
    let is_found = |twin: &Value| twin[1] == "style.css" && twin[2] == "twin/copy.css";
    assert!(twins.as_array().unwrap().iter().any(is_found), "{twins}");
    let data = data(scratch.path("site.html"));
    assert_eq!(data["health"]["problems_len"], 0);
    assert_eq!(data["bundle"]["kind"], "site");
    let roles: Vec<_> = data["roles"].as_array().unwrap().iter().collect();
    assert_eq!(roles[data["parts"]["role"][0].as_u64().unwrap() as usize], "executable");
}

#[test]
fn a_program_and_its_payload_are_shown() {
    let scratch = Scratch::new();
    fixtures::probe_bundle(&scratch);
    scratch.holdall().args(["inspect", "probe", "-o", "page.html"]).ok();
    compare(&scratch, "page.html", "probe");
    assert_eq!(duplicates(&scratch, "page.html"), Value::Array(vec![]));
    let bundle = &data(scratch.path("page.html"))["bundle"];
    assert_eq!(bundle["kind"], "exec");
    assert!(bundle["payload"].as_str().unwrap().starts_with(".holdall/bin/"), "{bundle}");
    let tree = scratch.holdall().args(["info", "--tree", "probe"]).ok();
    assert!(tree.text().contains("─ payload probe"), "{}", tree.text());
}

#[test]
fn the_same_bundle_gives_the_same_page_wherever_it_is() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let page = scratch.holdall().args(["inspect", "site", "-o", "-"]).ok();
    assert_eq!(page.stderr, "");
    scratch.write("else/where/site", fs::read(&site).unwrap());
    scratch.holdall().args(["inspect", "else/where/site", "-q"]).ok();
    assert_eq!(fs::read(scratch.path("site.html")).unwrap(), page.stdout);
    assert!(!page.text().contains("else/where"));
    damaged(&scratch, &site);
    fs::rename(scratch.path("damaged"), scratch.path("else/where/site")).unwrap();
    let page = scratch.holdall().args(["inspect", "else/where/site", "-o", "-"]).end();
    assert_eq!(page.code(), 65);
    assert!(!page.text().contains("else/where"), "the page tells where the bundle was");
}

#[test]
fn names_that_are_code_stay_names() {
    let scratch = Scratch::new();
    let names = [
        "<img src=x onerror=alert(1)>.svg",
        "<script>alert(1)<",
        "a'\"&amp;<b>.html",
        "\u{202e}gnp.exe",
        "\u{2028}line\u{2029}.txt",
        "{{data}}",
        "__proto__",
        "constructor",
        "<!--",
    ];
    for name in names {
        scratch.write(Path::new("www").join(name), name);
    }
    scratch.write("www/__proto__x/toString/hasOwnProperty", "x");
    scratch.write("www/<b>/script>/a", "x");
    scratch.bundle("www", "a&<script>.run", &[]);
    scratch.holdall().args(["inspect", "a&<script>.run", "-o", "page.html"]).ok();
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    assert_eq!(page.matches("<script").count(), 2, "a name became a script");
    assert!(!page.contains(['\u{202e}', '\u{2028}', '\u{2029}']), "a name turns the text");
    assert!(!page.contains("<img") && !page.contains("<b>"));
    assert_eq!(duplicates(&scratch, "page.html")[0][0].as_u64().map(|cost| cost > 0), Some(true));
    let shown = data_of(&page)["parts"]["name"].to_string();
    for name in [names[0], names[5], names[6], r"\u{202e}gnp.exe", r"\u{2028}line"] {
        let json = Value::from(name).to_string();
        assert!(shown.contains(json.trim_matches('"')), "{name} is not in {shown}");
    }
    let tree = scratch.holdall().args(["info", "--tree", "--all", "a&<script>.run"]).ok();
    assert!(!tree.text().contains('\u{202e}') && tree.text().contains(r"\u{202e}gnp.exe"));
}

#[test]
fn a_damaged_bundle_has_a_page_that_says_what_is_damaged() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    damaged(&scratch, &site);
    let ended = scratch.holdall().args(["inspect", "damaged"]).end();
    assert_eq!((ended.code(), ended.text()), (65, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("Wrote damaged.html"), "{}", ended.stderr);
    assert!(ended.stderr.contains("\"text.txt\" is damaged"), "{}", ended.stderr);
    let data = data(scratch.path("damaged.html"));
    let problem = &data["health"]["problems"][0];
    assert!(problem["text"].as_str().unwrap().starts_with("damaged: \"text.txt\" is"), "{problem}");
    let part = problem["part"].as_u64().unwrap() as usize;
    assert_eq!(data["parts"]["name"][part], "text.txt");
}

#[test]
fn an_edited_bundle_has_a_page_that_says_so() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    fs::rename(site, scratch.path("site.run")).unwrap();
    scratch.write("www/added.txt", "new\n");
    let zip = tools::tool("zip").args(["-q", "../site.run", "added.txt"]);
    zip.current_dir(scratch.path("www")).ok();
    let ended = scratch.holdall().args(["inspect", "site.run"]).end();
    assert_eq!(ended.code(), 65, "{}", ended.stderr);
    assert!(ended.stderr.contains("was edited"), "{}", ended.stderr);
    let data = data(scratch.path("site.run.html"));
    assert_ne!(data["health"]["index"], "used");
    let names = data["parts"]["name"].as_array().unwrap();
    assert!(names.contains(&"added.txt".into()), "{names:?}");
}

#[test]
fn what_is_no_bundle_has_no_page() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let bytes = fs::read(&site).unwrap();
    scratch.write("text", "not a bundle\n");
    scratch.write("empty", "");
    scratch.write("cut", &bytes[..bytes.len() / 2]);
    scratch.write("plain/a.txt", "a");
    let zip = tools::tool("zip").args(["-q", "../plain.zip", "a.txt"]);
    zip.current_dir(scratch.path("plain")).ok();
    fs::copy("/bin/true", scratch.path("program")).unwrap();
    let cases = [
        ("text", 65, "has no archive"),
        ("empty", 65, "has no archive"),
        ("cut", 65, "is truncated"),
        ("plain.zip", 65, "no manifest"),
        ("program", 65, "has no archive"),
        ("missing", 66, "No such file"),
        ("plain", 66, "plain"),
    ];
    let before = scratch.names("");
    for (file, code, words) in cases {
        for command in [&["inspect"][..], &["info", "--tree"]] {
            let line = scratch.holdall().args(command).arg(file).fails(code);
            assert!(line.starts_with("holdall: ") && line.contains(words), "{file}: {line}");
        }
    }
    assert_eq!(scratch.names(""), before, "something was written");
}

#[test]
fn a_page_that_cannot_be_written_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let bundle = fs::read(&site).unwrap();
    fs::create_dir(scratch.path("directory")).unwrap();
    std::os::unix::fs::symlink("site", scratch.path("link")).unwrap();
    let before = scratch.names("");
    let cases = [
        ("directory", 73),
        ("missing/page.html", 73),
        ("site/page.html", 73),
        ("/dev/null", 73),
        ("/proc/page.html", 73),
        ("site", 64),
        ("./link", 64),
    ];
    for (output, code) in cases {
        let line = scratch.holdall().args(["inspect", "site", "-o", output]).fails(code);
        assert!(line.contains(output), "{line}");
    }
    // The standard output that is full fails, one that was closed has had enough.
    let full = "\"$1\" inspect site -o - >/dev/full";
    let run = |script: &str| {
        let shell = tools::tool("bash").args(["-c", script, "bash"]).arg(programs::holdall());
        shell.current_dir(scratch.dir()).end()
    };
    assert_eq!(run(full).code(), 74);
    assert_eq!(run("\"$1\" inspect site -o - | head -c 1; exit ${PIPESTATUS[0]}").code(), 0);
    assert_eq!(scratch.names(""), before, "something was left behind");
    assert_eq!(fs::read(site).unwrap(), bundle, "the bundle was changed");
}

#[test]
fn an_older_page_is_replaced_as_a_whole() {
    let scratch = Scratch::new();
    fixtures::site_bundle(&scratch);
    scratch.write_program("site.html", "x".repeat(1 << 20));
    scratch.holdall().args(["inspect", "site", "--quiet"]).ok();
    let page = fs::read_to_string(scratch.path("site.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(scratch.path("site.html")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o111, 0, "a page is no program");
}

#[test]
fn many_entries_make_a_page_of_bounded_size() {
    const FILES: usize = 5_000;
    let scratch = Scratch::new();
    for number in 0..FILES {
        let name = format!("www/directory-{:03}/page-{number:05}.html", number / 100);
        scratch.write(name, number.to_string());
    }
    scratch.bundle("www", "site", &["--level", "0"]);
    scratch.holdall().args(["inspect", "site", "--quiet"]).ok();
    let length = fs::metadata(scratch.path("site.html")).unwrap().len();
    assert!(length < 120 * FILES as u64, "{length} bytes");
    let data = data(scratch.path("site.html"));
    assert_eq!(data["parts"]["name"].as_array().unwrap().len(), FILES + FILES / 100 + 5);
    assert_eq!(duplicates(&scratch, "site.html"), Value::Array(vec![]));
}

#[test]
fn a_tree_adds_up() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let tree = scratch.holdall().args(["info", "--tree", "--json", "site"]).ok().json();
    let length = fs::metadata(&site).unwrap().len();
    assert_eq!(tree["bytes"], length);
    fn check(node: &Value) {
        let Some(children) = node["children"].as_array() else { return };
        children.iter().for_each(check);
        let sum: u64 = children.iter().map(|child| child["bytes"].as_u64().unwrap()).sum();
        // What a directory has beside its children is the header of its own entry.
        let own = node["bytes"].as_u64().unwrap() - sum;
        assert!(own < 200, "{}: {own}", node["name"]);
    }
    check(&tree);
    let text = scratch.holdall().args(["info", "--tree", "site"]).ok();
    assert!(!text.text().contains('\x1b'), "colour in a pipe: {:?}", text.text());
    let noise = text.lines().into_iter().find(|line| line.ends_with(" noise.bin")).unwrap();
    assert_data_eq!(noise, str!["  10[..]   1.[..] %  [..]─ noise.bin"]);
}

#[test]
fn a_tree_is_as_deep_and_as_long_as_it_is_asked_to_be() {
    let scratch = Scratch::new();
    for number in 0..20 {
        scratch.write(format!("www/a/b/c/d/{number:02}.txt"), "x".repeat(number));
    }
    scratch.bundle("www", "site", &[]);
    let tree = |arguments: &[&str]| {
        let ended = scratch.holdall().args(["info", "--tree", "site"]).args(arguments).ok();
        ended.text().to_owned()
    };
    assert_eq!(tree(&["--depth", "0"]).lines().count(), 2);
    assert!(!tree(&[]).contains("─ c/") && tree(&["--depth", "4"]).contains("─ c/"));
    let cut = tree(&["--depth", "9", "--top", "3"]);
    assert!(cut.contains("19.txt") && !cut.contains("16.txt"), "{cut}");
    assert!(cut.contains("… 17 more"), "{cut}");
    assert!((0..20).all(|number| tree(&["--all"]).contains(&format!("{number:02}.txt"))));
    let json = scratch.holdall().args(["info", "--tree", "--json", "--depth", "1", "site"]).ok();
    assert!(json.json()["children"][0].get("children").is_none());
    for wrong in
        [&["--depth", "1"][..], &["--tree", "--all", "--top", "1"], &["--tree", "--top", "x"]]
    {
        assert_eq!(scratch.holdall().args(["info", "site"]).args(wrong).end().code(), 64);
    }
}

#[test]
fn a_tree_keeps_to_the_terminal() {
    let scratch = Scratch::new();
    scratch.write(format!("www/{}.txt", "long-name-".repeat(12)), "x");
    scratch.bundle("www", "site", &[]);
    let on_terminal = |columns: usize, environment: &str, arguments: &str| {
        let holdall = programs::holdall().display();
        let command =
            format!("stty cols {columns}; {environment} {holdall} info --tree site {arguments}");
        let script = tools::tool("script").args(["-qec", &command, "/dev/null"]);
        script.env("TERM", "xterm").current_dir(scratch.dir()).ok().text().to_owned()
    };
    let plain = |text: String| Run::new("sed").arg("s/\x1b\\[[0-9;]*m//g").input(text).ok();
    for columns in [40, 80, 120] {
        let shown = on_terminal(columns, "", "");
        assert!(shown.contains("\x1b["), "no colour on a terminal: {shown:?}");
        for line in plain(shown).lines() {
            assert!(line.trim_end().chars().count() <= columns, "{columns}: {line:?}");
        }
    }
    assert!(!on_terminal(80, "NO_COLOR=1", "").contains("\x1b["));
    assert!(!on_terminal(80, "", "--color never").contains("\x1b["));
    let always = scratch.holdall().args(["info", "--tree", "site", "--color", "always"]).ok();
    assert!(always.text().contains("\x1b["));
    assert!(always.text().contains(&"long-name-".repeat(12)), "cut where there is no terminal");
}
