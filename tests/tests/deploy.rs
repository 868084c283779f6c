//! `holdall deploy kubernetes`: the manifests, as a reader of YAML understands them.

use std::fs;
use std::path::Path;

use holdall_tests::fixtures;
use holdall_tests::{Scratch, tools};
use serde_json::{Value, json};

const IMAGE: &str = "registry.example.com/site:1.0";

/// The manifests that are written for a bundle, in their order.
fn manifests(scratch: &Scratch, bundle: &Path, arguments: &[&str]) -> Vec<Value> {
    let run = scratch.holdall().args(["deploy", "kubernetes", "--image", IMAGE]).arg(bundle);
    let yaml = run.args(arguments).ok().stdout;
    tools::tool("yq").args(["--slurp", "."]).input(yaml).ok().json().as_array().unwrap().clone()
}

fn refused(scratch: &Scratch, bundle: &Path, arguments: &[&str], code: i32, told: &str) {
    let run = scratch.holdall().args(["deploy", "kubernetes", "--image", IMAGE]).arg(bundle);
    let line = run.args(arguments).fails(code);
    assert!(line.contains(told), "{line}");
}

#[test]
fn a_site_gets_a_closed_deployment_and_a_service() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let [deployment, service] = manifests(&scratch, &site, &[]).try_into().unwrap();
    assert_eq!(deployment["kind"], "Deployment");
    assert_eq!(deployment["metadata"]["labels"]["app.kubernetes.io/version"], "1.2.3");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({ "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                "seccompProfile": { "type": "RuntimeDefault" } })
    );
    let container = &pod["containers"][0];
    assert_eq!(
        container["securityContext"],
        json!({ "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] } })
    );
    assert_eq!(container["image"], IMAGE);
    assert_eq!(container["args"], json!(["--admin=tcp:9090"]));
    let ports = json!([{ "name": "http", "containerPort": 8080 },
                       { "name": "admin", "containerPort": 9090 }]);
    assert_eq!(container["ports"], ports);
    let probe = |name: &str| container[name]["httpGet"].clone();
    assert_eq!(probe("readinessProbe"), json!({ "path": "/readyz", "port": "admin" }));
    assert_eq!(probe("livenessProbe"), json!({ "path": "/livez", "port": "admin" }));
    // What it says is what the selector finds, and the port that it names is there.
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for selector in [&deployment["spec"]["selector"]["matchLabels"], &service["spec"]["selector"]] {
        assert_eq!(selector["app.kubernetes.io/name"], labels["app.kubernetes.io/name"]);
    }
    let expected = json!([{ "name": "http", "port": 80, "targetPort": "http" }]);
    assert_eq!(service["spec"]["ports"], expected);
    assert_eq!(pod["terminationGracePeriodSeconds"], 30);
}

#[test]
fn certificates_get_a_volume_and_low_ports_are_made_free() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let le = "--arg=--port=le:/srv/www/certs:domains=a.example,b.example:tcp:443";
    let arguments =
        [le, "--arg=--port=redirect:tcp:80", "--arg=--grace-period=1m", "--name", "Www_Site"];
    let [claim, deployment, service] = manifests(&scratch, &site, &arguments).try_into().unwrap();
    assert_eq!(claim["kind"], "PersistentVolumeClaim");
    let spec = &deployment["spec"];
    assert_eq!(spec["strategy"]["type"], "Recreate");
    let pod = &spec["template"]["spec"];
    let volume = json!([{ "name": "certificates",
        "persistentVolumeClaim": { "claimName": claim["metadata"]["name"] } }]);
    assert_eq!(pod["volumes"], volume);
    // The directory itself is in the volume, whose root its group can write to.
    let mounts = json!([{ "name": "certificates", "mountPath": "/srv/www" }]);
    assert_eq!(pod["containers"][0]["volumeMounts"], mounts);
    assert_eq!(pod["securityContext"]["fsGroup"], 65532);
    let sysctls = json!([{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "80" }]);
    assert_eq!(pod["securityContext"]["sysctls"], sysctls);
    assert_eq!(pod["terminationGracePeriodSeconds"], 80);
    assert_eq!(service["metadata"]["name"], "www-site");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    let ports = json!([{ "name": "https", "port": 443, "targetPort": "https" },
                       { "name": "http", "port": 80, "targetPort": "http" }]);
    assert_eq!(service["spec"]["ports"], ports);
}

#[test]
fn arguments_stay_what_they_are() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let strange = "--greeting=yes: \"#{x}\" \\ 'größe'\n- *a";
    let [deployment, _] =
        manifests(&scratch, &site, &[&format!("--arg={strange}")]).try_into().unwrap();
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(args, &json!([strange, "--admin=tcp:9090"]));
}

#[test]
fn a_program_of_its_own_has_the_ports_that_one_tells() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    refused(&scratch, &probe, &[], 64, "give --expose PORT");
    let [deployment, _] = manifests(&scratch, &probe, &["--expose", "7000"]).try_into().unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["livenessProbe"]["tcpSocket"], json!({ "port": "http" }));
    assert_eq!(container["args"], Value::Null);
}

#[test]
fn what_kubernetes_could_not_do_is_refused() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let refused = |arguments: &[&str], told: &str| refused(&scratch, &site, arguments, 64, told);
    refused(&["--arg=--admin=tcp:9090:interface=127.0.0.1"], "can't be asked from outside");
    refused(&["--arg=--admin=unix:/run/a.sock"], "can't be asked from outside");
    refused(&["--arg=--port=unix:/run/a.sock"], "give --expose PORT");
    refused(&["--arg=--port=le:/certs:tcp:443"], "/certs has to lie in a directory");
    refused(&["--expose", "9090"], "port 9090 is taken twice");
    refused(&["--name", "1site"], "\"1site\" can't be the name of a service");
}

#[test]
fn bad_input_is_refused_and_the_old_file_stays() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let old = scratch.write("old.yaml", "old");
    refused(&scratch, &scratch.write("text", "text"), &["-o", "old.yaml"], 65, "has no archive");
    refused(&scratch, Path::new("missing"), &["-o", "old.yaml"], 66, "missing");
    refused(&scratch, &site, &["-o", "www"], 73, "www");
    refused(&scratch, &site, &["--arg=--port=tcp:x", "-o", "old.yaml"], 78, "is no endpoint");
    assert_eq!(fs::read(&old).unwrap(), b"old");
    let run = scratch.holdall().args(["deploy", "kubernetes", "--image", IMAGE]).arg(&site);
    run.args(["-o", "old.yaml"]).ok();
    assert!(fs::read_to_string(&old).unwrap().contains("kind: Service"));
}
