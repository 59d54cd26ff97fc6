//! Who is let in and how fast, from the settings.

use std::time::Duration;

use daybook_api::access::{IssuerSettings, KeySource, Rate, Rates, Role, Settings};

use super::settings::InForce;
use crate::failure::Failure;

/// What the settings say about keys and tokens.
pub fn settings(settings: &InForce) -> Result<Settings, Failure> {
    let mut rates = Rates::new();
    for role in Role::ALL {
        let rate: Rate = settings.get(&format!("access_rates_{}", role.name()))?;
        rates.insert(role, rate);
    }
    let (log_days, log_entries) = (settings.get("access_log_days")?, settings.get("access_log_entries")?);
    Ok(Settings { rates, log_days, log_entries, issuer: issuer(settings)? })
}

fn issuer(settings: &InForce) -> Result<Option<IssuerSettings>, Failure> {
    let said = ["access_issuer", "access_audience", "access_jwks"].map(|name| settings.text(name));
    let (issuer, audience, keys) = match said {
        [None, None, None] => return Ok(None),
        [Some(issuer), Some(audience), Some(keys)] => (issuer, audience, keys),
        _ => {
            let why = "access_issuer, access_audience and access_jwks go together: set all of them or none";
            return Err(Failure::Usage(why.to_owned()));
        }
    };
    let keys = if keys.contains("://") {
        KeySource::Url {
            url: keys.to_owned(),
            ca: settings.text("access_jwks_ca").map(Into::into),
            every: settings.time("access_jwks_every")?,
            floor: settings.time("access_jwks_floor")?,
        }
    } else {
        KeySource::File(keys.into())
    };
    let leeway: Duration = settings.time("access_leeway")?;
    Ok(Some(IssuerSettings {
        role_claim: settings.get("access_role_claim")?,
        merchant_claim: settings.get("access_merchant_claim")?,
        leeway_seconds: leeway.as_secs(),
        ..IssuerSettings::of(issuer, audience, keys)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::serve::settings::SETTINGS;
    use daybook_api::access::usual_rates;

    #[test]
    fn the_rates_by_default_are_the_usual_ones() {
        for role in Role::ALL {
            let name = format!("access_rates_{}", role.name());
            let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("each role has one");
            let rate: Rate = setting.default.parse().expect("a rate");
            let usual = usual_rates().get(&role).copied().unwrap_or(Rate { per_second: 0, burst: 0 });
            assert_eq!(rate, usual, "{name}");
        }
    }
}
