//! The calendar of the running market.

use daybook_domain::Code;
use daybook_projections::Calendar;

use crate::{Market, MarketError};

impl Market {
    /// The calendar of its business days: that of its time zone.
    ///
    /// # Errors
    /// [`MarketError`] when its settings cannot be read.
    pub fn calendar(&self) -> Result<Calendar, MarketError> {
        let (state, _) = self.commands().state::<daybook_domain::books::Market>(self.id())?;
        let zone = state.time_zone();
        Calendar::of(zone.as_ref().map_or("", Code::as_str)).map_err(MarketError::Unavailable)
    }
}
