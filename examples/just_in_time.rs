//! Records of people in a table of `SQLite`, made and kept up to date by logins: `cargo run --example just_in_time`
//! signs people in with the test identity provider, and prints what happened to their records.

use std::error::Error;

use entra_sso::directory::{
    Changes, Created, Directory, FirstLogin, Lookup, MatchBy, Person, PersonKey, Policy, Record, Unique, Updated,
};
use entra_sso::entra::{EntraApp, claims};
use entra_sso::mapping::{Field, Mapping, Rule, Rules, Source};
use entra_sso::testing::{ADA, TENANT, TestIdp, TestResponse};
use entra_sso::{EmailDomain, Login, MemoryReplayCache, ReturnTo, ServiceProvider, SystemRandom, TenantId, UnixTime};
use rusqlite::{Connection, Row, params_from_iter};

// ---- the table ----

/// What must be unique is so here; what the policy looks up before is for better errors.
const TABLE: &str = "CREATE TABLE people (
    id           INTEGER PRIMARY KEY,
    person_key   TEXT UNIQUE,
    active       BOOLEAN NOT NULL DEFAULT TRUE,
    username     TEXT UNIQUE COLLATE NOCASE,
    email        TEXT COLLATE NOCASE,
    display_name TEXT
)";

/// The fields that we keep, each a column of the same name; the mapping fills these and no others.
const FIELDS: [&str; 3] = ["username", "email", "display_name"];

struct Table(Connection);

impl Directory for Table {
    type Id = i64;
    type Error = rusqlite::Error;

    fn find_by_key(&self, key: &PersonKey) -> Result<Option<Record<i64>>, rusqlite::Error> {
        Ok(self.find("person_key = ?1", key.as_ref())?.pop())
    }

    /// `NOCASE` is that of `A` to `Z`, and finds too much for a lookup with case, which does no harm.
    fn find_by_field(&self, lookup: &Lookup<'_>) -> Result<Vec<Record<i64>>, rusqlite::Error> {
        match FIELDS.iter().find(|field| **field == lookup.field) {
            Some(column) => self.find(&format!("{column} = ?1"), lookup.value),
            None => Ok(Vec::new()),
        }
    }

    fn create(&self, key: &PersonKey, fields: &[Field]) -> Result<Created<i64>, rusqlite::Error> {
        let value = |column: &str| fields.iter().find(|field| *field.name == *column).and_then(first);
        let values = FIELDS.iter().map(|column| value(column));
        let row = std::iter::once(Some(key.as_ref())).chain(values);
        let insert = "INSERT INTO people (person_key, username, email, display_name) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING";
        Ok(match self.0.execute(insert, params_from_iter(row))? {
            0 => Created::AlreadyThere,
            _ => Created::Yes(self.0.last_insert_rowid()),
        })
    }

    fn update(&self, id: &i64, changes: &Changes) -> Result<Updated, rusqlite::Error> {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for column in FIELDS {
            for field in changes.fields.iter().filter(|field| *field.name == *column) {
                columns.push(format!("{column} = ?"));
                values.push(first(field).map(str::to_owned));
            }
        }
        let mut row = "id = ?";
        if let Some(key) = &changes.key {
            columns.push("person_key = ?".to_owned());
            values.push(Some(key.to_string()));
            row = "person_key IS NULL AND id = ?";
        }
        values.push(Some(id.to_string()));
        let update = format!("UPDATE OR IGNORE people SET {} WHERE {row}", columns.join(", "));
        Ok(match self.0.execute(&update, params_from_iter(values))? {
            0 => Updated::Overtaken,
            _ => Updated::Yes,
        })
    }
}

impl Table {
    fn find(&self, condition: &str, value: &str) -> Result<Vec<Record<i64>>, rusqlite::Error> {
        let query = "SELECT id, person_key IS NOT NULL, active, username, email, display_name FROM people";
        self.0.prepare(&format!("{query} WHERE {condition}"))?.query_map([value], record)?.collect()
    }
}

fn record(row: &Row<'_>) -> Result<Record<i64>, rusqlite::Error> {
    let mut record =
        Record { id: row.get(0)?, has_key: row.get(1)?, is_active: row.get(2)?, fields: Default::default() };
    for field in FIELDS {
        let value: Option<String> = row.get(field)?;
        record.fields.insert(field.to_owned(), value.into_iter().collect());
    }
    Ok(record)
}

fn first(field: &Field) -> Option<&str> {
    field.values.first().map(String::as_str)
}

// ---- the application ----

struct App {
    people: Table,
    mapping: Mapping,
    policy: Policy,
    entra: EntraApp,
}

impl App {
    /// What to do with each login: here it prints what became of the record. Yours opens a session for it.
    fn sign_in(&self, what: &str, connection: &str, login: &Login) -> Result<(), Box<dyn Error>> {
        let connection: TenantId = connection.parse()?;
        let user = self.entra.user_key(login.attributes()).ok_or("nobody of this tenant")?;
        let key = PersonKey::entra(&connection, &user);
        let mapped = self.mapping.apply(login.claims())?;
        let domains = verified_domains(&connection);
        let person = Person::new(&key, &mapped).with_verified_domains(&domains);
        match self.policy.sign_in(&self.people, person) {
            Ok(done) => println!("{what}: record {} {} {:?}", done.id, done.outcome, done.written),
            Err(error) => println!("{what}: {}: {error}\n    {}", error.code(), error.hint()),
        }
        Ok(())
    }
}

/// What your customers have shown to be theirs, with a record in the DNS for example.
fn verified_domains(connection: &TenantId) -> Vec<EmailDomain> {
    match connection.as_ref() {
        "contoso" => "contoso.example".parse().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn mapping() -> Result<Mapping, Box<dyn Error>> {
    let rule = |field: &str, from| Rule { field: field.to_owned(), from: vec![from], ..Rule::default() };
    let optional = |field, claim: &str| Rule { optional: true, ..rule(field, Source::Name(claim.to_owned())) };
    let rules = vec![
        rule("username", Source::NameId),
        optional("email", claims::EMAIL),
        optional("display_name", claims::DISPLAY_NAME),
    ];
    Ok(Mapping::try_from(Rules { preset: None, rules })?)
}

// ---- people who sign in ----

/// A whole login with the test identity provider, whose answer is made that of somebody.
fn login(number: &str, of: impl FnOnce(TestResponse) -> TestResponse) -> Result<Login, Box<dyn Error>> {
    let (idp, now) = (TestIdp::new(), UnixTime::now());
    let sp = ServiceProvider::at(&"https://app.example/saml".parse()?, idp.identity_provider(now)?);
    let started = sp.start_login(ReturnTo::default(), now, &SystemRandom::default())?;
    let answer = idp.answer(&started.outgoing, now).ok_or("no request")?.id(number);
    Ok(sp.finish_login(started.pending, &of(answer).posted(), now, &MemoryReplayCache::default())?)
}

/// Somebody else than Ada, whom the test identity provider signs in by itself.
fn somebody(answer: TestResponse, object: &str, name: &str) -> TestResponse {
    let address = format!("{name}@contoso.example");
    let answer = answer.attribute(claims::OBJECT_ID, &[object]).attribute(claims::DISPLAY_NAME, &[name]);
    answer
        .attribute(claims::EMAIL, &[&address])
        .name_id(&address, "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified")
}

const GRACE: &str = "3e6f8a1c-5d2b-4c7e-8f9a-000000000001";
const EVE: &str = "3e6f8a1c-5d2b-4c7e-8f9a-000000000002";

fn main() -> Result<(), Box<dyn Error>> {
    let people = Table(Connection::open_in_memory()?);
    people.0.execute_batch(TABLE)?;
    let match_by = MatchBy { field: "email".into(), ignore_case: true, ..MatchBy::default() };
    let unique = vec![Unique { field: "username".into(), ignore_case: true }];
    let create = Policy { first_login: FirstLogin::Create, match_by: Some(match_by), unique, ..Policy::default() };
    let known_only = Policy { first_login: FirstLogin::Refuse, ..create.clone() };
    let entra = EntraApp::new(TENANT.parse()?, "1f3b7a50-0000-4000-8000-000000000002".parse()?);
    let mut app = App { people, mapping: mapping()?, policy: create, entra };

    let ada = |name: &'static str| move |answer| TestResponse::attribute(answer, claims::DISPLAY_NAME, &[name]);
    app.sign_in("Ada, for the first time", "contoso", &login("1", ada("Ada Byron"))?)?;
    app.sign_in("Ada again", "contoso", &login("2", ada("Ada Byron"))?)?;
    app.sign_in("Ada, who has another name now", "contoso", &login("3", ada("Ada Lovelace"))?)?;
    app.sign_in(
        "Somebody with Ada's old user name",
        "contoso",
        &login("4", |answer| answer.attribute(claims::OBJECT_ID, &[EVE]))?,
    )?;

    app.people.0.execute("INSERT INTO people (email) VALUES ('Grace@contoso.example')", [])?;
    let grace = |object: &'static str| move |answer| somebody(answer, object, "grace");
    app.sign_in("Another customer, who writes Grace's address", "fabrikam", &login("5", grace(EVE))?)?;
    app.sign_in("Grace, who was invited", "contoso", &login("6", grace(GRACE))?)?;

    app.policy = known_only;
    app.sign_in(
        "Eve, while only known people may enter",
        "contoso",
        &login("7", |answer| somebody(answer, EVE, "eve"))?,
    )?;
    app.sign_in(
        "Another customer, who writes all of Ada's claims",
        "fabrikam",
        &login("8", |answer| answer.attribute(claims::OBJECT_ID, &[ADA]))?,
    )?;

    let count: i64 = app.people.0.query_row("SELECT count(*) FROM people", [], |row| row.get(0))?;
    println!("{count} records");
    Ok(())
}
