#![allow(missing_docs)]
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct IdentityError; impl IdentityError { pub fn is_not_permitted(&self) -> bool { true } }
pub struct Identity; impl Identity { pub fn find(_: Option<&str>, _: Option<&str>) -> Result<Self, IdentityError> { Ok(Self) } pub fn assume(&self) -> Result<(), IdentityError> { Ok(()) } }
