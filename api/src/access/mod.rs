//! Who asks, and what they may do.
//!
//! Every endpoint names one [`Permission`]; a [`Role`] is a set of them; a key has one role and, for a merchant,
//! the merchant whose data it may see and touch, everywhere. Keys lie hashed in a file beside the journal and are
//! all held in memory: to let a request in takes one SHA-256 and one look into a map. Another process that changes
//! keys counts the change in the file; the [`Clerk`] looks at that count four times a second.

mod caller;
mod clerk;
mod endpoints;
mod error;
mod jwks;
mod key;
mod limit;
pub(crate) mod log;
mod pseudonym;
mod role;
mod store;
mod token;
mod verify;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use axum::http::header;
use daybook_domain::{PartyId, Timestamp};
use daybook_journal::{Clock, SystemClock};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

pub use axum::http::HeaderMap;
pub use caller::Caller;
pub use clerk::Clerk;
pub(crate) use endpoints::endpoints;
pub use error::AccessError;
pub use jwks::KeySource;
pub use key::{Key, NewKey, PREFIX};
pub(crate) use limit::Allowance;
pub use limit::{Rate, Rates, usual_rates};
pub(crate) use log::TouchedByParts;
pub use log::{Logged, Question, Touched};
pub use pseudonym::Pseudonyms;
pub use role::{Permission, Role};
pub use token::IssuerSettings;

use crate::problem::{Problem, UNAUTHENTICATED};
use key::Hash;
use limit::Bucket;
use log::{Keeping, Log};
use store::Store;
pub(crate) use store::{Reply, private};
use token::{Issuer, Spoken};

/// Longest time that the text before a rotation counts on.
pub const LONGEST_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most tokens that are remembered as checked.
const MOST_TOKENS: usize = 10_000;

/// What can be set about access.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How fast keys of a role may ask; what is named here replaces the [usual rate](usual_rates) of that role.
    pub rates: Rates,
    /// For how many days accesses are kept in the log, however many they are.
    pub log_days: u32,
    /// More accesses in the log than this are warned of.
    pub log_entries: u64,
    /// Whose tokens are taken beside keys; nobody's where it is not set.
    pub issuer: Option<IssuerSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rates: Rates::new(), log_days: 400, log_entries: 5_000_000, issuer: None }
    }
}

/// The keys that are known, and what they did.
pub struct Access {
    store: Store,
    /// Keys of the file.
    keys: RwLock<Keys>,
    /// Held while keys are read, so that an older reading does not replace a newer one.
    reading: Mutex<()>,
    /// Others that were let in, by this process: tokens that were checked, each until it expires.
    others: RwLock<HashMap<Hash, Arc<Holder>>>,
    issuer: Option<Issuer>,
    rates: Rates,
    began: Instant,
    pseudonyms: Pseudonyms,
    log: Log,
}

/// Keys by the hash of their text.
struct Keys {
    by_hash: HashMap<Hash, Arc<Holder>>,
    /// The file's count of changes when it was read.
    changes: i64,
}

/// Who holds a text.
struct Holder {
    caller: Caller,
    expires_at: Option<Timestamp>,
    revoked: bool,
    usage: Arc<Usage>,
}

/// What stays of a key when keys are read again.
struct Usage {
    bucket: Option<Bucket>,
    last_used: AtomicI64,
    /// The last use that the file knows.
    noted: AtomicI64,
}

impl Access {
    /// The keys of a file, which is made where there is none.
    ///
    /// # Errors
    /// When the file does not serve.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, AccessError> {
        let mut rates = usual_rates();
        rates.extend(settings.rates);
        let keeping = Keeping { days: settings.log_days, usual: settings.log_entries };
        let mut access = Self::of(Store::open(path)?, rates, keeping)?;
        access.issuer = settings.issuer.map(Issuer::open).transpose()?;
        Ok(access)
    }

    /// Keys that no other process knows and that end with this one, without limits.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn in_memory() -> Result<Self, AccessError> {
        Self::of(Store::in_memory()?, Rates::new(), Keeping { days: 400, usual: 100_000 })
    }

    fn of(store: Store, rates: Rates, keeping: Keeping) -> Result<Self, AccessError> {
        let access = Self {
            pseudonyms: Pseudonyms::new(&store.secret()?),
            keys: RwLock::new(Keys { by_hash: HashMap::new(), changes: -1 }),
            reading: Mutex::new(()),
            others: RwLock::default(),
            issuer: None,
            rates,
            began: Instant::now(),
            log: Log::new(keeping),
            store,
        };
        access.refresh()?;
        Ok(access)
    }

    /// Whom a request comes from, if that one may ask now.
    ///
    /// # Errors
    /// `unauthenticated` without a key that is in force; `too_many_requests` when it asks too fast.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        self.enter(headers).map(|(caller, _)| caller)
    }

    /// The same, and what is left of its rate.
    pub(crate) fn enter(&self, headers: &HeaderMap) -> Result<(Caller, Allowance), Problem> {
        let holder = self.holder(headers)?;
        holder.usage.last_used.store(now().0, Ordering::Relaxed);
        let allowance = Allowance { holder, began: self.began };
        allowance.take()?;
        Ok((allowance.holder.caller.clone(), allowance))
    }

    /// Whether who sent these headers could ask still. That is no use of the key, and takes nothing of its rate.
    pub(crate) fn in_force(&self, headers: &HeaderMap) -> bool {
        self.holder(headers).is_ok()
    }

    /// Whether a key in force, or a token that was seen, is this actor's and may do this.
    pub(crate) fn is_held_by(&self, actor: &str, permission: Permission) -> bool {
        let now = now();
        let is_held = |holder: &Arc<Holder>| {
            !holder.revoked
                && holder.expires_at.is_none_or(|end| end > now)
                && holder.caller.actor.as_str() == actor
                && holder.caller.role.may(permission)
        };
        self.keys.read().by_hash.values().any(is_held) || self.others.read().values().any(is_held)
    }

    /// Who holds the text that came with a request, if it is in force.
    fn holder(&self, headers: &HeaderMap) -> Result<Arc<Holder>, Problem> {
        let refuse = |why: &str| Problem::new(UNAUTHENTICATED, format!("Authorization: {why}"));
        let text = bearer(headers).ok_or_else(|| refuse("send `Bearer KEY` with a key that is in force"))?;
        let hash = key::hash(text);
        let known = self.keys.read().by_hash.get(&hash).cloned();
        let holder = match known.or_else(|| self.others.read().get(&hash).cloned()) {
            Some(holder) => holder,
            None => self.token(text, hash).map_err(|why| refuse(&why))?,
        };
        if holder.revoked {
            return Err(refuse("this key was revoked"));
        }
        if holder.expires_at.is_some_and(|end| end <= now()) {
            return Err(refuse("this key has expired"));
        }
        Ok(holder)
    }

    /// As [`enter`](Self::enter); where a token names a key that the issuer may have by now, waits for a
    /// bounded time until its keys are read again.
    pub(crate) async fn let_in(&self, headers: &HeaderMap) -> Result<(Caller, Allowance), Problem> {
        let refused = match self.enter(headers) {
            Err(problem) if problem.is(UNAUTHENTICATED) => problem,
            said => return said,
        };
        match (&self.issuer, bearer(headers)) {
            (Some(issuer), Some(text)) if issuer.learns(text).await => self.enter(headers),
            _ => Err(refused),
        }
    }

    /// Who holds a token of the issuer; what was checked once is kept until it expires or the issuer's keys change.
    fn token(&self, text: &str, hash: Hash) -> Result<Arc<Holder>, String> {
        let issuer = self.issuer.as_ref().filter(|_| !text.starts_with(PREFIX));
        let issuer = issuer.ok_or("this key is not known")?;
        let Spoken { caller, expires_at, reading } = issuer.check(text)?;
        let mut others = self.others.write();
        if others.len() >= MOST_TOKENS {
            let now = now();
            others.retain(|_, holder| holder.expires_at.is_none_or(|end| end > now));
            if others.len() >= MOST_TOKENS {
                others.retain(|_, holder| holder.expires_at.is_none());
            }
        }
        // a rate is the subject's, however many tokens it has
        let same =
            |holder: &&Arc<Holder>| (holder.caller.actor, holder.caller.role) == (caller.actor, caller.role);
        let usage = others.values().find(same).map(|holder| Arc::clone(&holder.usage));
        let usage = usage.unwrap_or_else(|| self.usage(caller.role));
        let holder = Arc::new(Holder { caller, expires_at: Some(expires_at), revoked: false, usage });
        if issuer.reading() == reading {
            others.insert(hash, Arc::clone(&holder));
        }
        Ok(holder)
    }

    /// Reads the issuer's keys again where they changed; what older ones let in is checked anew.
    fn refresh_issuer(&self) -> Result<(), AccessError> {
        if let Some(issuer) = &self.issuer
            && issuer.refresh()?
        {
            self.others.write().retain(|_, holder| holder.expires_at.is_none());
        }
        Ok(())
    }

    /// Lets a text in that stands in no file: for a process that makes up its own callers.
    pub fn admit(&self, text: impl AsRef<str>, caller: Caller) {
        let holder = Holder { usage: self.usage(caller.role), caller, expires_at: None, revoked: false };
        self.others.write().insert(key::hash(text.as_ref()), Arc::new(holder));
    }

    /// Makes a key. Its text is told here and never again.
    ///
    /// # Errors
    /// When it is not wanted like this, or the file does not serve.
    pub fn create(&self, new: NewKey, by: PartyId) -> Result<(Key, String), AccessError> {
        let now = now();
        new.check(now)?;
        let NewKey { role, merchant, name, expires_at } = new;
        let key = Key {
            id: key::new_id()?,
            name,
            role,
            merchant,
            created_at: now,
            created_by: by,
            rotated_at: None,
            expires_at,
            revoked_at: None,
            revoked_by: None,
            last_used_at: None,
        };
        let text = key::new_text(&key.id)?;
        self.store.insert(&key, &key::hash(&text))?;
        self.refresh()?;
        Ok((key, text))
    }

    /// Gives a key a new text, told here and never again. The one it had counts on for `grace`, so that its holder
    /// can change over; one that had been given grace before counts no more.
    ///
    /// # Errors
    /// When there is no such key in force, or the file does not serve.
    pub fn rotate(&self, id: &str, grace: Duration) -> Result<(Key, String), AccessError> {
        if grace > LONGEST_GRACE {
            let why = format!("{} seconds are the most", LONGEST_GRACE.as_secs());
            return Err(AccessError::Refused { field: "grace_seconds", why });
        }
        self.key(id)?;
        let text = key::new_text(id)?;
        let now = now();
        let until = now.plus(i64::try_from(grace.as_micros()).unwrap_or(0));
        if !self.store.rotate(id, &key::hash(&text), now, until)? {
            return Err(AccessError::Revoked(id.to_owned()));
        }
        self.refresh()?;
        Ok((self.key(id)?, text))
    }

    /// Puts a key out of force, for good and at once. Doing it twice changes nothing.
    ///
    /// # Errors
    /// When there is no such key, or the file does not serve.
    pub fn revoke(&self, id: &str, by: PartyId) -> Result<Key, AccessError> {
        self.key(id)?;
        self.store.revoke(id, now(), by)?;
        self.refresh()?;
        self.key(id)
    }

    /// A key.
    ///
    /// # Errors
    /// When there is none of this id, or the file does not serve.
    pub fn key(&self, id: &str) -> Result<Key, AccessError> {
        self.store.key(id)?.ok_or_else(|| AccessError::Unknown(id.to_owned()))
    }

    /// A page of keys, the oldest first, after the one of this id.
    ///
    /// # Errors
    /// When the file does not serve.
    pub fn page(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, AccessError> {
        self.note_uses()?;
        self.store.page(after, limit)
    }

    /// A page of the log of accesses, the oldest first.
    ///
    /// # Errors
    /// When the file does not serve.
    pub fn accesses(&self, question: &Question) -> Result<Vec<Logged>, AccessError> {
        self.log.flush(&self.store, now(), true)?;
        self.store.accesses(question)
    }

    /// The first answer of a target to a command, where it has given one.
    pub(crate) fn reply(&self, command: Uuid, target: &str) -> Result<Option<Reply>, AccessError> {
        self.store.reply(command, target)
    }

    /// Keeps the first answer, for ever.
    pub(crate) fn keep_reply(&self, command: Uuid, target: &str, reply: &Reply) -> Result<(), AccessError> {
        self.store.keep_reply(command, target, reply)
    }

    /// How analysts see parties.
    #[must_use]
    pub fn pseudonyms(&self) -> &Pseudonyms {
        &self.pseudonyms
    }

    /// Whether nobody has a key yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.read().by_hash.is_empty()
    }

    /// Adds to the log of accesses; never writes on the thread that serves.
    pub(crate) fn log(self: &Arc<Self>, entry: log::Entry) {
        if self.log.add(entry) {
            let access = Arc::clone(self);
            let write = move || access.log.flush_urgent(&access.store, now());
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(write)),
                Err(_) => write(),
            }
        }
    }

    /// What the clerk does.
    fn tidy(&self) -> Result<(), AccessError> {
        // what one cannot do must not keep the others from being done
        let done = [
            self.refresh(),
            self.refresh_issuer(),
            self.note_uses(),
            self.log.flush(&self.store, now(), false),
        ];
        done.into_iter().collect()
    }

    /// Reads keys again where they were changed since.
    fn refresh(&self) -> Result<(), AccessError> {
        let _reading = self.reading.lock();
        // before the keys: a change between the two is read twice rather than never
        let changes = self.store.changes()?;
        if changes == self.keys.read().changes {
            return Ok(());
        }
        let known = self.store.keys()?;
        let mut keys = self.keys.write();
        let used: HashMap<PartyId, Arc<Usage>> =
            keys.by_hash.values().map(|holder| (holder.caller.actor, Arc::clone(&holder.usage))).collect();
        let mut by_hash = HashMap::with_capacity(known.len());
        for store::Known { key, hash, old } in known {
            let actor = key.actor();
            let usage = used.get(&actor).cloned().unwrap_or_else(|| self.usage(key.role));
            let holder = |expires_at| Holder {
                caller: Caller { actor, role: key.role, merchant: key.merchant },
                expires_at,
                revoked: key.revoked_at.is_some(),
                usage: Arc::clone(&usage),
            };
            if let Some((hash, until)) = old {
                let until = key.expires_at.map_or(until, |end| end.min(until));
                by_hash.insert(hash, Arc::new(holder(Some(until))));
            }
            by_hash.insert(hash, Arc::new(holder(key.expires_at)));
        }
        *keys = Keys { by_hash, changes };
        Ok(())
    }

    fn usage(&self, role: Role) -> Arc<Usage> {
        let bucket = self.rates.get(&role).copied().and_then(Bucket::new);
        Arc::new(Usage { bucket, last_used: AtomicI64::new(0), noted: AtomicI64::new(0) })
    }

    /// Tells the file of uses, of each key not more than once in some seconds.
    fn note_uses(&self) -> Result<(), AccessError> {
        const APART: i64 = 5_000_000;
        let mut uses = Vec::new();
        for holder in self.keys.read().by_hash.values() {
            let last = holder.usage.last_used.load(Ordering::Relaxed);
            if last >= holder.usage.noted.load(Ordering::Relaxed) + APART {
                holder.usage.noted.store(last, Ordering::Relaxed);
                let id = holder.caller.actor.as_str().trim_start_matches("key:").to_owned();
                uses.push((id, Timestamp(last)));
            }
        }
        if uses.is_empty() { Ok(()) } else { self.store.used(&uses) }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self::in_memory().expect("invariant: memory and randomness can be had")
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if let Err(error) = self.tidy().and(self.log.flush(&self.store, now(), true)) {
            tracing::error!(%error, "the last accesses were not logged");
        }
    }
}

/// The text that a caller shows.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim_start())
}

fn now() -> Timestamp {
    Timestamp(SystemClock.now())
}
