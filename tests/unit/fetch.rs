//! Which addresses are public.

use super::{Agent, DefaultConnector, DefaultResolver, Fetcher, Guarded, NextTimeout, Resolver as _, get, is_public};
use crate::error::FetchError;
use crate::ids::EndpointUrl;

#[test]
fn an_address_inside_a_network_is_not_public_in_any_spelling() {
    for inside in [
        "127.0.0.1",
        "127.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.1",
        "198.51.100.1",
        "203.0.113.9",
        "192.88.99.1",
        "168.63.129.16",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2001:1::1",
        "3fff::1",
        "100::1",
        "5f00::1",
    ] {
        assert!(!is_public(inside.parse().expect("an address")), "{inside}");
    }
    for public in [
        "20.190.128.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2603:1026::1",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "::ffff:8.8.8.8",
        "3ffe::1",
    ] {
        assert!(is_public(public.parse().expect("an address")), "{public}");
    }
}

#[test]
fn a_proxy_may_be_inside_and_what_it_is_asked_for_may_not() {
    let proxy = ureq::Proxy::new("http://127.0.0.1:1").expect("a proxy");
    let config = ureq::config::Config::builder().proxy(Some(proxy)).build();
    let guarded = || Guarded { private_addresses: false, system: DefaultResolver::default() };
    let resolves = |uri: &str| guarded().resolve(&uri.parse().expect("a URI"), &config, NextTimeout::default()).is_ok();
    let of_proxy = config.proxy().expect("the proxy").uri().to_string();
    assert!(resolves(&of_proxy), "{of_proxy}");
    assert!(!resolves("https://127.0.0.1:1/") && !resolves("http://127.0.0.1:2/"));
    let agent = Agent::with_parts(config.clone(), DefaultConnector::default(), guarded());
    // Nothing listens there: whoever was asked was the proxy.
    let asked = |url: &str| match get(&Fetcher::new(), &agent, &url.parse::<EndpointUrl>().expect("a URL"), None) {
        Err(FetchError::Unreachable(why)) => !why.as_ref().contains("host not found"),
        other => panic!("{other:?}"),
    };
    assert!(asked("https://idp.example/metadata"));
    for inside in ["https://169.254.169.254/", "https://0x7f.1/", "https://[::1]/", "https://2130706433/"] {
        assert!(!asked(inside), "{inside}");
    }
}
