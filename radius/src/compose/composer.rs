//! The composer: header, attributes as octets, and the signatures at the end.

use crate::attribute::{AttributeType, HEADER_LENGTH as ATTRIBUTE_HEADER, MAX_VALUE_LENGTH};
use crate::authenticator::{self, ZERO};
use crate::code::Code;
use crate::hide::HideError;
use crate::index::Index;
use crate::packet::{Authenticator, HEADER_LENGTH, MAX_LENGTH};
use crate::secret::SharedSecret;
use crate::vendor::VendorType;

/// Why an attribute was not added. The packet stays as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ComposeError {
    /// The buffer, or the 4096 octets of a packet, are used up.
    #[error("the packet is full")]
    Full,
    /// The value exceeds what one attribute carries: 253 octets, 247 for a vendor's.
    #[error("the value is too long for an attribute")]
    ValueLong,
    /// Attributes without a value are never sent (RFC 2865 §5).
    #[error("the value is empty")]
    ValueEmpty,
    /// Ready-made octets are not whole attributes, or hold a Message-Authenticator.
    #[error("the octets are not well-formed attributes")]
    Malformed,
    /// A value cannot be hidden.
    #[error("the value cannot be hidden")]
    Hide(#[source] HideError),
    /// The value depends on an authenticator that the packet does not have yet: hidden values exist in an Access-Request and
    /// its reply only (RFC 2865 §5.2), and attributes composed ahead cannot have a Message-Authenticator either.
    #[error("the value needs an authenticator that is not there")]
    NoAuthenticator,
}

/// A packet being composed.
#[derive(Debug)]
pub struct Composer<'b> {
    buffer: &'b mut [u8],
    length: usize,
    signature: Signature,
    /// Where the value of Message-Authenticator will stand.
    message_authenticator: Option<usize>,
}

/// What the header's authenticator will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    /// It stays as given: random octets.
    Random,
    /// A hash over the packet with the request's authenticator, which stands there until then.
    Reply,
    /// A hash over the packet with zeros, which stand there until then.
    Request,
    /// There is none: attributes alone are composed.
    None,
}

impl<'b> Composer<'b> {
    /// Starts a reply with Message-Authenticator as its first attribute, where it protects all that follows from a chosen
    /// prefix. That is the form for every answer to an Access-Request and to a Status-Server.
    pub fn reply(buffer: &'b mut [u8], code: Code, request: &Index<'_>) -> Result<Self, ComposeError> {
        let mut composer = Self::bare_reply(buffer, code, request)?;
        composer.message_authenticator()?;
        Ok(composer)
    }

    /// Starts a reply without Message-Authenticator, as an Accounting-Response may be (RFC 2866 §4.2).
    pub fn bare_reply(buffer: &'b mut [u8], code: Code, request: &Index<'_>) -> Result<Self, ComposeError> {
        let packet = request.packet();
        Self::start(buffer, code, packet.identifier(), packet.authenticator(), Signature::Reply)
    }

    /// Starts an Access-Request or a Status-Server. The authenticator must be random and never used before.
    pub fn request(
        buffer: &'b mut [u8],
        code: Code,
        identifier: u8,
        authenticator: &Authenticator,
    ) -> Result<Self, ComposeError> {
        Self::start(buffer, code, identifier, authenticator, Signature::Random)
    }

    /// Starts an Accounting-, CoA- or Disconnect-Request, whose authenticator is its signature.
    pub fn signed_request(buffer: &'b mut [u8], code: Code, identifier: u8) -> Result<Self, ComposeError> {
        Self::start(buffer, code, identifier, &ZERO, Signature::Request)
    }

    fn start(
        buffer: &'b mut [u8],
        code: Code,
        identifier: u8,
        authenticator: &Authenticator,
        signature: Signature,
    ) -> Result<Self, ComposeError> {
        let room = buffer.len().min(MAX_LENGTH);
        let buffer = buffer.get_mut(..room).ok_or(ComposeError::Full)?;
        let header: &mut [u8; HEADER_LENGTH] = buffer.first_chunk_mut().ok_or(ComposeError::Full)?;
        let [code_octet, identifier_octet, _, _, place @ ..] = header;
        *code_octet = code.0;
        *identifier_octet = identifier;
        *place = *authenticator;
        Ok(Self { buffer, length: HEADER_LENGTH, signature, message_authenticator: None })
    }

    /// Reserves a Message-Authenticator here; [`Composer::finish`] fills it in. A second call changes nothing.
    pub fn message_authenticator(&mut self) -> Result<&mut Self, ComposeError> {
        if self.signature == Signature::None {
            return Err(ComposeError::NoAuthenticator);
        }
        if self.message_authenticator.is_none() {
            let place = self.length + ATTRIBUTE_HEADER;
            self.octets(AttributeType::MESSAGE_AUTHENTICATOR, &ZERO)?;
            self.message_authenticator = Some(place);
        }
        Ok(self)
    }

    /// Adds an attribute of 1 to 253 octets.
    pub fn octets(&mut self, kind: AttributeType, value: &[u8]) -> Result<&mut Self, ComposeError> {
        self.pieces(kind, &[value])
    }

    /// Adds an attribute of a vendor, alone in its Vendor-Specific (RFC 2865 §5.26), of 1 to 247 octets.
    pub fn vendor(&mut self, kind: VendorType, value: &[u8]) -> Result<&mut Self, ComposeError> {
        if value.is_empty() {
            return Err(ComposeError::ValueEmpty);
        }
        let length = u8::try_from(value.len() + ATTRIBUTE_HEADER).map_err(|_| ComposeError::ValueLong)?;
        let vendor = kind.vendor.0.to_be_bytes();
        self.pieces(AttributeType::VENDOR_SPECIFIC, &[&vendor, &[kind.kind, length], value])
    }

    /// Adds ready-made attributes, as [`attributes`] composes them. Their structure is checked, and a
    /// Message-Authenticator among them is refused: it would be a second one.
    pub fn raw(&mut self, attributes: &[u8]) -> Result<&mut Self, ComposeError> {
        let mut rest = attributes;
        while let Some((&kind, tail)) = rest.split_first() {
            let length = usize::from(*tail.first().ok_or(ComposeError::Malformed)?);
            if length <= ATTRIBUTE_HEADER || AttributeType(kind) == AttributeType::MESSAGE_AUTHENTICATOR {
                return Err(ComposeError::Malformed);
            }
            rest = rest.get(length..).ok_or(ComposeError::Malformed)?;
        }
        self.reserve(attributes.len())?.copy_from_slice(attributes);
        Ok(self)
    }

    /// Copies every Proxy-State of the request, unmodified and in order (RFC 2865 §5.33).
    pub fn proxy_states(&mut self, request: &Index<'_>) -> Result<&mut Self, ComposeError> {
        for state in request.proxy_states() {
            // Copied as it is, even if it is empty: it is another's, and must come back unmodified.
            let length = u8::try_from(state.len() + ATTRIBUTE_HEADER).map_err(|_| ComposeError::ValueLong)?;
            let place = self.reserve(ATTRIBUTE_HEADER + state.len())?;
            let (header, value) = place.split_at_mut_checked(ATTRIBUTE_HEADER).ok_or(ComposeError::Full)?;
            header.copy_from_slice(&[AttributeType::PROXY_STATE.0, length]);
            value.copy_from_slice(state);
        }
        Ok(self)
    }

    /// Goes back to `length` octets, which the packet had before.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// How many octets the packet has now.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The authenticator that values are hidden with: the Access-Request's, in it and in its reply.
    pub(crate) fn hiding_authenticator(&self) -> Result<Authenticator, ComposeError> {
        match self.signature {
            Signature::Random | Signature::Reply => Ok(self.authenticator()),
            Signature::Request | Signature::None => Err(ComposeError::NoAuthenticator),
        }
    }

    /// What stands in the place of the authenticator.
    fn authenticator(&self) -> Authenticator {
        self.buffer.get(4..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or(ZERO)
    }

    /// Writes the length and leaves the signatures to [`sign`](crate::sign::sign): for a reply that
    /// [`Composer::reply`] or [`Composer::bare_reply`] began. Answers the packet's length in the buffer.
    pub fn finish_unsigned(self) -> usize {
        let octets = u16::try_from(self.length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(packet) = self.buffer.get_mut(..self.length) {
            write(packet, 2, &octets);
        }
        self.length
    }

    /// Writes the length, then Message-Authenticator if there is one, then the header's authenticator if it is a
    /// signature. Answers the packet's length in the buffer.
    pub fn finish(self, secret: &SharedSecret) -> usize {
        let length = self.length;
        let authenticator = self.authenticator();
        let Some(packet) = self.buffer.get_mut(..length) else { return 0 };
        // At most 4096, see `start` and `reserve`.
        let octets = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        write(packet, 2, &octets);
        if let Some(offset) = self.message_authenticator {
            let value = authenticator::message_authenticator(packet, offset, &authenticator, secret);
            write(packet, offset, &value);
        }
        if matches!(self.signature, Signature::Reply | Signature::Request) {
            let value = authenticator::header_authenticator(packet, &authenticator, secret);
            write(packet, 4, &value);
        }
        length
    }

    /// Adds an attribute whose value is these pieces, one after another.
    pub(super) fn pieces(
        &mut self,
        kind: AttributeType,
        pieces: &[&[u8]],
    ) -> Result<&mut Self, ComposeError> {
        let value_length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if value_length == 0 {
            return Err(ComposeError::ValueEmpty);
        }
        if value_length > MAX_VALUE_LENGTH {
            return Err(ComposeError::ValueLong);
        }
        let length = u8::try_from(ATTRIBUTE_HEADER + value_length).map_err(|_| ComposeError::ValueLong)?;
        let place = self.reserve(ATTRIBUTE_HEADER + value_length)?;
        let (header, mut rest) = place.split_at_mut_checked(ATTRIBUTE_HEADER).ok_or(ComposeError::Full)?;
        header.copy_from_slice(&[kind.0, length]);
        for piece in pieces {
            let (part, following) = rest.split_at_mut_checked(piece.len()).ok_or(ComposeError::Full)?;
            part.copy_from_slice(piece);
            rest = following;
        }
        Ok(self)
    }

    /// Takes the next `length` octets of the packet.
    fn reserve(&mut self, length: usize) -> Result<&mut [u8], ComposeError> {
        let end = self.length + length;
        let place = self.buffer.get_mut(self.length..end).ok_or(ComposeError::Full)?;
        self.length = end;
        Ok(place)
    }
}

/// Composes attributes alone into `buffer`, for [`Composer::raw`] later; answers how many octets they take. Hidden values
/// and Message-Authenticator differ from packet to packet and are refused.
pub fn attributes(
    buffer: &mut [u8],
    fill: impl FnOnce(&mut Composer<'_>) -> Result<(), ComposeError>,
) -> Result<usize, ComposeError> {
    let mut packet = [0; MAX_LENGTH];
    let mut composer = Composer::start(&mut packet, Code::ACCESS_ACCEPT, 0, &ZERO, Signature::None)?;
    fill(&mut composer)?;
    let length = composer.length;
    let composed = packet.get(HEADER_LENGTH..length).ok_or(ComposeError::Full)?;
    buffer.get_mut(..composed.len()).ok_or(ComposeError::Full)?.copy_from_slice(composed);
    Ok(composed.len())
}

/// Writes `octets` at `offset` of a packet that is known to reach that far.
fn write(packet: &mut [u8], offset: usize, octets: &[u8]) {
    if let Some(place) = packet.get_mut(offset..offset + octets.len()) {
        place.copy_from_slice(octets);
    }
}
