//! Where a run looks for what there is to settle: the read models of a running market, or the journal itself for a
//! market that has none (a simulation, a test). Neither decides anything: the account's own decider checks order,
//! carry and sums.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_domain::account::Cut;
use daybook_domain::account::lines::{Bounds, Line};
use daybook_domain::posting::post;
use daybook_domain::{Currency, Event, EventKind, MerchantId, SettlementId, Timestamp};
use daybook_journal::{Filter, Journal, Position};
use daybook_projections::{ReadModelError, ReadModels};

use super::derive::{ALSO_SEEN, Derivation};
use crate::MarketError;
use crate::verify::decode;

/// Rows asked for at once.
const PAGE: u32 = 1_000;

/// An account on which a run may find something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenAccount {
    pub(crate) merchant: MerchantId,
    /// The number of its last line.
    pub(crate) lines: u64,
}

/// A merchant with an agreed fee schedule, and since when it may sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contracted {
    pub(crate) merchant: MerchantId,
    pub(crate) opened_at: Timestamp,
}

/// A reserve that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueReserve {
    pub(crate) merchant: MerchantId,
    pub(crate) settlement: SettlementId,
    pub(crate) due: Timestamp,
}

/// What a run asks. Lists are pages in order of the merchants' ids: what follows `after`, none after the last.
pub(crate) trait Source: Send + Sync {
    /// Takes in everything that the journal holds now.
    fn catch_up(&mut self) -> Result<(), MarketError>;
    /// The accounts with lines that no settlement has, or with a debt carried on.
    fn open_accounts(&self, after: Option<MerchantId>) -> Result<Vec<OpenAccount>, MarketError>;
    /// One account.
    fn account(&self, merchant: MerchantId) -> Result<Option<OpenAccount>, MarketError>;
    /// The currencies of an account, in order.
    fn currencies(&self, merchant: MerchantId) -> Result<Vec<Currency>, MarketError>;
    /// The lines that a settlement within `bounds` takes after those up to `cut`, by number.
    fn lines(
        &self,
        merchant: MerchantId,
        currency: Currency,
        cut: Option<Cut>,
        bounds: Bounds,
    ) -> Result<Vec<Line>, MarketError>;
    /// Reserves that are due at `at` and not released, of one merchant where it is given; the first due first; a page.
    fn reserves_due(&self, at: Timestamp, only: Option<MerchantId>) -> Result<Vec<DueReserve>, MarketError>;
    /// The merchants that have agreed on a fee schedule and opened their store.
    fn contracted(&self, after: Option<MerchantId>) -> Result<Vec<Contracted>, MarketError>;
}

/// The read models.
pub(crate) struct FromModels<'m>(pub(crate) &'m ReadModels);

fn unreadable(error: ReadModelError) -> MarketError {
    MarketError::Unavailable(format!("the read models cannot say what there is to settle: {error}"))
}

fn id<T: std::str::FromStr<Err = daybook_domain::IdError>>(text: &str) -> Result<T, MarketError> {
    text.parse().map_err(|e: daybook_domain::IdError| MarketError::Unavailable(e.to_string()))
}

impl Source for FromModels<'_> {
    fn catch_up(&mut self) -> Result<(), MarketError> {
        let head = self.0.journal().head()?;
        let at = self.0.catch_up(&mut |_| {}).map_err(unreadable)?;
        if at.applied >= head {
            return Ok(());
        }
        let wait = std::time::Duration::from_secs(30);
        self.0.wait_at_least(head, wait).map(drop).map_err(unreadable)
    }

    fn open_accounts(&self, after: Option<MerchantId>) -> Result<Vec<OpenAccount>, MarketError> {
        let after = after.as_ref().map(MerchantId::as_str);
        let page = self.0.unsettled_accounts(after, PAGE).map_err(unreadable)?;
        page.rows
            .iter()
            .map(|row| Ok(OpenAccount { merchant: id(&row.merchant_id)?, lines: row.lines.max(0) as u64 }))
            .collect()
    }

    fn account(&self, merchant: MerchantId) -> Result<Option<OpenAccount>, MarketError> {
        let row = self.0.merchant_account(merchant.as_str()).map_err(unreadable)?;
        Ok(row.map(|row| OpenAccount { merchant, lines: row.lines.max(0) as u64 }))
    }

    fn currencies(&self, merchant: MerchantId) -> Result<Vec<Currency>, MarketError> {
        self.0.merchant_currencies(merchant.as_str()).map_err(unreadable)
    }

    fn lines(
        &self,
        merchant: MerchantId,
        currency: Currency,
        cut: Option<Cut>,
        bounds: Bounds,
    ) -> Result<Vec<Line>, MarketError> {
        let (settled, merchant) = (cut.map_or(Bounds::NONE, Bounds::from), merchant.as_str());
        let left = cut.map_or(0, |cut| cut.through.saturating_sub(cut.lines));
        let start = self.0.settled_up_to(merchant, currency, settled, left).map_err(unreadable)?;
        let mut lines: Vec<Line> = Vec::new();
        loop {
            let after = lines.last().map_or(start, |line| line.number);
            let page =
                self.0.open_lines(merchant, currency, settled, bounds, after, PAGE).map_err(unreadable)?;
            let more = page.len() == PAGE as usize;
            for row in &page {
                lines.push(row.line().map_err(unreadable)?);
            }
            if !more {
                return Ok(lines);
            }
        }
    }

    fn reserves_due(&self, at: Timestamp, only: Option<MerchantId>) -> Result<Vec<DueReserve>, MarketError> {
        let only = only.as_ref().map(MerchantId::as_str);
        let rows = self.0.reserves_due(at, only, PAGE).map_err(unreadable)?;
        rows.iter()
            .map(|row| {
                Ok(DueReserve {
                    merchant: id(&row.merchant_id)?,
                    settlement: id(&row.settlement_id)?,
                    due: Timestamp(row.reserve_due.unwrap_or_default()),
                })
            })
            .collect()
    }

    fn contracted(&self, after: Option<MerchantId>) -> Result<Vec<Contracted>, MarketError> {
        let after = after.as_ref().map(MerchantId::as_str);
        let page = self.0.contracted_merchants(after, PAGE).map_err(unreadable)?;
        page.rows
            .iter()
            .map(|row| {
                let opened_at = Timestamp(row.opened_at.unwrap_or(i64::MAX));
                Ok(Contracted { merchant: id(&row.merchant_id)?, opened_at })
            })
            .collect()
    }
}

/// The journal, folded in memory: the open lines of every merchant.
pub(crate) struct FromJournal {
    journal: Arc<dyn Journal>,
    filter: Filter,
    through: Position,
    derivation: Derivation,
    /// Since when each store is open.
    opened: BTreeMap<MerchantId, Timestamp>,
    contracted: BTreeMap<MerchantId, Contracted>,
    reserves: BTreeMap<(Timestamp, SettlementId), DueReserve>,
}

impl FromJournal {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        let also = [EventKind::StoreOpened, EventKind::MerchantImported];
        let seen = EventKind::ALL
            .iter()
            .filter(|kind| kind.posts() || ALSO_SEEN.contains(kind) || also.contains(kind));
        let kinds = Some(seen.map(|kind| kind.as_str().into()).collect());
        Self {
            journal,
            filter: Filter { kinds, categories: None },
            through: 0,
            derivation: Derivation::default(),
            opened: BTreeMap::new(),
            contracted: BTreeMap::new(),
            reserves: BTreeMap::new(),
        }
    }

    /// What a derivation does not keep.
    fn remember(&mut self, merchant: Option<MerchantId>, event: &Event, occurred_at: Timestamp) {
        let Some(merchant) = merchant else { return };
        match event {
            Event::StoreOpened(_) | Event::MerchantImported(_) => {
                self.opened.entry(merchant).or_insert(occurred_at);
            }
            Event::SettlementClosed(e) => {
                if let Some(due) = e.reserve_until {
                    let reserve = DueReserve { merchant, settlement: e.settlement, due };
                    self.reserves.insert((due, e.settlement), reserve);
                }
            }
            Event::ReserveReleased(e) => {
                self.reserves.retain(|_, r| (r.merchant, r.settlement) != (merchant, e.settlement));
            }
            _ => {}
        }
        if self.derivation.has_schedule(merchant)
            && let Some(opened_at) = self.opened.get(&merchant)
        {
            self.contracted.entry(merchant).or_insert(Contracted { merchant, opened_at: *opened_at });
        }
    }
}

impl Source for FromJournal {
    fn catch_up(&mut self) -> Result<(), MarketError> {
        let (journal, filter) = (Arc::clone(&self.journal), self.filter.clone());
        let mut failed = None;
        let scanned = journal.scan(self.through, None, &filter, &mut |recorded| {
            let (event, refs) = match decode(&recorded) {
                Ok(decoded) => decoded,
                Err(error) => {
                    failed = Some(MarketError::Unavailable(error.to_string()));
                    return ControlFlow::Break(());
                }
            };
            let mut entries = Vec::with_capacity(8);
            post(&event, &refs, &mut entries);
            let _derived = self.derivation.see(&recorded, &refs, &event, &entries);
            self.remember(refs.merchant, &event, Timestamp(recorded.occurred_at));
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.through = scanned.through;
        Ok(())
    }

    fn open_accounts(&self, after: Option<MerchantId>) -> Result<Vec<OpenAccount>, MarketError> {
        // all of them: whoever folds a journal in memory has room for a list of its merchants
        if after.is_some() {
            return Ok(Vec::new());
        }
        let open = self.derivation.open_accounts();
        Ok(open.into_iter().map(|(merchant, lines)| OpenAccount { merchant, lines }).collect())
    }

    fn account(&self, merchant: MerchantId) -> Result<Option<OpenAccount>, MarketError> {
        Ok(self.derivation.lines_of(merchant).map(|lines| OpenAccount { merchant, lines }))
    }

    fn currencies(&self, merchant: MerchantId) -> Result<Vec<Currency>, MarketError> {
        Ok(self.derivation.currencies(merchant))
    }

    fn lines(
        &self,
        merchant: MerchantId,
        currency: Currency,
        _: Option<Cut>,
        bounds: Bounds,
    ) -> Result<Vec<Line>, MarketError> {
        // what settlements took is no longer among the open ones
        let takes =
            |line: &&Line| line.amount.currency == currency && bounds.take(line.number, line.booked_at);
        Ok(self.derivation.open_lines(merchant).iter().filter(takes).copied().collect())
    }

    fn reserves_due(&self, at: Timestamp, only: Option<MerchantId>) -> Result<Vec<DueReserve>, MarketError> {
        let due = self.reserves.values().take_while(|r| r.due <= at);
        let due = due.filter(|r| only.is_none_or(|only| only == r.merchant));
        Ok(due.take(PAGE as usize).copied().collect())
    }

    fn contracted(&self, after: Option<MerchantId>) -> Result<Vec<Contracted>, MarketError> {
        if after.is_some() {
            return Ok(Vec::new());
        }
        Ok(self.contracted.values().copied().collect())
    }
}
