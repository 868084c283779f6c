//! What wrk is told so that it asks for many files at random.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::site::MANY;

/// Writes the script.
pub fn write(directory: &Path) -> Result<PathBuf> {
    let path = directory.join("many.lua");
    fs::write(&path, text())?;
    Ok(path)
}

/// The requests are made before the first is sent: the generator has no time to lose.
fn text() -> String {
    let last = MANY - 1;
    format!(
        "math.randomseed(7)
local requests = {{}}
function init(args)
  for number = 0, {last} do
    requests[number] = wrk.format('GET', string.format('/many/%04d.bin', number))
  end
end
function request()
  return requests[math.random(0, {last})]
end
"
    )
}
