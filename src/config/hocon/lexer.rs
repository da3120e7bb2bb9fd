//! From text to tokens, as the reference implementation's tokenizer makes them.

use super::syntax::SyntaxError;

/// A piece of text with a meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// From 1.
    pub(super) line: usize,
    /// The white space before it on its line. Between two simple values it is part of the value.
    pub(super) space: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Newline,
    Comma,
    Colon,
    Equals,
    PlusEquals,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    /// Text in quotes, without them.
    Quoted(String),
    /// Text without quotes: words, numbers, switches.
    Bare(String),
    /// `${...}`, with the tokens of its path.
    Reference {
        optional: bool,
        path: Vec<Token>,
    },
    End,
}

impl TokenKind {
    /// Whether white space between this and another such token belongs to a value.
    pub(super) fn is_simple(&self) -> bool {
        matches!(self, Self::Quoted(_) | Self::Bare(_) | Self::Reference { .. })
    }

    /// As problems show it.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Newline => "the end of the line".into(),
            Self::End => "the end of the file".into(),
            Self::Quoted(text) => format!("{text:?}"),
            Self::Bare(text) => text.clone(),
            Self::Reference { .. } => "${".into(),
            Self::Comma => ",".into(),
            Self::Colon => ":".into(),
            Self::Equals => "=".into(),
            Self::PlusEquals => "+=".into(),
            Self::OpenBrace => "{".into(),
            Self::CloseBrace => "}".into(),
            Self::OpenBracket => "[".into(),
            Self::CloseBracket => "]".into(),
        }
    }
}

/// Characters that mean something, or may one day.
const RESERVED: &str = "$\"{}[]:=,+#`^?!@*&\\";

/// The tokens of `text`, the last of them [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { rest: text, line: 1 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_last = token.kind == TokenKind::End;
        tokens.push(token);
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, SyntaxError> {
        let mut space = self.take_while(is_space).to_owned();
        if self.rest.starts_with('#') || self.rest.starts_with("//") {
            self.take_while(|c| c != '\n');
            space.clear();
        }
        let line = self.line;
        Ok(Token { kind: self.kind()?, line, space })
    }

    fn kind(&mut self) -> Result<TokenKind, SyntaxError> {
        let Some(first) = self.rest.chars().next() else { return Ok(TokenKind::End) };
        let one = |lexer: &mut Self, kind| {
            lexer.take();
            Ok(kind)
        };
        match first {
            '\n' => one(self, TokenKind::Newline),
            ',' => one(self, TokenKind::Comma),
            ':' => one(self, TokenKind::Colon),
            '=' => one(self, TokenKind::Equals),
            '{' => one(self, TokenKind::OpenBrace),
            '}' => one(self, TokenKind::CloseBrace),
            '[' => one(self, TokenKind::OpenBracket),
            ']' => one(self, TokenKind::CloseBracket),
            '"' => self.quoted(),
            '$' => self.reference(),
            '+' if self.rest.starts_with("+=") => {
                self.take();
                one(self, TokenKind::PlusEquals)
            }
            reserved if RESERVED.contains(reserved) => Err(self.reserved(reserved)),
            _ => self.bare(),
        }
    }

    /// Text without quotes. A number at its start may hold a `+`, which is reserved otherwise.
    fn bare(&mut self) -> Result<TokenKind, SyntaxError> {
        let mut text = String::new();
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            let number = self.take_while(|c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
            if number.contains('+') && number.parse::<f64>().is_err() {
                return Err(self.reserved('+'));
            }
            text.push_str(number);
        }
        while let Some(c) = self.rest.chars().next() {
            if c == '\n' || is_space(c) || RESERVED.contains(c) || self.rest.starts_with("//") {
                break;
            }
            text.push(c);
            self.take();
        }
        Ok(TokenKind::Bare(text))
    }

    fn quoted(&mut self) -> Result<TokenKind, SyntaxError> {
        if let Some(rest) = self.rest.strip_prefix("\"\"\"") {
            return self.triple_quoted(rest);
        }
        let line = self.line;
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                Some('"') => return Ok(TokenKind::Quoted(text)),
                Some('\\') => text.push(self.escaped()?),
                None | Some('\n') => {
                    return Err(SyntaxError { line, message: "\" is never closed on its line".into() });
                }
                Some(c) if c < ' ' => {
                    return Err(self.error(&format!("in quotes, write {} for this character", c.escape_default())));
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// Everything up to the last three of the next three or more quotes, as it stands.
    fn triple_quoted(&mut self, rest: &str) -> Result<TokenKind, SyntaxError> {
        let Some(end) = rest.find("\"\"\"") else { return Err(self.error("\"\"\" is never closed")) };
        let more = rest[end + 3..].chars().take_while(|c| *c == '"').count();
        let text = rest[..end + more].to_owned();
        self.line += text.matches('\n').count();
        self.rest = &self.rest[3 + end + more + 3..];
        Ok(TokenKind::Quoted(text))
    }

    fn escaped(&mut self) -> Result<char, SyntaxError> {
        Ok(match self.take() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            _ => return Err(self.error("no such escape after \\; write \\\\ for a backslash")),
        })
    }

    /// What follows `\u`. Characters beyond the first 65,536 are written as two halves.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let mut units = vec![self.unit()?];
        if (0xd800..0xdc00).contains(&units[0]) && self.rest.starts_with("\\u") {
            self.take();
            self.take();
            units.push(self.unit()?);
        }
        match char::decode_utf16(units).collect::<Result<Vec<_>, _>>().as_deref() {
            Ok([c]) => Ok(*c),
            _ => Err(self.error("half a character after \\u")),
        }
    }

    fn unit(&mut self) -> Result<u16, SyntaxError> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.error("expected four hexadecimal digits after \\u"))?;
        self.rest = &self.rest[4..];
        Ok(unit)
    }

    fn reference(&mut self) -> Result<TokenKind, SyntaxError> {
        let line = self.line;
        if !self.rest.starts_with("${") {
            return Err(self.error("$ stands before { only; put it in quotes"));
        }
        self.rest = &self.rest[2..];
        let optional = self.rest.starts_with('?');
        if optional {
            self.take();
        }
        let mut path = Vec::new();
        loop {
            let token = self.next()?;
            match token.kind {
                TokenKind::CloseBrace => return Ok(TokenKind::Reference { optional, path }),
                TokenKind::Quoted(_) | TokenKind::Bare(_) => path.push(token),
                TokenKind::End | TokenKind::Newline => {
                    return Err(SyntaxError { line, message: "${ is never closed on its line".into() });
                }
                other => return Err(self.error(&format!("{} cannot stand in ${{...}}", other.in_words()))),
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// Takes what stands before the first character that is not `wanted`; there must be no line end in it.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn reserved(&self, c: char) -> SyntaxError {
        self.error(&format!("{c} is reserved; put the text in quotes"))
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError { line: self.line, message: message.to_owned() }
    }
}

/// White space as Java has it, with what HOCON adds; but for line ends.
pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{b}' | '\u{c}' | '\r' | '\u{1c}'..='\u{1f}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
            | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}
