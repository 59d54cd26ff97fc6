//! Who plays: merchants with their contracts, products, buyers and payment providers. All from the seed.

use daybook_domain::merchant::commands::{AgreedFees, MerchantCommand};
use daybook_domain::merchant::events::{
    CategoryRate, MerchantKind, PlatformFee, QualificationKind, ReserveTerms, SettlementCycle,
    SettlementTerms,
};
use daybook_domain::{Category, Currency, MerchantId, Money, ProductId, Rate, Timestamp};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::text;

/// Category, lowest and highest price in fen, commission in basis points.
const CATEGORIES: [(&str, i64, i64, i64); 6] = [
    ("apparel", 4_900, 59_900, 500),
    ("electronics", 9_900, 499_900, 300),
    ("books", 1_900, 12_900, 400),
    ("home", 2_900, 99_900, 500),
    ("beauty", 3_900, 69_900, 600),
    ("food", 990, 29_900, 200),
];

const NAMES: [&str; 12] = [
    "Jade River",
    "Northern Loom",
    "Red Lantern",
    "Bright Harbour",
    "Old Tea Road",
    "Cloud Peak",
    "Silver Carp",
    "Plum Garden",
    "Long Bridge",
    "Paper Crane",
    "White Horse",
    "Green Bamboo",
];

/// Something for sale.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its category.
    pub category: Category,
    /// Its price, fen.
    pub price: Money,
}

/// A merchant of the simulated market.
#[derive(Clone, Debug)]
pub struct Seller {
    /// Its id.
    pub id: MerchantId,
    /// Its trading name.
    pub name: String,
    /// What sort of business it is.
    pub kind: MerchantKind,
    /// What it sells.
    pub products: Vec<Product>,
    /// What it deposits, fen.
    pub deposit: Money,
    /// How often it is settled.
    pub cycle: SettlementCycle,
    /// Whether a share of its settlements is kept back.
    pub reserve: bool,
    /// Whether it pays for the use of the platform.
    pub platform_fee: bool,
}

/// The merchants, of every kind in turn. Every fifth keeps a small deposit, so that some claims go beyond it.
pub fn sellers(rng: &mut ChaCha8Rng, count: usize, currency: Currency) -> Vec<Seller> {
    (0..count)
        .map(|n| {
            let (category, low, high, _) = CATEGORIES[n % CATEGORIES.len()];
            let products = (0..12)
                .map(|p| Product {
                    id: text(&format!("p-{:03}-{:02}", n + 1, p + 1)),
                    category: text(category),
                    price: Money::new(rng.random_range(low..=high) / 10 * 10, currency),
                })
                .collect();
            let deposit = if n % 5 == 4 { 20_000 } else { 1_000_000 };
            Seller {
                id: text(&format!("m-{:03}", n + 1)),
                name: format!("{} {}", NAMES[n % NAMES.len()], category),
                kind: MerchantKind::ALL[n % MerchantKind::ALL.len()],
                products,
                deposit: Money::new(deposit, currency),
                // most by the week; every reserve and fee beside some of each cycle
                cycle: match n % 8 {
                    0 => SettlementCycle::Daily,
                    2 => SettlementCycle::TPlusN,
                    3 | 6 => SettlementCycle::Monthly,
                    _ => SettlementCycle::Weekly,
                },
                reserve: n % 3 == 0,
                platform_fee: n % 5 != 1,
            }
        })
        .collect()
}

/// How a merchant enters: application, certificates, contract, terms; one command after the other.
pub fn entry(seller: &Seller, start: Timestamp, currency: Currency) -> Vec<MerchantCommand> {
    let years = start.plus_days(3 * 365);
    let mut steps = vec![MerchantCommand::Apply {
        name: seller.name.clone(),
        kind: seller.kind,
        country: text("CN"),
        settlement_currency: currency,
    }];
    let mut needed = match seller.kind {
        MerchantKind::Individual => vec![QualificationKind::IdentityCheck],
        _ => vec![QualificationKind::UnifiedLicence],
    };
    match seller.kind {
        MerchantKind::Brand => needed.push(QualificationKind::Trademark),
        MerchantKind::Agent => needed.push(QualificationKind::BrandAuthorisation),
        MerchantKind::Individual => needed.push(QualificationKind::UnifiedLicence),
        MerchantKind::Manufacturer | MerchantKind::Retailer => {}
    }
    for kind in needed {
        steps.push(MerchantCommand::SubmitQualification {
            kind,
            document_ref: text(&format!("doc/{}/{kind}", seller.id)),
            valid_until: Some(years),
        });
        steps.push(MerchantCommand::VerifyQualification { kind });
    }
    steps.push(MerchantCommand::Approve {});
    steps.push(MerchantCommand::SignContract {
        document_ref: text(&format!("contract/{}", seller.id)),
        valid_until: years,
    });
    steps.push(MerchantCommand::CommitService {
        ship_within_hours: 48,
        return_days: 7,
        exchange: true,
        warranty_months: 12,
    });
    steps.push(MerchantCommand::AgreeFeeSchedule(AgreedFees {
        effective_from: start,
        default_commission: Rate::new(5, 2),
        categories: CATEGORIES
            .iter()
            .map(|(name, _, _, basis_points)| CategoryRate {
                category: text(name),
                rate: Rate::new(*basis_points, 4),
            })
            .collect(),
        deposit_required: seller.deposit,
        settlement: SettlementTerms {
            cycle: seller.cycle,
            days: if seller.cycle == SettlementCycle::TPlusN { 3 } else { 0 },
            minimum_payout: Money::new(10_000, currency),
        },
        vat_on_fees: Some(Rate::new(6, 2)),
        platform_fee: seller
            .platform_fee
            .then(|| PlatformFee { amount: Money::new(50_000, currency), period: SettlementCycle::Monthly }),
        reserve: seller.reserve.then(|| ReserveTerms { share: Rate::new(5, 2), days: 30 }),
    }));
    steps
}
