//! What rules do with claims.

use super::*;
use crate::saml::NameId;

const ADMINS: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000003";
const USERS: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000004";
const ROLES: &[(&str, &str)] = &[(ADMINS, "admin"), (USERS, "user")];

fn apply(rules: impl Into<Rules>, sent: &[(&str, &[&str])]) -> Result<Mapped, MappingError> {
    let mapping = Mapping::try_from(rules.into()).unwrap_or_else(|error| panic!("{error}"));
    let name_id = NameId::new("alice@app.example", None);
    let mut attributes = Attributes::default();
    for (name, values) in sent {
        attributes.push(name, None, name.strip_prefix("urn:oid:"));
        values.iter().for_each(|value| attributes.push_value(value));
    }
    mapping.apply(Claims { name_id: &name_id, attributes: &attributes })
}

fn one(rule: Rule, sent: &[(&str, &[&str])]) -> Option<String> {
    let mapped = apply([rule], sent).expect("a record");
    mapped.fields.first().and_then(|field| mapped.one(&field.name)).map(str::to_owned)
}

fn code(rule: Rule, sent: &[(&str, &[&str])]) -> &'static str {
    apply([rule], sent).expect_err("an error").code()
}

impl<const N: usize> From<[Rule; N]> for Rules {
    fn from(rules: [Rule; N]) -> Self {
        Self { rules: rules.into(), ..Self::default() }
    }
}

fn source(name: &str) -> Source {
    Source::Name(name.to_owned())
}

fn rule(field: &str, from: &[Source]) -> Rule {
    Rule { field: field.to_owned(), from: from.to_vec(), ..Rule::default() }
}

fn named(field: &str, names: &[&str]) -> Rule {
    let from: Vec<_> = names.iter().copied().map(source).collect();
    rule(field, &from)
}

fn list(rule: Rule) -> Rule {
    Rule { many: true, ..optional(rule) }
}

fn optional(rule: Rule) -> Rule {
    Rule { optional: true, ..rule }
}

fn or(rule: Rule, default: &str) -> Rule {
    Rule { default: Some(default.to_owned()), ..rule }
}

/// The groups, as what a table says.
fn roles(table: &[(&str, &str)]) -> Rule {
    let owned = |(theirs, ours): &(&str, &str)| ((*theirs).to_owned(), (*ours).to_owned());
    let from = [Source::Groups(claims::GROUPS.to_owned())];
    let table = Some(table.iter().map(owned).collect());
    Rule { many: true, table, ..rule("roles", &from) }
}

#[test]
fn the_first_source_that_says_something_is_taken() {
    let from = || [source("mail"), Source::FriendlyName("0.9".into()), Source::NameId];
    let rule = || rule("email", &from());
    assert_eq!(one(rule(), &[("mail", &["a"]), ("urn:oid:0.9", &["b"])]).as_deref(), Some("a"));
    assert_eq!(one(rule(), &[("mail", &[" ", ""]), ("urn:oid:0.9", &["b"])]).as_deref(), Some("b"));
    assert_eq!(one(rule(), &[("Mail", &["a"])]).as_deref(), Some("alice@app.example"));
}

#[test]
fn two_values_for_a_field_of_one_are_an_error_and_never_the_first() {
    let rule = || rule("email", &[source("mail"), Source::NameId]);
    assert_eq!(code(rule(), &[("mail", &["a", "b"])]), "mapping.ambiguous");
    assert_eq!(code(optional(rule()), &[("mail", &["a"]), ("mail", &["b"])]), "mapping.ambiguous");
    assert_eq!(code(or(rule(), "c"), &[("mail", &["a", "A"])]), "mapping.ambiguous");
    let lower_case = Rule { lower_case: true, ..rule() };
    assert_eq!(one(lower_case, &[("mail", &["a", "A"])]).as_deref(), Some("a"));
}

#[test]
fn presence_decides_what_becomes_of_nothing() {
    let rule = || rule("team", &[source("team")]);
    assert_eq!(code(rule(), &[("team", &[])]), "mapping.missing");
    assert_eq!(one(optional(rule()), &[]), None);
    assert_eq!(one(or(rule(), "none"), &[]).as_deref(), Some("none"));
}

#[test]
fn lower_case_takes_no_letter_for_another() {
    let rule = || Rule { trim: true, lower_case: true, ..named("email", &["mail"]) };
    assert_eq!(one(rule(), &[("mail", &[" Ka@X "])]).as_deref(), Some("ka@x"));
    assert_eq!(one(rule(), &[("mail", &["\u{212a}a@x"])]).as_deref(), Some("\u{212a}a@x"));
}

#[test]
fn joined_values_need_every_part_and_one_value_of_each() {
    let constant = |text: &str| Source::Constant(text.to_owned());
    let joined = Source::Joined(vec![source("sn"), constant(", "), source("given"), constant(", "), Source::NameId]);
    let rule = || rule("name", &[joined.clone(), constant("?")]);
    let sent = [("given", &["A{s}"][..]), ("sn", &["B"])];
    assert_eq!(one(rule(), &sent).as_deref(), Some("B, A{s}, alice@app.example"));
    assert_eq!(one(rule(), &[("sn", &["B"])]).as_deref(), Some("?"));
    assert_eq!(code(rule(), &[("given", &["A", "C"]), ("sn", &["B"])]), "mapping.ambiguous");
}

#[test]
fn what_is_joined_is_as_long_as_four_long_names_and_no_longer() {
    let (sn, comma) = ("x".repeat(4090), Source::Constant(", ".to_owned()));
    let rule = || rule("name", &[Source::Joined(vec![source("sn"), comma.clone(), source("given")]), Source::NameId]);
    let joined = |given: &str| apply([rule()], &[("sn", &[&sn]), ("given", &[given])]);
    assert_eq!(joined("1234").expect("the last that fits").one("name").map(str::len), Some(4096));
    let error = joined("12345").expect_err("one more");
    assert_eq!((error.code(), error.problems.len()), ("mapping.too_long", 1));
    assert!(error.to_string().starts_with("`name` takes at most 4096 bytes in one and gets more from `sn`"), "{error}");
    let long = "x".repeat(4097);
    for rule in [optional(rule()), or(rule(), "?")] {
        assert_eq!(code(rule, &[("sn", &[&long]), ("given", &["A"])]), "mapping.too_long");
    }
    assert_eq!(
        one(rule(), &[("sn", &[&long])]).as_deref(),
        Some("alice@app.example"),
        "without a part there is nothing"
    );
    let alone = "x".repeat(100_000);
    assert_eq!(one(named("name", &["sn"]), &[("sn", &[&alone])]), Some(alone), "nothing is joined");
}

#[test]
fn a_table_names_groups_drops_strangers_and_folds_case_only_if_asked() {
    let upper = ADMINS.to_uppercase();
    let sent = [(claims::GROUPS, &[USERS, &upper, "x"][..])];
    let values = |rule: Rule| {
        let mapped = apply([optional(rule)], &sent).expect("a record");
        mapped.field("roles").expect("the field").values.clone()
    };
    let rule = || roles(&[(ADMINS, "admin"), (USERS, "admin")]);
    assert_eq!(values(rule()), ["admin"]);
    assert_eq!(values(Rule { ignore_case: true, ..roles(&[(ADMINS, "admin")]) }), ["admin"]);
    assert_eq!(values(Rule { keep_unmatched: true, ..rule() }), ["admin", &upper, "x"]);
}

#[test]
fn no_value_in_the_table_is_told_from_no_value() {
    let sent = [(claims::GROUPS, &["x"][..])];
    let error = apply([roles(ROLES)], &sent).expect_err("required");
    assert_eq!(error.problems.first().map(|p| p.kind), Some(ProblemKind::Unmatched));
    assert_eq!(one(or(roles(ROLES), "guest"), &sent).as_deref(), Some("guest"));
    let mapped = apply([optional(roles(ROLES))], &sent).expect("optional");
    assert!(mapped.field("roles").is_some_and(|field| field.values.is_empty()));
    let mapped = apply([optional(roles(ROLES))], &[]).expect("optional");
    assert!(mapped.field("roles").is_none());
}

#[test]
fn groups_that_were_left_out_refuse_the_login_by_any_road() {
    let sent = [(claims::GROUPS_LINK, &["x"][..])];
    assert_eq!(code(or(roles(ROLES), "guest"), &sent), "mapping.groups_overage");
    let by_name = apply([list(named("roles", &["other", claims::GROUPS]))], &sent);
    assert_eq!(by_name.expect_err("an overage").code(), "mapping.groups_overage");
    let renamed = rule("roles", &[Source::Groups("Group".to_owned())]);
    assert_eq!(code(list(renamed.clone()), &sent), "mapping.groups_overage");
    let mapped = apply([Rule { empty_on_overage: true, ..list(renamed) }], &sent).expect("asked for");
    assert!(mapped.field("roles").is_some_and(|field| field.values.is_empty()));
}

#[test]
fn an_error_tells_everything_at_once_and_no_value() {
    let rules = || [named("email", &["mail", "upn"]), named("team", &["t"])];
    let sent: &[(&str, &[&str])] = &[("t", &["secret1", "secret2"]), ("x\n", &["secret3"])];
    let [email, team] = rules();
    let error = apply([email, team, roles(ROLES)], sent).expect_err("three problems");
    assert_eq!(error.code(), "mapping.ambiguous");
    assert_eq!(
        error.to_string(),
        "`team` takes one value and gets 2 from `t`; `email` needs a value and gets none from \
         `mail` or `upn`; `roles` needs a value and gets none from \
         `http://schemas.microsoft.com/ws/2008/06/identity/claims/groups`; 2 attributes \
         received: `t`, `x\\n`"
    );
    assert!(!format!("{error:?}").contains("secret"));
    let mut names: Vec<_> = (0..50).map(|at| format!("n{at}")).collect();
    names.extend(names.clone());
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &["v"][..])).collect();
    let error = apply(rules(), &many).expect_err("nothing fits");
    assert_eq!((error.received.len(), error.count), (40, 50));
}

#[test]
fn a_record_prints_no_value() {
    let rule = Rule { on_create: true, ..rule("user", &[Source::NameId]) };
    let mapped = apply([rule], &[]).expect("a record");
    assert_eq!(format!("{mapped:?}"), r#"Mapped { fields: [Field("user")] }"#);
    assert!(mapped.field("user").is_some_and(|field| field.on_create));
}

#[test]
fn rules_that_cannot_be_applied_are_refused_before_any_login() {
    let of = |sources: &[Source]| Rules::from([rule("a", sources)]);
    let joined = |parts: &[Source]| of(&[Source::Joined(parts.to_vec())]);
    let folded = Rule { ignore_case: true, ..roles(&[("a", "x"), ("A", "y")]) };
    let huge: Vec<_> = (0..1201).map(|at| at.to_string()).collect();
    let huge: Vec<_> = huge.iter().map(|at| (at.as_str(), "x")).collect();
    let many = (0..101).map(|at| named(&at.to_string(), &["x"])).collect();
    let long = Source::Constant("x".repeat(4097));
    for (rules, part) in [
        (Rules::default(), "neither preset nor rule"),
        (Rules { rules: many, ..Rules::default() }, "over 100 rules"),
        ([named(" ", &["x"])].into(), "names no field"),
        ([named("a", &[])].into(), "no source"),
        ([named("a", &["x"; 51])].into(), "more than 50 sources"),
        ([named("a", &["x", "y", "x"])].into(), "the same source twice"),
        (of(&[Source::NameId, source("x"), Source::NameId]), "the same source twice"),
        ([named("a", &[""])].into(), "is empty"),
        ([named("a", &["x"]), list(named("a", &["y"]))].into(), "two rules"),
        ([or(named("a", &["x"]), "")].into(), "default is empty"),
        ([or(optional(named("a", &["x"])), "b")].into(), "optional and has a default"),
        (joined(&[]), "joins nothing"),
        (joined(&vec![Source::NameId; 51]), "or over 50"),
        (joined(&[source("x"), Source::NameId, source("x")]), "joins the same source twice"),
        (joined(&[Source::NameId, long]), "joins constants of 4096 bytes or more"),
        (joined(&[Source::NameId, source(" ")]), "is empty"),
        (joined(&[Source::Groups("g".to_owned())]), "no name, friendly name"),
        (joined(&[Source::Joined(vec![Source::NameId])]), "no name, friendly name"),
        ([roles(&[])].into(), "table is empty"),
        ([roles(&huge)].into(), "more than 1200"),
        ([folded].into(), "only in case"),
        ([roles(&[("a", " ")])].into(), "empty value"),
        ([Rule { keep_unmatched: true, ..named("a", &["x"]) }].into(), "no table"),
        ([Rule { ignore_case: true, ..named("a", &["x"]) }].into(), "no table"),
    ] {
        let error = Mapping::try_from(rules).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.code(), "mapping.invalid_rules");
    }
    let error = Mapping::try_from(Rules::from([named("email", &[])])).expect_err("no source");
    assert_eq!(error.to_string(), "the mapping cannot be used: rule for `email`: it has no source");
}

#[test]
fn a_source_is_another_by_its_kind_or_its_name_and_a_separator_may_stand_twice() {
    let (x, friendly, groups) = (source("x"), Source::FriendlyName("x".to_owned()), Source::Groups("x".to_owned()));
    let comma = || Source::Constant(", ".to_owned());
    let joined = Source::Joined(vec![x.clone(), comma(), friendly.clone(), comma(), source("X")]);
    let rules = Rules::from([rule("a", &[x, friendly, groups, joined, source("X")])]);
    Mapping::try_from(rules).expect("nothing that is the same");
}

#[test]
fn the_sources_of_all_rules_are_counted_together_and_those_of_a_preset_with_them() {
    let names = |many: usize| (0..many).map(|at| format!("n{at}")).collect::<Vec<_>>();
    let rule = |field: usize, sources: usize| {
        let names = names(sources);
        named(&format!("f{field}"), &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let reason = |preset, more: usize| {
        let mut rules: Vec<_> = (0..99).map(|field| rule(field, 3)).collect();
        let parts: Vec<_> = names(more).iter().map(|name| source(name)).collect();
        rules.push(Rule { from: vec![Source::Joined(parts)], ..rule(99, 1) });
        Mapping::try_from(Rules { preset, rules }).err().map(|error| (error.field, error.reason))
    };
    let too_many = Some((None, "its rules have more than 300 sources"));
    assert_eq!(reason(None, 3), None);
    assert_eq!(reason(None, 4), too_many);
    assert_eq!(reason(Some(Preset::Entra), 3), too_many);
}

#[test]
fn presets_are_valid_and_an_own_rule_takes_the_place_of_theirs() {
    let all = [Preset::Entra, Preset::Adfs, Preset::Okta, Preset::Google, Preset::EduPerson];
    for preset in all {
        let rules = Rules { rules: preset.rules(), ..Rules::default() };
        assert!(Mapping::try_from(rules).is_ok(), "{preset:?}");
    }
    let preset = |preset, own: Option<Rule>| Rules { preset: Some(preset), rules: own.into_iter().collect() };
    let sent = [
        (claims::TENANT_ID, &["T"][..]),
        (claims::OBJECT_ID, &["O"]),
        (claims::NAME, &["upn"]),
        (claims::GIVEN_NAME, &["Al"]),
        (claims::SURNAME, &["Ice "]),
    ];
    let mapped = apply(preset(Preset::Entra, None), &sent).expect("a record");
    let fields: Vec<_> = mapped.fields.iter().map(|f| (&*f.name, f.values.join("|"))).collect();
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
    let strict = preset(Preset::Entra, Some(named("email", &[claims::EMAIL])));
    assert_eq!(apply(strict, &sent).expect_err("no mail").problems.len(), 1);
    let oid = [("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", &["a@uni.example"][..])];
    let mapped = apply(preset(Preset::EduPerson, None), &oid).expect("a record");
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
        from = [{ joined = [{ name = "n" }, { constant = "!" }] }, { constant = "?" }]
        optional = true

        [[rule]]
        field = "roles"
        from = [{ groups = "Group" }, { groups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups" }]
        many = true
        default = "member"
        empty_on_overage = true
        table = { "A" = "admin" }
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
    assert_eq!(mapped.field("roles").expect("roles").values, ["admin", "b"]);
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
        ("[[rule]]\nfield = 'a'\nfrom = [{ groups = 'x' }]\nempty_on_overage = 'yes'", "yes"),
        ("[[rule]]\nfield = 'a'\nfrom = [{ groups = 'x' }]\nempty_on_overrage = true", "overrage"),
        ("[[rule]]\nfield = 'a'", "rule for `a`: it has no source"),
        ("", "neither preset nor rule"),
    ] {
        let error = toml::from_str::<Mapping>(text).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_table_that_says_two_things_of_one_key_is_refused() {
    let json = |table: &str| {
        let text = format!(r#"{{"rule": [{{"field": "role", "from": [{{"groups": "g"}}], "table": {table}}}]}}"#);
        serde_json::from_str::<Mapping>(&text)
            .map(|mapping| mapping.fields().count())
            .map_err(|error| error.to_string())
    };
    let error = json(r#"{"g": "user", "h": "user", "g": "admin"}"#).expect_err("two roles of one group");
    assert!(error.starts_with("its table has `g` twice at line 1"), "{error}");
    assert!(json(r#"{"g": "user", "\u0067": "user"}"#).is_err(), "another spelling, and the same role");
    assert_eq!(json(r#"{"g": "user", "G": "admin"}"#), Ok(1));
    assert_eq!(json("null"), Ok(1));
    assert!(json(r#"[["g", "user"]]"#).expect_err("a list").contains("a table"));
    let toml = "[[rule]]\nfield = 'role'\nfrom = [{ groups = 'g' }]\n[rule.table]\ng = 'user'\n";
    assert!(toml::from_str::<Mapping>(toml).is_ok());
    assert!(toml::from_str::<Mapping>(&format!("{toml}\"g\" = 'admin'\n")).is_err());
    let rules = Rules::from(serde_json::from_str::<Mapping>(r#"{"preset": "okta"}"#).expect("no table"));
    assert!(serde_json::to_string(&rules).and_then(|text| serde_json::from_str::<Rules>(&text)).is_ok());
}
