//! What `ids` promises.

use super::*;

#[test]
fn an_endpoint_is_an_absolute_https_url() {
    for text in ["https://app.example", "https://app.example:8443/saml/acs?tenant=1"] {
        assert!(text.parse::<EndpointUrl>().is_ok(), "{text}");
    }
    for text in [
        "",
        "/acs",
        "http://app.example/acs",
        "javascript:alert(1)",
        "data:text/html,x",
        "https:app.example",
        "https:/app.example",
        "https:///app.example",
        "https://@app.example/",
        "https://:@app.example/",
        "https://?a@app.example/",
        "https:\\\\app.example",
        "https://",
        "https://u@app.example/",
        "https://u:p@app.example/",
        "https://app.example/#x",
        "https://app.example/a b",
        "https://app.example/\n",
        "ftp://app.example/",
        " https://app.example/",
        "https://app.example/é",
    ] {
        assert!(text.parse::<EndpointUrl>().is_err(), "{text}");
    }
}

#[test]
fn the_neighbours_of_an_endpoint_are_found() {
    let acs: EndpointUrl = "https://app.example/saml/acs?x=1".parse().expect("a URL");
    assert_eq!(acs.path(), "/saml/acs");
    assert_eq!(acs.sibling("login").as_ref(), "https://app.example/saml/login");
    assert_eq!(acs.origin(), "https://app.example");
    assert_eq!(acs.child("x").as_ref(), "https://app.example/saml/acs/x");
    let root: EndpointUrl = "https://app.example".parse().expect("a URL");
    assert_eq!(root.path(), "/");
    assert_eq!(root.sibling("login").as_ref(), "https://app.example/login");
    assert_eq!(root.child("acs").as_ref(), "https://app.example/acs");
    assert_eq!(root.origin(), "https://app.example");
}

#[test]
fn a_return_path_cannot_leave_the_site() {
    for text in ["/", "/after?x=1#f", "/a//b", "/%2F/x"] {
        assert!(text.parse::<ReturnTo>().is_ok(), "{text}");
    }
    for text in [
        "",
        "after",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x",
        " /",
        "/é",
        "?x",
    ] {
        assert!(text.parse::<ReturnTo>().is_err(), "{text:?}");
    }
}

#[test]
fn a_tenant_id_is_one_plain_segment_of_a_path() {
    for text in ["contoso", "A-1_b", "0"] {
        assert!(text.parse::<TenantId>().is_ok(), "{text}");
    }
    let long = "a".repeat(65);
    for text in ["", ".", "..", "a/b", "a b", "ä", "a%2fb", "a\nb", "a.b", &long] {
        assert!(text.parse::<TenantId>().is_err(), "{text:?}");
    }
}

#[test]
fn ids_are_ncnames() {
    assert!("_a.b-1".parse::<MessageId>().is_ok());
    assert!("idACB318BD-F2B7-49E0-8340B56C81928DA0".parse::<MessageId>().is_ok());
    for text in ["", "1a", "-a", "a:b", "a b", "a#b", "a'b"] {
        assert!(text.parse::<MessageId>().is_err(), "{text:?}");
    }
    let ours = MessageId::from_random([255; 20]);
    assert_eq!(ours.as_ref().parse(), Ok(ours));
}
