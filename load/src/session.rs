//! The life of one subscriber's session, step by step, and its usage: a function of the session's number and step, so that
//! whoever reads a ledger or a database can compute what must stand there.

use clap::ValueEnum;

/// How a user proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// User-Password.
    Pap,
    /// CHAP-Password and CHAP-Challenge.
    Chap,
    /// MS-CHAP2-Response and MS-CHAP-Challenge.
    Mschap2,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Access-Requests with PAP.
    Pap,
    /// Access-Requests with CHAP.
    Chap,
    /// Access-Requests with MS-CHAPv2.
    Mschap2,
    /// Sessions of Start, interims and Stop, without a login.
    Accounting,
    /// Every subscriber logs in once and starts a session, evenly over a given time.
    Redial,
    /// Whole sessions: login with each method in turn, Start, interims, Stop.
    Mix,
}

/// One step of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Access-Request.
    Login(Method),
    /// Accounting-Request with Start.
    Start,
    /// Accounting-Request with Interim-Update.
    Interim,
    /// Accounting-Request with Stop.
    Stop,
}

impl Step {
    /// Whether it goes to the accounting port.
    #[must_use]
    pub const fn is_accounting(self) -> bool {
        !matches!(self, Self::Login(_))
    }

    /// Its word in a ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Start => "start",
            Self::Interim => "interim",
            Self::Stop => "stop",
        }
    }
}

/// The steps of each session.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What kind of load.
    pub mode: Mode,
    /// Interims between Start and Stop.
    pub interims: u8,
}

impl Script {
    /// The step number `at` (from 0) of the session `number`; `None` when the session is over.
    #[must_use]
    pub const fn step(self, number: u64, at: u8) -> Option<Step> {
        let method = match self.mode {
            Mode::Pap | Mode::Accounting | Mode::Redial => Method::Pap,
            Mode::Chap => Method::Chap,
            Mode::Mschap2 => Method::Mschap2,
            Mode::Mix => match number % 3 {
                0 => Method::Pap,
                1 => Method::Chap,
                _ => Method::Mschap2,
            },
        };
        match (self.mode, at) {
            (Mode::Accounting, _) => self.accounting(at),
            (_, 0) => Some(Step::Login(method)),
            (Mode::Redial, 1) => Some(Step::Start),
            (Mode::Mix, _) => self.accounting(at - 1),
            _ => None,
        }
    }

    /// How many accounting steps come before step `at`: what [`usage`] counts in.
    #[must_use]
    pub const fn accounted(self, at: u8) -> u8 {
        match self.mode {
            Mode::Accounting => at,
            _ => at.saturating_sub(1),
        }
    }

    const fn accounting(self, at: u8) -> Option<Step> {
        match at {
            0 => Some(Step::Start),
            at if at <= self.interims => Some(Step::Interim),
            at if at == self.interims + 1 => Some(Step::Stop),
            _ => None,
        }
    }
}

/// What a session has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Acct-Input-Octets with its Gigawords.
    pub input: u64,
    /// Acct-Output-Octets with its Gigawords.
    pub output: u64,
}

/// What the session `number` has moved at its accounting step `step` (0 is the Start). Each step adds another amount, and
/// each session others, so that a record which is lost, doubled or taken for another's shows in the sums. Every 64th
/// session moves gigabytes, for the Gigawords.
#[must_use]
pub const fn usage(number: u64, step: u8) -> Usage {
    let mut usage = Usage { input: 0, output: 0 };
    let mut at = 1;
    while at <= step {
        let random = scramble(number.wrapping_mul(256).wrapping_add(at as u64));
        let scale = if number.is_multiple_of(64) { 3_000 } else { 1 };
        usage.input += (1 + (random & 0xf_ffff)) * scale;
        usage.output += (1 + (random >> 32 & 0xf_ffff)) * scale;
        at += 1;
    }
    usage
}

/// Octets of an Acct-Session-Id that [`session_id`] writes, at the most.
pub const SESSION_ID_OCTETS: usize = 16;

/// The Acct-Session-Id of a session: as RouterOS writes those of PPP (`81`, a boot digit, five digits of counter) as long as the
/// counter has room, then longer, for the next boot digit would mean that the router has restarted.
#[must_use]
pub fn session_id(boot: u8, number: u64) -> String {
    format!("81{:X}{number:05x}", boot & 0x0f)
}

/// The finaliser of splitmix64: every bit of the result depends on every bit of `value`.
#[must_use]
pub const fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_go_through_their_steps_in_order() {
        let steps = |mode| {
            let script = Script { mode, interims: 2 };
            (0..).map_while(move |at| script.step(2, at)).collect::<Vec<_>>()
        };
        assert_eq!(steps(Mode::Pap), [Step::Login(Method::Pap)]);
        assert_eq!(steps(Mode::Accounting), [Step::Start, Step::Interim, Step::Interim, Step::Stop]);
        assert_eq!(steps(Mode::Redial), [Step::Login(Method::Pap), Step::Start]);
        let mix = [Step::Login(Method::Mschap2), Step::Start, Step::Interim, Step::Interim, Step::Stop];
        assert_eq!(steps(Mode::Mix), mix);
    }

    #[test]
    fn usage_rises_with_each_step_and_differs_between_sessions() {
        assert_eq!(usage(5, 0), Usage::default());
        let steps: Vec<Usage> = (0..4).map(|step| usage(5, step)).collect();
        assert!(
            steps.windows(2).all(|pair| pair[0].input < pair[1].input && pair[0].output < pair[1].output)
        );
        assert_ne!(usage(5, 2), usage(6, 2));
        assert!((0..200).any(|session| usage(64 * session, 3).input > u64::from(u32::MAX)));
    }

    /// RouterOS's form as long as there is room: the parser of boot counters must not see another boot.
    #[test]
    fn session_ids_never_change_the_boot_digit() {
        assert_eq!(session_id(0, 12), "8100000c");
        assert_eq!(session_id(1, 0xf_ffff), "811fffff");
        assert_eq!(session_id(1, 0x10_0000), "811100000");
    }
}
