//! Of `src/saml/attributes.rs`.

use super::*;

#[test]
fn attributes_keep_order_and_repeat() {
    let mut attributes = Attributes::default();
    attributes.push("role", None, Some("Role"));
    attributes.push_value("a");
    attributes.push_value("b");
    attributes.push("mail", None, None);
    attributes.push_value("x@y.example");
    attributes.push("role", None, None);
    attributes.push_value("c");
    assert_eq!(attributes.values("role").collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(attributes.single("mail"), Some("x@y.example"));
    assert_eq!(attributes.single("role"), None);
    assert_eq!(attributes.single("none"), None);
    assert_eq!(attributes.iter().map(|a| a.values().len()).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(format!("{attributes:?}"), r#"["role", "mail", "role"]"#);
    assert_eq!(format!("{:?}", attributes.iter().next()), r#"Some(Attribute("role"))"#);
    assert_eq!(format!("{:?}", NameId::new("ada", Some("f"))), r#"NameId { format: Some("f"), .. }"#);
}
