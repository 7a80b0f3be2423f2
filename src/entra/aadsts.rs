//! Entra's error codes, and what to do about those that a SAML application can meet.
//!
//! Most are shown on a page of Microsoft's and never reach the application; some come in the
//! `StatusMessage` of a response. Such a response is not signed, and Microsoft may change codes and
//! texts: they are good for a hint to a person, never for a decision.

use std::fmt;

/// The number in `AADSTS50011`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AadstsCode(pub u32);

impl AadstsCode {
    /// Microsoft's page about the code.
    #[must_use]
    pub fn url(self) -> String {
        format!("https://login.microsoftonline.com/error?code={}", self.0)
    }
}

impl fmt::Display for AadstsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AADSTS{}", self.0)
    }
}

/// What to do about a code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The code that the advice is for.
    pub code: AadstsCode,
    /// One sentence that says what to do.
    pub action: &'static str,
    /// Where, as a path of menu names in the Entra admin center. `None` if nothing is to be changed
    /// there, but in our request or at this server.
    pub place: Option<&'static str>,
}

/// The codes in a `StatusMessage`, in its order. Entra chains two; the last is the most specific.
/// Before 2014 the prefix was `ACS`.
pub fn codes_in(status_message: &str) -> impl Iterator<Item = AadstsCode> {
    status_message.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(code)
}

/// The advice for the most specific code in a `StatusMessage` that we know something about.
#[must_use]
pub fn advice_for(status_message: &str) -> Option<&'static Advice> {
    let known = |code| ADVICE.iter().find(|advice| advice.code == code);
    codes_in(status_message).filter_map(known).last()
}

fn code(word: &str) -> Option<AadstsCode> {
    let digits = word.strip_prefix("AADSTS").or_else(|| word.strip_prefix("ACS"))?;
    // Entra's codes have five to seven digits; `ACS2` is a word of a text about bindings.
    match digits.len() {
        4..=9 => digits.parse().ok().map(AadstsCode),
        _ => None,
    }
}

macro_rules! app_page {
    ($page:literal) => {
        Some(concat!("Enterprise applications › your application › ", $page))
    };
}

const BASIC: Option<&str> = app_page!("Single sign-on › Basic SAML Configuration");
const SET_UP: Option<&str> = app_page!("Single sign-on › Set up your application");
const CERTIFICATES: Option<&str> = app_page!("Single sign-on › SAML Certificates");
const VERIFICATION: Option<&str> =
    app_page!("Single sign-on › SAML Certificates › Verification certificates");
const CLAIMS: Option<&str> = app_page!("Single sign-on › Attributes & Claims");
const ASSIGNED: Option<&str> = app_page!("Users and groups");
const PROPERTIES: Option<&str> = app_page!("Properties");
const SIGN_INS: Option<&str> = app_page!("Sign-in logs");
const ENCRYPTION: Option<&str> = app_page!("Token encryption");
const TENANT: Option<&str> = Some("Overview › Tenant ID");
const USERS: Option<&str> = Some("Users › All users › Invite external user");

macro_rules! advice {
    ($($($code:literal)|+ at $place:expr => $action:literal;)+) => {
        &[$($(Advice { code: AadstsCode($code), action: $action, place: $place },)+)+]
    };
}

static ADVICE: &[Advice] = advice! {
    700016 at BASIC => "Set Identifier (Entity ID) to exactly our entity ID, and check that our \
        sign-in URL names the right tenant.";
    650056 | 65005 at BASIC => "Set Identifier (Entity ID) to exactly our entity ID, and grant the \
        application consent.";
    50011 at BASIC => "Add our ACS URL to Reply URL (Assertion Consumer Service URL) exactly as it \
        is: case, port and a slash at the end count.";
    50105 at ASSIGNED => "Assign the person, or a group that the person is in directly, or set \
        Assignment required to No under Properties.";
    75011 at None => "Send no RequestedAuthnContext, or send ForceAuthn with it.";
    900235 at None => "Send no RequestedAuthnContext, or one whose Comparison is exact.";
    900236 at None => "Leave out of the AuthnRequest what the message names; Subject, for one, is \
        refused.";
    75005 at None => "Check how the request is encoded: DEFLATE, base64 and percent-encoding, with \
        every required field.";
    750054 at BASIC => "Set Sign on URL to our login URL, and start there: Entra's own URL does not \
        work without a request.";
    75001 | 75003 at None => "Ask for the HTTP-POST binding in ProtocolBinding, or for none.";
    75008 at SET_UP => "Set the sign-in URL of the identity provider, and so Destination, to exactly \
        the Login URL shown there.";
    75016 at None => "Send no NameIDPolicy.";
    7500529 at None => "Begin the ID of the request with a letter or an underscore.";
    7500530 at None => "Send a plain NameID in the LogoutRequest, not an EncryptedID.";
    76021 at VERIFICATION => "Sign requests in the way of their binding, and upload the certificate \
        of the key that signs.";
    76026 at None => "Correct the clock of this server, and begin at our login URL instead of a \
        bookmark of Entra's page.";
    50003 | 50146 at CERTIFICATES => "Create a SAML signing certificate and make it active.";
    50007 at ENCRYPTION => "Import our encryption certificate and activate it, or turn encryption off.";
    501241 at CLAIMS => "Take the claim from an attribute that every person has, or fill in the one \
        that is empty.";
    50020 | 16000 | 50034 | 51004 at USERS => "Sign out and choose an account of this tenant, or \
        invite the person as a guest.";
    90002 at TENANT => "Compare the tenant ID, and check that the login host is that of the \
        tenant's cloud.";
    50194 | 90130 at SET_UP => "Use the tenant's own Login URL in place of the one under /common.";
    50058 at None => "Begin the login again without IsPassive: there is no session to use silently.";
    53003 | 530032 | 53000 | 50076 | 50079 at SIGN_INS => "Look up in the sign-in log which \
        Conditional Access policy refused or asked for more.";
    7000112 | 70001 at PROPERTIES => "Set Enabled for users to sign-in to Yes.";
    900561 at None => "Begin the login again: the Back button repeats a message without its body.";
    90015 at None => "Send the request by the POST binding, or shorten its RelayState.";
    50068 | 50070 | 50061 | 50071 at None => "Take the person as signed out here: Entra knows no \
        such session any more.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_order_under_both_prefixes() {
        let message = "AADSTS75003: unsupported.\r\nTrace ID: 1f-AADSTS Timestamp: 2013 ACS75005:x, \
                       ACS2 ACS AADSTS99999999999 xAADSTS50011 AADSTS50011x (AADSTS7500529)";
        let codes: Vec<_> = codes_in(message).map(|code| code.0).collect();
        assert_eq!(codes, [75003, 75005, 7500529]);
    }

    #[test]
    fn the_last_known_code_gives_the_advice() {
        let advice = advice_for("AADSTS75011: a. AADSTS50011: b. AADSTS1234567: c.");
        assert_eq!(advice.map(|advice| advice.code), Some(AadstsCode(50011)));
        assert_eq!(advice.and_then(|advice| advice.place), BASIC);
        assert_eq!(advice_for("no code at all"), None);
        assert_eq!(AadstsCode(50011).url(), "https://login.microsoftonline.com/error?code=50011");
    }

    #[test]
    fn each_code_has_one_sentence_of_advice() {
        for (at, advice) in ADVICE.iter().enumerate() {
            assert!(advice.action.ends_with('.') && !advice.action.contains("  "), "{advice:?}");
            assert!(
                ADVICE.iter().skip(at + 1).all(|other| other.code != advice.code),
                "{advice:?}"
            );
        }
    }
}
