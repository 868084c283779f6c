#![allow(missing_docs)]
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct SandboxError;
pub struct Sandbox { pub read: Vec<std::path::PathBuf>, pub write: Vec<std::path::PathBuf> }
#[derive(Debug)] pub enum Confinement { Landlock { abi: u32 }, Unavailable }
impl std::fmt::Display for Confinement { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("x") } }
impl Sandbox { pub fn close(&self) -> Result<Confinement, SandboxError> { Ok(Confinement::Unavailable) } }
