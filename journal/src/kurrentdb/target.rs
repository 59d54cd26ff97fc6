//! Where a journal is: the cluster, the journal's name in it, and the names of its streams.

use eventstore::ClientSettings;

use super::shown;
use crate::{JournalError, Position};

/// The name of a journal where its URL gives none.
const NAME: &str = "daybook";

/// How to get to a journal.
#[derive(Clone)]
pub(super) struct Target {
    pub settings: ClientSettings,
    /// The URL without its password, for messages.
    pub name: String,
    /// What all of its streams begin with: `daybook/`.
    pub prefix: String,
    /// The stream of its lease: `daybook.lease`.
    pub lease: String,
}

impl Target {
    /// Reads a connection string of KurrentDB. `journal=NAME` is ours; the rest is the client's, except that only the leader
    /// is asked: another node may be behind what was acknowledged.
    pub(super) fn parse(url: &str) -> Result<Self, JournalError> {
        let wrong = |why: &str| {
            JournalError::Unavailable(format!(
                "the journal's URL {} cannot be read ({why}); write esdb://USER:PASSWORD@HOST:2113?tls=true&journal={NAME}",
                shown(url)
            ))
        };
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut journal, mut rest) = (NAME, vec!["nodePreference=leader"]);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key.to_ascii_lowercase().as_str() {
                "journal" => journal = value,
                "nodepreference" if value.eq_ignore_ascii_case("leader") => {}
                "nodepreference" => {
                    return Err(wrong("a journal asks the leader only: leave nodePreference out"));
                }
                _ => rest.push(pair),
            }
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if journal.is_empty() || journal.len() > 40 || !journal.chars().all(plain) {
            return Err(wrong("the name after journal= is up to 40 of a-z, 0-9 and _"));
        }
        let settings = format!("{place}?{}", rest.join("&")).parse::<ClientSettings>();
        let settings = settings.map_err(|error| wrong(&error.to_string()))?;
        Ok(Self {
            settings,
            name: shown(url),
            prefix: format!("{journal}/"),
            lease: format!("{journal}.lease"),
        })
    }

    /// A stream's name in the database.
    pub(super) fn stream(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What is said of something in it that a journal cannot hold.
    pub(super) fn damaged(&self, position: Position, why: &str) -> JournalError {
        JournalError::Corrupt(format!("{}: the event at position {position} {why}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        match Target::parse(url) {
            Ok(_) => panic!("{url} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_url_names_a_cluster_and_a_journal_in_it() {
        for url in [
            "esdb://ann:secret@h:2113?tls=false",
            "esdb+discover://cluster.example:2113",
            "kurrentdb://a:1,b:2,c:3?tls=false&nodePreference=Leader",
            "kurrentdb+discover://cluster.example",
        ] {
            let target = Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(
                (target.stream("order-1").as_str(), target.lease.as_str()),
                ("daybook/order-1", "daybook.lease")
            );
            assert!(!target.name.contains("secret"));
        }
        let target = Target::parse("esdb://h?journal=books_2&tls=false").unwrap();
        assert_eq!((target.prefix.as_str(), target.lease.as_str()), ("books_2/", "books_2.lease"));
    }

    #[test]
    fn a_url_that_cannot_be_read_says_why_without_its_password() {
        for (url, why) in [
            ("esdb://ann:secret@h:2113?journal=Ledger", "a-z"),
            ("esdb://ann:secret@h:2113?journal=", "a-z"),
            ("esdb://ann:secret@h:2113?nodePreference=follower", "leader"),
            ("esdb://ann:secret@h:2113?tls=perhaps", "tls"),
            ("esdb://", "esdb://USER"),
        ] {
            let error = refused(url);
            assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
