//! The dictionaries that come with the product, embedded from the `dictionaries/` folder of the source tree: the standard
//! attributes and the vendors that an ISP meets.

use super::{Dictionary, Include, ParseError, ResolveError, Source};

/// The name of the file that includes all others.
pub const MAIN: &str = "dictionary";

/// Every embedded file by its name in `dictionaries/`.
pub const FILES: [(&str, &str); 12] = [
    (MAIN, include_str!("../../../dictionaries/dictionary")),
    ("dictionary.adsl-forum", include_str!("../../../dictionaries/dictionary.adsl-forum")),
    ("dictionary.ascend", include_str!("../../../dictionaries/dictionary.ascend")),
    ("dictionary.chillispot", include_str!("../../../dictionaries/dictionary.chillispot")),
    ("dictionary.cisco", include_str!("../../../dictionaries/dictionary.cisco")),
    ("dictionary.erx", include_str!("../../../dictionaries/dictionary.erx")),
    ("dictionary.huawei", include_str!("../../../dictionaries/dictionary.huawei")),
    ("dictionary.microsoft", include_str!("../../../dictionaries/dictionary.microsoft")),
    ("dictionary.mikrotik", include_str!("../../../dictionaries/dictionary.mikrotik")),
    ("dictionary.redback", include_str!("../../../dictionaries/dictionary.redback")),
    ("dictionary.rfc", include_str!("../../../dictionaries/dictionary.rfc")),
    ("dictionary.wispr", include_str!("../../../dictionaries/dictionary.wispr")),
];

/// The built-in dictionary. A test proves that it can be read; the error is there for a source tree with a broken file.
pub fn dictionary() -> Result<Dictionary, ParseError> {
    let text = find(MAIN).unwrap_or_default();
    Dictionary::new().parse(MAIN, text, &mut resolver)
}

/// Resolves an include among the embedded files, so that an operator's file can name them too.
pub fn resolve(include: Include<'_>) -> Option<Source> {
    find(include.name).map(|text| Source { name: include.name.to_owned(), text: text.to_owned() })
}

/// The text of an embedded file.
pub fn find(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|&(_, text)| text)
}

/// [`resolve`] as a [`super::Resolver`].
pub fn resolver(include: Include<'_>) -> Result<Option<Source>, ResolveError> {
    Ok(resolve(include))
}
