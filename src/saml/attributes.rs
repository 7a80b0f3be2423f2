//! The name and the attributes of a person, as an assertion states them.

use std::ops::Range;

use crate::crypto::short_digest;
use crate::ids::TenantId;
use crate::xml::Writer;

/// A `NameID`: what the identity provider calls the person (SAML Core 2.2.3).
///
/// Entra writes a user principal name here by default. It can change and be given to somebody else: key your users by
/// [`entra::UserKey`](crate::entra::UserKey) where you can.
#[derive(Clone, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct NameId {
    /// The name itself. For the format `persistent` it is compared with case.
    pub value: String,
    /// `Format`; absent means unspecified.
    pub format: Option<String>,
    /// `NameQualifier`.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`.
    pub sp_name_qualifier: Option<String>,
}

/// What no `Format` means (SAML Core 8.3.1).
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

impl NameId {
    /// For a place that cannot be reached without a name.
    pub(crate) const fn nobody() -> Self {
        Self { value: String::new(), format: None, name_qualifier: None, sp_name_qualifier: None }
    }

    /// A digest of the name and its format, by which two can be compared (SAML Core 3.3.4), where this identity provider
    /// gives it for this customer: of the same name elsewhere nobody says that it is the same person. Without the
    /// qualifiers: an identity provider may add its own.
    pub(crate) fn fingerprint(&self, issuer: &str, tenant: Option<&TenantId>) -> [u8; 16] {
        let format = self.format.as_deref().unwrap_or(UNSPECIFIED);
        let tenant = tenant.map_or("", AsRef::as_ref);
        // Issuer and tenant hold no line break, so nothing behind them can pass for one of them.
        short_digest([issuer, tenant, format, &self.value].join("\n").as_bytes())
    }

    /// Writes the element, as it came.
    pub(super) fn write(&self, out: &mut Writer) {
        out.start("saml:NameID").optional("NameQualifier", self.name_qualifier.as_deref());
        out.optional("SPNameQualifier", self.sp_name_qualifier.as_deref());
        out.optional("Format", self.format.as_deref()).text(&self.value).end();
    }

    /// A name with the format that the identity provider gave, and no qualifiers.
    #[must_use]
    pub fn new(value: impl Into<String>, format: Option<&str>) -> Self {
        Self { value: value.into(), format: format.map(str::to_owned), ..Self::nobody() }
    }
}

/// Prints the format only: the value names a person.
impl std::fmt::Debug for NameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameId").field("format", &self.format).finish_non_exhaustive()
    }
}

/// The attributes of a person, in the order of the assertion. A name may come several times, and have several values:
/// nothing is merged, nothing wins. `Debug` prints names, never values.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Attributes {
    /// Names and values, end to end: one allocation for all.
    text: String,
    entries: Vec<Entry>,
    values: Vec<Range<usize>>,
}

#[derive(Clone, Eq, PartialEq)]
struct Entry {
    name: Range<usize>,
    format: Option<Range<usize>>,
    friendly_name: Option<Range<usize>>,
    values: Range<usize>,
}

impl Attributes {
    /// All attributes, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Attribute<'_>> {
        self.entries.iter().map(|entry| Attribute { all: self, entry })
    }

    /// The values of every attribute with this `Name`, in order. Compared byte for byte.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |attribute| attribute.name() == name).flat_map(|a| a.values())
    }

    /// The single value of the attribute with this `Name`: `None` if there is none, and also if there are several,
    /// because neither the first nor the last is the right one.
    #[must_use]
    pub fn single(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    getters! {
        /// Whether an attribute with this `Name` came, with or without values.
        pub fn contains(&self, name: &str) -> bool { self.iter().any(|a| a.name() == name) }
        /// How many attributes there are.
        pub fn len(&self) -> usize { self.entries.len() }
        /// Whether there are none.
        pub fn is_empty(&self) -> bool { self.entries.is_empty() }
    }

    /// Makes room for so many names and values, with so many bytes of text in all; for no more than the largest that Entra
    /// sends (150 groups in 15 kB), since what is ignored counts too, and a login may be kept for long.
    pub(crate) fn reserve(&mut self, names: usize, values: usize, bytes: usize) {
        self.text.reserve(bytes.min(16 * 1024));
        self.entries.reserve(names.min(64));
        self.values.reserve(values.min(256));
    }

    /// Begins an attribute; [`push_value`](Self::push_value) adds to it.
    pub(crate) fn push(&mut self, name: &str, format: Option<&str>, friendly_name: Option<&str>) {
        let entry = Entry {
            name: self.keep(name),
            format: format.map(|text| self.keep(text)),
            friendly_name: friendly_name.map(|text| self.keep(text)),
            values: self.values.len()..self.values.len(),
        };
        self.entries.push(entry);
    }

    /// Adds a value to the attribute that was pushed last.
    pub(crate) fn push_value(&mut self, value: &str) {
        let value = self.keep(value);
        self.values.push(value);
        if let Some(entry) = self.entries.last_mut() {
            entry.values.end = self.values.len();
        }
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    fn text(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|attribute| attribute.name())).finish()
    }
}

/// One `Attribute` of an assertion (SAML Core 2.7.3.1).
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    all: &'a Attributes,
    entry: &'a Entry,
}

impl<'a> Attribute<'a> {
    getters! {
        /// `Name`; for Entra the URI of a claim, or whatever the administrator typed.
        pub fn name(&self) -> &'a str { self.all.text(&self.entry.name) }
        /// `NameFormat`; Entra sends none by default.
        pub fn name_format(&self) -> Option<&'a str> {
            Some(self.all.text(self.entry.format.as_ref()?))
        }
        /// `FriendlyName`; Entra sends none.
        pub fn friendly_name(&self) -> Option<&'a str> {
            Some(self.all.text(self.entry.friendly_name.as_ref()?))
        }
    }

    /// The text of each `AttributeValue`, in order.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let values = self.all.values.get(self.entry.values.clone()).unwrap_or_default();
        values.iter().map(|range| self.all.text(range))
    }
}

/// Prints the name, never values.
impl std::fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Attribute").field(&self.name()).finish()
    }
}

/// What an assertion says of a person: the name and the attributes.
///
/// Comes from [`Login::claims`](crate::sp::Login::claims); nothing unverified has claims.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Claims<'a> {
    /// The name of the person.
    pub name_id: &'a NameId,
    /// The attributes of the person.
    pub attributes: &'a Attributes,
}

#[cfg(test)]
#[path = "../../tests/unit/attributes.rs"]
mod tests;
