//! Who may see the site: HTTP Basic authentication (RFC 7617), with passwords kept as bcrypt hashes.
//!
//! To compare a password with its hash takes long on purpose, so that is done elsewhere and its outcome remembered,
//! right or wrong, for as many credentials as fit.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::files::cache::{Cache, Weight};
use crate::respond::job::Work;

/// Users, and what is known of the credentials that were tried.
#[derive(Debug)]
pub(super) struct Guard {
    users: Vec<(String, Arc<str>)>,
    /// What a password is compared with if nobody has the name.
    nobody: Arc<str>,
    /// Credentials that are right, and others: these come from anyone, and must not drive out the right ones.
    right: Cache<()>,
    wrong: Cache<()>,
}

/// What the credentials of a request are worth.
#[derive(Debug)]
pub(super) enum Credentials {
    /// They are right, or none are needed.
    Accepted,
    /// There are none, or they are wrong.
    Refused,
    /// That is not known yet.
    Unknown(Work),
}

/// Bytes of a user name and password together. Longer ones are wrong.
const CREDENTIALS_LEN: usize = 1024;

/// What remembered credentials may take.
const TRIED: Weight = Weight {
    bytes: 64 * 1024,
    files: 0,
};

impl Guard {
    /// Lets these users in, by name and bcrypt hash; everybody if there are none.
    pub(super) fn new(users: &[(String, String)]) -> Self {
        Self {
            users: users
                .iter()
                .map(|(name, hash)| (name.clone(), Arc::from(hash.as_str())))
                .collect(),
            nobody: nobody(users),
            right: Cache::new(TRIED),
            wrong: Cache::new(TRIED),
        }
    }

    /// Judges the value of a request's Authorization field.
    pub(super) fn judge(&mut self, authorization: Option<&[u8]>) -> Credentials {
        if self.users.is_empty() {
            return Credentials::Accepted;
        }
        let Some(value) = authorization.filter(|value| value.len() <= 2 * CREDENTIALS_LEN) else {
            return Credentials::Refused;
        };
        if self.right.get(value).is_some() {
            return Credentials::Accepted;
        }
        if self.wrong.get(value).is_some() {
            return Credentials::Refused;
        }
        let Some((user, password)) = basic(value) else {
            return Credentials::Refused;
        };
        let known = self.users.iter().find(|(name, _)| name.as_bytes() == user);
        Credentials::Unknown(Work::Verify {
            password,
            hash: Arc::clone(known.map_or(&self.nobody, |(_, hash)| hash)),
            is_known: known.is_some(),
        })
    }

    /// Remembers whether the credentials in an Authorization field are right.
    pub(super) fn remember(&mut self, authorization: &[u8], right: bool) {
        let tried = if right {
            &mut self.right
        } else {
            &mut self.wrong
        };
        tried.insert(authorization, (), Weight::default());
    }
}

/// A hash of nobody's password, at the highest cost among the users': that a name is unknown must not show in the time
/// it takes.
fn nobody(users: &[(String, String)]) -> Arc<str> {
    let cost = |hash: &str| hash.split('$').nth(2)?.parse::<u32>().ok();
    let costs = users.iter().filter_map(|(_, hash)| cost(hash));
    let cost = costs.max().unwrap_or(10);
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuKy4sWe0X3AAdnuPMvDkmqXlPBQdFWzq").into()
}

/// The user whom the value of an Authorization field names; whether it is true is another question.
#[must_use]
pub fn user(authorization: &[u8]) -> Option<Vec<u8>> {
    basic(authorization).map(|(user, _)| user)
}

/// User and password of `Basic dXNlcjpwYXNzd29yZA==`.
fn basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, token) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut user = STANDARD.decode(token.trim_ascii()).ok()?;
    let colon = memchr::memchr(b':', &user)?;
    let password = user.split_off(colon + 1);
    user.pop();
    (password.len() <= CREDENTIALS_LEN).then_some((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_apart() {
        type Pair = Option<(&'static str, &'static str)>;
        let rows: [(&str, &[u8], Pair); 9] = [
            (
                "RFC 7617 §2",
                b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                Some(("Aladdin", "open sesame")),
            ),
            (
                "scheme in any case",
                b"bAsIC QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                Some(("Aladdin", "open sesame")),
            ),
            (
                "colon in the password",
                b"Basic YTpiOmM=",
                Some(("a", "b:c")),
            ),
            ("both empty", b"Basic Og==", Some(("", ""))),
            ("no colon", b"Basic YWJj", None),
            ("not base64", b"Basic !!!!", None),
            ("no padding", b"Basic YTpiOmMx_", None),
            ("another scheme", b"Bearer YTpi", None),
            ("nothing", b"", None),
        ];
        for (name, value, expected) in rows {
            let expected = expected
                .map(|(user, password)| (user.as_bytes().to_vec(), password.as_bytes().to_vec()));
            assert_eq!(basic(value), expected, "{name}");
        }
    }

    #[test]
    fn credentials_are_verified_once() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let mut guard = Guard::new(&[("ann".to_owned(), hash)]);
        let rows = [
            ("ann:secret", true),
            ("ann:Secret", false),
            ("bob:secret", false),
            ("ann:", false),
        ];
        for (credentials, right) in rows {
            let value = format!("Basic {}", STANDARD.encode(credentials)).into_bytes();
            let Credentials::Unknown(Work::Verify {
                password,
                hash,
                is_known,
            }) = guard.judge(Some(&value))
            else {
                panic!("{credentials} is new");
            };
            let verified = bcrypt::verify(password, &hash).unwrap() && is_known;
            assert_eq!(verified, right, "{credentials}");
            guard.remember(&value, verified);
            let accepted = matches!(guard.judge(Some(&value)), Credentials::Accepted);
            assert_eq!(accepted, right, "{credentials}");
        }
        assert!(matches!(guard.judge(None), Credentials::Refused));
        assert!(matches!(Guard::new(&[]).judge(None), Credentials::Accepted));
    }
}
