//! Estimates: a trend with its interval, and deviations. The only floats of a pack. They use addition, multiplication, division
//! and square roots alone, which every machine rounds alike, so that whoever checks a pack comes to the same digits.

/// Two-sided 95 % points of Student's t, by degrees of freedom from 1.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The point of the normal distribution.
const Z95: f64 = 1.959_964;

/// Student's point of so many degrees of freedom from 1: beyond the table by its expansion around the normal one, which is right
/// to the fourth decimal there.
fn t95(freedom: usize) -> f64 {
    T95.get(freedom - 1).copied().unwrap_or_else(|| {
        let (z, n) = (Z95, freedom as f64);
        let (cubed, fifth) = (z * z * z, z * z * z * z * z);
        z + (cubed + z) / 4.0 / n + (5.0 * fifth + 16.0 * cubed + 3.0 * z) / 96.0 / (n * n)
    })
}

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
    Some(Trend { slope, within: t95(n - 2) * error, mean })
}

/// After how long so many of a hundred had come, of waits that are over or not: by Kaplan and Meier, who let each that
/// still waits count for as long as it was seen. Sorted by length, and those first that are over. None where too many still wait to say.
pub fn survived(waits: &[(i64, bool)], percent: u32) -> Option<i64> {
    // half of 6 is reached where three of six came, whatever is lost in the last bits of the product
    let (mut left, enough) = (1.0, 1.0 - f64::from(percent) / 100.0 + 1e-9);
    for (at, (wait, over)) in waits.iter().enumerate() {
        if *over {
            let there = (waits.len() - at) as f64;
            left *= (there - 1.0) / there;
            if left <= enough {
                return Some(*wait);
            }
        }
    }
    None
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
    fn points_beyond_the_table_are_the_distribution_s() {
        for (freedom, point) in
            [(30, 2.042), (31, 2.0395), (34, 2.0322), (60, 2.0003), (120, 1.9799), (1_000, 1.9623)]
        {
            assert!((t95(freedom) - point).abs() < 1e-4, "{freedom}: {}", t95(freedom));
        }
    }

    #[test]
    fn half_have_waited_so_long_though_some_wait_yet() {
        // five came after 1, 2, 3, 4, 5 days: the third
        let all: Vec<(i64, bool)> = (1..=5).map(|wait| (wait, true)).collect();
        assert_eq!(survived(&all, 50), Some(3));
        assert_eq!(survived(&all, 95), Some(5));
        // of four, one came after 2 days; the others have waited for 1, 3 and 4: 2/3 left is not half
        assert_eq!(survived(&[(1, false), (2, true), (3, false), (4, false)], 50), None);
        // by hand: 3/4 after 1, half of it after 3
        assert_eq!(survived(&[(1, true), (2, false), (3, true), (9, false)], 50), Some(3));
        // who still waits on the day on which another came was there to see it
        assert_eq!(survived(&[(2, true), (2, false)], 50), Some(2));
        assert_eq!(survived(&[], 50), None);
    }

    #[test]
    fn variation_is_the_sample_s() {
        assert!((variation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap() - 0.427_618).abs() < 1e-6);
        assert_eq!(variation(&[0.0, 0.0]), None);
        assert_eq!(variation(&[1.0]), None);
    }
}
