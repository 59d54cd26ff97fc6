//! A market's own lists of sites, by which visits' channels are told.

use std::path::Path;

use daybook_projections::metrics::Sites;

/// Reads a TOML file of them.
pub fn read(path: &Path) -> Result<Sites, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let sites = toml::from_str(&text).map_err(|error| error.to_string())?;
    Sites::of(&sites).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_a_market_adds_and_what_is_wrong_in_it() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("sites.toml");
        let of = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        assert_eq!(of(""), Ok(Sites::default()));
        let own = of("own_hosts = [\"shop.example\"]").unwrap();
        assert_ne!(own, Sites::default());
        assert!(of("own_hosts = [\"https://shop.example/\"]").unwrap_err().contains("own_hosts"));
        assert!(of("own = []").unwrap_err().contains("own_hosts"), "says what there is");
        assert!(read(&room.path().join("none.toml")).is_err());
    }
}
