//! `--certificates`: what certificates there are, and how each gets its next one.

use std::io::{self, Write};

use holdall_acme::{Status, inspect};
use holdall_bundle::ExitCode;
use holdall_certificates::Certificates;
use holdall_endpoint::{Acme, Tls};
use jiff::Timestamp;
use serde::Serialize;

use crate::check;
use crate::failure::Failure;
use crate::options::Options;

/// How the answer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

/// One certificate, or the wish for one.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    status: Status,
    /// Whether nobody needs to have a look.
    well: bool,
}

/// Tells it on standard output, from the files alone: the server need not run.
///
/// With `is_check`, the exit code tells whether all is well, as monitoring wants it.
///
/// # Errors
/// A directory that can't be read, files that can't be used.
pub(crate) fn print(
    options: &Options,
    format: Format,
    is_check: bool,
) -> Result<ExitCode, Failure> {
    let now = Timestamp::now();
    let mut rows = Vec::new();
    let endpoints = options.endpoints.iter().chain(&options.admin);
    for tls in endpoints.filter_map(|endpoint| endpoint.tls.as_ref()) {
        for status in statuses(tls)? {
            let is_known = rows.iter().any(|row: &Row| row.status == status);
            if !is_known {
                rows.push(Row { well: status.is_well_at(now), status });
            }
        }
    }
    let text = match format {
        Format::Table => table(&rows),
        Format::Json => serde_json::to_string_pretty(&rows).unwrap_or_default() + "\n",
    };
    // A reader that went away has read enough.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    let is_well = !rows.is_empty() && rows.iter().all(|row| row.well);
    Ok(if is_check && !is_well { ExitCode::Unavailable } else { ExitCode::Success })
}

fn statuses(tls: &Tls) -> Result<Vec<Status>, Failure> {
    Ok(match tls {
        Tls::Acme(acme) => tended(acme)?,
        files => {
            let certificates = Certificates::load(check::source(files))?.list();
            certificates.into_iter().map(|one| Status::of_file(&one)).collect()
        }
    })
}

/// By the files of a directory, which need not be there before the first start; then the names that
/// the endpoint asks for and that have no file yet.
pub(crate) fn tended(acme: &Acme) -> Result<Vec<Status>, Failure> {
    let mut all = if acme.path.exists() { inspect(&acme.path)? } else { Vec::new() };
    for name in &acme.domains {
        if !all.iter().any(|status| status.name == *name) {
            all.push(Status::wanted(name));
        }
    }
    Ok(all)
}

const HEAD: [&str; 5] = ["NAME", "STATE", "EXPIRES", "NEXT ATTEMPT", "AUTHORITY"];

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no certificates, and none asked for\n".to_owned();
    }
    let time = |time: Option<Timestamp>| {
        time.map_or("-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
    };
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|Row { status, .. }| {
            [
                status.name.clone(),
                status.state.to_string(),
                time(status.not_after),
                time(status.next),
                status.authority.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(&cells);
    let width = |column: usize| all().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<_> = (0..HEAD.len()).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line: Vec<_> = cells.collect();
        format!("{}\n", line.join("  ").trim_end())
    };
    let mut text = line(&head);
    for (cells, Row { status, .. }) in cells.iter().zip(rows) {
        text += &line(cells);
        if let Some(error) = &status.error {
            text += &format!("  {error}\n");
        }
    }
    text
}
