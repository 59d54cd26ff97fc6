//! Who may do what, asked of every endpoint over HTTP.

use std::time::{Duration, Instant};

use daybook_api::access::{Access, NewKey, Role, Settings};
use daybook_api::{Permission, permissions};
use daybook_domain::{MerchantId, PartyId, Timestamp};
use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::json;

/// Who may do what, written down a second time: a role that comes to more than it should is noticed here.
fn allowed(permission: Permission) -> &'static [&'static str] {
    match permission {
        Permission::Public => {
            &["nobody", "storefront", "merchant", "finance", "analyst", "operator", "collector", "admin"]
        }
        Permission::Command => &["storefront", "merchant", "finance", "operator", "admin"],
        Permission::Sell => &["storefront", "operator", "admin"],
        Permission::Fulfil => &["storefront", "merchant", "operator", "admin"],
        Permission::RunStore => &["merchant", "finance", "operator", "admin"],
        Permission::Operate => &["operator", "admin"],
        Permission::Account => &["finance", "admin"],
        Permission::ReadOrders => &["storefront", "merchant", "finance", "operator", "admin"],
        Permission::ReadMerchants => &["merchant", "finance", "operator", "admin"],
        Permission::ReadLeads => &["finance", "analyst", "operator", "admin"],
        Permission::ReadBooks => &["finance", "admin"],
        Permission::ReadFigures => &["finance", "analyst", "operator", "admin"],
        Permission::ReadFeed => &["merchant", "finance", "analyst", "admin"],
        Permission::Collect => &["storefront", "operator", "collector", "admin"],
        Permission::Administer => &["admin"],
    }
}

/// A path with ids in the place of its parameters.
fn filled(path: &str, merchant: &str) -> String {
    let segment = |segment: &str| match segment {
        "{merchant}" => merchant.to_owned(),
        other if other.starts_with('{') => "x".to_owned(),
        other => other.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A request to an endpoint that is in order but for who asks.
fn request(method: &str, path: &str, bearer: Option<&str>) -> Ask {
    let ask = Ask::new(method, path).header("Idempotency-Key", "k").header("Accept", "application/json");
    let ask = if method == "GET" { ask } else { ask.json(&json!({})) };
    match bearer {
        Some(bearer) => ask.header("Authorization", bearer.to_owned()),
        None => ask,
    }
}

fn new_key(role: Role) -> NewKey {
    let merchant = (role == Role::Merchant).then(|| MerchantId::new("m1").unwrap());
    NewKey { role, merchant, name: String::new(), expires_at: None }
}

fn by() -> PartyId {
    PartyId::new("test").unwrap()
}

/// Endpoints that go on answering: their head alone is of interest.
fn endless(path: &str) -> bool {
    path.ends_with("/stream")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_asks_every_role_for_its_permission_and_refuses_who_has_none() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let mut asked = 0;
    for (method, path, permission) in permissions() {
        if endless(&path) {
            continue;
        }
        for role in Role::ALL.map(Role::name).into_iter().chain(["nobody"]) {
            let bearer = match role {
                "nobody" => None,
                "merchant" => Some(key("merchant-m1")),
                other => Some(key(other)),
            };
            let answer = site.ask(request(method.as_str(), &filled(&path, "m1"), bearer.as_deref())).await;
            let words = format!("{role}: {method} {path}: {answer:?}");
            asked += 1;
            if allowed(permission).contains(&role) {
                assert!(![401, 403, 405].contains(&answer.status), "{words}");
            } else if role == "nobody" {
                refused(&answer, 401, "unauthenticated", "Authorization", &words);
            } else {
                refused(&answer, 403, "forbidden", &format!("the role {role} may not {method} here"), &words);
            }
        }
    }
    assert!(asked > 100 * 7, "{asked}: the list of endpoints has shrunk");
    site.stop().await;
}

fn refused(answer: &Answer, status: u16, code: &str, names: &str, words: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{words}");
    assert!(answer.body["detail"].as_str().unwrap().contains(names), "{words}");
    assert!(status != 401 || answer.header("www-authenticate").starts_with("Bearer"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_takes_a_key_that_was_revoked_or_has_expired() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let (revoked, text) = site.access.create(new_key(Role::Admin), by()).unwrap();
    site.access.revoke(&revoked.id, by()).unwrap();
    let soon = Timestamp::parse(&site.access.key(&revoked.id).unwrap().created_at.to_string()).unwrap();
    let expires_at = Some(soon.plus(2_000_000));
    let (_, short) = site.access.create(NewKey { expires_at, ..new_key(Role::Admin) }, by()).unwrap();
    let get = |text: &str| Ask::new("GET", "/v1/keys").header("Authorization", format!("Bearer {text}"));
    assert_eq!(site.ask(get(&short)).await.status, 200);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    for (method, path, permission) in permissions() {
        if permission == Permission::Public || endless(&path) {
            continue;
        }
        for (text, why) in
            [(&text, "was revoked"), (&short, "has expired"), (&"dbk_x".to_owned(), "not known")]
        {
            let bearer = format!("Bearer {text}");
            let answer = site.ask(request(method.as_str(), &filled(&path, "m1"), Some(&bearer))).await;
            refused(&answer, 401, "unauthenticated", why, &format!("{method} {path}: {answer:?}"));
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_of_a_merchant_shows_itself_to_another() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    let site = Site::of(&stage).await;
    let mut asked = 0;
    for (method, path, permission) in permissions() {
        if !path.contains("{merchant}") || !Role::Merchant.may(permission) {
            continue;
        }
        // m2, however it is written, and one that is not there
        for merchant in ["m2", "%6d2", "m3"] {
            let bearer = key("merchant-m1");
            let answer = site.ask(request(method.as_str(), &filled(&path, merchant), Some(&bearer))).await;
            refused(&answer, 404, "not_found", "no merchant m", &format!("{method} {path}: {answer:?}"));
            asked += 1;
        }
        // and its own, however that is written
        let own = site.ask(request(method.as_str(), &filled(&path, "%6d1"), Some(&key("merchant-m1")))).await;
        assert_ne!(own.body["detail"], "no merchant m1", "{method} {path}");
    }
    assert!(asked >= 3 * 5, "{asked}: the list of endpoints has shrunk");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_shown_once_rotated_with_grace_and_revoked() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let made = site.post("admin", "/v1/keys", "-", &json!({"role": "finance", "name": "audit"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, text) = (made.body["id"].as_str().unwrap(), made.body["key"].as_str().unwrap());
    assert!(text.starts_with(&format!("dbk_{id}_")) && text.len() == 81, "{text}");
    let ask = |text: &str| Ask::new("GET", "/v1/orders/o").header("Authorization", format!("Bearer {text}"));
    assert_eq!(site.ask(ask(text)).await.status, 404, "let in");

    let grace = json!({"grace_seconds": 3});
    let rotated = site.post("admin", &format!("/v1/keys/{id}/rotate"), "-", &grace).await;
    let next = rotated.body["key"].as_str().unwrap();
    assert_ne!(next, text);
    assert_eq!(
        (site.ask(ask(next)).await.status, site.ask(ask(text)).await.status),
        (404, 404),
        "both count"
    );
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    assert_eq!((site.ask(ask(next)).await.status, site.ask(ask(text)).await.status), (404, 401));
    let again = site.post("admin", &format!("/v1/keys/{id}/rotate"), "-", &json!({})).await;
    assert_eq!(site.ask(ask(next)).await.status, 401, "without grace at once");
    let last = again.body["key"].as_str().unwrap();
    assert_eq!(site.ask(ask(last)).await.status, 404);

    let revoked = site.post("admin", &format!("/v1/keys/{id}/revoke"), "-", &json!({})).await;
    assert_eq!((revoked.status, &revoked.body["state"]), (200, &json!("revoked")));
    assert_eq!(revoked.body["revoked_by"], "key:admin");
    assert_eq!(site.ask(ask(last)).await.status, 401);
    let twice = site.post("admin", &format!("/v1/keys/{id}/revoke"), "-", &json!({})).await;
    assert_eq!(twice.body, revoked.body);
    let rotate = site.post("admin", &format!("/v1/keys/{id}/rotate"), "-", &json!({})).await;
    assert_eq!((rotate.status, &rotate.body["code"]), (422, &json!("refused")));

    let listed = site.get("admin", "/v1/keys?limit=1").await;
    assert_eq!((listed.status, &listed.body["next"]), (200, &json!(id)));
    let item = &listed.body["items"][0];
    assert_eq!(
        (&item["role"], &item["name"], &item["state"]),
        (&json!("finance"), &json!("audit"), &json!("revoked"))
    );
    assert!(item["last_used_at"].is_string() && item.get("key").is_none(), "{item}");
    for secret in [text, next, last] {
        assert!(!listed.text.contains(secret), "shown once");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_makes_no_sense_is_not_made() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let table = [
        (json!({"role": "merchant"}), "/merchant", "names its merchant"),
        (json!({"role": "finance", "merchant": "m1"}), "/merchant", "only a key of the role merchant"),
        (json!({"role": "admin", "name": "x".repeat(101)}), "/name", "100 characters"),
        (json!({"role": "admin", "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at", "past"),
        (json!({"role": "king"}), "/role", "king"),
        (json!({"role": "admin", "colour": "red"}), "/colour", "colour"),
    ];
    for (body, pointer, names) in table {
        let answer = site.post("admin", "/v1/keys", "-", &body).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("bad_request")), "{body}: {answer:?}");
        assert_eq!(answer.body["pointer"].as_str().unwrap_or_default(), pointer, "{body}");
        assert!(answer.text.contains(names), "{body}: {}", answer.text);
    }
    assert_eq!(site.post("admin", "/v1/keys/none/revoke", "-", &json!({})).await.status, 404);
    assert_eq!(site.get("admin", "/v1/keys").await.body["items"], json!([]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_who_came_near_which_merchants_data() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let consent = "/v1/merchants/m1/grant-lender-consent";
    let ask = |who: &str, id: &str| request("POST", consent, Some(&key(who))).header("X-Request-Id", id);
    for (who, id) in [("merchant-m1", "r-1"), ("merchant-m2", "r-2"), ("analyst", "r-3")] {
        let answer = site.ask(ask(who, id)).await;
        assert_eq!(answer.header("x-request-id"), id);
    }
    assert_eq!(site.get("admin", "/v1/orders/none").await.header("x-request-id").len(), 36, "one is made up");
    let log = site.get("admin", "/v1/access-log?merchant=m1").await;
    let told: Vec<String> = log.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let said = |name: &str| entry[name].as_str().unwrap().to_owned();
            assert_eq!(said("endpoint"), "/v1/merchants/{merchant}/grant-lender-consent");
            assert_eq!((said("method").as_str(), said("merchant").as_str()), ("POST", "m1"));
            format!("{} {} {} {}", said("actor"), said("role"), entry["status"], said("request_id"))
        })
        .collect();
    assert_eq!(told[1..], ["key:merchant-m2 merchant 404 r-2", "key:analyst analyst 403 r-3"]);
    assert!(told[0].starts_with("key:merchant-m1 merchant ") && told[0].ends_with(" r-1"), "{told:?}");

    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    assert_eq!(site.post("operator", "/v1/orders/o1/ship", "k", &ship).await.status, 200);
    let log = site.get("admin", "/v1/access-log?actor=key:operator").await;
    let entry = &log.body["items"][0];
    assert_eq!((&entry["merchant"], &entry["endpoint"]), (&json!("m1"), &json!("/v1/orders/{order}/ship")));

    let first = site.get("admin", "/v1/access-log?merchant=m1&limit=2").await;
    let next = first.body["next"].as_str().unwrap();
    let rest = site.get("admin", &format!("/v1/access-log?merchant=m1&limit=3&after={next}")).await;
    assert_eq!(rest.body["items"][0]["request_id"], "r-3");
    assert_eq!(rest.body.get("next"), None);
    let count = |query: &'static str| {
        let site = &site;
        async move { site.get("admin", query).await.body["items"].as_array().unwrap().len() }
    };
    assert_eq!(count("/v1/access-log?merchant=m2").await, 0);
    assert_eq!(count("/v1/access-log?actor=key:analyst").await, 1);
    assert_eq!(count("/v1/access-log?to=2020-01-01T00:00:00Z").await, 0);
    assert_eq!(count("/v1/access-log?from=2020-01-01T00:00:00Z").await, 4);
    // also where only the data tells whose it is
    stage.merchant("m3", "0.00").await;
    stage.basket("c3", &[("o3", "m3", "60.00")]).await;
    stage.pay("c3", "p3", "60.00").await;
    site.caught_up(&stage).await;
    let settle = json!({"merchant": "m3"});
    assert_eq!(site.post("finance", "/v1/settlements/runs", "run", &settle).await.status, 200);
    for path in [
        "/v1/audit/order/o3",
        "/v1/audit/merchant/m3",
        "/v1/checkouts/c3",
        "/v1/accounts?of=m3",
        "/v1/accounts?of=o3",
    ] {
        assert_eq!(site.get("finance", path).await.status, 200, "{path}");
    }
    let log = site.get("admin", "/v1/access-log?merchant=m3").await;
    let told: Vec<_> = log.body["items"].as_array().unwrap().iter().map(|e| e["endpoint"].clone()).collect();
    for endpoint in
        ["/v1/settlements/runs", "/v1/audit/{category}/{id}", "/v1/checkouts/{checkout}", "/v1/accounts"]
    {
        assert!(told.iter().any(|there| there == endpoint), "{endpoint}: {told:?}");
    }
    let wrong = site.get("admin", "/v1/access-log?limit=100000").await;
    assert_eq!((wrong.status, wrong.body["code"].as_str()), (400, Some("bad_request")));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_what_a_batch_a_basket_and_a_refusal_came_near() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "10.00")]).await;
    let site = Site::of(&stage).await;
    let cny = |amount: &str| json!({"amount": amount, "currency": "CNY"});
    let pay = json!({"payment": "p1", "amount": cny("70.00"), "provider": "alipay", "provider_ref": "r1", "method": "wallet"});
    assert_eq!(site.post("storefront", "/v1/checkouts/c1/capture", "k", &pay).await.status, 200);
    stage.market.settle_reactions().await.unwrap();
    let item = |path: &str, body| json!({"path": path, "idempotency_key": path, "body": body});
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    let batch = json!({"items": [
        item("/v1/orders/o1/ship", ship.clone()),
        item("/v1/orders/o2/ship", ship.clone()),
        item("/v1/orders/o2/hold", json!({})),
        item("/v1/merchants/m2/suspend", json!({})),
        item("/v1/orders/none/ship", ship.clone()),
    ]});
    let ask = Ask::new("POST", "/v1/batch")
        .header("X-Request-Id", "b-1")
        .header("Authorization", key("merchant-m1"));
    assert_eq!(site.ask(ask.json(&batch)).await.status, 200);
    assert_eq!(site.post("merchant-m2", "/v1/orders/o1/ship", "k", &ship).await.status, 404);
    let told = |merchant: &'static str| {
        let site = &site;
        async move {
            let log = site.get("admin", &format!("/v1/access-log?merchant={merchant}")).await;
            let line = |entry: &serde_json::Value| {
                let said = |name: &str| entry[name].as_str().unwrap().to_owned();
                format!("{} {} {}", said("actor"), said("endpoint"), entry["status"])
            };
            log.body["items"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()
        }
    };
    let capture = "key:storefront /v1/checkouts/{checkout}/capture 200";
    assert_eq!(
        told("m1").await,
        [
            capture,
            "key:merchant-m1 /v1/orders/{order}/ship 200",
            "key:merchant-m2 /v1/orders/{order}/ship 404",
        ]
    );
    assert_eq!(
        told("m2").await,
        [
            capture,
            "key:merchant-m1 /v1/merchants/{merchant}/suspend 403",
            "key:merchant-m1 /v1/orders/{order}/ship 404",
        ]
    );
    let apply = json!({"id": "m9", "name": "Nine", "kind": "retailer"});
    let made = site.post("operator", "/v1/merchants", "k", &apply).await;
    assert!(told("m9").await[0].starts_with("key:operator /v1/merchants "), "{made:?}");
    site.stop().await;
}

#[test]
fn keys_outlive_the_process_and_another_process_revokes_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daybook.access.db");
    let serving = std::sync::Arc::new(Access::open(&path, Settings::default()).unwrap());
    assert!(serving.is_empty());
    let clerk = daybook_api::access::Clerk::start(std::sync::Arc::clone(&serving)).unwrap();
    let other = Access::open(&path, Settings::default()).unwrap();
    let (made, text) = other.create(new_key(Role::Merchant), by()).unwrap();
    let mut headers = axum_headers(&text);
    let comes_to = |wanted: bool| {
        let began = Instant::now();
        while serving.authenticate(&headers).is_ok() != wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "the other process is not heard of");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    comes_to(true);
    let caller = serving.authenticate(&headers).unwrap();
    assert_eq!((caller.actor.as_str(), caller.role), (format!("key:{}", made.id).as_str(), Role::Merchant));
    other.revoke(&made.id, by()).unwrap();
    comes_to(false);
    let (_, kept) = other.create(new_key(Role::Admin), by()).unwrap();
    let pseudonym = serving.pseudonyms().of("b-1");
    drop((clerk, serving, other));

    let again = Access::open(&path, Settings::default()).unwrap();
    assert!(again.authenticate(&headers).is_err(), "revoked for good");
    headers = axum_headers(&kept);
    assert!(again.authenticate(&headers).is_ok());
    assert_eq!(again.pseudonyms().of("b-1"), pseudonym, "parties keep their pseudonyms");
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("daybook.access.db"), mode("daybook.access.db-wal")), (0o600, 0o600));
    let file = std::fs::read(&path).unwrap();
    let secret = kept.rsplit('_').next().unwrap().as_bytes();
    assert!(!file.windows(secret.len()).any(|bytes| bytes == secret), "no text of a key is kept");
}

fn axum_headers(text: &str) -> daybook_api::access::HeaderMap {
    let mut headers = daybook_api::access::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {text}").parse().unwrap());
    headers
}

#[test]
fn who_asks_too_fast_is_told_how_long_to_wait_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let rates = [(Role::Finance, "1/60".parse().unwrap())].into();
    let settings = Settings { rates, ..Settings::default() };
    let access = Access::open(&folder.path().join("a.db"), settings).unwrap();
    let key = |role| axum_headers(&access.create(new_key(role), by()).unwrap().1);
    let (hasty, other, admin) = (key(Role::Finance), key(Role::Finance), key(Role::Admin));
    let began = Instant::now();
    let mut let_in = 0_u64;
    let problem = loop {
        match access.authenticate(&hasty) {
            Ok(_) => let_in += 1,
            Err(problem) => break problem,
        }
    };
    // one more has grown with each second that has passed
    assert!((60..=60 + began.elapsed().as_secs()).contains(&let_in), "{let_in}");
    assert!(problem.is(daybook_api::problem::TOO_MANY_REQUESTS), "{problem:?}");
    assert!(format!("{problem:?}").contains("retry_after: Some(1)"), "{problem:?}");
    access.authenticate(&other).unwrap();
    for _ in 0..2_000 {
        access.authenticate(&admin).unwrap();
    }
    // what was used up stays used up when keys are read again
    access.create(new_key(Role::Analyst), by()).unwrap();
    let again = (0..60).take_while(|_| access.authenticate(&hasty).is_ok()).count() as u64;
    assert!(again < 60 && let_in + again <= 60 + began.elapsed().as_secs(), "{let_in}, then {again}");
}
