//! What rules do with claims.

use super::*;
use crate::saml::NameId;

const ADMINS: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000003";
const USERS: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000004";

fn apply(rules: Rules, sent: &[(&str, &[&str])]) -> Result<Mapped, MappingError> {
    let Ok(mapping) = rules.build() else { panic!("the rules are valid") };
    let name_id = NameId::new("alice@app.example", None);
    let mut attributes = Attributes::default();
    for (name, values) in sent {
        attributes.push(name, None, name.strip_prefix("urn:oid:"));
        values.iter().for_each(|value| attributes.push_value(value));
    }
    mapping.apply(Claims::new(&name_id, &attributes))
}

fn one(rule: Rule, sent: &[(&str, &[&str])]) -> Option<String> {
    let mapped = apply(Rules::new().rule(rule), sent).expect("a record");
    mapped.iter().next().and_then(|field| mapped.one(&field.name)).map(str::to_owned)
}

fn code(rule: Rule, sent: &[(&str, &[&str])]) -> &'static str {
    apply(Rules::new().rule(rule), sent).expect_err("an error").code()
}

fn roles() -> Rule {
    let table = Table::new([(ADMINS, "admin"), (USERS, "user")]);
    Rule::new("roles", [Source::groups()]).many().through(table)
}

#[test]
fn the_first_source_that_says_something_is_taken() {
    let from = || [Source::name("mail"), Source::FriendlyName("0.9".into()), Source::NameId];
    let rule = || Rule::new("email", from());
    assert_eq!(one(rule(), &[("mail", &["a"]), ("urn:oid:0.9", &["b"])]).as_deref(), Some("a"));
    assert_eq!(one(rule(), &[("mail", &[" ", ""]), ("urn:oid:0.9", &["b"])]).as_deref(), Some("b"));
    assert_eq!(one(rule(), &[("Mail", &["a"])]).as_deref(), Some("alice@app.example"));
}

#[test]
fn two_values_for_a_field_of_one_are_an_error_and_never_the_first() {
    let rule = || Rule::new("email", [Source::name("mail"), Source::NameId]);
    assert_eq!(code(rule(), &[("mail", &["a", "b"])]), "mapping.ambiguous");
    assert_eq!(code(rule().optional(), &[("mail", &["a"]), ("mail", &["b"])]), "mapping.ambiguous");
    assert_eq!(code(rule().or("c"), &[("mail", &["a", "A"])]), "mapping.ambiguous");
    assert_eq!(one(rule().lower_case(), &[("mail", &["a", "A"])]).as_deref(), Some("a"));
}

#[test]
fn presence_decides_what_becomes_of_nothing() {
    let rule = || Rule::new("team", [Source::name("team")]);
    assert_eq!(code(rule(), &[("team", &[])]), "mapping.missing");
    assert_eq!(one(rule().optional(), &[]), None);
    assert_eq!(one(rule().or("none"), &[]).as_deref(), Some("none"));
}

#[test]
fn lower_case_takes_no_letter_for_another() {
    let rule = || Rule::new("email", [Source::name("mail")]).trim().lower_case();
    assert_eq!(one(rule(), &[("mail", &[" Ka@X "])]).as_deref(), Some("ka@x"));
    assert_eq!(one(rule(), &[("mail", &["\u{212a}a@x"])]).as_deref(), Some("\u{212a}a@x"));
}

#[test]
fn a_template_needs_every_part_and_one_value_of_each() {
    let parts = [("g", Source::name("given")), ("s", Source::name("sn"))];
    let from = [Source::template("{s}, {g} ({g})", parts), Source::Constant("?".into())];
    let rule = || Rule::new("name", from.clone());
    assert_eq!(
        one(rule(), &[("given", &["A{s}"]), ("sn", &["B"])]).as_deref(),
        Some("B, A{s} (A{s})")
    );
    assert_eq!(one(rule(), &[("sn", &["B"])]).as_deref(), Some("?"));
    assert_eq!(code(rule(), &[("given", &["A", "C"]), ("sn", &["B"])]), "mapping.ambiguous");
}

#[test]
fn a_table_names_groups_drops_strangers_and_folds_case_only_if_asked() {
    let upper = ADMINS.to_uppercase();
    let sent = [(claims::GROUPS, &[USERS, &upper, "x"][..])];
    let values = |table: Table| {
        let mapped = apply(Rules::new().rule(roles().optional().through(table)), &sent);
        mapped.expect("a record").many("roles").to_vec()
    };
    let table = || Table::new([(ADMINS, "admin"), (USERS, "admin")]);
    assert_eq!(values(table()), ["admin"]);
    assert_eq!(values(Table::new([(ADMINS, "admin")]).ignore_case()), ["admin"]);
    assert_eq!(values(table().keep_unmatched()), ["admin", &upper, "x"]);
}

#[test]
fn no_value_in_the_table_is_told_from_no_value() {
    let sent = [(claims::GROUPS, &["x"][..])];
    let error = apply(Rules::new().rule(roles()), &sent).expect_err("required");
    assert_eq!(error.problems.first().map(|p| p.kind), Some(ProblemKind::Unmatched));
    assert_eq!(one(roles().or("guest"), &sent).as_deref(), Some("guest"));
    let mapped = apply(Rules::new().rule(roles().optional()), &sent).expect("optional");
    assert!(mapped.field("roles").is_some_and(|field| field.values.is_empty()));
    let mapped = apply(Rules::new().rule(roles().optional()), &[]).expect("optional");
    assert!(mapped.field("roles").is_none());
}

#[test]
fn groups_that_were_left_out_refuse_the_login_by_any_road() {
    let sent = [(claims::GROUPS_LINK, &["x"][..])];
    assert_eq!(code(roles().or("guest"), &sent), "mapping.groups_overage");
    let by_name = apply(Rules::new().list("roles", &["other", claims::GROUPS]), &sent);
    assert_eq!(by_name.expect_err("an overage").code(), "mapping.groups_overage");
    let on_overage = OnOverage::Empty;
    let rule = Rule::new("roles", [Source::Groups { claim: "Group".into(), on_overage }]);
    let mapped = apply(Rules::new().rule(rule.optional().many()), &sent).expect("asked for");
    assert!(mapped.field("roles").is_some_and(|field| field.values.is_empty()));
}

#[test]
fn an_error_tells_everything_at_once_and_no_value() {
    let rules = Rules::new().required("email", &["mail", "upn"]).required("team", &["t"]);
    let sent: &[(&str, &[&str])] = &[("t", &["secret1", "secret2"]), ("x\n", &["secret3"])];
    let error = apply(rules.clone().rule(roles()), sent).expect_err("three problems");
    assert_eq!(error.code(), "mapping.ambiguous");
    assert_eq!(
        error.to_string(),
        "`team` takes one value, and `t` has 2; `email` needs a value, and `mail` or `upn` has \
         none; `roles` needs a value, and \
         `http://schemas.microsoft.com/ws/2008/06/identity/claims/groups` has none; received were \
         `t`, `x\\n`"
    );
    assert!(!format!("{error:?}").contains("secret"));
    let mut names: Vec<_> = (0..50).map(|at| format!("n{at}")).collect();
    names.extend(names.clone());
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &["v"][..])).collect();
    let error = apply(rules, &many).expect_err("nothing fits");
    assert_eq!((error.received.len(), error.more), (40, 10));
}

#[test]
fn a_record_prints_no_value() {
    let rules = Rules::new().rule(Rule::new("user", [Source::NameId]).on_create());
    let mapped = apply(rules, &[]).expect("a record");
    assert_eq!(format!("{mapped:?}"), r#"Mapped { fields: [Field("user")] }"#);
    assert!(mapped.field("user").is_some_and(|field| field.on_create));
}

#[test]
fn rules_that_cannot_be_applied_are_refused_before_any_login() {
    let rule = |source: Source| Rules::new().rule(Rule::new("a", [source]));
    let template = |text: &str| rule(Source::template(text, [("n", Source::NameId)]));
    let nested = Source::template("{n}", [("n", Source::groups())]);
    let table = |table: Table| Rules::new().rule(roles().through(table));
    let many = (0..101).fold(Rules::new(), |rules, at| rules.list(&at.to_string(), &["x"]));
    for (rules, part) in [
        (Rules::new(), "neither preset nor rule"),
        (many, "over 100 rules"),
        (Rules::new().required(" ", &["x"]), "names no field"),
        (Rules::new().required("a", &[]), "no source"),
        (Rules::new().required("a", &["x"; 51]), "more than 50 sources"),
        (Rules::new().required("a", &[""]), "is empty"),
        (Rules::new().required("a", &["x"]).list("a", &["y"]), "two rules"),
        (Rules::new().rule(Rule::new("a", [Source::NameId]).or("")), "default is empty"),
        (template("{n} {m}"), "not given"),
        (template("{n} {"), "{ without a }"),
        (template("x"), "does not use"),
        (rule(nested), "a part of a template"),
        (table(Table::default()), "table is empty"),
        (table(Table::new([("a", "x"), ("A", "y")]).ignore_case()), "only in case"),
        (table(Table::new([("a", " ")])), "empty value"),
    ] {
        let error = rules.build().expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.code(), "mapping.invalid_rules");
    }
    let error = Rules::new().required("email", &[]).build().expect_err("no source");
    assert_eq!(error.to_string(), "the mapping cannot be used: rule for `email`: it has no source");
}

#[test]
fn presets_are_valid_and_an_own_rule_takes_the_place_of_theirs() {
    let named = [Preset::Entra, Preset::Adfs, Preset::Okta, Preset::Google, Preset::EduPerson];
    for preset in named {
        assert!(preset.rules().into_iter().fold(Rules::new(), Rules::rule).build().is_ok());
    }
    let sent = [
        (claims::TENANT_ID, &["T"][..]),
        (claims::OBJECT_ID, &["O"]),
        (claims::NAME, &["upn"]),
        (claims::GIVEN_NAME, &["Al"]),
        (claims::SURNAME, &["Ice "]),
    ];
    let mapped = apply(Preset::Entra.into(), &sent).expect("a record");
    let fields: Vec<_> = mapped.iter().map(|f| (&*f.name, f.values.join("|"))).collect();
    let expected = [
        ("username", "alice@app.example"),
        ("email", "upn"),
        ("first_name", "Al"),
        ("last_name", "Ice"),
        ("display_name", "Al Ice"),
        ("tenant_id", "t"),
        ("object_id", "o"),
    ];
    assert_eq!(fields, expected.map(|(field, value)| (field, value.to_owned())));
    let strict = Rules::from(Preset::Entra).required("email", &[claims::EMAIL]);
    assert_eq!(apply(strict, &sent).expect_err("no mail").problems.len(), 1);
    let oid = [("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", &["a@uni.example"][..])];
    let mapped = apply(Preset::EduPerson.into(), &oid).expect("a record");
    assert_eq!(mapped.one("username"), Some("a@uni.example"));
}

#[cfg(feature = "serde")]
#[test]
fn a_rule_file_says_all_that_the_builder_says() {
    let text = r#"
        preset = "entra"

        [[rule]]
        field = "email"
        from = [{ name = "mail" }, { friendly_name = "0.9" }, "name_id"]
        trim = true
        lower_case = true
        on_create = true

        [[rule]]
        field = "display_name"
        from = [{ template = { text = "{n}!", with = { n = { name = "n" } } } }, { constant = "?" }]
        presence = "optional"

        [[rule]]
        field = "roles"
        from = [{ groups = { on_overage = "empty" } }]
        many = true
        presence = { default = "member" }
        [rule.table]
        values = { "A" = "admin" }
        ignore_case = true
        keep_unmatched = true
    "#;
    let rules: Rules = toml::from_str(text).expect("a rule file");
    let sent = [
        (claims::TENANT_ID, &["t"][..]),
        (claims::OBJECT_ID, &["o"]),
        ("urn:oid:0.9", &[" M"]),
        (claims::GROUPS, &["a", "b"]),
    ];
    let mapped = apply(rules, &sent).expect("a record");
    assert_eq!(mapped.one("email"), Some("m"));
    assert_eq!(mapped.one("display_name"), Some("?"));
    assert_eq!(mapped.many("roles"), ["admin", "b"]);
    assert!(serde_json::from_str::<Mapping>(r#"{"preset": "edu_person"}"#).is_ok());
}

#[cfg(feature = "serde")]
#[test]
fn a_broken_rule_file_says_where() {
    for (text, part) in [
        ("presett = 'entra'", "presett"),
        ("preset = 'azure'", "azure"),
        ("[[rule]]\nfield = 'a'\nfrom = ['name_id']\nrequired = true", "required"),
        ("[[rule]]\nfield = 'a'\nfrom = [{ nam = 'x' }]", "nam"),
        ("[[rule]]\nfield = 'a'\nfrom = [{ groups = { on_overage = 'allow' } }]", "allow"),
        ("[[rule]]\nfield = 'a'\nfrom = [{ groups = { on_overrage = 'empty' } }]", "on_overrage"),
        ("[[rule]]\nfield = 'a'", "rule for `a`: it has no source"),
        ("", "neither preset nor rule"),
    ] {
        let error = toml::from_str::<Mapping>(text).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}
