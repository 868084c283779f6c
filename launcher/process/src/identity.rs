//! The user and groups that a server goes on as once its endpoints are open.

mod accounts;
mod error;

use std::fmt;

use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid};

use crate::threads;
use accounts::{Accounts, Key};
pub use error::{AccountKind, IdentityError};

/// A user and its groups, or a group alone; nothing of it is in force before
/// [`assume`](Identity::assume).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: Option<Uid>,
    group: Option<Gid>,
    /// As initgroups(3) would have them: the group itself comes first.
    groups: Vec<Gid>,
}

impl Identity {
    /// Looks a user and a group up, by name or by number.
    ///
    /// A user brings the groups of which it is a member, and its own group if `group` is `None`.
    /// A number need not be known: the group is then of the same number.
    ///
    /// `/etc/passwd` and `/etc/group` (passwd(5), group(5)) are the only sources: a program that
    /// is linked statically can't load the modules of nsswitch.conf(5).
    ///
    /// # Errors
    /// A name that is in neither file, a number out of range, a file that can't be read.
    ///
    /// ```
    /// use holdall_process::identity::Identity;
    ///
    /// let identity = Identity::find(Some("4711"), None)?;
    /// assert_eq!(identity.to_string(), "user 4711, group 4711");
    /// # Ok::<(), holdall_process::identity::IdentityError>(())
    /// ```
    pub fn find(user: Option<&str>, group: Option<&str>) -> Result<Self, IdentityError> {
        if user.is_none() && group.is_none() {
            return Ok(Self { user: None, group: None, groups: Vec::new() });
        }
        Self::find_in(&Accounts::read()?, user, group)
    }

    /// Goes on as this user and these groups, with no way back: real, effective and saved.
    ///
    /// A process that already is this user and group keeps its other groups if it may not change
    /// them: whoever started it chose them. The kernel makes the process undumpable (prctl(2),
    /// `PR_SET_DUMPABLE`) and forgets its `PR_SET_PDEATHSIG`.
    ///
    /// # Errors
    /// A process without the right to it ([`IdentityError::is_not_permitted`]), more than one
    /// thread, or what the kernel says. The process must then end: it may be half changed.
    pub fn assume(&self) -> Result<(), IdentityError> {
        threads::require_one()?;
        // In this order: who is no longer root may no longer change groups.
        if let Some(group) = self.group {
            self.set_groups()?;
            let result = set_thread_res_gid(group, group, group);
            result.map_err(|errno| self.failed("setresgid", errno))?;
        }
        if let Some(user) = self.user {
            let result = set_thread_res_uid(user, user, user);
            result.map_err(|errno| self.failed("setresuid", errno))?;
        }
        self.verify()
    }

    fn find_in(
        accounts: &Accounts,
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Self, IdentityError> {
        let user = user.map(|text| accounts.user(&Key::parse(AccountKind::User, text)?));
        let user = user.transpose()?;
        let group = group.map(|text| accounts.group(&Key::parse(AccountKind::Group, text)?));
        let group = group.transpose()?.or(user.as_ref().map(|user| user.group));
        let member_of = user.iter().filter_map(|user| user.name.as_deref());
        let others = member_of.flat_map(|name| accounts.groups_of(name));
        let mut groups: Vec<u32> = group.into_iter().collect();
        groups.extend(others.filter(|other| Some(*other) != group));
        Ok(Self {
            user: user.map(|user| Uid::from_raw(user.number)),
            group: group.map(Gid::from_raw),
            groups: groups.into_iter().map(Gid::from_raw).collect(),
        })
    }

    fn set_groups(&self) -> Result<(), IdentityError> {
        match set_thread_groups(&self.groups) {
            Err(Errno::PERM) if self.is_in_force() => Ok(()),
            result => result.map_err(|errno| self.failed("setgroups", errno)),
        }
    }

    fn is_in_force(&self) -> bool {
        let is_user = self.user.is_none_or(|user| user == getuid() && user == geteuid());
        is_user && self.group.is_none_or(|group| group == getgid() && group == getegid())
    }

    /// Believes the kernel, not the calls: tries to become root again.
    fn verify(&self) -> Result<(), IdentityError> {
        if !self.is_in_force() {
            return Err(IdentityError::NotInForce { identity: self.clone() });
        }
        let is_unprivileged = self.user.is_some_and(|user| !user.is_root());
        if is_unprivileged && set_thread_uid(Uid::ROOT).is_ok() {
            return Err(IdentityError::RootAgain { identity: self.clone() });
        }
        Ok(())
    }

    fn failed(&self, call: &'static str, errno: Errno) -> IdentityError {
        let identity = self.clone();
        match errno {
            Errno::PERM => IdentityError::NotPermitted { identity, call, source: errno.into() },
            _ => IdentityError::System { identity, call, source: errno.into() },
        }
    }
}

/// `user 33, group 33`: the numbers, for messages.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.user, self.group) {
            (Some(user), Some(group)) => {
                write!(f, "user {}, group {}", user.as_raw(), group.as_raw())
            }
            (_, Some(group)) => write!(f, "group {}", group.as_raw()),
            (..) => f.write_str("the user that started it"),
        }
    }
}
