//! The rules that are asked about, and which of them holds where.
//!
//! Of the rules that hold for something the most particular wins: one that names merchant and category before one
//! that names the merchant, before one that names the category, before one that names neither. Two that name the same
//! never hold on the same day: that is refused.

use chrono::NaiveDate;
use daybook_domain::merchant::events::{PlatformFee, SettlementCycle};
use daybook_domain::{CampaignId, Category, MerchantId, Money, Rate};

/// For whom and when a rule holds: for all and always, where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only for this merchant.
    pub merchant: Option<MerchantId>,
    /// From this business day on.
    pub from: Option<NaiveDate>,
    /// Through this business day.
    pub through: Option<NaiveDate>,
}

/// Another commission, for orders placed on the days of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commission {
    /// For whom and when.
    pub scope: Scope,
    /// Only for goods of this category.
    pub category: Option<Category>,
    /// The share of the base, between 0 and 1.
    pub rate: Rate,
}

/// Another platform fee, as if it had been agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// For whom and when.
    pub scope: Scope,
    /// How much a period; an amount of zero is no fee.
    pub fee: PlatformFee,
}

/// Another required deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Required {
    /// For whom; a deposit is required at the moment that is asked about, so there are no days.
    pub merchant: Option<MerchantId>,
    /// How much.
    pub amount: Money,
}

/// Another settlement cycle, as if it had been agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// For whom and when.
    pub scope: Scope,
    /// How often.
    pub cycle: SettlementCycle,
    /// Days, for `t_plus_n`.
    pub days: u32,
}

/// Another share of a campaign's coupons, for orders placed on the days of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupons {
    /// For whom and when.
    pub scope: Scope,
    /// Whose coupons.
    pub campaign: CampaignId,
    /// What of them the merchant gives as a discount of its own, between 0 and 1.
    pub merchant_share: Rate,
}

/// What is asked about. Nothing of it: nothing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Commission.
    pub commission: Vec<Commission>,
    /// Platform fees.
    pub platform_fee: Vec<Fee>,
    /// Deposits.
    pub deposit: Vec<Required>,
    /// Settlement cycles.
    pub settlement: Vec<Cycle>,
    /// Who funds coupons.
    pub coupons: Vec<Coupons>,
}

/// What a rule is about, besides its days: the same of two rules is a contradiction where their days meet.
trait About {
    fn scope(&self) -> Scope;
    fn of(&self) -> Option<String> {
        None
    }
}

impl About for Commission {
    fn scope(&self) -> Scope {
        self.scope
    }
    fn of(&self) -> Option<String> {
        self.category.map(|category| format!("category {category}"))
    }
}
impl About for Fee {
    fn scope(&self) -> Scope {
        self.scope
    }
}
impl About for Required {
    fn scope(&self) -> Scope {
        Scope { merchant: self.merchant, ..Scope::default() }
    }
}
impl About for Cycle {
    fn scope(&self) -> Scope {
        self.scope
    }
}
impl About for Coupons {
    fn scope(&self) -> Scope {
        self.scope
    }
    fn of(&self) -> Option<String> {
        Some(format!("campaign {}", self.campaign))
    }
}

impl Scope {
    /// Whether a rule holds for a merchant on a day.
    pub(super) fn covers(&self, merchant: MerchantId, day: NaiveDate) -> bool {
        self.merchant.is_none_or(|only| only == merchant)
            && self.from.is_none_or(|from| from <= day)
            && self.through.is_none_or(|through| day <= through)
    }

    fn meets(&self, other: &Self) -> bool {
        let before = |a: Option<NaiveDate>, b: Option<NaiveDate>| a.zip(b).is_some_and(|(a, b)| a < b);
        !before(self.through, other.from) && !before(other.through, self.from)
    }
}

/// The most particular of the rules that hold.
fn winner<R: About>(rules: &[R], holds: impl Fn(&R) -> bool) -> Option<&R> {
    let holding = rules.iter().filter(|rule| holds(rule));
    holding.max_by_key(|rule| (rule.scope().merchant.is_some(), rule.of().is_some()))
}

/// Two rules that contradict each other, or one that holds on no day.
fn contradiction<R: About>(section: &str, rules: &[R]) -> Result<(), String> {
    for (nth, rule) in rules.iter().enumerate() {
        let scope = rule.scope();
        if let Some((from, through)) = scope.from.zip(scope.through).filter(|(from, through)| from > through)
        {
            return Err(format!(
                "{section} {}: from is {from}, after through, {through}: it holds on no day",
                nth + 1
            ));
        }
        let same = |other: &&R| {
            other.scope().merchant == scope.merchant && other.of() == rule.of() && other.scope().meets(&scope)
        };
        if let Some(before) = rules[..nth].iter().position(|other| same(&other)) {
            let merchant = scope.merchant.map(|merchant| format!("merchant {merchant}"));
            let about: Vec<String> = merchant.into_iter().chain(rule.of()).collect();
            let about = if about.is_empty() { "all".to_owned() } else { about.join(" and ") };
            return Err(format!(
                "{section} {} and {section} {} overlap: both are for {about} on the same days: give them days \
                 that do not meet (from, through), or leave one out",
                before + 1,
                nth + 1
            ));
        }
    }
    Ok(())
}

fn share(section: &str, nth: usize, key: &str, rate: Rate) -> Result<(), String> {
    if rate >= Rate::ZERO && rate <= Rate::ONE {
        return Ok(());
    }
    Err(format!(
        "{section} {}: {key} is {rate}: a share lies between 0 and 1, such as \"0.03\" for three percent",
        nth + 1
    ))
}

impl Rules {
    /// Whether nothing is asked about.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.commission.is_empty()
            && self.platform_fee.is_empty()
            && self.deposit.is_empty()
            && self.settlement.is_empty()
            && self.coupons.is_empty()
    }

    /// Refuses rules that contradict each other or say what no contract can.
    ///
    /// # Errors
    /// A sentence that names section and key, with the cure.
    pub fn check(&self) -> Result<(), String> {
        for (nth, rule) in self.commission.iter().enumerate() {
            share("commission", nth, "rate", rule.rate)?;
        }
        for (nth, rule) in self.coupons.iter().enumerate() {
            share("coupons", nth, "merchant_share", rule.merchant_share)?;
            if rule.campaign.as_str() == daybook_domain::posting::POINTS_COUPONS {
                let campaign = rule.campaign;
                return Err(format!(
                    "coupons {}: campaign {campaign} stands for coupons that points became, which were paid for \
                     when the points were earned: name another",
                    nth + 1
                ));
            }
        }
        for (nth, rule) in self.platform_fee.iter().enumerate() {
            let why = match rule.fee.period {
                _ if rule.fee.amount.minor < 0 => "amount is below zero: use 0 for no fee",
                SettlementCycle::TPlusN => {
                    "period is t_plus_n, which has no periods: use daily, weekly or monthly"
                }
                _ => continue,
            };
            return Err(format!("platform_fee {}: {why}", nth + 1));
        }
        for (nth, rule) in self.deposit.iter().enumerate() {
            if rule.amount.minor < 0 {
                return Err(format!("deposit {}: required is below zero: use 0 for none", nth + 1));
            }
        }
        contradiction("commission", &self.commission)?;
        contradiction("platform_fee", &self.platform_fee)?;
        contradiction("deposit", &self.deposit)?;
        contradiction("settlement", &self.settlement)?;
        contradiction("coupons", &self.coupons)
    }

    /// The commission that is asked about, for goods of a category sold by a merchant on a day.
    pub(super) fn commission_of(
        &self,
        merchant: MerchantId,
        category: Category,
        day: NaiveDate,
    ) -> Option<Rate> {
        let holds =
            |r: &Commission| r.scope.covers(merchant, day) && r.category.is_none_or(|only| only == category);
        winner(&self.commission, holds).map(|rule| rule.rate)
    }

    /// What of a campaign's coupons the merchant funds, where that is asked about.
    pub(super) fn coupons_of(
        &self,
        merchant: MerchantId,
        campaign: CampaignId,
        day: NaiveDate,
    ) -> Option<Rate> {
        let holds = |r: &Coupons| r.scope.covers(merchant, day) && r.campaign == campaign;
        winner(&self.coupons, holds).map(|rule| rule.merchant_share)
    }

    pub(super) fn fee_of(&self, merchant: MerchantId, day: NaiveDate) -> Option<&PlatformFee> {
        winner(&self.platform_fee, |r| r.scope.covers(merchant, day)).map(|rule| &rule.fee)
    }

    pub(super) fn cycle_of(&self, merchant: MerchantId, day: NaiveDate) -> Option<(SettlementCycle, u32)> {
        winner(&self.settlement, |r| r.scope.covers(merchant, day)).map(|rule| (rule.cycle, rule.days))
    }

    pub(super) fn deposit_of(&self, merchant: MerchantId) -> Option<Money> {
        winner(&self.deposit, |r| r.merchant.is_none_or(|only| only == merchant)).map(|rule| rule.amount)
    }

    /// The merchants that rules name, each with where.
    pub(super) fn merchants(&self) -> Vec<(String, MerchantId)> {
        fn named<R: About>(section: &str, rules: &[R], out: &mut Vec<(String, MerchantId)>) {
            let each = rules.iter().enumerate();
            let named = each.filter_map(|(nth, rule)| Some((nth, rule.scope().merchant?)));
            out.extend(named.map(|(nth, merchant)| (format!("{section} {}", nth + 1), merchant)));
        }
        let mut out = Vec::new();
        named("commission", &self.commission, &mut out);
        named("platform_fee", &self.platform_fee, &mut out);
        named("deposit", &self.deposit, &mut out);
        named("settlement", &self.settlement, &mut out);
        named("coupons", &self.coupons, &mut out);
        out
    }

    /// The days on which a contract may change because a rule begins or ends.
    pub(super) fn turns(&self) -> impl Iterator<Item = NaiveDate> {
        let scopes = self.platform_fee.iter().map(|r| r.scope).chain(self.settlement.iter().map(|r| r.scope));
        scopes.flat_map(|scope| [scope.from, scope.through.and_then(|day| day.succ_opt())]).flatten()
    }
}
