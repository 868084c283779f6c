//! The files of accounts, passwd(5) and group(5).

use std::fs;
use std::io;

use super::{AccountKind, IdentityError};

/// What the two files say.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: String,
    groups: String,
}

/// A user or a group as it was asked for.
#[derive(Debug)]
pub(super) enum Key<'a> {
    Name(&'a str),
    Number(u32),
}

/// A user: the fields of passwd(5) that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    pub number: u32,
    pub group: u32,
    /// `None` if the number has no entry.
    pub name: Option<String>,
}

impl Accounts {
    pub fn read() -> Result<Self, IdentityError> {
        let users = read(AccountKind::User)?;
        Ok(Self { users, groups: read(AccountKind::Group)? })
    }

    pub fn user(&self, key: &Key<'_>) -> Result<User, IdentityError> {
        let mut users = self.users.lines().filter_map(parse_user);
        let found = users.find(|user| key.is(user.name.as_deref(), user.number));
        match (found, key) {
            (Some(user), _) => Ok(user),
            (None, &Key::Number(number)) => Ok(User { number, group: number, name: None }),
            (None, Key::Name(name)) => Err(unknown(AccountKind::User, name)),
        }
    }

    pub fn group(&self, key: &Key<'_>) -> Result<u32, IdentityError> {
        match *key {
            Key::Number(number) => Ok(number),
            Key::Name(name) => {
                let mut groups = self.groups.lines().filter_map(parse_group);
                let found = groups.find(|group| group.name == name);
                found.map(|group| group.number).ok_or_else(|| unknown(AccountKind::Group, name))
            }
        }
    }

    /// The groups that list this user as a member.
    pub fn groups_of(&self, user: &str) -> impl Iterator<Item = u32> {
        let groups = self.groups.lines().filter_map(parse_group);
        let of_user = groups.filter(move |group| group.members.split(',').any(|name| name == user));
        of_user.map(|group| group.number)
    }
}

impl<'a> Key<'a> {
    /// Digits are a number, all else is a name.
    pub fn parse(kind: AccountKind, text: &'a str) -> Result<Self, IdentityError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Name(text));
        }
        let number = text.parse().ok().and_then(valid);
        let out_of_range = || IdentityError::OutOfRange { kind, number: text.to_owned() };
        number.map(Self::Number).ok_or_else(out_of_range)
    }

    fn is(&self, name: Option<&str>, number: u32) -> bool {
        match *self {
            Self::Name(wanted) => name == Some(wanted),
            Self::Number(wanted) => number == wanted,
        }
    }
}

/// A file that does not exist has no entries: there are containers without accounts.
fn read(kind: AccountKind) -> Result<String, IdentityError> {
    match fs::read(kind.file()) {
        // Names are ASCII; the fields that may be in any encoding don't matter here.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(IdentityError::Unreadable { path: kind.file().into(), source }),
    }
}

/// A line of group(5): `name:password:number:member,member`.
struct Group<'a> {
    name: &'a str,
    number: u32,
    members: &'a str,
}

/// A line of passwd(5), `name:password:number:group:…`; `None` for one that is none.
fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let number = valid(fields.nth(1)?.parse().ok()?)?;
    let group = valid(fields.next()?.parse().ok()?)?;
    Some(User { number, group, name: Some(name) })
}

fn parse_group(line: &str) -> Option<Group<'_>> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let number = valid(fields.nth(1)?.parse().ok()?)?;
    Some(Group { name, number, members: fields.next()? })
}

/// The highest number means "no change" to setresuid(2), so nobody can have it.
fn valid(number: u32) -> Option<u32> {
    (number != u32::MAX).then_some(number)
}

fn unknown(kind: AccountKind, name: &str) -> IdentityError {
    IdentityError::Unknown { kind, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let users = "\
            root:x:0:0:root:/root:/bin/sh\n\
            # a comment\n\
            +@netgroup::::::\n\
            broken:x:12\n\
            :x:13:13:no name::\n\
            huge:x:4294967295:7::/:\n\
            www:x:33:34:Web Server,,,:/var/www:/usr/sbin/nologin\n\
            www:x:99:99:hidden by the first::\n";
        let groups = "\
            root:x:0:\n\
            ssl:x:107:mail,www\n\
            broken:x\n\
            huge:x:4294967295:www\n\
            www:x:34:www\n\
            wwwdata:x:35:www2,2www\n\
            log:x:108:www\n";
        Accounts { users: users.to_owned(), groups: groups.to_owned() }
    }

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let www = User { number: 33, group: 34, name: Some("www".to_owned()) };
        assert_eq!(accounts().user(&Key::Name("www")).unwrap(), www);
        assert_eq!(accounts().user(&Key::Number(33)).unwrap(), www);
    }

    #[test]
    fn a_number_needs_no_entry() {
        let user = Accounts::default().user(&Key::Number(1000)).unwrap();
        assert_eq!(user, User { number: 1000, group: 1000, name: None });
        assert_eq!(Accounts::default().group(&Key::Number(1000)).unwrap(), 1000);
    }

    #[test]
    fn lines_that_are_no_entry_are_passed_over() {
        for name in ["", "# a comment", "+@netgroup", "broken", "huge"] {
            accounts().user(&Key::Name(name)).unwrap_err();
            accounts().group(&Key::Name(name)).unwrap_err();
        }
    }

    #[test]
    fn groups_are_those_that_list_the_user() {
        assert_eq!(accounts().groups_of("www").collect::<Vec<_>>(), [107, 34, 108]);
        assert_eq!(accounts().groups_of("root").count(), 0);
        assert_eq!(accounts().group(&Key::Name("ssl")).unwrap(), 107);
    }

    #[test]
    fn an_identity_has_its_group_first_and_once() {
        let groups = |user, group| {
            let identity = super::super::Identity::find_in(&accounts(), user, group).unwrap();
            identity.groups.iter().map(|group| group.as_raw()).collect::<Vec<_>>()
        };
        assert_eq!(groups(Some("www"), None), [34, 107, 108]);
        assert_eq!(groups(Some("33"), None), [34, 107, 108]);
        assert_eq!(groups(Some("www"), Some("log")), [108, 107, 34]);
        assert_eq!(groups(None, Some("log")), [108]);
    }
}
