//! Manifests for Kubernetes: a deployment, a service, and a claim for a volume where certificates last.
//!
//! The text is YAML; every value that comes from elsewhere is written as a JSON string, which YAML reads
//! as it is (YAML 1.2, section 1.3). Fields: <https://kubernetes.io/docs/reference/kubernetes-api/>,
//! as of Kubernetes 1.30.

use crate::cli::KubernetesArgs;
use crate::deploy::error::DeployError;
use crate::image::content;
use crate::listening::{Listening, open_port, plain_tcp, values};
use holdall_bundle::{EntryPointKind, Manifest};
use holdall_endpoint::Endpoint;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Where every bundle tells how it goes that is not told otherwise.
const ADMIN: &str = "--admin=tcp:9090";

/// The user of an image that `holdall image` made without being told another.
const USER: u32 = 65532;

/// How long a service takes to be forgotten by those who send requests, and what remains after the grace
/// period; in seconds.
const FORGOTTEN_S: u64 = 5;
const STOP_MARGIN_S: u64 = 15;

/// What the bundle lets requests take when it ends, unless it is told otherwise: `--grace-period`.
const GRACE_PERIOD_S: u64 = 10;

/// A port of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    name: String,
    /// Where others connect to.
    outside: u16,
    /// Where the bundle listens.
    inside: u16,
}

/// All that the manifests say.
#[derive(Debug)]
struct Deployment<'a> {
    name: String,
    version: String,
    image: String,
    arguments: Vec<String>,
    replicas: u32,
    ports: Vec<Port>,
    /// The port that probes ask for `/livez` and `/readyz`; a program of its own has none.
    admin: Option<u16>,
    /// Where the volume is mounted.
    volumes: BTreeSet<String>,
    grace_period_s: u64,
    manifest: &'a Manifest,
}

/// The manifests for a bundle.
///
/// # Errors
/// [`DeployError`].
pub fn manifests(manifest: &Manifest, args: &KubernetesArgs) -> Result<String, DeployError> {
    let deployment = Deployment::new(manifest, args)?;
    let mut text = String::new();
    if !deployment.volumes.is_empty() {
        text += &deployment.claim();
    }
    text += &deployment.deployment();
    text += &deployment.service();
    Ok(text)
}

impl<'a> Deployment<'a> {
    fn new(manifest: &'a Manifest, args: &KubernetesArgs) -> Result<Self, DeployError> {
        let mut arguments = args.args.clone();
        let is_ours = manifest.entry_point.kind != EntryPointKind::Exec;
        let mut listening = Listening::of(manifest, &arguments)?;
        if is_ours && listening.admin.is_none() {
            arguments.push(ADMIN.to_owned());
            listening = Listening::of(manifest, &arguments)?;
        }
        let admin = listening.admin.as_ref().map(admin_port).transpose()?;
        let directories = listening.certificate_directories();
        let grace = [&arguments, &manifest.arguments]
            .into_iter()
            .find_map(|list| values(list, "--grace-period", None).last());
        let grace_period_s = grace.and_then(seconds).unwrap_or(GRACE_PERIOD_S);
        Ok(Self {
            name: name(args.name.as_deref().unwrap_or(&manifest.name))?,
            version: label(&manifest.version),
            image: args.image.to_string(),
            replicas: args.replicas,
            ports: ports(&listening, &args.ports, admin)?,
            admin,
            volumes: directories.into_iter().map(volume).collect::<Result<BTreeSet<_>, _>>()?,
            grace_period_s,
            manifest,
            arguments,
        })
    }

    fn claim(&self) -> String {
        let mode = if self.replicas > 1 { "ReadWriteMany" } else { "ReadWriteOnce" };
        format!(
            "\
# Certificates and the account at the authority: they have to last.
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
spec:
  accessModes: [{mode}]
  resources:
    requests:
      storage: 64Mi
---
",
            name = self.name
        )
    }

    fn deployment(&self) -> String {
        // A volume for one pod is free only when the old pod is gone.
        let strategy = match (self.volumes.is_empty(), self.replicas) {
            (false, 0 | 1) => "Recreate",
            _ => "RollingUpdate",
        };
        let Self { name, version, replicas, .. } = self;
        format!(
            "\
# {title}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/version: {version}
spec:
  replicas: {replicas}
  strategy:
    type: {strategy}
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
        app.kubernetes.io/version: {version}
    spec:
{pod}",
            title = comment(&format!("{} {}", self.manifest.name, self.manifest.version)),
            version = quote(version),
            pod = self.pod(),
        )
    }

    fn pod(&self) -> String {
        format!(
            "      # It asks nothing of the cluster, and variables of other services are none of its options.
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {stop_s}
      securityContext:
        runAsNonRoot: true
        runAsUser: {USER}
        runAsGroup: {USER}
{fs_group}        seccompProfile:
          type: RuntimeDefault
{sysctls}      containers:
        - name: {name}
          image: {image}
{arguments}          ports:
{ports}{probes}          lifecycle:
            preStop:
              # Until nobody sends it requests any more; then it answers those that it has, and ends.
              sleep:
                seconds: {FORGOTTEN_S}
          resources:
            requests:
              cpu: 50m
              memory: 32Mi
            limits:
              memory: 256Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
{mounts}",
            stop_s = FORGOTTEN_S + self.grace_period_s + STOP_MARGIN_S,
            fs_group = self.fs_group(),
            sysctls = self.sysctls(),
            name = self.name,
            image = quote(&self.image),
            arguments = self.arguments(),
            ports = self.container_ports(),
            probes = self.probes(),
            mounts = self.mounts(),
        )
    }

    fn fs_group(&self) -> String {
        match self.volumes.is_empty() {
            true => String::new(),
            // Once only: what is in the volume belongs to the bundle, which keeps it to itself.
            false => {
                format!("        fsGroup: {USER}\n        fsGroupChangePolicy: OnRootMismatch\n")
            }
        }
    }

    /// A user who is not root has no capability after execve(2), so ports below 1024 are made free.
    fn sysctls(&self) -> String {
        let inside = self.ports.iter().map(|port| port.inside).chain(self.admin);
        let Some(lowest) = inside.min().filter(|port| *port < 1024) else { return String::new() };
        format!(
            "        sysctls:
          - name: net.ipv4.ip_unprivileged_port_start
            value: \"{lowest}\"\n"
        )
    }

    fn arguments(&self) -> String {
        if self.arguments.is_empty() {
            return String::new();
        }
        let lines = self.arguments.iter().map(|arg| format!("            - {}\n", quote(arg)));
        format!("          args:\n{}", lines.collect::<String>())
    }

    fn container_ports(&self) -> String {
        let ports = self.ports.iter().map(|port| (port.name.as_str(), port.inside));
        let admin = self.admin.map(|port| ("admin", port));
        ports.chain(admin).fold(String::new(), |mut lines, (name, port)| {
            let _ =
                writeln!(lines, "            - name: {name}\n              containerPort: {port}");
            lines
        })
    }

    fn probes(&self) -> String {
        let ask = |path: &str| match self.admin {
            Some(_) => format!(
                "            httpGet:\n              path: {path}\n              port: admin\n"
            ),
            None => format!("            tcpSocket:\n              port: {}\n", self.ports[0].name),
        };
        format!(
            "          readinessProbe:
{}            periodSeconds: 5
          livenessProbe:
{}            periodSeconds: 10
            timeoutSeconds: 5
",
            ask("/readyz"),
            ask("/livez")
        )
    }

    fn mounts(&self) -> String {
        if self.volumes.is_empty() {
            return String::new();
        }
        let mut lines = String::from("          volumeMounts:\n");
        for path in &self.volumes {
            let _ = writeln!(
                lines,
                "            - name: certificates\n              mountPath: {}",
                quote(path)
            );
        }
        let _ = writeln!(
            lines,
            "      volumes:
        - name: certificates
          persistentVolumeClaim:
            claimName: {}",
            self.name
        );
        lines
    }

    fn service(&self) -> String {
        let outside = match self.volumes.is_empty() {
            true => String::new(),
            false => {
                "  # The authority has to reach it, and it is not ready before it has a certificate.
  type: LoadBalancer
  externalTrafficPolicy: Local
  publishNotReadyAddresses: true
"
                .to_owned()
            }
        };
        let ports = self.ports.iter().fold(String::new(), |mut lines, port| {
            let Port { name, outside, .. } = port;
            let _ = writeln!(
                lines,
                "    - name: {name}\n      port: {outside}\n      targetPort: {name}"
            );
            lines
        });
        format!(
            "\
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
spec:
{outside}  selector:
    app.kubernetes.io/name: {name}
  ports:
{ports}",
            name = self.name
        )
    }
}

/// Where probes can ask in clear text.
fn admin_port(endpoint: &Endpoint) -> Result<u16, DeployError> {
    let port = plain_tcp(endpoint).and_then(|_| open_port(endpoint));
    port.ok_or_else(|| DeployError::Admin { endpoint: endpoint.to_string() })
}

/// The ports of the service: the first of each kind gets the port that everybody knows.
fn ports(
    listening: &Listening,
    more: &[u16],
    admin: Option<u16>,
) -> Result<Vec<Port>, DeployError> {
    let told = listening.ports.iter();
    let told = told.filter_map(|endpoint| Some((open_port(endpoint)?, endpoint.tls.is_some())));
    let mut ports: Vec<Port> = Vec::new();
    for (inside, is_tls) in told.chain(more.iter().map(|port| (*port, false))) {
        let taken = ports.iter().map(|port| port.inside).chain(admin);
        if taken.into_iter().any(|port| port == inside) {
            return Err(DeployError::Twice { port: inside });
        }
        let (name, known) = if is_tls { ("https", 443) } else { ("http", 80) };
        let is_first = ports.iter().all(|port| port.name != name);
        let name = if is_first { name.to_owned() } else { format!("{name}-{inside}") };
        let outside = if is_first { known } else { inside };
        ports.push(Port { name, outside, inside });
    }
    if ports.is_empty() { Err(DeployError::NoPort) } else { Ok(ports) }
}

/// The directory to mount a volume at, so that a directory of certificates is in it.
///
/// With `fsGroup`, the root of a volume can be written to by its group.
fn volume(directory: &str) -> Result<String, DeployError> {
    let wrong = || DeployError::Directory { path: directory.to_owned() };
    let path = content::volume(directory).map_err(|_| wrong())?;
    match path.rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => Ok(parent.to_owned()),
        _ => Err(wrong()),
    }
}

/// What a service may be called.
fn name(text: &str) -> Result<String, DeployError> {
    let lower = text.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = lower.starts_with(|c: char| c.is_ascii_lowercase())
        && lower.chars().all(is_inner)
        && !lower.ends_with('-')
        && lower.len() <= 63;
    if is_name { Ok(lower) } else { Err(DeployError::Name { name: text.to_owned() }) }
}

/// What the value of a label may be: at most 63 letters and digits, with `-_.` between them.
fn label(text: &str) -> String {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let text: String = text.chars().map(|c| if is_inner(c) { c } else { '_' }).take(63).collect();
    text.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// Whole seconds of a time as bundles take it: `30`, `500ms`, `30s`, `5m`, `1h`.
fn seconds(time: &str) -> Option<u64> {
    let end = time.find(|c: char| !c.is_ascii_digit()).unwrap_or(time.len());
    let (number, unit) = time.split_at(end);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(number.div_ceil(1000)),
        "" | "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => None,
    }
    .filter(|seconds| *seconds <= 1 << 30)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_hosts() {
        assert_eq!(name("Say_Hello 1.0").unwrap(), "say-hello-1-0");
        for wrong in ["", "1a", "größe", "a-", "-a", &"a".repeat(64)] {
            assert!(matches!(name(wrong), Err(DeployError::Name { .. })), "{wrong}");
        }
    }

    #[test]
    fn labels_are_what_is_left_of_a_version() {
        assert_eq!(label("1.0.0-rc.1+build 7"), "1.0.0-rc.1_build_7");
        assert_eq!(label("(dev)"), "dev");
        assert_eq!(label(&"1".repeat(100)).len(), 63);
    }

    #[test]
    fn times_are_those_of_bundles() {
        let known = [("30", 30), ("1500ms", 2), ("30s", 30), ("5m", 300), ("1h", 3600)];
        assert!(known.into_iter().all(|(text, expected)| seconds(text) == Some(expected)));
        assert!(["", "x", "1d", "99999999999999999999"].iter().all(|text| seconds(text).is_none()));
    }

    #[test]
    fn certificates_lie_below_the_root_of_the_volume() {
        assert_eq!(volume("/srv/www/certs").unwrap(), "/srv/www");
        for wrong in ["/certs", "certs", "/", "/proc/x"] {
            assert!(matches!(volume(wrong), Err(DeployError::Directory { .. })), "{wrong}");
        }
    }
}
