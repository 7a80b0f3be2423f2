//! The names of the claims that Entra sends.
//!
//! Only [`TENANT_ID`] and [`OBJECT_ID`] can be relied on: an administrator may rename, empty or drop most others, and a
//! claim without a value is not sent. Names are compared byte for byte, and a custom claim need not be a URI.

/// The tenant that the person signed in to, as a GUID. For a guest it is not the home tenant.
pub const TENANT_ID: &str = "http://schemas.microsoft.com/identity/claims/tenantid";
/// The GUID of the person in that tenant, never changed and never given to another; read together with [`TENANT_ID`] by
/// [`UserKey`](crate::entra::UserKey).
pub const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
/// The name to show. People and administrators change it, and it is not unique.
pub const DISPLAY_NAME: &str = "http://schemas.microsoft.com/identity/claims/displayname";
/// Who authenticated the person: the issuer of the home tenant, or `live.com` for the Microsoft account of a guest. It
/// is not the `Issuer` of the assertion.
pub const IDENTITY_PROVIDER: &str = "http://schemas.microsoft.com/identity/claims/identityprovider";
/// How the person signed in, with several values. The only place where multi-factor authentication shows:
/// `AuthnContextClassRef` says `Password` regardless.
pub const AUTHN_METHODS: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";
/// A value of [`AUTHN_METHODS`], not a claim: more than one factor was used.
pub const MULTIPLE_AUTHN: &str = "http://schemas.microsoft.com/claims/multipleauthn";
/// The given name. Absent when it is empty in the directory.
pub const GIVEN_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
/// The family name. Absent when it is empty in the directory.
pub const SURNAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";
/// The address in `user.mail`. Absent for a person without a mailbox; not verified, since the administrator of a tenant
/// can write any address there: never link accounts by it.
pub const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
/// The user principal name, in spite of the claim's own name. Absent for applications that began as an app
/// registration; for a guest it is the mail address or holds `#EXT#`.
pub const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
/// The user principal name, when an administrator added it. It changes, and is no mail address.
pub const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
/// The app roles of the person, given directly or to a group. *Emit groups as role claims* puts groups here and hides
/// the roles; then read it as [`Groups::named`](crate::entra::Groups::named).
pub const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
/// Directory roles, as the GUIDs of their templates: not the roles of the application.
pub const WIDS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/wids";
/// `0` for a member of the tenant, `1` for a guest. Sent only when an administrator added it.
pub const ACCT: &str = "http://schemas.microsoft.com/identity/claims/acct";
/// The groups, as GUIDs unless the administrator chose names. Absent for a person in more than 150, nested ones
/// included: read it through [`Groups`](crate::entra::Groups).
pub const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
/// Sent in place of the groups when there are too many: an address to ask for them.
pub const GROUPS_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
