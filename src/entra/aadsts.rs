//! Entra's error codes, and what to do about those that a SAML application can meet.
//!
//! Most are shown on a page of Microsoft's and never reach the application; some come in the `StatusMessage` of a
//! response. Such a response is not signed, and Microsoft may change codes and texts: they are good for a hint to a
//! person, never for a decision.

use crate::entra::PORTAL_PLACE;

/// What to do about a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The number in `AADSTS50011`.
    pub code: u32,
    /// One sentence that says what to do.
    pub action: &'static str,
    /// Where, as a path of menu names in the Entra admin center. `None` if nothing is to be changed there, but in our
    /// request or at this server.
    pub place: Option<&'static str>,
}

/// The advice for the most specific code in a `StatusMessage` that we know something about.
#[must_use]
pub fn advice_for(status_message: &str) -> Option<Advice> {
    let known = |code| {
        let (_, place, action) = ADVICE.iter().find(|(codes, ..)| codes.contains(&code))?;
        Some(Advice { code, action, place: *place })
    };
    codes_in(status_message).filter_map(known).last()
}

/// The codes in a `StatusMessage`, in its order. Entra chains two; the last is the most specific. Before 2014 the
/// prefix was `ACS`.
pub fn codes_in(status_message: &str) -> impl Iterator<Item = u32> {
    status_message.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(code)
}

/// Microsoft's page about a code.
#[must_use]
pub fn page_about(code: u32) -> String {
    format!("https://login.microsoftonline.com/error?code={code}")
}

fn code(word: &str) -> Option<u32> {
    let digits = word.strip_prefix("AADSTS").or_else(|| word.strip_prefix("ACS"))?;
    // Entra's codes have five to seven digits; `ACS2` is a word of a text about bindings.
    digits.parse().ok().filter(|_| (4..=9).contains(&digits.len()))
}

type Place = Option<&'static str>;

macro_rules! app_page {
    ($page:literal) => {
        Some(concat!("Enterprise applications › your application › ", $page))
    };
}

const BASIC: Place = Some(PORTAL_PLACE);
const SET_UP: Place = app_page!("Single sign-on › Set up your application");
const CERTS: Place = app_page!("Single sign-on › SAML Certificates");
const VERIFY: Place = app_page!("Single sign-on › SAML Certificates › Verification certificates");
const CLAIMS: Place = app_page!("Single sign-on › Attributes & Claims");
const ASSIGNED: Place = app_page!("Users and groups");
const PROPERTIES: Place = app_page!("Properties");
const SIGN_INS: Place = app_page!("Sign-in logs");
const ENCRYPTION: Place = app_page!("Token encryption");
const TENANT: Place = Some("Overview › Tenant ID");
const USERS: Place = Some("Users › All users › Invite external user");

#[rustfmt::skip]
pub(super) static ADVICE: &[(&[u32], Place, &str)] = &[
    (&[700016], BASIC, "Set Identifier (Entity ID) to exactly our entity ID, and check that our sign-in URL names the right tenant."),
    (&[650056, 65005], BASIC, "Set Identifier (Entity ID) to exactly our entity ID, and look whether the application has the consent that it needs."),
    (&[50011], BASIC, "Add our ACS URL to Reply URL (Assertion Consumer Service URL) exactly as it is: case, port and a slash at the end count."),
    (&[50105], ASSIGNED, "Look whether the person, or a group that the person is in directly, is meant to be assigned."),
    (&[75011], None, "Send ForceAuthn with RequestedAuthnContext, so that the person authenticates in the way that is asked for."),
    (&[900235], None, "Send RequestedAuthnContext with Comparison exact."),
    (&[900236], None, "Compare the AuthnRequest with what Entra takes: Subject, for one, it refuses."),
    (&[75005], None, "Check how the request is encoded: DEFLATE, base64 and percent-encoding, with every required field."),
    (&[750054], BASIC, "Set Sign on URL to our login URL, and start there: Entra's own URL does not work without a request."),
    (&[75001, 75003], None, "Ask for the HTTP-POST binding in ProtocolBinding, or for none."),
    (&[75008], SET_UP, "Set the sign-in URL of the identity provider, and so Destination, to exactly the Login URL shown there."),
    (&[75016], None, "Send a NameIDPolicy whose Format is persistent, emailAddress, unspecified or transient."),
    (&[7500529], None, "Begin the ID of the request with a letter or an underscore."),
    (&[7500530], None, "Send a plain NameID in the LogoutRequest, not an EncryptedID."),
    (&[76021], VERIFY, "Sign requests in the way of their binding, and upload the certificate of the key that signs."),
    (&[76026], None, "Correct the clock of this server, and begin at our login URL instead of a bookmark of Entra's page."),
    (&[50003, 50146], CERTS, "Create a SAML signing certificate and make it active."),
    (&[50007], ENCRYPTION, "Import our encryption certificate and activate it."),
    (&[501241], CLAIMS, "Take the claim from an attribute that every person has, or fill in the one that is empty."),
    (&[50020, 16000, 50034, 51004], USERS, "Sign out and choose an account of this tenant; somebody from outside signs in as a guest, if one was invited."),
    (&[90002], TENANT, "Compare the tenant ID, and check that the login host is that of the tenant's cloud."),
    (&[50194, 90130], SET_UP, "Use the tenant's own Login URL in place of the one under /common."),
    (&[50058], None, "Begin the login again without IsPassive: there is no session to use silently."),
    (&[53003, 530032, 53000, 50076, 50079], SIGN_INS, "Look up in the sign-in log which Conditional Access policy refused or asked for more."),
    (&[7000112, 70001], PROPERTIES, "Look whether Enabled for users to sign-in is meant to be No."),
    (&[900561], None, "Begin the login again: the Back button repeats a message without its body."),
    (&[90015], None, "Send the request by the POST binding, or shorten its RelayState."),
    (&[50068, 50070, 50061, 50071], None, "Take the person as signed out here: Entra knows no such session any more."),
];
