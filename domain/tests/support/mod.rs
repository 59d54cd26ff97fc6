//! Given these events, when this is asked, then that happens: the form of every decider test.
#![allow(dead_code)] // each test binary uses its part

pub mod sale;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use daybook_domain::books::Policy;
use daybook_domain::posting::post;
use daybook_domain::{Aggregate, Context, Currency, Event, Facts, Money, PartyId, Rejection, Timestamp};

/// Minor units of CNY.
pub fn cny(minor: i64) -> Money {
    Money::new(minor, currency("CNY"))
}

/// Minor units of USD: the other currency.
pub fn usd(minor: i64) -> Money {
    Money::new(minor, currency("USD"))
}

/// A currency that exists.
pub fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency of ISO 4217")
}

/// Any typed id or reference.
pub fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a valid id")
}

/// An instant.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an RFC 3339 time")
}

/// A noon in 2018 on which the tests happen unless they say otherwise.
pub fn noon() -> Timestamp {
    at("2018-03-01T12:00:00Z")
}

/// A stream's state and what a decision looks at besides it.
#[derive(Clone)]
pub struct Scenario<A> {
    /// The state so far.
    pub state: A,
    /// The clock; also when the thing happened, unless said otherwise.
    pub now: Timestamp,
    /// The market's settings.
    pub policy: Policy,
    /// Who acts.
    pub actor: PartyId,
    /// Whether history is brought in.
    pub import: bool,
    /// What other streams say.
    pub facts: Facts,
}

/// A stream named `name` with these events behind it.
pub fn given<A: Aggregate>(name: &str, events: impl IntoIterator<Item = Event>) -> Scenario<A> {
    let mut state = A::named(name);
    events.into_iter().for_each(|e| state.evolve(&e, noon()));
    let (policy, facts) = (Policy::default(), Facts::default());
    Scenario { state, now: noon(), policy, actor: id("tester"), import: false, facts }
}

/// What came of a command.
pub struct Outcome<A> {
    /// The scenario with the command's events behind it.
    pub after: Scenario<A>,
    /// Its events, or why it was refused.
    pub result: Result<Vec<Event>, Rejection>,
}

impl<A: Aggregate> Scenario<A> {
    /// At another time.
    #[must_use]
    pub fn on(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// As asked by another person.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.actor = id(actor);
        self
    }

    /// While history is brought in.
    #[must_use]
    pub fn importing(mut self) -> Self {
        self.import = true;
        self
    }

    /// With what other streams say.
    #[must_use]
    pub fn knowing(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// Decides, and remembers what was decided.
    pub fn ask(&mut self, command: &A::Command) -> Result<Vec<Event>, Rejection> {
        let context = Context {
            now: self.now,
            occurred_at: self.now,
            actor: self.actor,
            policy: &self.policy,
            import: self.import,
            facts: &self.facts,
        };
        let events = self.state.decide(command, &context)?;
        events.iter().for_each(|e| self.state.evolve(e, self.now));
        Ok(events)
    }

    /// Asks, and goes on with what came of it.
    #[track_caller]
    pub fn and(mut self, command: A::Command) -> Self {
        if let Err(refused) = self.ask(&command) {
            panic!("{command:?} was refused: {refused}");
        }
        self
    }

    /// Asks.
    pub fn when(mut self, command: A::Command) -> Outcome<A> {
        let result = self.ask(&command);
        Outcome { after: self, result }
    }
}

impl<A: Aggregate> Outcome<A> {
    /// Exactly these events.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = Event>) -> Scenario<A> {
        let expected: Vec<Event> = expected.into_iter().collect();
        assert_eq!(self.result.expect("the command is accepted"), expected);
        self.after
    }

    /// Nothing: it was so already.
    #[track_caller]
    pub fn nothing(self) -> Scenario<A> {
        self.then([])
    }

    /// Events of these types, in this order.
    #[track_caller]
    pub fn then_kinds(self, expected: &[&str]) -> Scenario<A> {
        let events = self.result.expect("the command is accepted");
        let kinds: Vec<_> = events.iter().map(|e| e.kind().as_str()).collect();
        assert_eq!(kinds, expected);
        self.after
    }

    /// A refusal with this code.
    #[track_caller]
    pub fn refused(self, code: &str) -> Scenario<A> {
        match self.result {
            Err(refused) => assert_eq!(refused.code, code, "{refused}"),
            Ok(events) => panic!("accepted with {events:?} where {code} was expected"),
        }
        self.after
    }

    /// The outcome in one line, for tables.
    pub fn in_a_line(&self) -> String {
        match &self.result {
            Err(refused) => format!("refused: {}", refused.code),
            Ok(events) if events.is_empty() => "already so".to_owned(),
            Ok(events) => events.iter().map(|e| e.kind().as_str()).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Every state against every command: a block for each state, a line for each command.
pub fn product<A: Aggregate>(states: &[(&str, Scenario<A>)], commands: &[(&str, A::Command)]) -> String {
    let width = commands.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut table = String::new();
    for (name, state) in states {
        table.push_str(&format!("{name} ({})\n", state.state.status()));
        for (asked, command) in commands {
            let line = state.clone().when(command.clone()).in_a_line();
            table.push_str(&format!("  {asked:<width$}  {line}\n"));
        }
    }
    table
}

/// Balances by account and currency, minor units, positive debit.
#[derive(Clone, Debug, Default)]
pub struct Books(pub BTreeMap<(String, Currency), i64>);

impl Books {
    /// Books these events.
    ///
    /// # Panics
    /// When an event's entries do not sum to zero in a currency.
    pub fn book<A: Aggregate>(&mut self, state: &A, events: &[Event]) {
        let refs = state.refs();
        for event in events {
            let mut entries = Vec::new();
            post(event, &refs, &mut entries);
            let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
            for entry in entries {
                *sums.entry(entry.amount.currency).or_default() += entry.amount.minor;
                let key = (entry.account.to_string(), entry.amount.currency);
                *self.0.entry(key).or_default() += entry.amount.minor;
            }
            assert!(sums.values().all(|sum| *sum == 0), "{event:?} does not balance: {sums:?}");
        }
    }

    /// An account's balance, minor units, positive debit.
    pub fn balance(&self, account: &str, currency: Currency) -> i64 {
        self.0.get(&(account.to_owned(), currency)).copied().unwrap_or(0)
    }
}
