//! Randomness as a function: every draw is a hash of (seed, subject, number, purpose, attempt), never the
//! next value of a stream. So the traits of a part do not depend on what else happened (house rule 2).
//!
//! The hash folds each word into a 64-bit state with the finaliser of SplitMix64 (Steele, Lea and Flood,
//! 2014: multiply and xor-shift, a bijection with good avalanche). Only `+ − × /` on doubles follow, so a
//! draw has the same bits on every machine.

use cellwright_model::plant::Spread;

use super::noise::Series;

/// What a draw is for; the number is part of the hash and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    Defect = 1,
    Interference = 2,
    Contact = 3,
    Prevailing = 4,
    SnugAngle = 5,
    ThreadStiffness = 6,
    CrossAngle = 7,
    StripTorque = 8,
    Leak = 9,
    Burr = 10,
    GripMiss = 11,
    CameraNoise = 12,
    SensorNoise = 13,
    FaultStrikes = 14,
    FaultDamages = 15,
    LabelUnreadable = 16,
}

/// One word into the state.
const fn fold(state: u64, word: u64) -> u64 {
    let mut z = (state ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A draw's bits. `subject`: part kind, channel or robot; `number`: which of them, or when.
pub fn bits(seed: u64, purpose: Purpose, subject: u64, number: u64, attempt: u64) -> u64 {
    let mut state = fold(seed, purpose as u64);
    state = fold(state, subject);
    state = fold(state, number);
    fold(state, attempt)
}

/// Uniform in 0 <= x < 1.
pub fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Near normal with mean 0 and standard deviation 1: the sum of twelve uniform draws, cut at ±3.
pub fn normal(bits: u64) -> f64 {
    let mut sum = -6.0;
    let mut state = bits;
    for i in 0..12 {
        state = fold(state, i);
        sum += uniform(state);
    }
    sum.clamp(-3.0, 3.0)
}

/// A value of a spread.
pub fn value(spread: Spread, bits: u64) -> f64 {
    spread.nominal + spread.sigma * normal(bits)
}

/// Noise of standard deviation 1 for every sample of every channel: the sum of four 16-bit uniform
/// draws of one hash, within ±3.5. Cheap, because it is drawn all the time.
pub fn noise(seed: u64, channel: u64, series: Series) -> f64 {
    let channel = fold(seed ^ Purpose::SensorNoise as u64, channel);
    let z = match series {
        Series::Free { substep } => fold(channel, substep),
        Series::Of { parts, start, sample } => fold(fold(fold(channel, parts), u64::from(start)), sample),
    };
    let sum = (z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48);
    // The variance of a uniform draw of width 1 is 1/12, of four of them 1/3.
    (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draw: impl Fn(u64) -> f64) -> (f64, f64, f64) {
        let n = 20_000;
        let values: Vec<f64> = (0..n).map(draw).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        let extreme = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        (mean, variance.sqrt(), extreme)
    }

    #[test]
    fn draws_have_the_moments_they_claim() {
        let (mean, sigma, extreme) = moments(|n| normal(bits(7, Purpose::Burr, 1, n, 0)));
        assert!(mean.abs() < 0.02 && (sigma - 1.0).abs() < 0.03, "{mean} {sigma}");
        assert!(extreme <= 3.0);
        let of = |sample| Series::Of { parts: 3, start: 1, sample };
        let series: [&dyn Fn(u64) -> Series; 2] = [&|substep| Series::Free { substep }, &of];
        for at in series {
            let (mean, sigma, extreme) = moments(|n| noise(7, 2, at(n)));
            assert!(mean.abs() < 0.02 && (sigma - 1.0).abs() < 0.03, "{mean} {sigma}");
            assert!(extreme <= 3.5);
        }
        let (mean, sigma, _) = moments(|n| uniform(bits(7, Purpose::Defect, 0, n, 0)));
        assert!((mean - 0.5).abs() < 0.01 && (sigma - 0.2887).abs() < 0.01, "{mean} {sigma}");
    }

    #[test]
    fn each_word_of_the_key_matters_and_nothing_else_does() {
        let base = bits(7, Purpose::Defect, 1, 2, 3);
        assert_eq!(base, bits(7, Purpose::Defect, 1, 2, 3));
        for other in [
            bits(8, Purpose::Defect, 1, 2, 3),
            bits(7, Purpose::Burr, 1, 2, 3),
            bits(7, Purpose::Defect, 2, 2, 3),
            bits(7, Purpose::Defect, 1, 3, 3),
            bits(7, Purpose::Defect, 1, 2, 4),
        ] {
            // About half of the bits differ.
            let differing = (base ^ other).count_ones();
            assert!((10..=54).contains(&differing), "{differing}");
        }
    }

    #[test]
    fn the_generator_is_pinned() {
        // A change here changes every record that `simulate` ever made with a seed.
        // The values are those of an independent implementation in another language.
        assert_eq!(bits(0, Purpose::Defect, 0, 0, 0), 0xE281_95DD_D9EE_4956);
        assert_eq!(bits(7, Purpose::Burr, 1, 9999, 2), 0x2FF5_D5D1_929C_EDC7);
    }
}
