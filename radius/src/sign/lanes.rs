//! MD5 of four messages at once, block by block: one block alone leaves most of a processor idle, because each of its 64 steps
//! waits for the one before.

/// Messages at once.
pub(super) const LANES: usize = 4;

/// Octets of a block.
pub(super) const BLOCK: usize = 64;

/// The chaining value between two blocks (RFC 1321 §3.3).
pub(super) type State = [u32; 4];

/// The chaining value before the first block (RFC 1321 §3.3).
pub(super) const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Takes the blocks of every message into its state; messages may be of different lengths, or empty.
pub(super) fn hash(states: &mut [State; LANES], messages: [&[[u8; BLOCK]]; LANES]) {
    let mut at = 0;
    loop {
        let blocks = messages.map(|message| message.get(at));
        if blocks.iter().flatten().count() < 2 {
            break;
        }
        let before = *states;
        compress(states, blocks.map(|block| block.unwrap_or(&[0; BLOCK])));
        for ((state, before), block) in states.iter_mut().zip(before).zip(blocks) {
            if block.is_none() {
                *state = before;
            }
        }
        at += 1;
    }
    for (state, message) in states.iter_mut().zip(messages) {
        compress_one(state, message.get(at..).unwrap_or_default());
    }
}

/// Takes blocks of one message into its state.
pub(super) fn compress_one(state: &mut State, blocks: &[[u8; BLOCK]]) {
    md5::block_api::compress(state, blocks);
}

/// Takes one more block of each message into its state: each step is done for all messages before the next, in a form that
/// compilers turn into vector instructions.
fn compress(states: &mut [State; LANES], blocks: [&[u8; BLOCK]; LANES]) {
    let words = blocks.map(words);
    let word = |at: usize| -> Words { std::array::from_fn(|lane| words[lane][at]) };
    let [mut a, mut b, mut c, mut d]: [Words; 4] =
        std::array::from_fn(|at| std::array::from_fn(|lane| states[lane][at]));
    /// A round (RFC 1321 §3.4), four steps at a time: what it mixes with, the first constant of the four, their words; and the
    /// rotations of them all.
    macro_rules! round {
        ($mix:ident; $($k:literal: $w0:literal $w1:literal $w2:literal $w3:literal)*; $s0:literal $s1:literal $s2:literal $s3:literal) => {
            $(
                a = step(a, $mix, [b, c, d], word($w0), SINES[$k], $s0);
                d = step(d, $mix, [a, b, c], word($w1), SINES[$k + 1], $s1);
                c = step(c, $mix, [d, a, b], word($w2), SINES[$k + 2], $s2);
                b = step(b, $mix, [c, d, a], word($w3), SINES[$k + 3], $s3);
            )*
        };
    }
    round!(first; 0: 0 1 2 3 4: 4 5 6 7 8: 8 9 10 11 12: 12 13 14 15; 7 12 17 22);
    round!(second; 16: 1 6 11 0 20: 5 10 15 4 24: 9 14 3 8 28: 13 2 7 12; 5 9 14 20);
    round!(third; 32: 5 8 11 14 36: 1 4 7 10 40: 13 0 3 6 44: 9 12 15 2; 4 11 16 23);
    round!(fourth; 48: 0 7 14 5 52: 12 3 10 1 56: 8 15 6 13 60: 4 11 2 9; 6 10 15 21);
    for (lane, state) in states.iter_mut().enumerate() {
        for (word, more) in state.iter_mut().zip([a, b, c, d]) {
            *word = word.wrapping_add(more[lane]);
        }
    }
}

/// A word of each message.
type Words = [u32; LANES];

#[inline(always)]
fn step(
    chained: Words,
    mix: impl Fn(u32, u32, u32) -> u32,
    [x, y, z]: [Words; 3],
    word: Words,
    sine: u32,
    turn: u32,
) -> Words {
    std::array::from_fn(|lane| {
        let mixed = mix(x[lane], y[lane], z[lane]);
        let sum = chained[lane].wrapping_add(word[lane]).wrapping_add(sine).wrapping_add(mixed);
        sum.rotate_left(turn).wrapping_add(x[lane])
    })
}

#[inline(always)]
const fn first(x: u32, y: u32, z: u32) -> u32 {
    z ^ (x & (y ^ z))
}

#[inline(always)]
const fn second(x: u32, y: u32, z: u32) -> u32 {
    // The two halves share no bit: a sum is as good as a union, and shortens the way from `x` on.
    (x & z).wrapping_add(y & !z)
}

#[inline(always)]
const fn third(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

#[inline(always)]
const fn fourth(x: u32, y: u32, z: u32) -> u32 {
    y ^ (x | !z)
}

#[inline(always)]
fn words(block: &[u8; BLOCK]) -> [u32; BLOCK / 4] {
    let (words, _) = block.as_chunks::<4>();
    std::array::from_fn(|at| u32::from_le_bytes(words[at]))
}

/// `floor(2^32 * abs(sin(n + 1)))` (RFC 1321 §3.4).
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];
