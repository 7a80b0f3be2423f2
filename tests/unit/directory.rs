//! Who gets which record, and who does not.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;

use super::*;
use crate::mapping::Mapped;
use crate::saml::NameId;

const ENTRA: &str = "7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c";
const OBJECT: &str = "3e6f8a1c-5d2b-4c7e-8f9a-0b1c2d3e4f5a";
const OTHER: &str = "3e6f8a1c-5d2b-4c7e-8f9a-ffffffffffff";

fn connection(name: &str) -> TenantId {
    name.parse().expect("a connection")
}

fn entra(name: &str, object: &str) -> PersonKey {
    let (tenant, object) = (ENTRA.parse().expect("a GUID"), object.parse().expect("a GUID"));
    PersonKey::entra(&connection(name), &crate::entra::UserKey { tenant, object })
}

fn ada() -> PersonKey {
    entra("acme", OBJECT)
}

fn field(name: &str, values: &[&str]) -> Field {
    Field { name: name.into(), values: values.iter().copied().map(str::to_owned).collect(), on_create: false }
}

fn mapped(fields: &[(&str, &str)]) -> Mapped {
    Mapped { fields: fields.iter().map(|(name, value)| field(name, &[value])).collect() }
}

fn create() -> Policy {
    Policy { first_login: FirstLogin::Create, ..Policy::default() }
}

fn unique_names() -> Policy {
    Policy { unique: vec![Unique { field: "username".into(), ignore_case: true }], ..create() }
}

fn by_email() -> Policy {
    let match_by = MatchBy { field: "email".into(), ignore_case: true, without_domain: false };
    Policy { match_by: Some(match_by), ..Policy::default() }
}

/// The outcome, or the code of the refusal.
fn sign_in(people: &MemoryDirectory, policy: &Policy, key: &PersonKey, mapped: &Mapped) -> String {
    told(policy.sign_in(people, Person::new(key, mapped)))
}

fn told<Id, E>(done: Result<Done<Id>, SignInError<E>>) -> String {
    done.map_or_else(|error| error.code().to_owned(), |done| done.outcome.to_string())
}

/// Of somebody whose connection has verified `contoso.example`.
fn link(people: &MemoryDirectory, policy: &Policy, key: &PersonKey, email: &str) -> String {
    let (domains, mapped) = (["contoso.example".parse().expect("a domain")], mapped(&[("email", email)]));
    told(policy.sign_in(people, Person::new(key, &mapped).with_verified_domains(&domains)))
}

fn values(people: &MemoryDirectory, id: u64, field: &str) -> Vec<String> {
    people.record(id).expect("a record").values(field).to_vec()
}

#[test]
fn a_first_login_creates_and_a_later_one_updates_what_changed() {
    let people = MemoryDirectory::default();
    let old = mapped(&[("username", "ada@x"), ("display_name", "Ada Byron")]);
    assert_eq!(sign_in(&people, &create(), &ada(), &old), "created");
    assert_eq!(sign_in(&people, &create(), &ada(), &old), "unchanged");
    let new = mapped(&[("username", "ada@x"), ("display_name", "Ada Lovelace")]);
    let done = create().sign_in(&people, Person::new(&ada(), &new)).expect("a record");
    assert_eq!((done.outcome, done.written), (Outcome::Updated, vec!["display_name".into()]));
    assert_eq!((people.len(), values(&people, 1, "display_name")), (1, vec!["Ada Lovelace".to_owned()]));
}

#[test]
fn a_person_without_a_record_is_refused_unless_the_policy_creates() {
    let people = MemoryDirectory::default();
    assert_eq!(sign_in(&people, &Policy::default(), &ada(), &mapped(&[])), "directory.unknown_person");
    assert!(people.is_empty());
}

#[test]
fn a_deactivated_record_lets_nobody_in_and_is_not_written() {
    let people = MemoryDirectory::default();
    assert_eq!(sign_in(&people, &create(), &ada(), &mapped(&[("a", "1")])), "created");
    assert!(people.set_active(1, false) && !people.set_active(2, false));
    assert_eq!(sign_in(&people, &create(), &ada(), &mapped(&[("a", "2")])), "directory.deactivated");
    assert_eq!(values(&people, 1, "a"), ["1"]);
    let invited = people.invite([("email", "eve@contoso.example")]);
    assert!(people.set_active(invited, false));
    assert_eq!(link(&people, &by_email(), &entra("acme", OTHER), "eve@contoso.example"), "directory.deactivated");
}

#[test]
fn a_field_without_values_is_removed_and_an_absent_one_is_kept() {
    let people = MemoryDirectory::default();
    let both = mapped(&[("roles", "admin"), ("phone", "7")]);
    assert_eq!(sign_in(&people, &create(), &ada(), &both), "created");
    let none = Mapped { fields: vec![field("roles", &[])] };
    assert_eq!(sign_in(&people, &create(), &ada(), &none), "updated");
    assert_eq!(sign_in(&people, &create(), &ada(), &none), "unchanged");
    assert_eq!((values(&people, 1, "roles").len(), values(&people, 1, "phone").len()), (0, 1));
    let third = entra("acme", OTHER);
    let done = create().sign_in(&people, Person::new(&third, &none)).expect("a record");
    assert!(done.written.is_empty());
}

#[test]
fn the_order_of_values_is_no_change() {
    let people = MemoryDirectory::default();
    let groups = |values: &[&str]| Mapped { fields: vec![field("groups", values)] };
    assert_eq!(sign_in(&people, &create(), &ada(), &groups(&["a", "b"])), "created");
    assert_eq!(sign_in(&people, &create(), &ada(), &groups(&["b", "a"])), "unchanged");
    assert_eq!(sign_in(&people, &create(), &ada(), &groups(&["b"])), "updated");
}

#[test]
fn what_may_be_edited_here_is_written_once() {
    let people = MemoryDirectory::default();
    let said = |value: &str| Mapped {
        fields: vec![
            Field { on_create: true, ..field("nick", &[value]) },
            field("title", &[value]),
            field("role", &[value]),
        ],
    };
    let policy = Policy { never_update: vec!["title".into()], ..create() };
    assert_eq!(sign_in(&people, &policy, &ada(), &said("a")), "created");
    assert_eq!(sign_in(&people, &policy, &ada(), &said("b")), "updated");
    let now = ["nick", "title", "role"].map(|name| values(&people, 1, name).concat());
    assert_eq!(now, ["a", "a", "b"]);
    let keep = Policy { later_logins: LaterLogins::Keep, ..create() };
    assert_eq!(sign_in(&people, &keep, &ada(), &said("c")), "unchanged");
}

#[test]
fn another_connection_that_writes_the_same_ids_is_another_person() {
    let people = MemoryDirectory::default();
    let ours = mapped(&[("role", "admin")]);
    assert_eq!(sign_in(&people, &create(), &ada(), &ours), "created");
    let theirs = entra("evil", OBJECT);
    assert_eq!(sign_in(&people, &Policy::default(), &theirs, &ours), "directory.unknown_person");
    assert_eq!(sign_in(&people, &create(), &theirs, &mapped(&[("role", "guest")])), "created");
    assert_eq!((people.len(), values(&people, 1, "role").concat()), (2, "admin".to_owned()));
}

#[test]
fn keys_differ_in_more_than_case_and_fit_a_column() {
    let name_id = |value: &str| {
        let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
        PersonKey::name_id(&connection("acme"), &NameId::new(value, Some(format))).expect("a key")
    };
    let value = |connection_name: &str, name: &str, value: &str| {
        PersonKey::value(&connection(connection_name), name, value).expect("a key")
    };
    let keys = [
        ada(),
        entra("Acme", OBJECT),
        entra("acme", OTHER),
        name_id("ada"),
        name_id("Ada"),
        name_id("\u{e1}da"),
        name_id("ada "),
        value("acme", "", "ada"),
        value("acme", "a", "da"),
        value("acme", "ad", "a"),
        value("ACME", "a", "da"),
        value(&"A".repeat(64), "a", &"ada".repeat(1000)),
        entra(&"A".repeat(64), OBJECT),
    ];
    let texts: BTreeSet<_> = keys.iter().map(|key| key.to_string().to_lowercase()).collect();
    assert_eq!(texts.len(), keys.len());
    let longest = keys.iter().map(|key| key.as_ref().len()).max();
    assert_eq!(longest, Some(PersonKey::MAX_LEN));
    assert!(texts.iter().zip(&texts).all(|(text, same)| text == same && text.is_ascii()));
    assert!(keys.iter().all(|key| !key.as_ref().bytes().any(|byte| byte.is_ascii_uppercase())));
    // Whoever sees the tables of two customers cannot tell that they have the same person.
    let digest = |name: &str| value(name, "a", "da").to_string().rsplit(':').next().map(str::to_owned);
    assert_ne!(digest("acme"), digest("evil"));
    assert_eq!(ada().to_string(), format!("acme:entra:{ENTRA}/{OBJECT}"));
    assert_eq!(keys.first().map(|key| key.connection().as_ref()), Some("acme"));
}

#[test]
fn a_name_that_is_not_for_ever_is_no_key() {
    let acme = connection("acme");
    let code = |key: Result<PersonKey, KeyError>| key.expect_err("no key").code();
    let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    for format in [Some(transient), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"), None] {
        let name_id = NameId::new("ada", format);
        assert_eq!(code(PersonKey::name_id(&acme, &name_id)), "directory.name_id_not_persistent");
    }
    assert_eq!(code(PersonKey::value(&acme, "employee", " ")), "directory.key_missing");
}

#[test]
fn an_invited_person_is_linked_once_and_keeps_the_record() {
    let people = MemoryDirectory::default();
    let id = people.invite([("email", "Ada@Contoso.example"), ("role", "admin")]);
    assert_eq!(link(&people, &by_email(), &ada(), "ada@contoso.example"), "linked");
    assert_eq!(link(&people, &by_email(), &ada(), "ada@contoso.example"), "unchanged");
    assert_eq!(
        (values(&people, id, "email").concat(), values(&people, id, "role").concat()),
        ("ada@contoso.example".into(), "admin".into())
    );
    // By its key from now on, whatever the address.
    assert_eq!(link(&people, &by_email(), &ada(), "countess@other.example"), "updated");
    assert_eq!(people.len(), 1);
}

#[test]
fn an_address_of_an_unverified_domain_takes_over_nothing() {
    let evil = entra("evil", OTHER);
    for first_login in [FirstLogin::Refuse, FirstLogin::Create] {
        let policy = Policy { first_login, ..by_email() };
        for address in [
            "boss@bigcorp.example",
            "boss@sub.contoso.example",
            "boss@contoso.example.",
            "boss@contoso.example.evil.example",
            "boss@bigcorp.example@contoso.example",
            "boss@contoso.example@bigcorp.example",
            "@contoso.example",
            "boss@",
            "boss @contoso.example",
            "boss\u{0}@contoso.example",
            "boss@conto\u{17f}o.example",
            "boss",
        ] {
            let people = MemoryDirectory::default();
            let id = people.invite([("email", address), ("role", "admin")]);
            assert_eq!(link(&people, &policy, &evil, address), "directory.not_linkable", "{address}");
            assert!(!people.record(id).expect("a record").has_key);
        }
    }
    let people = MemoryDirectory::default();
    people.invite([("email", "boss@contoso.example")]);
    let said = mapped(&[("email", "boss@contoso.example")]);
    assert_eq!(sign_in(&people, &by_email(), &evil, &said), "directory.not_linkable", "without any domain");
}

#[test]
fn a_record_with_a_key_is_never_linked_again() {
    let people = MemoryDirectory::default();
    people.invite([("email", "ada@contoso.example")]);
    assert_eq!(link(&people, &by_email(), &ada(), "ada@contoso.example"), "linked");
    let policy = Policy { first_login: FirstLogin::Create, ..by_email() };
    for other in [entra("acme", OTHER), entra("evil", OBJECT)] {
        assert_eq!(link(&people, &policy, &other, "ada@contoso.example"), "directory.conflict");
    }
    assert_eq!(people.len(), 1);
}

#[test]
fn of_two_records_with_the_address_neither_is_chosen() {
    let people = MemoryDirectory::default();
    people.invite([("email", "ada@contoso.example")]);
    people.invite([("email", "ADA@contoso.example")]);
    assert_eq!(link(&people, &by_email(), &ada(), "ada@contoso.example"), "directory.ambiguous");
    let mut with_case = by_email();
    with_case.match_by.iter_mut().for_each(|by| by.ignore_case = false);
    assert_eq!(link(&people, &with_case, &ada(), "ada@contoso.example"), "linked");
}

#[test]
fn two_addresses_or_none_link_to_nothing() {
    let people = MemoryDirectory::default();
    people.invite([("email", "ada@contoso.example")]);
    let domains = ["contoso.example".parse().expect("a domain")];
    for said in [field("email", &["ada@contoso.example", "eve@contoso.example"]), field("email", &[])] {
        let mapped = Mapped { fields: vec![said] };
        let outcome = by_email().sign_in(&people, Person::new(&ada(), &mapped).with_verified_domains(&domains));
        assert_eq!(told(outcome), "directory.unknown_person");
    }
}

#[test]
fn a_value_without_a_domain_links_only_if_the_policy_says_so() {
    let by = |without_domain| Policy {
        match_by: Some(MatchBy { field: "employee".into(), without_domain, ..MatchBy::default() }),
        ..Policy::default()
    };
    let people = MemoryDirectory::default();
    people.invite([("employee", "4711")]);
    let said = mapped(&[("employee", "4711")]);
    assert_eq!(sign_in(&people, &by(false), &ada(), &said), "directory.not_linkable");
    assert_eq!(sign_in(&people, &by(true), &ada(), &said), "linked");
    // An address is still one.
    people.invite([("employee", "boss@bigcorp.example")]);
    let said = mapped(&[("employee", "boss@bigcorp.example")]);
    assert_eq!(sign_in(&people, &by(true), &entra("acme", OTHER), &said), "directory.not_linkable");
}

/// A store that finds too much, as a collation does, or nothing by key, or loses what it is to write.
#[derive(Default)]
struct Odd {
    finds: RefCell<Vec<Record<u64>>>,
    writes: Cell<usize>,
    update: Option<Updated>,
}

impl Directory for Odd {
    type Id = u64;
    type Error = Infallible;

    fn find_by_key(&self, _: &PersonKey) -> Result<Option<Record<u64>>, Infallible> {
        Ok(self.update.and_then(|_| self.finds.borrow().first().cloned()))
    }

    fn find_by_field(&self, _: &Lookup<'_>) -> Result<Vec<Record<u64>>, Infallible> {
        Ok(self.finds.borrow().clone())
    }

    fn create(&self, _: &PersonKey, _: &[Field]) -> Result<Created<u64>, Infallible> {
        self.writes.set(self.writes.get() + 1);
        Ok(Created::AlreadyThere)
    }

    fn update(&self, _: &u64, _: &Changes) -> Result<Updated, Infallible> {
        self.writes.set(self.writes.get() + 1);
        Ok(self.update.unwrap_or(Updated::Yes))
    }
}

fn record(id: u64, has_key: bool, name: &str, value: &str) -> Record<u64> {
    Record { id, has_key, is_active: true, fields: [(name.to_owned(), vec![value.to_owned()])].into() }
}

#[test]
fn the_sign_for_kelvin_is_no_k_even_if_the_store_thinks_so() {
    let domains = ["contoso.example".parse().expect("a domain")];
    let attempt = |theirs: &str, ours: &str| {
        let odd = Odd { finds: vec![record(1, false, "email", ours)].into(), ..Odd::default() };
        let mapped = mapped(&[("email", theirs)]);
        told(by_email().sign_in(&odd, Person::new(&ada(), &mapped).with_verified_domains(&domains)))
    };
    assert_eq!(attempt("K@CONTOSO.EXAMPLE", "k@contoso.example"), "linked");
    assert_eq!(attempt("\u{212a}@contoso.example", "k@contoso.example"), "directory.unknown_person");
    assert_eq!(attempt("jos\u{e9}@contoso.example", "jose@contoso.example"), "directory.unknown_person");
    assert_eq!(attempt("k@contoso.example", "k@contoso.example "), "directory.unknown_person");
    let people = MemoryDirectory::default();
    people.invite([("email", "k@contoso.example")]);
    assert_eq!(link(&people, &by_email(), &ada(), "\u{212a}@contoso.example"), "directory.unknown_person");
}

#[test]
fn a_renamed_person_keeps_the_record() {
    let people = MemoryDirectory::with_unique(&["username"]);
    assert_eq!(sign_in(&people, &unique_names(), &ada(), &mapped(&[("username", "byron@x")])), "created");
    assert_eq!(sign_in(&people, &unique_names(), &ada(), &mapped(&[("username", "lovelace@x")])), "updated");
    assert_eq!(sign_in(&people, &unique_names(), &ada(), &mapped(&[("username", "Lovelace@x")])), "updated");
    assert_eq!(people.len(), 1);
}

#[test]
fn a_recycled_user_name_is_refused_and_hands_nothing_over() {
    for unique in [&["username"][..], &[]] {
        let people = MemoryDirectory::with_unique(unique);
        assert_eq!(sign_in(&people, &unique_names(), &ada(), &mapped(&[("username", "ada@x")])), "created");
        let new = entra("acme", OTHER);
        assert_eq!(sign_in(&people, &unique_names(), &new, &mapped(&[("username", "ADA@x")])), "directory.conflict");
        assert_eq!(people.len(), 1);
        // Nor does a record that is there already get it.
        assert_eq!(sign_in(&people, &unique_names(), &new, &mapped(&[("username", "eve@x")])), "created");
        assert_eq!(sign_in(&people, &unique_names(), &new, &mapped(&[("username", "ada@X")])), "directory.conflict");
        assert_eq!(values(&people, 2, "username"), ["eve@x"]);
    }
}

#[test]
fn a_store_that_refuses_without_a_reason_is_asked_three_times() {
    let odd = Odd::default();
    assert_eq!(told(create().sign_in(&odd, Person::new(&ada(), &mapped(&[])))), "directory.contended");
    assert_eq!(odd.writes.get(), 3);
    let finds = vec![record(1, true, "a", "1")].into();
    let odd = Odd { finds, update: Some(Updated::Overtaken), ..Odd::default() };
    assert_eq!(told(create().sign_in(&odd, Person::new(&ada(), &mapped(&[("a", "2")])))), "directory.contended");
    assert_eq!(odd.writes.get(), 3);
    // A user name that only the store knows to be unique.
    let people = MemoryDirectory::with_unique(&["username"]);
    assert_eq!(sign_in(&people, &create(), &ada(), &mapped(&[("username", "ada@x")])), "created");
    let new = entra("acme", OTHER);
    assert_eq!(sign_in(&people, &create(), &new, &mapped(&[("username", "ada@x")])), "directory.contended");
}

/// Runs a login up to its write, has another one of the same person done meanwhile, and lets it go on.
fn overtaken(people: &MemoryDirectory, policy: &Policy, asks: fn(&Step<'_, u64>) -> bool) -> Outcome {
    let (domains, mapped) = (
        ["x.example".parse().expect("a domain")],
        mapped(&[("username", "ada@x.example"), ("email", "ada@x.example")]),
    );
    let key = ada();
    let person = Person::new(&key, &mapped).with_verified_domains(&domains);
    let mut step = policy.begin(person);
    let mut others = 0;
    loop {
        if others == 0 && asks(&step) {
            policy.sign_in(people, person).expect("the other login");
            others = 1;
        }
        let Ok(next) = (match step {
            Step::FindByKey(ask) => {
                let Ok(found) = people.find_by_key(ask.key());
                ask.answer(found)
            }
            Step::FindByField(ask) => {
                let Ok(found) = people.find_by_field(ask.lookup());
                ask.answer(found)
            }
            Step::Create(ask) => {
                let Ok(created) = people.create(ask.key(), ask.fields());
                ask.answer(created)
            }
            Step::Update(ask) => {
                let Ok(updated) = people.update(ask.id(), ask.changes());
                ask.answer(updated)
            }
            Step::Done(done) => {
                assert_eq!((people.len(), others), (1, 1));
                return done.outcome;
            }
        }) else {
            panic!("refused");
        };
        step = next;
    }
}

#[test]
fn a_login_that_is_overtaken_finds_what_the_other_one_made() {
    let policy = Policy { first_login: FirstLogin::Create, ..unique_names() };
    let policy = Policy { match_by: by_email().match_by, ..policy };
    let moments: [fn(&Step<'_, u64>) -> bool; 2] =
        [|step| matches!(step, Step::Create(_)), |step| matches!(step, Step::FindByField(_))];
    for asks in moments {
        for unique in [&["username"][..], &[]] {
            let people = MemoryDirectory::with_unique(unique);
            assert_eq!(overtaken(&people, &policy, asks), Outcome::Unchanged);
        }
    }
    let moments: [fn(&Step<'_, u64>) -> bool; 2] =
        [|step| matches!(step, Step::Update(_)), |step| matches!(step, Step::FindByField(_))];
    for asks in moments {
        let people = MemoryDirectory::with_unique(&["username"]);
        people.invite([("email", "ada@x.example")]);
        assert_eq!(overtaken(&people, &policy, asks), Outcome::Unchanged);
    }
}

#[test]
fn a_record_that_somebody_else_got_in_between_is_not_handed_over() {
    let people = MemoryDirectory::default();
    let id = people.invite([("email", "ada@contoso.example")]);
    let changes = |key| Changes { key: Some(key), fields: vec![field("role", &["admin"])] };
    assert_eq!(people.update(&id, &changes(ada())), Ok(Updated::Yes));
    for other in [ada(), entra("acme", OTHER)] {
        assert_eq!(people.update(&id, &changes(other)), Ok(Updated::Overtaken));
    }
    // The login that found the record without a key looks again, and sees whose it is.
    let (domains, said) = (["contoso.example".parse().expect("a domain")], mapped(&[("email", "ada@contoso.example")]));
    let (policy, key) = (by_email(), entra("acme", OTHER));
    let Step::FindByKey(ask) = policy.begin::<u64>(Person::new(&key, &said).with_verified_domains(&domains)) else {
        panic!("the key comes first");
    };
    let Ok(Step::FindByField(ask)) = ask.answer(None) else { panic!("then the address") };
    let free = Record { has_key: false, ..people.record(id).expect("a record") };
    let Ok(Step::Update(ask)) = ask.answer(vec![free]) else { panic!("then the key is set") };
    let Ok(updated) = people.update(ask.id(), ask.changes());
    let Ok(Step::FindByKey(ask)) = ask.answer(updated) else { panic!("it is looked up again") };
    let Ok(Step::FindByField(ask)) = ask.answer(None) else { panic!("and the address") };
    let Ok(Step::FindByKey(ask)) = ask.answer(people.record(id).into_iter().collect()) else { panic!("is it ours?") };
    let Ok(Step::FindByField(ask)) = ask.answer(None) else { panic!("it is not") };
    let refused = ask.answer(people.record(id).into_iter().collect()).expect_err("somebody else's");
    assert_eq!(refused.code(), "directory.conflict");
}

#[test]
fn many_first_logins_at_once_make_one_record() {
    let people = MemoryDirectory::with_unique(&["username"]);
    let (policy, key, said) = (unique_names(), ada(), mapped(&[("username", "ada@x")]));
    let mut outcomes = std::thread::scope(|scope| {
        let login = || policy.sign_in(&people, Person::new(&key, &said)).expect("a record");
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(login)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(outcomes.iter().all(|done| done.id == 1) && people.len() == 1);
    outcomes.retain(|done| done.outcome == Outcome::Created);
    assert_eq!(outcomes.len(), 1);
}

#[test]
fn nothing_prints_a_value() {
    let people = MemoryDirectory::default();
    people.invite([("email", "secret@contoso.example")]);
    let said = mapped(&[("email", "secret@contoso.example")]);
    let (policy, key) = (by_email(), PersonKey::value(&connection("acme"), "x", "secret").expect("a key"));
    let person = Person::new(&key, &said);
    let step = policy.begin::<u64>(person);
    let mut printed = format!("{people:?} {person:?} {key} {key:?} {step:?} {:?}", people.record(1));
    let Step::FindByKey(ask) = step else { panic!("the key comes first") };
    let step = ask.answer(None).expect("a step");
    printed += &format!("{step:?}");
    let Step::FindByField(ask) = step else { panic!("then the address") };
    let error = ask.answer(vec![people.record(1).expect("a record")]).expect_err("no domain");
    printed += &format!("{error:?} {error} {}", error.hint());
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn a_policy_that_names_a_field_which_nothing_fills_is_refused() {
    let mapping = crate::mapping::Mapping::entra();
    let whole = Policy { never_update: vec!["display_name".into()], ..unique_names() };
    let whole = Policy { match_by: by_email().match_by, ..whole };
    assert_eq!(whole.check(&mapping), Ok(()));
    let unique = vec![Unique { field: "user_name".into(), ignore_case: false }];
    let match_by = Some(MatchBy { field: "user_name".into(), ..MatchBy::default() });
    for wrong in [
        Policy { never_update: vec!["user_name".into()], ..whole.clone() },
        Policy { unique, ..whole.clone() },
        Policy { match_by, ..whole },
    ] {
        let error = wrong.check(&mapping).expect_err("misspelt");
        assert_eq!(error.to_string(), "the policy names the field `user_name`, which the mapping does not fill");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_policy_is_read_from_a_file_and_a_misspelt_one_is_not() {
    let text = r#"
        first_login = "create"
        later_logins = "keep"
        never_update = ["display_name"]
        match_by = { field = "email", ignore_case = true, without_domain = true }
        unique = [{ field = "username", ignore_case = true }, { field = "email" }]
    "#;
    let policy: Policy = toml::from_str(text).expect("a policy");
    let expected = Policy {
        first_login: FirstLogin::Create,
        later_logins: LaterLogins::Keep,
        never_update: vec!["display_name".into()],
        match_by: Some(MatchBy { field: "email".into(), ignore_case: true, without_domain: true }),
        unique: [("username", true), ("email", false)]
            .map(|(field, ignore_case)| Unique { field: field.into(), ignore_case })
            .into(),
    };
    assert_eq!(policy, expected);
    assert_eq!(toml::from_str::<Policy>("").expect("the default"), Policy::default());
    for (text, part) in [
        ("first_logn = 'create'", "first_logn"),
        ("first_login = 'allow'", "allow"),
        ("match_by = { ignore_case = true }", "field"),
        ("match_by = { field = 'a', verified = true }", "verified"),
        ("unique = [{ field = 'a', case = true }]", "case"),
    ] {
        let error = toml::from_str::<Policy>(text).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}
