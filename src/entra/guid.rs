//! The three GUIDs that name a tenant, an application and a person, as three types.

use std::fmt;
use std::str::FromStr;

use crate::encoding::Quoted;
use crate::ids::InvalidId;

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Parsed from 32 hexadecimal digits with hyphens, in any case and without braces; kept in
        /// lower case, so that equal GUIDs are equal text.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                match is_guid(text) {
                    true => Ok(Self(text.to_ascii_lowercase().into())),
                    false => Err(InvalidId {
                        expected: stringify!($name),
                        found: Quoted::new(text),
                        reason: "a GUID has 8-4-4-4-12 hexadecimal digits",
                    }),
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

guid! {
    /// The ID of a tenant: *Overview › Tenant ID* in the Entra admin center, `tid` in tokens.
    TenantGuid
}

guid! {
    /// The ID of an application: *Enterprise applications › your application › Properties ›
    /// Application ID*. Not the object ID, which stands below it and looks the same.
    ApplicationId
}

guid! {
    /// The ID of a person within one tenant, which never changes. A guest has another one in each
    /// tenant.
    ObjectId
}

fn is_guid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_strict_in_form_and_indifferent_to_case() {
        let lower: TenantGuid = "274d6cd3-0a1b-4c5d-8e9f-000000000001".parse().expect("a GUID");
        assert_eq!("274D6CD3-0A1B-4C5D-8E9F-000000000001".parse(), Ok(lower));
        for text in [
            "",
            "contoso.onmicrosoft.com",
            "274d6cd30a1b4c5d8e9f000000000001",
            "{274d6cd3-0a1b-4c5d-8e9f-000000000001}",
            " 274d6cd3-0a1b-4c5d-8e9f-000000000001",
            "274d6cd3-0a1b-4c5d-8e9f-00000000000g",
            "274d6cd3-0a1b-4c5d-8e9f000-000000001",
            "274d6cd3-0a1b-4c5d-8e9f-00000000/../",
        ] {
            assert!(text.parse::<ObjectId>().is_err(), "{text:?}");
        }
    }
}
