//! What a person is found again by.

use std::fmt;
use std::sync::Arc;

use crate::crypto::sha256;
use crate::encoding::{Quoted, hex};
use crate::entra::UserKey;
use crate::ids::TenantId;
use crate::saml::NameId;

/// The key to keep a person's record under: the connection, and what its identity provider calls the person for good.
///
/// The connection is part of it because an identity provider can write any claim. That of one customer can name the
/// tenant and the person of another, and still comes to keys of its own connection only.
///
/// `Display` writes the form for a table's unique column: `acme:entra:…/…` or `acme:name_id:…`, at most
/// [`MAX_LEN`](Self::MAX_LEN) bytes of ASCII in lower case. Names that differ in case have keys that differ in more, so
/// a column whose collation ignores case tells them apart. Values other than Entra's GUIDs stand there as a digest.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PersonKey {
    text: Arc<str>,
    connection: TenantId,
}

/// A format that promises the same value for the same person for ever (SAML Core 8.3.7).
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

impl PersonKey {
    /// No key is longer: each of 64 characters of a connection may be written as two, and `:entra:` and two GUIDs
    /// follow.
    pub const MAX_LEN: usize = 2 * 64 + 7 + 73;

    /// A person of Entra ID. Take the key from [`EntraApp::user_key`](crate::entra::EntraApp::user_key), which compares
    /// the tenant.
    #[must_use]
    pub fn entra(connection: &TenantId, user: &UserKey) -> Self {
        Self::new(connection, "entra", &user.to_string())
    }

    /// A person by a `NameID` of the format `persistent`, which is compared with case.
    ///
    /// Its qualifiers are left out, because not every identity provider sends them each time: when a connection moves
    /// to another identity provider, give it another [`TenantId`].
    ///
    /// # Errors
    /// When the format is another one, or the value is empty. A `transient` name is another one tomorrow (SAML Core
    /// 8.3.8); an address, or a name of no said format, may be given to somebody else. If you know better of a
    /// connection, there is [`value`](Self::value).
    pub fn name_id(connection: &TenantId, name_id: &NameId) -> Result<Self, KeyError> {
        match name_id.format.as_deref() {
            Some(PERSISTENT) => Self::digest(connection, "name_id", "", &name_id.value),
            format => Err(KeyError::NotPersistent(Quoted::new(format.unwrap_or("unspecified")))),
        }
    }

    /// A person by any other value, such as that of the attribute `name`, which is compared with case. Choose one that
    /// never changes and is never given to somebody else: an employee number, not an address.
    ///
    /// # Errors
    /// When the value is empty.
    pub fn value(connection: &TenantId, name: &str, value: &str) -> Result<Self, KeyError> {
        Self::digest(connection, "value", name, value)
    }

    getters! {
        /// The connection.
        pub fn connection(&self) -> &TenantId { &self.connection }
    }

    /// The length before the name keeps `a` + `bc` from being `ab` + `c`.
    fn digest(connection: &TenantId, kind: &str, name: &str, value: &str) -> Result<Self, KeyError> {
        if value.trim().is_empty() {
            return Err(KeyError::Empty);
        }
        let whole = format!("{connection}:{kind}:{}:{name}{value}", name.len());
        Ok(Self::new(connection, kind, &hex(&sha256(whole.as_bytes()))))
    }

    /// A connection holds no `.` and no `:`, so the former can mark what was a capital, and the latter its end.
    fn new(connection: &TenantId, kind: &str, rest: &str) -> Self {
        let mut text = String::with_capacity(Self::MAX_LEN);
        for c in connection.as_ref().chars() {
            text.extend(c.is_ascii_uppercase().then_some('.'));
            text.push(c.to_ascii_lowercase());
        }
        for part in [kind, rest] {
            text.push(':');
            text.push_str(part);
        }
        Self { text: text.into(), connection: connection.clone() }
    }
}

impl AsRef<str> for PersonKey {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Prints the form for a table: it holds no names.
impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonKey({})", self.text)
    }
}

/// Why a value is no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The `NameID` has this format, which does not promise that the same value means the same person for ever.
    #[error(
        "the NameID has the format {0}, which is not persistent, so the person could not be told from others later"
    )]
    NotPersistent(Quoted),
    /// There is no value.
    #[error("the value that is to be the key of the person is empty")]
    Empty,
}

impl KeyError {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { self.row().0 }
        /// What an administrator can do, in one sentence.
        pub fn hint(&self) -> &'static str { self.row().1 }
    }

    #[rustfmt::skip]
    fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotPersistent(_) =>
                ("directory.name_id_not_persistent", "Have the identity provider send a persistent NameID, or take the key from an attribute that never changes."),
            Self::Empty =>
                ("directory.key_missing", "Have the identity provider send the value for every person, or take the key from one that it sends."),
        }
    }
}
