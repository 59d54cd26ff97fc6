use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::access::token::tests::{Outside, claims};
use crate::access::{Access, HeaderMap, IssuerSettings, Settings};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tls").join(name)
}

/// An issuer's server, with TLS, and what it answers: nothing where that is empty.
#[derive(Clone, Default)]
struct Server {
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
        let chain = vec![CertificateDer::from_pem_file(fixture("first.pem")).unwrap()];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(fixture("first.key")).unwrap())
            .unwrap();
        let (acceptor, this) = (TlsAcceptor::from(Arc::new(config)), self.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, this) = (acceptor.clone(), this.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = [0; 1024];
                    let read = stream.read(&mut head).await.unwrap();
                    assert!(head[..read].starts_with(b"GET /keys HTTP/1.1\r\n"));
                    this.asked.fetch_add(1, Ordering::SeqCst);
                    let answer = this.answer.lock().clone();
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.write_all(answer.as_bytes()).await; // it may have heard enough
                    let _ = stream.shutdown().await;
                });
            }
        });
        url
    }

    fn says(&self, status: u16, body: &str) {
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        *self.answer.lock() = text;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const FLOOR: Duration = Duration::from_millis(400);

fn access(folder: &Path, url: &str, ca: &str) -> Result<Access, AccessError> {
    let every = Duration::from_secs(3600);
    let keys = KeySource::Url { url: url.to_owned(), ca: Some(fixture(ca)), every, floor: FLOOR };
    let issuer = Some(IssuerSettings::of("https://id.example", "daybook", keys));
    Access::open(&folder.join("access.db"), Settings { issuer, ..Settings::default() })
}

async fn let_in(access: &Access, token: &str) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    access.let_in(&headers).await.is_ok()
}

#[tokio::test]
async fn keys_at_a_url_are_read_again_for_a_token_with_a_new_one_but_not_at_every_callers_will() {
    let (outside, server, folder) = (Outside::new(), Server::default(), tempfile::tempdir().unwrap());
    server.says(200, &outside.keys("ed").to_string());
    let access = access(folder.path(), &server.start().await, "first.pem").unwrap();
    let old = outside.ed("ed", &claims(&[]));
    assert!(let_in(&access, &old).await, "it waits for the first reading");
    assert_eq!(server.asked(), 1);
    // a crowd with keys that nobody has: one more reading at most in the time of each floor
    let begun = Instant::now();
    for n in 0..200 {
        assert!(!let_in(&access, &outside.ed(&format!("none-{n}"), &claims(&[]))).await);
    }
    let floors = begun.elapsed().as_millis() / FLOOR.as_millis();
    assert!(server.asked() <= 2 + usize::try_from(floors).unwrap(), "{} in {floors} floors", server.asked());

    server.says(200, &outside.keys("ed-2").to_string());
    tokio::time::sleep(2 * FLOOR).await; // whatever the crowd asked for is over
    let new = outside.ed("ed-2", &claims(&[]));
    assert!(let_in(&access, &new).await, "the first token with a new key brings it");
    access.tidy().unwrap();
    assert!(
        !let_in(&access, &old).await,
        "a key that was taken back lets in nobody, also whom it let in before"
    );
}

#[tokio::test]
async fn an_issuer_that_answers_nonsense_too_much_or_nothing_leaves_its_keys_as_they_were() {
    let (outside, server, folder) = (Outside::new(), Server::default(), tempfile::tempdir().unwrap());
    let good = outside.keys("ed").to_string();
    server.says(200, &good);
    let access = access(folder.path(), &server.start().await, "first.pem").unwrap();
    let (token, stranger) = (outside.ed("ed", &claims(&[])), outside.ed("none", &claims(&[])));
    assert!(let_in(&access, &token).await);
    let large = format!("{good}{}", " ".repeat(LARGEST));
    for (status, body) in [(500, ""), (301, ""), (200, "{"), (200, "{\"keys\": 7}"), (200, large.as_str())] {
        server.says(status, body);
        let before = server.asked();
        while server.asked() == before {
            assert!(!let_in(&access, &stranger).await, "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        access.tidy().unwrap();
        assert!(let_in(&access, &token).await, "{status}");
    }
    server.answer.lock().clear();
    tokio::time::sleep(2 * FLOOR).await;
    let begun = Instant::now();
    assert!(!let_in(&access, &stranger).await);
    assert!(begun.elapsed() < LONGEST_READING + Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(let_in(&access, &token).await);
    let begun = Instant::now();
    drop(access);
    // a reading is under way that would take all the time it has
    assert!(begun.elapsed() < Duration::from_secs(4), "nobody waits for an issuer at the end");
}

#[test]
#[cfg(unix)]
fn a_file_that_changed_twice_within_a_tick_of_the_clock_is_read_again() {
    let (outside, folder) = (Outside::new(), tempfile::tempdir().unwrap());
    let (path, beside) = (folder.path().join("jwks.json"), folder.path().join("next.json"));
    let write = |path: &Path, kid: &str| {
        std::fs::write(path, outside.keys(kid).to_string()).unwrap();
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)).unwrap();
    };
    write(&path, "ed-1");
    let kept = Kept::open(&KeySource::File(path.clone())).unwrap();
    let known = |kid: &str| {
        kept.refresh().unwrap();
        kept.keys.read().named(Some(kid)).is_some()
    };
    assert!(known("ed-1"));
    write(&path, "another");
    assert!(known("another") && !known("ed-1"), "longer");
    write(&beside, "annexed");
    std::fs::rename(&beside, &path).unwrap();
    assert!(known("annexed") && !known("another"), "as long, and another file");
}

#[tokio::test]
async fn keys_come_with_tls_from_a_server_that_proves_itself() {
    let (outside, server, folder) = (Outside::new(), Server::default(), tempfile::tempdir().unwrap());
    server.says(200, &outside.keys("ed").to_string());
    let url = server.start().await;
    let other = access(folder.path(), &url, "second.pem").unwrap();
    assert!(!let_in(&other, &outside.ed("ed", &claims(&[]))).await);
    assert_eq!(server.asked(), 0, "it is not even asked");
    for url in
        [url.replace("https", "http"), "https://u:p@id.example/".to_owned(), "ftp://id.example/".to_owned()]
    {
        let refused = access(folder.path(), &url, "first.pem").err().unwrap().to_string();
        assert!(refused.contains("jwks"), "{url}: {refused}");
    }
}
