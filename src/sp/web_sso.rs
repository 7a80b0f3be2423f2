//! The rules of the Web Browser SSO profile (SAML Profiles 4.1), one function each, in the order in which they are
//! applied.

use std::time::Duration;

use super::ServiceProvider;
use crate::crypto::Certificate;
use crate::dsig::{DsigError, Policy, Signed, signature_of, verify};
use crate::encoding::trim_xml;
use crate::error::{Bound, Error, Mismatch, Rejection};
use crate::ids::MessageId;
use crate::saml::{
    Assertion, Decryption, ENTITY_FORMAT, Encrypted, Envelope, MessageError, SAML, SubjectConfirmation, only, parse,
};
use crate::time::{Outside, UnixTime, Validity};
use crate::xml::{Document, Limits};

/// What we asked; nothing, for an unsolicited answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) request_id: &'a MessageId,
    pub(super) at: UnixTime,
    /// Until when the request can be answered.
    pub(super) until: UnixTime,
    pub(super) force_authn: bool,
    pub(super) subject: Option<&'a [u8; 16]>,
    pub(super) contexts: &'a [String],
}

/// An assertion that has passed every rule.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) assertion: Assertion,
    pub(super) certificate: Certificate,
    /// When nothing in it can be used any more.
    pub(super) expires: UnixTime,
}

/// What nobody asked for must be remembered to its very end, in a store that customers share. Entra's live for 65 minutes.
const UNASKED_FOR: Duration = Duration::from_secs(24 * 3600);

/// What a used assertion is remembered for beyond its end: stores cut off fractions of a second, and the clocks of
/// replicas and of their store differ.
pub(super) const MARGIN: Duration = Duration::from_secs(60);

/// Judges a response.
pub(super) fn judge(
    sp: &ServiceProvider, xml: &[u8], asked: Option<Asked<'_>>, now: UnixTime,
) -> Result<Judged, Error> {
    let document = Document::parse(xml, &Limits::MESSAGE)?;
    let envelope = Envelope::read(&document)?;
    is_sent_to_us(sp, &envelope)?;
    envelope.status.clone()?;
    is_issued_by_whom_we_asked(sp, &envelope)?;
    answers_our_request(&envelope, asked)?;

    let (assertion, certificate) = is_signed(sp, &envelope, now)?;
    assertion_is_issued_by_whom_we_asked(sp, &assertion)?;
    names_somebody(sp, &assertion, asked)?;
    let confirmed_until = is_confirmed(sp, &assertion, asked, now)?;
    let conditions = holds_now(sp, &assertion, now)?;
    is_for_us(sp, &assertion)?;
    somebody_authenticated(&assertion, asked, sp, now)?;
    // Of every confirmation: one that does not hold now may hold for another request.
    let ends = assertion.confirmations.iter().map(|found| found.validity.not_on_or_after);
    let last = ends.chain([conditions.not_on_or_after]).flatten().fold(confirmed_until, Ord::max);
    // Where customers share a store: an answer is good as long as its request waits, and no request waits longer than one
    // that begins now. Without this, one whose assertions end in the year 9999 would fill the store for all others.
    let last = match (asked, &sp.tenant) {
        (Some(asked), Some(_)) => last.min(asked.until.max(now.plus(sp.pending_for))),
        (None, Some(_)) if last > now.plus(UNASKED_FOR) => {
            return Err(Rejection::LivesTooLong(last, now.plus(UNASKED_FOR)).into());
        }
        _ => last,
    };
    let expires = last.plus(sp.clock_skew).plus(MARGIN);
    Ok(Judged { assertion, certificate, expires })
}

/// SAML Bindings 3.5.5.2: a signed message says where it goes; whoever says so must say us. Compared with what is
/// configured, never with what the request claims to be sent to.
fn is_sent_to_us(sp: &ServiceProvider, envelope: &Envelope<'_>) -> Result<(), Rejection> {
    let ours = sp.acs.as_ref();
    let needed = signature_of(envelope.response).is_some();
    match envelope.destination {
        Some(found) if found == ours => Ok(()),
        None if !needed => Ok(()),
        found => Err(Rejection::DestinationMismatch(Mismatch::new(found, [ours]))),
    }
}

/// SAML Profiles 4.1.4.2: the issuer of the response, where there is one, is the identity provider. Nothing rests on
/// it, so white space around it is forgiven here; in the assertion it is not.
fn is_issued_by_whom_we_asked(sp: &ServiceProvider, envelope: &Envelope<'_>) -> Result<(), Error> {
    let Some(issuer) = envelope.issuer else {
        // A signed response names its issuer, and so does one that hides its assertion.
        let hides = envelope.assertion().is_ok_and(|assertion| assertion.is(SAML, "EncryptedAssertion"));
        let expected = Mismatch::new([], [sp.idp.entity_id().as_ref()]);
        return match hides || signature_of(envelope.response).is_some() {
            true => Err(Rejection::IssuerMismatch("Response", expected).into()),
            false => Ok(()),
        };
    };
    must_be_issuer(sp, "Response", trim_xml(issuer.text()?), issuer.attribute("Format"))?;
    Ok(())
}

pub(super) fn must_be_issuer(
    sp: &ServiceProvider, place: &'static str, name: &str, format: Option<&str>,
) -> Result<(), Rejection> {
    let expected = sp.idp.entity_id().as_ref();
    match format {
        None | Some(ENTITY_FORMAT) if name == expected => Ok(()),
        _ => Err(Rejection::IssuerMismatch(place, Mismatch::new([name], [expected]))),
    }
}

/// SAML Core 3.2.2: an answer names the request; an unsolicited one names none.
fn answers_our_request(envelope: &Envelope<'_>, asked: Option<Asked<'_>>) -> Result<(), Rejection> {
    must_answer("Response", envelope.in_response_to, asked.map(|asked| asked.request_id))
}

pub(super) fn must_answer(
    place: &'static str, found: Option<&str>, expected: Option<&MessageId>,
) -> Result<(), Rejection> {
    let matches = match (expected, found) {
        (Some(expected), Some(found)) => expected.is(found),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    match matches {
        true => Ok(()),
        false => {
            let names = Mismatch::new(found, expected.map(AsRef::as_ref));
            Err(Rejection::InResponseToMismatch(place, names))
        }
    }
}

/// SAML Profiles 4.1.4.5 and Bindings 3.5: the assertion is signed, or the response around it is. Every signature in
/// either place must be good, and what is read is what was signed.
fn is_signed(sp: &ServiceProvider, envelope: &Envelope<'_>, now: UnixTime) -> Result<(Assertion, Certificate), Error> {
    let (element, ours) = (envelope.assertion()?, sp.service.decryption());
    let encrypted = element.is(SAML, "EncryptedAssertion");
    match encrypted {
        true => ours.must_be_possible(element)?,
        false if sp.requires_encryption => return Err(Rejection::EncryptionRequired.into()),
        false => {}
    }
    let policy = Policy { now, skew: sp.clock_skew, leniency: sp.idp.leniency() };
    let keys = sp.idp.keys();
    let response = match signature_of(envelope.response) {
        Some(_) => Some(verify(envelope.response, keys, &policy)?),
        None => None,
    };
    let signed = match (encrypted, signature_of(element)) {
        (true, _) => is_signed_inside(sp, envelope, response, &ours, &policy)?,
        (false, Some(_)) => verify(element, keys, &policy)?,
        (false, None) => response.ok_or_else(|| DsigError::Missing(element.quoted()))?,
    };
    Ok((Assertion::from_signed(&signed, &ours)?, signed.certificate().clone()))
}

/// The same for an encrypted assertion. If the response is signed, what is decrypted is what was signed; and the
/// signature inside, if there is one, must be good as well.
fn is_signed_inside(
    sp: &ServiceProvider, envelope: &Envelope<'_>, response: Option<Signed>, ours: &Decryption<'_>, policy: &Policy,
) -> Result<Signed, Error> {
    let octets = response.as_ref().map(|signed| Document::parse_str(signed.octets(), &Limits::MESSAGE.of_octets()));
    let octets = octets.transpose()?;
    let place = match &octets {
        Some(octets) => Envelope::read(octets)?.assertion()?,
        None => envelope.assertion()?,
    };
    let encrypted = Encrypted::read(place)?;
    // Nobody vouches for the ciphertext, and it can be changed so that what comes out of it changes as one likes.
    let exposed = octets.is_none() && !encrypted.is_authenticated();
    if exposed && sp.refuses_unauthenticated_encryption {
        return Err(Rejection::EncryptionNotAuthenticated.into());
    }
    let xml = encrypted.decrypt(ours)?;
    let verified = || -> Result<Signed, Error> {
        let document = parse(&xml)?;
        let assertion = only(&document, "Assertion")?;
        envelope.must_be_in_order(&document)?;
        match (signature_of(assertion), response) {
            (Some(_), _) => Ok(verify(assertion, sp.idp.keys(), policy)?),
            (None, Some(response)) => Ok(response.decrypted(assertion)?),
            (None, None) => Err(DsigError::Missing(assertion.quoted()).into()),
        }
    };
    match verified() {
        // "Decrypted, but not signed" would be an answer about the plaintext.
        Err(_) if exposed => Err(MessageError::DecryptionFailed.into()),
        verdict => verdict,
    }
}

/// SAML Profiles 4.1.4.2. With Entra's shared keys this is what tells one tenant from another.
fn assertion_is_issued_by_whom_we_asked(sp: &ServiceProvider, assertion: &Assertion) -> Result<(), Rejection> {
    let issuer = &assertion.issuer;
    must_be_issuer(sp, "assertion", &issuer.value, issuer.format.as_deref())
}

/// SAML Profiles 4.1.4.2: the subject is somebody, with a name; and whom we asked about, if we did (SAML Core 3.4.1).
fn names_somebody(sp: &ServiceProvider, assertion: &Assertion, asked: Option<Asked<'_>>) -> Result<(), Rejection> {
    let name = assertion.name_id.as_ref().filter(|name| !name.value.trim().is_empty()).ok_or(Rejection::NoNameId)?;
    match asked.and_then(|asked| asked.subject) {
        Some(subject) if *subject != sp.fingerprint_of(name) => Err(Rejection::OtherSubject),
        _ => Ok(()),
    }
}

/// SAML Profiles 4.1.4.3: one bearer confirmation must hold in all its parts. Returns its end. If none does, the one
/// that got furthest says why.
fn is_confirmed(
    sp: &ServiceProvider, assertion: &Assertion, asked: Option<Asked<'_>>, now: UnixTime,
) -> Result<UnixTime, Rejection> {
    if asked.is_none() {
        // A confirmation that answers a request makes the whole assertion its answer; taken as unsolicited too, it
        // would sign somebody in twice where the two kinds are claimed in different caches.
        for confirmation in &assertion.confirmations {
            must_answer("SubjectConfirmation", confirmation.in_response_to.as_deref(), None)?;
        }
    }
    let mut furthest = (0, Rejection::NoBearerConfirmation);
    let mut end = None;
    for confirmation in assertion.confirmations.iter().filter(|found| found.is_bearer) {
        match confirms_bearer(sp, confirmation, asked, now) {
            Ok(until) => end = end.max(Some(until)),
            Err((step, reason)) if step > furthest.0 => furthest = (step, reason),
            Err(_) => {}
        }
    }
    end.ok_or(furthest.1)
}

/// The assertion was made for this delivery, to this address, for what we asked.
fn confirms_bearer(
    sp: &ServiceProvider, confirmation: &SubjectConfirmation, asked: Option<Asked<'_>>, now: UnixTime,
) -> Result<UnixTime, (u8, Rejection)> {
    if !confirmation.has_data {
        return Err((0, Rejection::NoBearerConfirmation));
    }
    let (recipient, ours) = (confirmation.recipient.as_deref(), sp.acs.as_ref());
    if recipient != Some(ours) {
        return Err((1, Rejection::RecipientMismatch(Mismatch::new(recipient, [ours]))));
    }
    let in_response_to = confirmation.in_response_to.as_deref();
    let request = asked.map(|asked| asked.request_id);
    must_answer("SubjectConfirmation", in_response_to, request).map_err(|reason| (2, reason))?;
    if confirmation.validity.not_before.is_some() {
        return Err((3, Rejection::ConfirmationShape("has a NotBefore")));
    }
    let missing = (3, Rejection::ConfirmationShape("has no NotOnOrAfter"));
    let end = confirmation.validity.not_on_or_after.ok_or(missing)?;
    must_hold("SubjectConfirmation", sp, confirmation.validity, now).map_err(|reason| (4, reason))?;
    Ok(end)
}

pub(super) fn must_hold(
    what: &'static str, sp: &ServiceProvider, validity: Validity, now: UnixTime,
) -> Result<(), Rejection> {
    let bound = |limit| Bound { what, limit, now, skew: sp.clock_skew };
    validity.must_hold_at(now, sp.clock_skew).map_err(|outside| match outside {
        Outside::TooEarly(limit) => Rejection::NotYetValid(bound(limit)),
        Outside::TooLate(limit) => Rejection::Expired(bound(limit)),
    })
}

/// SAML Core 2.5.1: all conditions hold. There must be some, because there must be an audience.
fn holds_now(sp: &ServiceProvider, assertion: &Assertion, now: UnixTime) -> Result<Validity, Rejection> {
    let conditions = assertion.conditions.as_ref().ok_or(Rejection::NoAudience)?;
    must_hold("assertion", sp, conditions.validity, now)?;
    Ok(conditions.validity)
}

/// SAML Core 2.5.1.4 and Profiles 4.1.4.2: there is an audience restriction, and each names us.
fn is_for_us(sp: &ServiceProvider, assertion: &Assertion) -> Result<(), Rejection> {
    let restrictions = match &assertion.conditions {
        Some(conditions) if !conditions.audiences.is_empty() => &conditions.audiences,
        _ => return Err(Rejection::NoAudience),
    };
    // An empty name is nobody's, whatever stands in the settings.
    let is_ours = |audience: &String| !audience.is_empty() && sp.audiences.contains(audience);
    match restrictions.iter().find(|names| !names.iter().any(is_ours)) {
        None => Ok(()),
        Some(foreign) => {
            let (found, expected) = (foreign.iter(), sp.audiences.iter());
            let names = Mismatch::new(found.map(String::as_str), expected.map(String::as_str));
            Err(Rejection::AudienceMismatch(names))
        }
    }
}

/// SAML Profiles 4.1.4.2: somebody authenticated, in a session that goes on, and as was asked.
fn somebody_authenticated(
    assertion: &Assertion, asked: Option<Asked<'_>>, sp: &ServiceProvider, now: UnixTime,
) -> Result<(), Rejection> {
    let statements = assertion.authn_statements();
    if statements.is_empty() {
        return Err(Rejection::NoAuthnStatement);
    }
    for statement in statements {
        let session = Validity { not_before: None, not_on_or_after: statement.session_not_on_or_after };
        must_hold("session", sp, session, now)?;
    }
    for statement in statements {
        let oldest = sp.max_authn_age.map(|age| now.minus(age));
        if let Some(oldest) = oldest.filter(|oldest| statement.authn_instant.plus(sp.clock_skew) < *oldest) {
            return Err(Rejection::AuthenticationTooOld(statement.authn_instant, oldest));
        }
    }
    let Some(asked) = asked else { return Ok(()) };
    for statement in statements {
        let class = statement.context_class.as_deref();
        let as_asked = |class: &str| asked.contexts.iter().any(|wanted| wanted == class);
        if !asked.contexts.is_empty() && !class.is_some_and(as_asked) {
            let names = Mismatch::new(class, asked.contexts.iter().map(String::as_str));
            return Err(Rejection::AuthnContextMismatch(names));
        }
        // SAML Core 3.4.1, ForceAuthn: the person is to authenticate directly, not by a session.
        if asked.force_authn && statement.authn_instant.plus(sp.clock_skew) < asked.at {
            return Err(Rejection::AuthenticationTooOld(statement.authn_instant, asked.at));
        }
    }
    Ok(())
}
