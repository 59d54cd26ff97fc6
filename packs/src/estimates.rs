//! Estimates: a trend with its interval, and deviations. The only floats of a pack. They use addition, multiplication, division
//! and square roots alone, which every machine rounds alike, so that whoever checks a pack comes to the same digits.

/// Two-sided 95 % points of Student's t, by degrees of freedom from 1.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// Beyond them.
const Z95: f64 = 1.960;

/// A straight line through values that follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The change from one to the next.
    pub slope: f64,
    /// Half the width of its 95 % interval.
    pub within: f64,
    /// The values' mean.
    pub mean: f64,
}

/// The least-squares line through values at 0, 1, 2, ...; none of fewer than three.
pub fn trend(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < 3 {
        return None;
    }
    let count = n as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut across, mut with) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let apart = at as f64 - middle;
        across += apart * apart;
        with += apart * (value - mean);
    }
    let slope = with / across;
    let mut left = 0.0;
    for (at, value) in values.iter().enumerate() {
        let miss = value - mean - slope * (at as f64 - middle);
        left += miss * miss;
    }
    let error = (left / (count - 2.0) / across).sqrt();
    let t = T95.get(n - 3).copied().unwrap_or(Z95);
    Some(Trend { slope, within: t * error, mean })
}

/// The standard deviation through the mean, both of the sample; none of fewer than two, or of a mean that is not above zero.
pub fn variation(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 || mean <= 0.0 {
        return None;
    }
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (count - 1.0)).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_with_its_interval() {
        let exact = trend(&[1.0, 3.0, 5.0, 7.0]).unwrap();
        assert!((exact.slope - 2.0).abs() < 1e-12 && exact.within < 1e-9 && (exact.mean - 4.0).abs() < 1e-12);
        // by hand: squares left 6.8, so sqrt(6.8 / 3 / 10) * 3.182
        let rough = trend(&[2.0, 1.0, 4.0, 3.0, 7.0]).unwrap();
        assert!((rough.slope - 1.2).abs() < 1e-9, "{rough:?}");
        assert!((rough.within - 1.51494).abs() < 1e-4, "{rough:?}");
        assert_eq!(trend(&[1.0, 2.0]), None);
    }

    #[test]
    fn variation_is_the_sample_s() {
        assert!((variation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap() - 0.427_618).abs() < 1e-6);
        assert_eq!(variation(&[0.0, 0.0]), None);
        assert_eq!(variation(&[1.0]), None);
    }
}
