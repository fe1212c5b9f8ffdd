//! Who logs in: subscribers by number, or those of a list. Both the generator and the servers that it fills make the same
//! subscriber of the same number.

use std::{fs, io::Write as _, net::Ipv4Addr, path::Path};

use anyhow::{Context as _, bail};
use base::MacAddress;

/// Octets of a numbered subscriber's name, `subscriber-000000042`.
pub const NAME_OCTETS: usize = 20;

/// Octets of a numbered subscriber's password, `pass00000042`.
pub const PASSWORD_OCTETS: usize = 12;

/// The most octets of a listed name or password that are kept on the stack.
const MOST: usize = 128;

/// Subscribers, addressed by their index.
#[derive(Debug)]
pub enum Population {
    /// So many by number.
    Numbered(u32),
    /// Name and password of each.
    Listed(Vec<Listed>),
}

/// Name and password of one who is listed.
type Listed = (Box<[u8]>, Box<[u8]>);

/// A short text on the stack.
#[derive(Clone, Copy)]
pub struct Text {
    octets: [u8; MOST],
    length: usize,
}

impl Text {
    /// A copy; `None` when it is too long.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut octets = [0; MOST];
        octets.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { octets, length: text.len() })
    }

    /// Its octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn format(arguments: std::fmt::Arguments<'_>) -> Self {
        let mut octets = [0; MOST];
        let mut rest = octets.as_mut_slice();
        // What does not fit is cut; numbered names are far shorter.
        let _ = rest.write_fmt(arguments);
        let length = MOST - rest.len();
        Self { octets, length }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// A subscriber, and the device it logs in from.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Its place in the population.
    pub index: u32,
    /// User-Name.
    pub name: Text,
    /// Its password in clear text.
    pub password: Text,
}

impl User {
    /// The numbered subscriber.
    #[must_use]
    pub fn numbered(index: u32) -> Self {
        Self {
            index,
            name: Text::format(format_args!("subscriber-{index:09}")),
            password: Text::format(format_args!("pass{index:08}")),
        }
    }

    /// The hardware address of its device.
    #[must_use]
    pub const fn mac(&self) -> MacAddress {
        mac_of(self.index)
    }

    /// The address that it has online.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        address_of(self.index)
    }
}

/// The hardware address of the device of subscriber `index`, locally administered.
#[must_use]
pub const fn mac_of(index: u32) -> MacAddress {
    let [a, b, c, d] = index.to_be_bytes();
    MacAddress::from_octets([2, 0, a, b, c, d])
}

/// The address of subscriber `index`, in 10.0.0.0/8.
#[must_use]
pub const fn address_of(index: u32) -> Ipv4Addr {
    let [_, b, c, d] = index.to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
}

impl Population {
    /// Reads a list: `name,password` a line, with anything behind a second comma ignored; `#` starts a comment.
    ///
    /// # Errors
    /// When the file cannot be read, a line has no password, or nobody is listed.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut users = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split(',');
            let (Some(name), Some(password)) = (fields.next(), fields.next()) else {
                bail!("line {}: name,password expected", number + 1);
            };
            if name.is_empty() || name.len() > MOST || password.len() > MOST {
                bail!("line {}: a name or password of no use", number + 1);
            }
            users.push((name.as_bytes().into(), password.as_bytes().into()));
        }
        if users.is_empty() {
            bail!("{} lists nobody", path.display());
        }
        Ok(Self::Listed(users))
    }

    /// How many there are, at least one.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::Numbered(count) => (*count).max(1),
            Self::Listed(users) => u32::try_from(users.len()).unwrap_or(u32::MAX),
        }
    }

    /// Never: a population has at least one subscriber.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The subscriber at `index`, which wraps.
    #[must_use]
    pub fn user(&self, index: u32) -> User {
        let index = index % self.len();
        match self {
            Self::Numbered(_) => User::numbered(index),
            Self::Listed(users) => {
                let (name, password) = &users[index as usize];
                let text = |octets: &[u8]| Text::new(octets).unwrap_or(Text { octets: [0; MOST], length: 0 });
                User { index, name: text(name), password: text(password) }
            }
        }
    }

    /// The subscriber of the `number`th login: each comes once before any comes again, in an order without locality, so
    /// that a server with many meets cold memory as in real life.
    #[must_use]
    pub fn nth(&self, number: u64) -> User {
        // A prime far larger than any population, and so coprime to its size.
        const STRIDE: u64 = 2_654_435_761;
        let place = number.wrapping_mul(STRIDE) % u64::from(self.len());
        self.user(u32::try_from(place).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_subscriber_comes_once_before_any_comes_again() {
        for count in [1, 2, 999, 10_000] {
            let population = Population::Numbered(count);
            let seen: HashSet<u32> =
                (0..u64::from(count)).map(|number| population.nth(number).index).collect();
            assert_eq!(seen.len(), count as usize);
        }
    }

    #[test]
    fn names_and_passwords_have_the_lengths_that_the_figures_are_stated_for() {
        let user = User::numbered(999_999);
        assert_eq!(user.name.as_bytes(), b"subscriber-000999999");
        assert_eq!(user.name.as_bytes().len(), NAME_OCTETS);
        assert_eq!(user.password.as_bytes().len(), PASSWORD_OCTETS);
    }

    #[test]
    fn a_list_is_read_and_its_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        fs::write(&path, "# comment\nbudi,rahasia,Framed-Pool=a\nsiti,x\n").unwrap();
        let population = Population::read(&path).unwrap();
        assert_eq!(population.len(), 2);
        assert_eq!(population.user(0).name.as_bytes(), b"budi");
        assert_eq!(population.user(3).password.as_bytes(), b"x");
        fs::write(&path, "budi\n").unwrap();
        assert!(Population::read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
