//! GUIDs and addresses, what is read from claims, and what is said about error codes.

use super::*;
use crate::saml::Attributes;

const TENANT: &str = "274d6cd3-0a1b-4c5d-8e9f-000000000001";
const OBJECT: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000003";

fn attributes(pairs: &[(&str, &[&str])]) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, values) in pairs {
        attributes.push(name, None, None);
        values.iter().for_each(|value| attributes.push_value(value));
    }
    attributes
}

fn app(tenant: &str, cloud: Cloud) -> EntraApp {
    let application = "1F3B7A50-0A1B-4C5D-8E9F-000000000002".parse().expect("a GUID");
    EntraApp { cloud, ..EntraApp::new(tenant.parse().expect("a GUID"), application) }
}

#[test]
fn a_guid_is_strict_in_form_and_indifferent_to_case() {
    let lower: TenantGuid = TENANT.parse().expect("a GUID");
    assert_eq!(TENANT.to_uppercase().parse(), Ok(lower));
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

#[test]
fn the_addresses_follow_from_two_guids() {
    let app = app(TENANT, Cloud::Global);
    assert_eq!(
        app.metadata_url().as_ref(),
        format!(
            "https://login.microsoftonline.com/{TENANT}/federationmetadata/2007-06/\
             federationmetadata.xml?appid=1f3b7a50-0a1b-4c5d-8e9f-000000000002"
        )
    );
    assert_eq!(app.issuer().as_ref(), format!("https://sts.windows.net/{TENANT}/"));
    let login = format!("https://login.microsoftonline.com/{TENANT}/saml2");
    assert_eq!(app.sso_url().as_ref(), login);
}

#[test]
fn the_government_cloud_has_its_own_login_but_not_its_own_issuer() {
    let app = app(TENANT, Cloud::UsGovernment);
    assert_eq!(app.issuer().as_ref(), format!("https://sts.windows.net/{TENANT}/"));
    assert!(app.sso_url().as_ref().starts_with("https://login.microsoftonline.us/"));
}

#[test]
fn the_cloud_in_china_has_both() {
    let app = app(TENANT, Cloud::China);
    assert_eq!(app.issuer().as_ref(), format!("https://sts.chinacloudapi.cn/{TENANT}/"));
    assert!(app.metadata_url().as_ref().starts_with("https://login.partner.microsoftonline.cn/"));
}

#[test]
fn portal_values_are_what_to_paste_and_no_empty_ones() {
    let entity_id = "https://app.example/saml/metadata".parse().expect("an entity ID");
    let acs = "https://app.example/saml/acs".parse().expect("a URL");
    let login = "https://app.example/saml/login".parse().expect("a URL");
    let values = portal_values(&entity_id, &acs, Some(&login), None);
    let expected = [
        ("Identifier (Entity ID)", "https://app.example/saml/metadata"),
        ("Reply URL (Assertion Consumer Service URL)", "https://app.example/saml/acs"),
        ("Sign on URL", "https://app.example/saml/login"),
    ];
    assert_eq!(values, expected.map(|(label, value)| (label, value.to_owned())));
}

#[test]
fn a_key_is_the_same_in_any_case() {
    let tenant = TENANT.to_uppercase();
    let person = attributes(&[(claims::TENANT_ID, &[&tenant]), (claims::OBJECT_ID, &[OBJECT])]);
    let key = UserKey::of(&person).expect("a key");
    assert_eq!(key.to_string(), format!("{TENANT}/{OBJECT}"));
    assert_eq!(Ok(key.tenant), tenant.parse());
}

#[test]
fn half_a_key_or_two_keys_are_none() {
    let tenant = (claims::TENANT_ID, &[TENANT][..]);
    let object = |values: &'static [&'static str]| (claims::OBJECT_ID, values);
    for pairs in [
        &[tenant][..],
        &[object(&[OBJECT])],
        &[tenant, object(&[OBJECT, OBJECT])],
        &[tenant, object(&[OBJECT]), object(&[OBJECT])],
        &[tenant, object(&["alice"])],
    ] {
        assert_eq!(UserKey::of(&attributes(pairs)), None);
    }
}

#[test]
fn an_application_takes_no_person_of_another_tenant() {
    let person = attributes(&[(claims::TENANT_ID, &[TENANT]), (claims::OBJECT_ID, &[OBJECT])]);
    let key = UserKey::of(&person);
    assert!(key.is_some());
    assert_eq!(app(&TENANT.to_uppercase(), Cloud::Global).user_key(&person), key);
    assert_eq!(app(OBJECT, Cloud::Global).user_key(&person), None);
}

#[test]
fn only_the_exact_value_means_more_than_one_factor() {
    let method = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
    let methods = |values: &[&str]| did_mfa(&attributes(&[(claims::AUTHN_METHODS, values)]));
    assert!(!methods(&[method]));
    assert!(!did_mfa(&attributes(&[("methods", &[claims::MULTIPLE_AUTHN])])));
    assert!(methods(&[method, claims::MULTIPLE_AUTHN]));
    let twice = [(claims::AUTHN_METHODS, &[method][..]), (claims::AUTHN_METHODS, &[claims::MULTIPLE_AUTHN])];
    assert!(did_mfa(&attributes(&twice)));
}

#[test]
fn groups_that_came_are_all_there_are() {
    let few = attributes(&[(claims::GROUPS, &["a", "b"]), ("Group", &["c"])]);
    assert_eq!(Groups::of(&few), Groups::Present(vec!["a", "b"]));
    assert_eq!(Groups::named(&few, "Group"), Groups::Present(vec!["c"]));
    assert_eq!(Groups::named(&few, "group"), Groups::Absent);
    assert_eq!(format!("{:?}", Groups::of(&few)), "Present(2)");
}

#[test]
fn a_link_is_an_overage_and_leads_to_the_graph_of_today() {
    let old = format!("https://graph.windows.net/274d6cd3/users/{OBJECT}/getMemberObjects");
    let many = attributes(&[(claims::GROUPS_LINK, &[&old])]);
    let link = Some(format!("https://graph.microsoft.com/v1.0/users/{OBJECT}/getMemberObjects"));
    assert_eq!(Groups::of(&many), Groups::Overage { link: link.clone() });
    assert_eq!(Groups::named(&many, claims::ROLE), Groups::Overage { link });
}

#[test]
fn a_link_to_elsewhere_is_an_overage_without_a_link() {
    for values in [
        &[][..],
        &["https://evil.example/x/users/5d0f2c11-0a1b-4c5d-8e9f-000000000003/getMemberObjects"],
        &["https://graph.windows.net/t/users/../../x/getMemberObjects"],
        &["https://graph.windows.net.evil.example/t/users/x/getMemberObjects"],
        &["a", "b"],
    ] {
        let many = attributes(&[(claims::GROUPS, &["a"]), (claims::GROUPS_LINK, values)]);
        assert_eq!(Groups::of(&many), Groups::Overage { link: None }, "{values:?}");
    }
}

#[test]
fn codes_are_found_in_order_under_both_prefixes() {
    let message = "AADSTS75003: unsupported.\r\nTrace ID: 1f-AADSTS Timestamp: 2013 ACS75005:x, \
                   ACS2 ACS AADSTS99999999999 xAADSTS50011 AADSTS50011x (AADSTS7500529)";
    assert_eq!(aadsts::codes_in(message).collect::<Vec<_>>(), [75003, 75005, 7500529]);
    let page = "https://login.microsoftonline.com/error?code=50011";
    assert_eq!(aadsts::page_about(50011), page);
}

#[test]
fn the_last_known_code_gives_the_advice() {
    let advice = aadsts::advice_for("AADSTS75011: a. AADSTS50011: b. AADSTS1234567: c.");
    let advice = advice.expect("advice");
    assert_eq!((advice.code, advice.place), (50011, Some(PORTAL_PLACE)));
    assert_eq!(aadsts::advice_for("no code at all"), None);
}

#[test]
fn each_code_has_one_sentence_of_advice() {
    for (_, _, action) in aadsts::ADVICE {
        assert!(action.ends_with('.') && !action.contains("  "), "{action}");
    }
    let mut codes: Vec<_> = aadsts::ADVICE.iter().flat_map(|(codes, ..)| *codes).collect();
    codes.sort();
    assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
}
