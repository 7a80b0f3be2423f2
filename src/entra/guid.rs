//! The three GUIDs that name a tenant, an application and a person, as three types.

use std::fmt;
use std::str::FromStr;

use crate::ids::{InvalidId, text_types};

text_types! {
    /// The ID of a tenant: *Overview › Tenant ID* in the Entra admin center, `tid` in tokens. Read in any case, with
    /// hyphens and without braces; kept in lower case: equal GUIDs are equal text.
    TenantGuid: guid => to_ascii_lowercase;

    /// The ID of an application, written like a [`TenantGuid`]: *Enterprise applications › your application ›
    /// Properties › Application ID*. Not the object ID below it, which looks the same.
    ApplicationId: guid => to_ascii_lowercase;

    /// The ID of a person within one tenant, written like a [`TenantGuid`]. It never changes; a guest has another one
    /// in each tenant.
    ObjectId: guid => to_ascii_lowercase;
}

fn guid(text: &str) -> Result<(), &'static str> {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    match text.len() == 36 && text.bytes().enumerate().all(fits) {
        true => Ok(()),
        false => Err("a GUID has 8-4-4-4-12 hexadecimal digits"),
    }
}
