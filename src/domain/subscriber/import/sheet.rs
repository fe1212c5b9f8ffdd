//! A table: which column is which, and the fields of each line.

use csv::{ReaderBuilder, StringRecord};

use super::{MAX_OCTETS, MAX_ROWS, text};

/// Characters that spreadsheets put between fields. Where the comma is a decimal sign, as in Indonesia, it is a semicolon.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Declares the columns with all of their names; the first is the field's name in the API.
macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident = $field:literal $(| $alias:literal)*;)*) => {
        /// A column of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column { $($(#[$doc])* $name,)* }

        impl Column {
            /// Every column.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The field's name in the API.
            #[must_use]
            pub const fn field(self) -> &'static str {
                match self { $(Self::$name => $field,)* }
            }

            /// The column that is called so, in letters and digits of lower case.
            fn called(name: &str) -> Option<Self> {
                match name {
                    $($field $(| $alias)* => Some(Self::$name),)*
                    _ => Self::ALL.iter().copied().find(|column| column.field().eq_ignore_ascii_case(name)),
                }
            }
        }
    };
}

columns! {
    /// The user name. Must be there.
    Username = "username" | "user" | "login" | "pppoe" | "pppoeusername" | "userpppoe";
    /// The password; made when it is empty.
    Password = "password" | "pass" | "sandi" | "katasandi" | "pppoepassword";
    /// The plan's name. Must be there.
    Plan = "plan" | "paket" | "profile" | "profil" | "package";
    /// The customer's name; the user name when it is empty.
    Name = "name" | "nama" | "namapelanggan" | "customer" | "customername" | "pelanggan" | "fullname";
    /// Telephone number.
    Phone = "phone" | "telepon" | "telp" | "hp" | "nohp" | "notelp" | "whatsapp" | "wa" | "nowa";
    /// E-mail address.
    Email = "email" | "surel";
    /// Postal address.
    Address = "address" | "alamat";
    /// Number of the identity card.
    IdentityNumber = "identityNumber" | "nik" | "ktp" | "noktp" | "identity";
    /// Anything else about the customer.
    Note = "note" | "catatan" | "keterangan" | "comment";
    /// `ppp`, `hotspot` or `any`.
    Service = "service" | "layanan" | "servicetype";
    /// `active` or `suspended`.
    Status = "status";
    /// Until when: a time, or a day, which still counts.
    ExpiresAt = "expiresAt" | "expires" | "expired" | "expiry" | "expirydate" | "berlakusampai" | "jatuhtempo";
    /// `off`, `learn` or `locked`.
    MacLock = "macLock" | "kuncimac";
    /// Hardware addresses, with spaces between them.
    Macs = "macs" | "mac" | "macaddress" | "callerid";
    /// The name of the router that it is bound to.
    Router = "router" | "nas";
    /// Static IPv4 address.
    StaticAddress = "staticAddress" | "ip" | "ipaddress" | "remoteaddress" | "framedipaddress";
    /// Framed-IPv6-Prefix.
    Ipv6Prefix = "ipv6Prefix";
    /// Delegated-IPv6-Prefix.
    DelegatedIpv6Prefix = "delegatedIpv6Prefix";
    /// Sessions at once.
    Simultaneous = "simultaneous" | "sharedusers" | "simultaneoususe";
}

/// All names of fields, for people.
fn known_columns() -> String {
    Column::ALL.iter().map(|column| column.field()).collect::<Vec<_>>().join(", ")
}

/// The fields of one line.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number in the file.
    pub(super) number: u64,
    record: StringRecord,
}

/// A table that was read.
#[derive(Debug)]
pub(super) struct Sheet {
    places: Vec<(Column, usize)>,
    width: usize,
    pub(super) ignored: Vec<String>,
    pub(super) lines: Vec<Line>,
}

/// Why a table cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Too many octets.
    #[error("the table is larger than {MAX_OCTETS} octets")]
    TooLarge,
    /// Too many lines.
    #[error("the table has more than {MAX_ROWS} lines")]
    TooManyRows,
    /// A workbook of a spreadsheet program.
    #[error("this is a workbook: save the table as CSV")]
    Workbook,
    /// Not text in any encoding that we know.
    #[error("this is no text")]
    NotText,
    /// No line of names.
    #[error("the table is empty")]
    Empty,
    /// A column that must be there is not.
    #[error("there is no column {:?}; its first line must name the columns, of {}", .0.field(), known_columns())]
    MissingColumn(Column),
    /// Two columns mean the same.
    #[error("there are two columns for {:?}", .0.field())]
    RepeatedColumn(Column),
}

impl Sheet {
    /// Reads a table.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, SheetError> {
        if octets.len() > MAX_OCTETS {
            return Err(SheetError::TooLarge);
        }
        let text = text::decode(octets)?;
        // Some programs announce the delimiter in a line of its own.
        let (announced, text, skipped) = match text.strip_prefix("sep=") {
            Some(rest) => {
                let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
                (line.bytes().next(), rest, 1)
            }
            None => (None, &*text, 0),
        };
        let delimiter = announced.filter(u8::is_ascii).unwrap_or_else(|| likely_delimiter(text));
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        // Text in memory cannot fail to be read, and it is UTF-8.
        let header = records.next().and_then(Result::ok).ok_or(SheetError::Empty)?;
        let mut sheet =
            Self { places: Vec::new(), width: header.len(), ignored: Vec::new(), lines: Vec::new() };
        for (place, name) in header.iter().enumerate() {
            match Column::called(&simplified(name)) {
                Some(column) if sheet.place(column).is_some() => {
                    return Err(SheetError::RepeatedColumn(column));
                }
                Some(column) => sheet.places.push((column, place)),
                None if name.is_empty() => {}
                None => sheet.ignored.push(name.to_owned()),
            }
        }
        for column in [Column::Username, Column::Plan] {
            if sheet.place(column).is_none() {
                return Err(SheetError::MissingColumn(column));
            }
        }
        for record in records.filter_map(Result::ok) {
            if record.iter().all(str::is_empty) {
                continue;
            }
            if sheet.lines.len() == MAX_ROWS {
                return Err(SheetError::TooManyRows);
            }
            let number = record.position().map_or(0, csv::Position::line) + skipped;
            sheet.lines.push(Line { number, record });
        }
        Ok(sheet)
    }

    /// What stands in `column`; empty when nothing does.
    pub(super) fn field<'a>(&self, line: &'a Line, column: Column) -> &'a str {
        self.place(column).and_then(|place| line.record.get(place)).unwrap_or_default()
    }

    /// Whether the line has more fields than there are names: its quotes or its delimiters are wrong.
    pub(super) fn overflows(&self, line: &Line) -> bool {
        line.record.iter().skip(self.width).any(|field| !field.is_empty())
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, place)| *place)
    }
}

/// The delimiter that makes most of the first line's names known.
fn likely_delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |delimiter: u8| {
        first.split(char::from(delimiter)).filter(|name| Column::called(&simplified(name)).is_some()).count()
    };
    let mut best = (0, DELIMITERS[0]);
    for delimiter in DELIMITERS {
        let count = known(delimiter);
        if count > best.0 {
            best = (count, delimiter);
        }
    }
    best.1
}

/// A column's name in letters and digits of lower case: `No. HP` is `nohp`.
fn simplified(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(sheet: &Sheet, column: Column) -> Vec<&str> {
        sheet.lines.iter().map(|line| sheet.field(line, column)).collect()
    }

    #[test]
    fn columns_are_found_in_both_languages_and_any_order() {
        for text in [
            "Paket,Nama Pelanggan,User PPPoE,No. HP\nHome 20,Budi,budi,0812\n",
            "sep=;\r\nuser;plan;name;whatsapp\r\nbudi;Home 20;Budi;0812\r\n",
            "username\tplan\tphone\tname\r\n\r\nbudi\tHome 20\t0812\tBudi\r\n;;\r\n"
                .trim_end_matches(";;\r\n"),
            "\"Username\"|\"Plan\"|\"Name\"|\"Phone\"\n\"budi\"|\"Home 20\"|\"Budi\"|\"0812\"",
        ] {
            let sheet = Sheet::parse(text.as_bytes()).unwrap();
            let read = [Column::Username, Column::Plan, Column::Name, Column::Phone]
                .map(|column| fields(&sheet, column));
            assert_eq!(read, [["budi"], ["Home 20"], ["Budi"], ["0812"]], "{text}");
        }
    }

    #[test]
    fn every_field_of_the_api_is_a_column() {
        for column in Column::ALL {
            assert_eq!(Column::called(&simplified(column.field())), Some(*column));
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "username,plan,note\nbudi,Home,\"two\nlines\"\n,,\nsiti,Home\nagus,Home,x,y\n";
        let sheet = Sheet::parse(text.as_bytes()).unwrap();
        let numbers: Vec<u64> = sheet.lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [2, 5, 6]);
        assert_eq!(fields(&sheet, Column::Note), ["two\nlines", "", "x"]);
        assert!(sheet.overflows(&sheet.lines[2]) && !sheet.overflows(&sheet.lines[1]));
    }

    #[test]
    fn tables_that_make_no_sense_are_refused() {
        let refused = |text: &str| Sheet::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused(""), SheetError::Empty);
        assert_eq!(refused("username,name\n"), SheetError::MissingColumn(Column::Plan));
        assert_eq!(refused("username,user,plan\n"), SheetError::RepeatedColumn(Column::Username));
        let many = format!("username,plan\n{}", "a,b\n".repeat(MAX_ROWS + 1));
        assert_eq!(refused(&many), SheetError::TooManyRows);
        let sheet = Sheet::parse(b"username,plan,Colour\nbudi,Home,blue\n").unwrap();
        assert_eq!(sheet.ignored, ["Colour"]);
    }

    proptest! {
        #[test]
        fn what_a_spreadsheet_writes_is_read(
            rows in proptest::collection::vec(("[^\0\r]{1,12}", "[a-z;,\"\n ]{0,12}", "\\PC{0,12}"), 1..8),
            delimiter in proptest::sample::select(DELIMITERS.to_vec()),
            crlf in any::<bool>(),
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer =
                csv::WriterBuilder::new().delimiter(delimiter).terminator(terminator).from_writer(Vec::new());
            writer.write_record(["username", "plan", "note"]).unwrap();
            for (username, plan, note) in &rows {
                writer.write_record([username, plan, note]).unwrap();
            }
            let sheet = Sheet::parse(&writer.into_inner().unwrap()).unwrap();
            let wanted: Vec<[String; 3]> = rows
                .iter()
                .map(|(username, plan, note)| [username, plan, note].map(|field| field.trim().to_owned()))
                .filter(|row| row.iter().any(|field| !field.is_empty()))
                .collect();
            let read: Vec<[String; 3]> = sheet
                .lines
                .iter()
                .map(|line| {
                    [Column::Username, Column::Plan, Column::Note].map(|column| sheet.field(line, column).to_owned())
                })
                .collect();
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn reading_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Sheet::parse(&octets);
            let _ = Sheet::parse(&[b"username;plan\n", octets.as_slice()].concat());
        }
    }
}
