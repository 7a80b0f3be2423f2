//! The attack classes of the corpus that break a rule of SAML, and the codes of that rule.

/// What the rule says that an attack of this class breaks; `None` for classes that are about XML, keys or signatures,
/// and for two that break no rule of SAML, `Conditions` without `NotBefore` or without `NotOnOrAfter`: the confirmation
/// has an end, and must.
pub(crate) fn codes_of_rule(class: &str) -> Option<&'static [&'static str]> {
    Some(match class {
        "valid-advice" | "tampered-advice" => &["saml.assertion_misplaced"],
        _ if class.starts_with("valid") => &[],
        "audience" => &["saml.audience_mismatch"],
        "audience-missing" | "conditions-missing" => &["saml.audience_missing"],
        "authn-context" => &["saml.authn_context_mismatch"],
        "authnstatement-missing" => &["saml.authn_statement_missing"],
        "destination" => &["saml.destination_mismatch", "saml.logout_destination_mismatch"],
        "recipient" | "recipient-missing" => &["saml.recipient_mismatch"],
        "issuer" => &["saml.issuer_mismatch"],
        "issuer-missing" => &["saml.issuer_mismatch", "saml.signature_misplaced", "saml.xml_schema"],
        "in-response-to" | "unsolicited" => &["saml.in_response_to_mismatch"],
        "nameid-empty" | "nameid-missing" | "subject-missing" => &["saml.name_id_missing"],
        "subjectconfirmation-missing" | "subjectconfirmation-method" => &["saml.no_bearer_confirmation"],
        "subjectconfirmation-no-expiry" | "subjectconfirmation-not-before" => &["saml.confirmation_invalid"],
        "time-expired" | "time-boundary" | "session-expired" => &["saml.expired"],
        "subjectconfirmation-expired" | "subjectconfirmation-multiple" => &["saml.expired"],
        "time-not-before" => &["saml.not_yet_valid"],
        "time-malformed" | "missing-id" => &["saml.xml_schema"],
        "status" => &["saml.refused", "saml.xml_schema"],
        "saml-version" => &["saml.version"],
        _ => return None,
    })
}
