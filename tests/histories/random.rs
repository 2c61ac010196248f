//! A small generator (splitmix64): the same numbers from the same seed, everywhere and for ever.

#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// As a file that does not compress has them.
    #[allow(dead_code)] // the simulations write no files
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[at(self.unit(), from.len())]
    }
}

/// The index that a number from 0 up to 1 chooses.
pub fn at(unit: f64, len: usize) -> usize {
    (unit * len as f64) as usize
}
