//! The example service: built and packed by the bundler, as a linked program and as a plug-in.

use std::path::PathBuf;
use std::sync::OnceLock;

use holdall_tests::{Run, Scratch, Server, programs};

/// The example, packed once for each kind.
fn sayhello(kind: &'static str) -> PathBuf {
    static PACKED: OnceLock<(Scratch, PathBuf, PathBuf)> = OnceLock::new();
    let (_, linked, plugin) = PACKED.get_or_init(|| {
        let scratch = Scratch::new();
        let pack = |kind: &str| {
            let run = scratch.bundler(kind).arg(programs::repository().join("app"));
            run.env("CARGO", env!("CARGO"))
                .args(["--entry-point", kind, "--locked"])
                .compiling()
                .ok();
            scratch.path(kind)
        };
        let (linked, plugin) = (pack("linked"), pack("plugin"));
        (scratch, linked, plugin)
    });
    if kind == "linked" { linked.clone() } else { plugin.clone() }
}

/// What everybody can see of the example.
fn check(server: &Server) {
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("world"), "{}", page.text());
    let greeting = server.get("/hello/Ada%20L%C3%B6velace");
    assert!(greeting.text().contains("Ada Lövelace"), "{}", greeting.text());
    let hostile = server.get("/hello/%3Cscript%3E");
    assert!(hostile.text().contains("&lt;script&gt;") && !hostile.text().contains("<script>"));
    for (path, kind) in
        [("/style.css", "text/css; charset=utf-8"), ("/holdall.svg", "image/svg+xml")]
    {
        let asset = server.get(path);
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(kind)));
        let file = ["app/resources/data", path].concat();
        assert_eq!(asset.body, std::fs::read(programs::repository().join(file)).unwrap());
    }
    assert_eq!(server.get("/nothing").status, 404);
}

#[test]
fn it_is_served_by_a_linked_program() {
    let server = Server::from_run(
        Run::new(sayhello("linked")).env_clear().current_dir("/").args(["--port", "tcp:0"]),
    );
    let address = (std::net::Ipv4Addr::LOCALHOST, server.address.port()).into();
    assert!(holdall_tests::http::get(address, "/hello/you").text().contains("you"));
    let server = Server::start(sayhello("linked"));
    check(&server);
    assert!(server.stop().success());
}

#[test]
fn it_is_served_by_a_plugin() {
    let server = Server::start(sayhello("plugin"));
    check(&server);
    assert!(server.stop().success());
}

#[test]
fn it_answers_what_every_bundle_answers() {
    for kind in ["linked", "plugin"] {
        let bundle = sayhello(kind);
        let listed = Run::new(&bundle).arg("--list-resources").ok();
        assert!(listed.lines().contains(&"data/index.html"), "{}", listed.text());
        let page = Run::new(&bundle).args(["--cat-resource", "data/index.html"]).ok();
        let source = programs::repository().join("app/resources/data/index.html");
        assert_eq!(page.stdout, std::fs::read(source).unwrap());
        let info = Run::new(&bundle).arg("--bundle-info=json").ok().json();
        assert_eq!(
            (&info["name"], &info["entry_point"]["kind"]),
            (&"sayhello".into(), &kind.into())
        );
        assert!(Run::new(&bundle).arg("--verify").ok().text().contains(": ok, "));
    }
}

#[test]
fn in_development_it_reads_the_directory() {
    let cargo = || Run::new(env!("CARGO")).current_dir(programs::repository().join("app"));
    cargo().args(["build", "--quiet"]).compiling().ok();
    let run = cargo();
    let run = run.args(["run", "--quiet", "--", "--port", "tcp:0:interface=127.0.0.1"]);
    let server = Server::from_run(run);
    check(&server);
    // Cargo has become the server: no signal is lost on the way.
    assert!(server.stop().success());
}
