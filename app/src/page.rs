//! The pages: templates among the resources, filled in with what the resources say of themselves.

use std::fs;

use holdall_resources::{Origin, Resource, Resources};

use crate::Error;
use crate::template::{Value, render};

/// The page that greets `name` with the word `greeting`.
pub fn greeting(resources: &Resources, greeting: &str, name: &str) -> Result<String, Error> {
    let row = resources.read_to_string("data/resource.html")?;
    let (mut rows, mut count, mut total_bytes) = (String::new(), 0_u64, 0);
    for resource in resources.walk("")? {
        let resource = resource?;
        rows += &table_row(&row, &resource)?;
        count += 1;
        total_bytes += resource.size();
    }
    let values = [
        ("greeting", Value::Text(greeting)),
        ("name", Value::Text(name)),
        ("version", Value::Text(env!("CARGO_PKG_VERSION"))),
        ("origin", Value::Text(&origin(resources))),
        ("executable_size", Value::Text(&size(executable_bytes()))),
        ("resource_count", Value::Text(&count.to_string())),
        ("resource_size", Value::Text(&size(total_bytes))),
        ("rows", Value::Html(&rows)),
    ];
    Ok(render(&resources.read_to_string("data/index.html")?, &values)?)
}

/// The page for a path under which there is nothing.
pub fn not_found(resources: &Resources, path: &str) -> Result<String, Error> {
    let template = resources.read_to_string("data/404.html")?;
    Ok(render(&template, &[("path", Value::Text(path))])?)
}

fn table_row(template: &str, resource: &Resource<'_>) -> Result<String, Error> {
    let digest = hex(&resource.digest()?[..6]);
    let values = [
        ("name", Value::Text(resource.name())),
        ("media_type", Value::Text(&resource.media_type())),
        ("size", Value::Text(&size(resource.size()))),
        ("digest", Value::Text(&digest)),
    ];
    Ok(render(template, &values)?)
}

fn origin(resources: &Resources) -> String {
    match resources.origin() {
        Origin::Bundle { .. } => "This page came out of one executable file. It was read where \
            it lies: nothing was unpacked, nothing was installed."
            .to_owned(),
        other => format!("In development: this page was read from {other}. Edit it and reload."),
    }
}

/// The size of the file that runs, whatever its name is by now.
fn executable_bytes() -> u64 {
    fs::metadata("/proc/self/exe").map_or(0, |file| file.len())
}

/// `704 B`, `5.8 kB`, `3.1 MB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
