//! What a business must show to be let in, by kind. A version is never changed once a market has adopted it: a
//! higher threshold is a new version, put in force by a [`Policy`](crate::books::Policy).

use super::events::{MerchantKind, QualificationKind};
use crate::Rejection;
use QualificationKind as Q;

/// One thing to show: any of these certificates does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// What it proves.
    pub proves: &'static str,
    /// Any of these proves it.
    pub any_of: &'static [QualificationKind],
}

/// The requirements of each kind in one version.
#[derive(Clone, Copy, Debug)]
pub struct RuleSet {
    /// Its version, as a policy names it.
    pub version: u32,
    /// Who must show what.
    pub by_kind: &'static [(MerchantKind, &'static [Requirement])],
}

const LICENCE: Requirement =
    Requirement { proves: "a licence to do business", any_of: &[Q::BusinessLicence, Q::UnifiedLicence] };
const TAX: Requirement =
    Requirement { proves: "registration for tax", any_of: &[Q::TaxRegistration, Q::UnifiedLicence] };
const ORGANISATION: Requirement =
    Requirement { proves: "an organisation code", any_of: &[Q::OrganisationCode, Q::UnifiedLicence] };
const TRADEMARK: Requirement = Requirement { proves: "its own trademark", any_of: &[Q::Trademark] };
const AUTHORISATION: Requirement =
    Requirement { proves: "the brand's authorisation", any_of: &[Q::BrandAuthorisation] };
const IDENTITY: Requirement = Requirement { proves: "who the person is", any_of: &[Q::IdentityCheck] };

/// Every version, oldest first. In version 1 a business shows its three certificates, one unified licence
/// standing for all of them; a person without a business shows who they are instead.
pub const RULE_SETS: &[RuleSet] = &[RuleSet {
    version: 1,
    by_kind: &[
        (MerchantKind::Brand, &[LICENCE, TAX, ORGANISATION, TRADEMARK]),
        (MerchantKind::Manufacturer, &[LICENCE, TAX, ORGANISATION]),
        (MerchantKind::Agent, &[LICENCE, TAX, ORGANISATION, AUTHORISATION]),
        (MerchantKind::Retailer, &[LICENCE, TAX, ORGANISATION]),
        (MerchantKind::Individual, &[IDENTITY]),
    ],
}];

/// What `kind` must show under `version`.
///
/// # Errors
/// `entry_rules_unknown` when there is no such version.
pub fn requirements(version: u32, kind: MerchantKind) -> Result<&'static [Requirement], Rejection> {
    requirements_of(RULE_SETS, version, kind)
}

fn requirements_of(
    sets: &[RuleSet],
    version: u32,
    kind: MerchantKind,
) -> Result<&'static [Requirement], Rejection> {
    let set = sets.iter().find(|s| s.version == version).ok_or_else(|| {
        let known: Vec<_> = sets.iter().map(|s| s.version.to_string()).collect();
        let message = format!("entry rules version {version} is unknown: use one of {}", known.join(", "));
        Rejection::new("entry_rules_unknown", message)
    })?;
    let of_kind = set.by_kind.iter().find(|(k, _)| *k == kind);
    Ok(of_kind.expect("invariant: a rule set names every kind").1)
}

/// The requirements that `shown` leaves open.
pub fn missing(
    requirements: &'static [Requirement],
    shown: impl Fn(QualificationKind) -> bool,
) -> Vec<&'static Requirement> {
    requirements.iter().filter(|r| !r.any_of.iter().any(|q| shown(*q))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_names_every_kind_once_and_versions_rise() {
        for set in RULE_SETS {
            let kinds: Vec<_> = set.by_kind.iter().map(|(k, _)| *k).collect();
            assert_eq!(kinds, MerchantKind::ALL, "version {}", set.version);
        }
        assert!(RULE_SETS.windows(2).all(|w| w[0].version < w[1].version));
    }

    #[test]
    fn a_unified_licence_stands_for_all_three_certificates() {
        let retailer = requirements(1, MerchantKind::Retailer).unwrap();
        assert_eq!(missing(retailer, |q| q == Q::UnifiedLicence), Vec::<&Requirement>::new());
        assert_eq!(missing(retailer, |q| q == Q::BusinessLicence), [&TAX, &ORGANISATION]);
    }

    #[test]
    fn a_brand_needs_its_trademark_an_agent_the_authorisation_and_a_person_an_identity() {
        let left = |kind| missing(requirements(1, kind).unwrap(), |q| q == Q::UnifiedLicence);
        assert_eq!(left(MerchantKind::Brand), [&TRADEMARK]);
        assert_eq!(left(MerchantKind::Agent), [&AUTHORISATION]);
        assert_eq!(left(MerchantKind::Manufacturer), Vec::<&Requirement>::new());
        assert_eq!(left(MerchantKind::Individual), [&IDENTITY]);
    }

    #[test]
    fn a_raised_threshold_is_a_new_version_and_leaves_the_old_one_alone() {
        const RAISED: &[(MerchantKind, &[Requirement])] = &[(MerchantKind::Individual, &[IDENTITY, TAX])];
        let sets = [RULE_SETS[0], RuleSet { version: 2, by_kind: RAISED }];
        assert_eq!(requirements_of(&sets, 1, MerchantKind::Individual).unwrap(), [IDENTITY]);
        assert_eq!(requirements_of(&sets, 2, MerchantKind::Individual).unwrap(), [IDENTITY, TAX]);
        let refused = requirements_of(&sets, 3, MerchantKind::Individual).unwrap_err();
        assert_eq!(refused.code, "entry_rules_unknown");
        assert!(refused.message.contains("use one of 1, 2"), "{refused}");
    }
}
