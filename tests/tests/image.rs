//! `holdall image`: what is in the archive, what others make of it, and that it runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use holdall_tests::fixtures;
use holdall_tests::{Scratch, Server, programs, tools};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An archive of `holdall image`, unpacked.
struct Layout {
    directory: PathBuf,
}

impl Layout {
    /// Makes the image of a bundle with these arguments, and unpacks it.
    fn of(scratch: &Scratch, bundle: &Path, arguments: &[&str]) -> Self {
        scratch.holdall().arg("image").arg(bundle).args(["-o", "image.tar"]).args(arguments).ok();
        let directory = scratch.path("layout");
        let _ = fs::remove_dir_all(&directory);
        unpack(&scratch.path("image.tar"), &directory);
        Self { directory }
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.directory.join(name)).unwrap()).unwrap()
    }

    /// Reads what a descriptor names, and holds length and digest against it.
    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let content = fs::read(self.directory.join("blobs/sha256").join(digest)).unwrap();
        assert_eq!(descriptor["size"], content.len());
        let found: String = Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found, digest);
        content
    }

    fn manifest(&self) -> Value {
        let index = self.json("index.json");
        serde_json::from_slice(&self.blob(&index["manifests"][0])).unwrap()
    }

    fn config(&self) -> Value {
        serde_json::from_slice(&self.blob(&self.manifest()["config"])).unwrap()
    }

    fn labels(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.config()["config"]["Labels"].clone()).unwrap()
    }

    /// The lines of `tar -tv` for the layer: mode, owner, size, time, name.
    fn layer(&self) -> Vec<String> {
        let layer = self.blob(&self.manifest()["layers"][0]);
        let tar = tools::tool("tar").args(["--numeric-owner", "-tvf", "-"]).env("TZ", "UTC");
        let listed = tar.input(layer).ok();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        listed.lines().into_iter().map(words).collect()
    }
}

fn unpack(archive: &Path, directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    tools::tool("tar").arg("-xf").arg(archive).arg("-C").arg(directory).ok();
}

/// `holdall image` of `bundle`, which has to fail in this way.
fn refused(scratch: &Scratch, bundle: &Path, arguments: &[&str], code: i32) -> String {
    let run = scratch.holdall().arg("image").arg(bundle).args(arguments);
    run.fails(code)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[test]
fn the_archive_is_an_image_layout_and_what_docker_saves() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let layout = Layout::of(&scratch, &site, &["--tag", "r.example.com/team/site:1.0"]);
    assert_eq!(layout.json("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }));

    let index = layout.json("index.json");
    let described = &index["manifests"][0];
    assert_eq!(described["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(described["platform"]["architecture"], architecture());
    let names = &described["annotations"];
    assert_eq!(names["org.opencontainers.image.ref.name"], "1.0");
    assert_eq!(names["io.containerd.image.name"], "r.example.com/team/site:1.0");

    let manifest = layout.manifest();
    let config = layout.config();
    let layer = layout.blob(&manifest["layers"][0]);
    assert_eq!(config["rootfs"]["diff_ids"], json!([manifest["layers"][0]["digest"]]));
    assert!(layer.len() as u64 > site.metadata().unwrap().len());

    let docker = &layout.json("manifest.json")[0];
    assert_eq!(docker["RepoTags"], json!(["r.example.com/team/site:1.0"]));
    let path = |descriptor: &Value| {
        format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"))
    };
    assert_eq!(docker["Config"], path(&manifest["config"]));
    assert_eq!(docker["Layers"], json!([path(&manifest["layers"][0])]));
}

#[test]
fn the_image_holds_the_bundle_and_says_how_to_run_it() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let layout = Layout::of(&scratch, &site, &["--no-git"]);
    let size = site.metadata().unwrap().len();
    assert_eq!(layout.layer(), [format!("-rwxr-xr-x 0/0 {size} 1980-01-01 00:00 site")]);
    let config = layout.config();
    assert_eq!(config["created"], "1980-01-01T00:00:00Z");
    assert_eq!(config["os"], "linux");
    let health = ["CMD", "/site", "--health", "http://127.0.0.1:8080/"];
    assert_eq!(config["config"]["Healthcheck"]["Test"], json!(health));
    let mut run = config["config"].clone();
    run.as_object_mut().unwrap().remove("Healthcheck");
    let expected = json!({
        "User": "65532:65532",
        "ExposedPorts": { "8080/tcp": {} },
        "Entrypoint": ["/site"],
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
        "Labels": {
            "org.opencontainers.image.created": "1980-01-01T00:00:00Z",
            "org.opencontainers.image.title": "site",
            "org.opencontainers.image.version": "1.2.3",
        },
    });
    assert_eq!(run, expected);
}

#[test]
fn certificates_get_a_volume_that_is_the_users() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let arguments = ["--arg=--port=le:/srv/www/certs:tcp:443", "--arg=--admin", "--arg=9090"];
    let more = ["--user", "1000:100", "--volume", "/data", "--expose", "7777"];
    let layout = Layout::of(&scratch, &site, &[&arguments[..], &more].concat());
    let run = layout.config()["config"].clone();
    assert_eq!(run["Volumes"], json!({ "/srv/www/certs": {}, "/data": {} }));
    assert_eq!(run["ExposedPorts"], json!({ "443/tcp": {}, "9090/tcp": {}, "7777/tcp": {} }));
    let given = ["--port=le:/srv/www/certs:tcp:443", "--admin", "9090"];
    assert_eq!(run["Cmd"], json!(given));
    assert_eq!(run["Healthcheck"]["Test"][3], "http://127.0.0.1:9090/readyz");
    let directories: Vec<_> = layout.layer().into_iter().filter(|l| l.starts_with('d')).collect();
    let expected = [
        "drwx------ 1000/100 0 1980-01-01 00:00 data/",
        "drwxr-xr-x 0/0 0 1980-01-01 00:00 srv/",
        "drwxr-xr-x 0/0 0 1980-01-01 00:00 srv/www/",
        "drwx------ 1000/100 0 1980-01-01 00:00 srv/www/certs/",
    ];
    assert_eq!(directories, expected);
}

#[test]
fn labels_come_from_the_bundle_and_the_user_comes_first() {
    let scratch = Scratch::new();
    scratch.write("public/index.html", "<p>hello\n");
    scratch.write(
        "public/holdall.toml",
        "name = \"labelled\"\nversion = \"2\"\n[about]\ndescription = \"Says hello\"\nlicense = \"MIT\"\n\
         authors = [\"A <a@example.com>\", \"B\"]\nhomepage = \"https://example.com\"\n\
         documentation = \"https://example.com/docs\"\nrepository = \"https://example.com/git\"\n",
    );
    let bundle = scratch.bundle("public", "labelled", &[]);
    let given = ["--label", "org.opencontainers.image.version=", "--label", "a=b=c", "--no-git"];
    let layout = Layout::of(&scratch, &bundle, &given);
    let expected = [
        ("a", "b=c"),
        ("org.opencontainers.image.authors", "A <a@example.com>, B"),
        ("org.opencontainers.image.created", "1980-01-01T00:00:00Z"),
        ("org.opencontainers.image.description", "Says hello"),
        ("org.opencontainers.image.documentation", "https://example.com/docs"),
        ("org.opencontainers.image.licenses", "MIT"),
        ("org.opencontainers.image.source", "https://example.com/git"),
        ("org.opencontainers.image.title", "labelled"),
        ("org.opencontainers.image.url", "https://example.com"),
    ];
    assert_eq!(layout.labels(), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
}

#[test]
fn the_commit_is_told_and_no_secret_of_the_remote() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let run = tools::tool("git").args(identity).args(arguments).current_dir(scratch.dir());
        run.env("GIT_CONFIG_GLOBAL", "/dev/null").ok().text().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "www/index.html"]);
    git(&["commit", "--quiet", "--message=first"]);
    git(&["remote", "add", "origin", "https://me:secret@example.com/site.git?key=1"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let label = |name: &str, layout: &Layout| {
        layout.labels().remove(&format!("org.opencontainers.image.{name}"))
    };
    let clean = Layout::of(&scratch, &site, &[]);
    assert_eq!(label("revision", &clean), Some(commit.clone()));
    assert_eq!(label("source", &clean).as_deref(), Some("https://example.com/site.git"));
    scratch.write("www/index.html", "changed\n");
    assert_eq!(label("revision", &Layout::of(&scratch, &site, &[])), Some(commit + "-dirty"));
    assert_eq!(label("revision", &Layout::of(&scratch, &site, &["--no-git"])), None);
}

#[test]
fn the_same_bundle_makes_the_same_archive_anywhere() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let copy = scratch.path("elsewhere/copy");
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    fs::copy(&site, &copy).unwrap();
    let image = |bundle: &Path, output: &str| {
        scratch.holdall().arg("image").arg(bundle).args(["-o", output]).ok();
        fs::read(scratch.path(output)).unwrap()
    };
    let first = image(&site, "first.tar");
    assert_eq!(first, image(&copy, "second.tar"));
    let piped = scratch.holdall().arg("image").arg(&site).args(["-o", "-"]).ok();
    assert_eq!(first, piped.stdout);

    let dated = scratch.holdall().arg("image").arg(&site).args(["-o", "dated.tar", "--json"]);
    let told = dated.env("SOURCE_DATE_EPOCH", "1700000000").ok().json();
    unpack(&scratch.path("dated.tar"), &scratch.path("dated"));
    let layout = Layout { directory: scratch.path("dated") };
    assert_eq!(layout.config()["created"], "2023-11-14T22:13:20Z");
    assert_eq!(told["digest"], layout.json("index.json")["manifests"][0]["digest"]);
    assert_eq!(told["id"], layout.manifest()["config"]["digest"]);
    assert_eq!(told["name"], "site:1.2.3");
}

#[test]
fn other_peoples_tools_read_it() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    for format in ["oci", "docker"] {
        let layout = Layout::of(&scratch, &site, &["--format", format]);
        let archive = scratch.path("image.tar").display().to_string();
        let read = |transport: &str| {
            let source = format!("{transport}:{archive}");
            tools::tool("skopeo").args(["inspect", "--config", &source]).ok().json()
        };
        let expected = &layout.config()["config"]["Entrypoint"];
        for transport in ["oci-archive", "docker-archive"] {
            assert_eq!(&read(transport)["config"]["Entrypoint"], expected, "{transport}");
        }
        // It checks every digest on the way.
        let (from, to) = (format!("oci-archive:{archive}"), format!("oci:copy-{format}:1.0"));
        let copy = tools::tool("skopeo").args(["--insecure-policy", "copy", "-q", &from, &to]);
        copy.current_dir(scratch.dir()).ok();
        let (image, bundle) = (format!("copy-{format}:1.0"), format!("unpacked-{format}"));
        let unpack =
            tools::tool("umoci").args(["unpack", "--rootless", "--image", &image, &bundle]);
        unpack.current_dir(scratch.dir()).ok();
        let spec = fs::read(scratch.path(format!("{bundle}/config.json"))).unwrap();
        let spec: Value = serde_json::from_slice(&spec).unwrap();
        assert_eq!(spec["process"]["args"], json!(["/site"]));
        let unpacked = fs::read(scratch.path(format!("{bundle}/rootfs/site"))).unwrap();
        assert!(unpacked == fs::read(&site).unwrap(), "the bundle is another one");
    }
}

/// What a runtime does with an image: its layer is the root, which nobody can write to, with `/proc`;
/// the bundle is process 1 there, and run by the user that the image names.
const CONTAINER: &str = r#"
    mount -t tmpfs tmpfs /mnt
    tar -xf "$1" -C /mnt
    mkdir /mnt/proc
    mount -o remount,bind,ro /mnt
    shift
    exec unshare --pid --fork --kill-child --mount-proc=/proc --root=/mnt --wd=/ \
        --setgid=65532 --setuid=65532 "$@"
"#;

#[test]
fn it_runs_as_the_first_process_of_nobody_with_nothing_else_there() {
    if !tools::root_for("can make such a container") {
        return;
    }
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let layout = Layout::of(&scratch, &site, &[]);
    let layer = scratch.write("layer.tar", layout.blob(&layout.manifest()["layers"][0]));
    let run = tools::in_mount_namespace(CONTAINER, [layer]).args(["/site", "--port"]);
    let mut server = Server::from_run(run.arg(holdall_tests::FREE_PORT).env_clear());
    assert_eq!(server.get("/").text(), fixtures::INDEX);

    let parent = server.pid().as_raw_nonzero().get();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let first: i32 = children.trim().parse().expect("one child");
    let status = fs::read_to_string(format!("/proc/{first}/status")).unwrap();
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(value("NSpid:").last().unwrap(), "1");
    assert_eq!(value("Uid:"), ["65532"; 4]);
    assert_eq!(value("CapEff:"), ["0000000000000000"]);
    kill_process(Pid::from_raw(first).unwrap(), Signal::TERM).unwrap();
    assert!(server.wait().success());
}

#[test]
fn what_could_not_run_there_is_refused() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let line = refused(&scratch, &probe, &["--tag", "probe:1"], 69);
    assert!(
        line.contains("it needs glibc 2.") && line.contains("build the program static"),
        "{line}"
    );

    let script = scratch.write_program("build/run.sh", "#!/bin/sh\n");
    let script = fixtures::exec_bundle(&scratch, &script, "script", &[]);
    let line = refused(&scratch, &script, &["--tag", "script:1"], 69);
    assert!(line.contains("it needs /bin/sh; a script needs an image that has"), "{line}");

    let service = fixtures::c_plugin(&scratch, "service.c", "build/service.so", &[]);
    let plugin = scratch.bundler("plugin").arg("files").arg("--path").arg(service);
    plugin.args(["--name", "plugin"]).ok();
    let line = refused(&scratch, &scratch.path("plugin"), &["--tag", "plugin:1"], 69);
    assert!(line.contains("a plug-in needs the dynamic loader"), "{line}");
    assert!(scratch.names("").iter().all(|name| !name.ends_with(".tar")));
}

#[test]
fn a_static_program_of_any_kind_is_taken() {
    let scratch = Scratch::new();
    let source = fixtures::fixture("probe.c");
    let program = scratch.path("probe-static");
    tools::tool("cc").args(["-std=gnu99", "-static", "-o"]).arg(&program).arg(source).ok();
    let probe = fixtures::exec_bundle(&scratch, &program, "probe", &["--bundle-version", "1"]);
    let run = Layout::of(&scratch, &probe, &[]).config()["config"].clone();
    assert_eq!(run["Entrypoint"], json!(["/probe"]));
    refused(&scratch, &probe, &["--health", "http://127.0.0.1/"], 64);
    // Its arguments are its own.
    assert_eq!((&run["ExposedPorts"], &run["Healthcheck"]), (&Value::Null, &Value::Null));
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let mut bytes = fs::read(&site).unwrap();
    // In the noise, which is stored.
    let noise = fixtures::noise();
    let place = bytes.windows(64).position(|part| part == &noise[..64]).unwrap();
    bytes[place] ^= 1;
    let line = refused(&scratch, &scratch.write("damaged", &bytes), &[], 65);
    assert!(line.contains("\"data/noise.bin\" is damaged"), "{line}");
    let cut = scratch.write("cut", &bytes[..bytes.len() / 2]);
    assert!(refused(&scratch, &cut, &[], 65).contains("truncated"));
    refused(&scratch, &scratch.write("text", "text"), &[], 65);
    refused(&scratch, Path::new("missing"), &[], 66);
    let this = std::env::current_exe().unwrap();
    refused(&scratch, &this, &[], 65);
    assert!(scratch.names("").iter().all(|name| !name.ends_with(".tar")));
}

#[test]
fn wrong_words_are_refused_and_the_old_archive_stays() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    scratch.write("old.tar", "old");
    let usage = |arguments: &[&str], told: &str| {
        let run = scratch.holdall().arg("image").arg(&site).args(["-o", "old.tar"]).args(arguments);
        let ended = run.end();
        assert_eq!(ended.code(), 64, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(told), "{arguments:?}: {}", ended.stderr);
    };
    usage(&["--tag", "say hello:1.0"], "\"say hello\" can't be in the name of an image");
    usage(&["--tag", "SayHello:1.0"], "\"SayHello\" can't be");
    usage(&["--tag", "sayhello:1 0"], "\"1 0\" is no tag");
    usage(&["--platform", "linux/vax"], "unknown platform \"linux/vax\"");
    let foreign = if architecture() == "s390x" { "linux/amd64" } else { "linux/s390x" };
    usage(&["--platform", foreign], &format!("is for linux/{}, not for", architecture()));
    usage(&["--label", "novalue"], "--label \"novalue\" is no NAME=VALUE");
    usage(&["--user", "nobody"], "--user \"nobody\" is no UID");
    usage(&["--volume", "/proc/x"], "\"/proc/x\" can't be a volume");
    usage(&["--volume", "/site/x"], "the bundle itself has this name");
    let wrong = scratch.holdall().arg("image").arg(&site).args(["-o", "old.tar"]);
    let line = wrong.arg("--arg=--port=tcp:99999").fails(78);
    assert!(line.contains("--port \"tcp:99999\" is no endpoint"), "{line}");
    assert_eq!(fs::read(scratch.path("old.tar")).unwrap(), b"old");

    let named = scratch.bundle("www", "named", &["--name", "Say Hello"]);
    let line = refused(&scratch, &named, &[], 64);
    assert!(line.contains("give --tag NAME:TAG"), "{line}");
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    refused(&scratch, &site, &["-o", "www"], 73);
    refused(&scratch, &site, &["-o", "nowhere/x.tar"], 73);
    refused(&scratch, &site, &["-o", "/dev/null"], 73);
    let image = format!("{} image site -o - >/dev/full", programs::holdall().display());
    let full = tools::tool("sh").args(["-c", &image]).current_dir(scratch.dir());
    let line = full.fails(74);
    assert!(line.contains("can't write to standard output"), "{line}");
    let names = scratch.names("");
    assert!(!names.iter().any(|name| name.contains("tar") || name.contains("tmp")), "{names:?}");
}

#[test]
fn memory_does_not_grow_with_the_bundle() {
    let scratch = Scratch::new();
    scratch.write("files/noise.bin", fixtures::noise_of(96 << 20, 7));
    scratch.bundle("files", "big", &["--name", "big", "--bundle-version", "1"]);
    // Half of what the bundle has, in kilobytes.
    let script = "ulimit -d 49152; exec \"$@\"";
    let limited = tools::tool("sh").args(["-c", script, "sh"]).arg(programs::holdall());
    limited.args(["image", "big", "-o", "big.tar"]).current_dir(scratch.dir()).ok();
    assert!(scratch.path("big.tar").metadata().unwrap().len() > 96 << 20);
}
