//! Precedence, origins and errors of options.

use super::*;

const GREETING: ServiceOption =
    ServiceOption { name: "greeting", value: Some("TEXT"), default: Some("Hello"), help: "A word" };
const LOUD: ServiceOption = ServiceOption { name: "loud", value: None, default: None, help: "" };

/// What options come from, as a test writes them.
#[derive(Default, Clone, Copy)]
struct Case<'a> {
    command_line: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    manifest: &'a [&'a str],
}

impl Case<'_> {
    fn parse(self) -> Result<Options, Failure> {
        self.with_invocation(Options::parse)
    }

    fn options(self) -> Options {
        self.parse().unwrap()
    }

    fn error(self) -> String {
        match self.parse() {
            Err(Failure::Usage(error)) => {
                assert!(error.use_stderr());
                error.render().to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    fn with_invocation<T>(self, with: impl FnOnce(&Invocation) -> T) -> T {
        let rest = self.command_line.iter().map(OsString::from).collect();
        let arguments = Arguments { program: "test".to_owned(), rest };
        let manifest = manifest(self.manifest);
        let variable = |name: &str| {
            let found = self.environment.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.into())
        };
        with(&Invocation {
            arguments: &arguments,
            manifest: Some(&manifest),
            declared: &[GREETING, LOUD],
            variable: &variable,
        })
    }
}

fn manifest(arguments: &[&str]) -> Manifest {
    let digest = "0".repeat(64);
    let arguments = arguments.iter().map(|argument| format!("{argument:?}")).collect::<Vec<_>>();
    let json = format!(
        r#"{{ "format": 1, "name": "test", "version": "1.0",
            "entry_point": {{ "kind": "site", "payload": null }}, "arguments": [{}],
            "built": {{ "by": "test", "target": "test" }},
            "prefix": {{ "size": 1, "sha256": "{digest}" }},
            "content": {{ "files": 1, "size": 1, "digest": "sha256:{digest}" }} }}"#,
        arguments.join(", ")
    );
    Manifest::from_json(json.as_bytes()).unwrap()
}

const CLI_ENV_MANIFEST: Case = Case {
    command_line: &["--grace-period=4", "--port=4", "--greeting=four", "--allow-path=/4"],
    environment: &[
        ("HOLDALL_GRACE_PERIOD", "3"),
        ("HOLDALL_PORT", "3 unix:/3"),
        ("HOLDALL_GREETING", "three"),
        ("HOLDALL_ALLOW_PATH", "/3"),
        ("PORT", "33"),
    ],
    manifest: &["--grace-period=2", "-p2", "-p22", "--greeting=two", "--allow-path", "/2"],
};

fn summary(case: Case) -> (u64, String, String, String) {
    let options = case.options();
    let ports: Vec<_> = options.endpoints.iter().map(ToString::to_string).collect();
    let sandbox = options.sandbox.unwrap_or_default();
    let readable: Vec<_> = sandbox.readable.iter().map(|path| path.display().to_string()).collect();
    (
        options.lifecycle.grace_period.as_secs(),
        ports.join(" "),
        options.service.get("greeting").unwrap().to_owned(),
        readable.join(" "),
    )
}

#[test]
fn the_command_line_comes_before_environment_manifest_and_default() {
    let expect = |case, grace, ports: &str, greeting: &str, readable: &str| {
        let expected = (grace, ports.to_owned(), greeting.to_owned(), readable.to_owned());
        assert_eq!(summary(case), expected);
    };
    let all = CLI_ENV_MANIFEST;
    expect(all, 4, "tcp:4", "four", "/2 /3 /4");
    let no_command_line = Case { command_line: &[], ..all };
    expect(no_command_line, 3, "tcp:3 unix:/3", "three", "/2 /3");
    let manifest_alone = Case { environment: &[], ..no_command_line };
    expect(manifest_alone, 2, "tcp:2 tcp:22", "two", "/2");
    expect(Case::default(), 10, "tcp:8080", "Hello", "");
    expect(Case { manifest: &[], environment: &[], ..all }, 4, "tcp:4", "four", "/4");
}

#[test]
fn each_value_knows_where_it_comes_from() {
    let origins = |case: Case| {
        let given = case.options().given;
        let of = |given: &Given| format!("{} {}", given.arguments().join(" "), given.origin);
        given.iter().map(of).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(origins(Case::default()), "");
    let case = Case { command_line: &["--greeting=four", "--allow-path=/4"], ..CLI_ENV_MANIFEST };
    assert_eq!(
        origins(case),
        "--greeting=four command line\n\
         --port=3 --port=unix:/3 HOLDALL_PORT in the environment\n\
         --grace-period=3 HOLDALL_GRACE_PERIOD in the environment\n\
         --allow-path=/2 default arguments of the bundle\n\
         --allow-path=/3 HOLDALL_ALLOW_PATH in the environment\n\
         --allow-path=/4 command line"
    );
}

#[test]
fn flags_can_be_taken_back_in_the_environment() {
    let set = |case: Case| {
        let options = case.options();
        (options.sandbox.is_none(), options.service.is_set("loud"))
    };
    let manifest: &[&str] = &["--no-sandbox", "--loud"];
    let no: &[(&str, &str)] = &[("HOLDALL_NO_SANDBOX", "0"), ("HOLDALL_LOUD", "no")];
    let yes: &[(&str, &str)] = &[("HOLDALL_NO_SANDBOX", "1"), ("HOLDALL_LOUD", "true")];
    assert_eq!(set(Case::default()), (false, false));
    assert_eq!(set(Case { manifest, ..Case::default() }), (true, true));
    assert_eq!(set(Case { manifest, environment: no, ..Case::default() }), (false, false));
    assert_eq!(set(Case { environment: yes, ..Case::default() }), (true, true));
    assert_eq!(set(Case { environment: no, command_line: manifest, manifest: &[] }), (true, true));
}

#[test]
fn port_alone_is_a_tcp_port_where_nothing_else_is_said() {
    let ports = |environment, command_line| {
        summary(Case { environment, command_line, manifest: &["-p2"] }).1
    };
    assert_eq!(ports(&[("PORT", "5000")], &[]), "tcp:5000");
    assert_eq!(ports(&[("PORT", "5000")], &["-p1"]), "tcp:1");
    assert_eq!(ports(&[("PORT", "5000"), ("HOLDALL_PORT", "3")], &[]), "tcp:3");
    assert_eq!(ports(&[("PORT", "")], &[]), "tcp:2");
    assert_eq!(ports(&[("PORT", "5000"), ("HOLDALL_PORT", "")], &[]), "tcp:5000");
}

#[test]
fn errors_name_the_place_of_the_value() {
    for (variable, value, problem) in [
        ("HOLDALL_PORT", "8080 tcp:http", "column 5"),
        ("HOLDALL_GRACE_PERIOD", "5 days", "wanted a time"),
        ("HOLDALL_MAX_BODY_BYTES", "x", "wanted a size"),
        ("HOLDALL_LOG_LEVEL", "loud", "debug"),
        ("HOLDALL_NO_SANDBOX", "perhaps", "neither 1 nor 0"),
        ("PORT", "http", "no port"),
    ] {
        let error = Case { environment: &[(variable, value)], ..Case::default() }.error();
        let begin = format!("error: {variable} in the environment: ");
        assert!(error.starts_with(&begin) && error.contains(problem), "{error}");
    }
    for arguments in [["--port=tcp:http"], ["--prot=1"], ["--verify"], ["--help"], ["stray"]] {
        let error = Case { manifest: &arguments, ..Case::default() }.error();
        assert!(error.starts_with("error: default arguments of the bundle: "), "{error}");
    }
    for arguments in [["--port=tcp:http"], ["--prot=1"], ["stray"]] {
        let error = Case { command_line: &arguments, ..Case::default() }.error();
        assert!(error.starts_with("error: ") && error.lines().count() < 8, "{error}");
    }
}

#[test]
fn a_socket_is_opened_once() {
    let error = |ports: &[&str]| Case { command_line: ports, ..Case::default() }.error();
    assert!(error(&["-p8080", "-ptcp:8080"]).starts_with("error: tcp:8080 is given twice"));
    assert!(error(&["-punix:/a", "--admin=unix:/a"]).contains("unix:/a is given twice"));
    let options = Case { command_line: &["-p0", "-p0", "--admin=0"], ..Case::default() }.options();
    assert_eq!((options.endpoints.len(), options.admin.is_some()), (2, true));
}

#[test]
fn the_help_shows_what_holds_where_nothing_is_typed() {
    let case = Case { command_line: &["--help"], ..CLI_ENV_MANIFEST };
    let Err(Failure::Usage(help)) = case.parse() else { panic!("no help") };
    let help = help.render().to_string();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("when the server ends [default: 3]"), "{help}");
    assert!(words.contains("Options of test: --greeting <TEXT> A word [default: three]"), "{help}");
    for heading in ["Endpoints", "Lifecycle", "Sandbox", "Limits", "Logs", "Questions", "Examples"]
    {
        assert!(help.contains(&format!("\n{heading}")), "{heading}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn the_commands_are_consistent() {
    Case::default().with_invocation(|invocation| {
        invocation.full_command().unwrap().debug_assert();
        invocation.settings_command().debug_assert();
    });
}
