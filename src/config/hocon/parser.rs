//! From tokens to what they say, by the grammar of the reference implementation.

use super::balance;
use super::lexer::{self, Token, TokenKind};
use super::scalar::Scalar;
use super::syntax::{Entry, Expression, Include, IncludeKind, SyntaxError};

/// How deep objects and lists may lie in each other, dotted keys counted. Far more than anybody writes; without a bound,
/// a file of brackets would end the process, since a stack that runs out cannot be caught.
pub(super) const DEEPEST: usize = 64;

/// The entries at the top of `text`.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let tokens = lexer::tokens(text)?;
    balance::check(&tokens)?;
    let mut parser = Parser { tokens, at: 0, depth: 0, takes_fields: true };
    parser.skip_newlines();
    if parser.peek() == &TokenKind::OpenBracket {
        return parser.error("expected an object at the top of the file, found a list");
    }
    if parser.peek() != &TokenKind::OpenBrace {
        return parser.entries(&TokenKind::End);
    }
    parser.take();
    let entries = parser.entries(&TokenKind::CloseBrace)?;
    parser.skip_newlines();
    match parser.peek() {
        TokenKind::End => Ok(entries),
        _ => parser.unexpected("nothing after the } that closes the file"),
    }
}

/// The segments of a dotted path.
pub(super) fn path(tokens: &[Token]) -> Result<Vec<String>, &'static str> {
    // A segment may be empty only where quotes say so.
    let mut segments = vec![(String::new(), false)];
    for (i, token) in tokens.iter().enumerate() {
        // There is always a last segment: it starts with one, and none is taken away.
        let Some(last) = segments.last_mut() else { break };
        if i > 0 {
            last.0.push_str(&token.space);
        }
        match &token.kind {
            TokenKind::Quoted(text) => {
                last.0.push_str(text);
                last.1 = true;
            }
            TokenKind::Bare(text) => {
                let mut parts = text.split('.');
                last.0.push_str(parts.next().unwrap_or_default());
                segments.extend(parts.map(|part| (part.to_owned(), false)));
            }
            _ => return Err("a path has words and quoted texts only"),
        }
    }
    if segments.len() > DEEPEST {
        return Err("the path has too many parts");
    }
    if segments.iter().any(|(text, quoted)| text.is_empty() && !quoted) {
        return Err("a part of the path is empty; write \"\" if it is to be");
    }
    Ok(segments.into_iter().map(|(text, _)| text).collect())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Whether the bracket that it is in holds fields rather than items.
    takes_fields: bool,
}

impl Parser {
    /// Statements up to `close`, which is taken.
    fn entries(&mut self, close: &TokenKind) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries = Vec::new();
        loop {
            self.skip_newlines();
            if self.peek() == close {
                self.take();
                return Ok(entries);
            }
            entries.push(match self.peek() {
                TokenKind::Bare(word) if word == "include" => self.include()?,
                _ => self.field()?,
            });
            if !self.separator() && self.peek() != close && !self.begins_a_field() {
                return self.unexpected("a comma or the end of the line");
            }
        }
    }

    /// Whether the next field begins here although nothing parts it from the one before: that ended in a bracket, or the
    /// next is an object. No other meaning is possible, so it is taken as it was meant.
    fn begins_a_field(&self) -> bool {
        self.is_after(&TokenKind::CloseBrace) && self.is_key() || self.is_key_of_object(self.at)
    }

    /// Whether a key stands here, and what a key is for after it.
    fn is_key(&self) -> bool {
        let is_part = |token: &&Token| matches!(token.kind, TokenKind::Bare(_) | TokenKind::Quoted(_));
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let parts = rest.iter().take_while(is_part).count();
        let next = rest.get(parts).map(|token| &token.kind);
        let is_followed =
            matches!(next, Some(TokenKind::Equals | TokenKind::Colon | TokenKind::PlusEquals | TokenKind::OpenBrace));
        parts > 0 && is_followed
    }

    fn is_after(&self, kind: &TokenKind) -> bool {
        self.at.checked_sub(1).and_then(|before| self.tokens.get(before)).is_some_and(|token| token.kind == *kind)
    }

    /// Whether a word stands there, apart from what is before it, and an object follows.
    fn is_key_of_object(&self, at: usize) -> bool {
        let (word, next) = (self.tokens.get(at), self.tokens.get(at + 1));
        let is_word = word.is_some_and(|token| matches!(token.kind, TokenKind::Bare(_)) && !token.space.is_empty());
        is_word && next.is_some_and(|token| token.kind == TokenKind::OpenBrace)
    }

    fn field(&mut self) -> Result<Entry, SyntaxError> {
        let line = self.line();
        let key = self.key()?;
        // The depth is that of what lies below the whole of a dotted key.
        self.depth += key.len() - 1;
        self.skip_newlines();
        let append = self.peek() == &TokenKind::PlusEquals;
        let value = match self.peek() {
            TokenKind::OpenBrace => self.object()?,
            TokenKind::Equals | TokenKind::Colon | TokenKind::PlusEquals => {
                self.take();
                self.skip_newlines();
                self.value()?
            }
            _ => return self.unexpected("=, :, += or { after the key"),
        };
        self.depth -= key.len() - 1;
        Ok(Entry::Field { key, append, value, line })
    }

    fn key(&mut self) -> Result<Vec<String>, SyntaxError> {
        let start = self.at;
        while matches!(self.peek(), TokenKind::Bare(_) | TokenKind::Quoted(_)) {
            self.take();
        }
        if self.at == start {
            return self.unexpected("a key");
        }
        path(&self.tokens[start..self.at]).or_else(|message| self.error(message))
    }

    /// What stands beside each other up to a separator.
    fn value(&mut self) -> Result<Expression, SyntaxError> {
        let mut parts = Vec::new();
        let mut after_simple = false;
        loop {
            if !parts.is_empty() && self.takes_fields && self.begins_a_field() {
                break;
            }
            let is_simple = self.peek().is_simple();
            let space = self.tokens.get(self.at).map(|token| token.space.clone()).unwrap_or_default();
            let part = match self.peek() {
                TokenKind::OpenBrace => self.object()?,
                TokenKind::OpenBracket => self.list()?,
                _ if is_simple => self.simple()?,
                _ if parts.is_empty() => return self.unexpected("a value"),
                _ => break,
            };
            if after_simple && is_simple && !space.is_empty() {
                parts.push(Expression::Blank(space));
            }
            parts.push(part);
            after_simple = is_simple;
        }
        match <[_; 1]>::try_from(parts) {
            Ok([only]) => Ok(only),
            Err(parts) => Ok(Expression::Concatenation(parts)),
        }
    }

    fn simple(&mut self) -> Result<Expression, SyntaxError> {
        Ok(match self.take() {
            TokenKind::Quoted(text) => Expression::Scalar(Scalar::text(text)),
            TokenKind::Bare(text) => Expression::Scalar(Scalar::bare(text)),
            TokenKind::Reference { optional, path: tokens } => {
                Expression::Reference { path: path(&tokens).or_else(|message| self.error(message))?, optional }
            }
            _ => return self.unexpected("a value"),
        })
    }

    fn object(&mut self) -> Result<Expression, SyntaxError> {
        self.nested(true, |parser| Ok(Expression::Object(parser.entries(&TokenKind::CloseBrace)?)))
    }

    fn list(&mut self) -> Result<Expression, SyntaxError> {
        self.nested(false, |parser| {
            let mut items = Vec::new();
            loop {
                parser.skip_newlines();
                if parser.peek() == &TokenKind::CloseBracket {
                    parser.take();
                    return Ok(Expression::List(items));
                }
                items.push(parser.value()?);
                if !parser.separator() && parser.peek() != &TokenKind::CloseBracket {
                    return parser.unexpected("a comma, the end of the line or ]");
                }
            }
        })
    }

    /// What lies in a bracket, which is taken.
    fn nested(
        &mut self,
        takes_fields: bool,
        inside: impl FnOnce(&mut Self) -> Result<Expression, SyntaxError>,
    ) -> Result<Expression, SyntaxError> {
        if self.depth >= DEEPEST {
            return self.error(&format!("nested more than {DEEPEST} deep"));
        }
        self.take();
        self.depth += 1;
        let outside = std::mem::replace(&mut self.takes_fields, takes_fields);
        let expression = inside(self)?;
        self.takes_fields = outside;
        self.depth -= 1;
        Ok(expression)
    }

    fn include(&mut self) -> Result<Entry, SyntaxError> {
        let line = self.line();
        self.take();
        self.skip_newlines();
        // An open bracket is part of the word before it, so that "required(file(" is one word.
        let mut word = self.word();
        let required = word.starts_with("required(");
        if required {
            word = word.split_off("required(".len());
            if word.is_empty() {
                self.take();
                self.skip_newlines();
                word = self.word();
            }
        }
        let (kind, close) = match word.as_str() {
            "" => (IncludeKind::Heuristic, 0),
            "file(" => (IncludeKind::File, 1),
            "url(" => (IncludeKind::Url, 1),
            "classpath(" => (IncludeKind::Classpath, 1),
            _ => return self.unexpected("a file name in quotes, or file(...), after include"),
        };
        if !word.is_empty() {
            self.take();
        }
        self.skip_newlines();
        let TokenKind::Quoted(name) = self.peek().clone() else {
            return self.unexpected("a file name in quotes after include");
        };
        self.take();
        self.close(close + usize::from(required))?;
        Ok(Entry::Include(Include { name, kind, required, line }))
    }

    /// The word that comes next; empty if something else does.
    fn word(&self) -> String {
        match self.peek() {
            TokenKind::Bare(word) => word.clone(),
            _ => String::new(),
        }
    }

    /// Takes `count` closing parentheses, which are words to the lexer.
    fn close(&mut self, count: usize) -> Result<(), SyntaxError> {
        let mut closed = 0;
        while closed < count {
            match self.peek() {
                TokenKind::Bare(word) if word.bytes().all(|c| c == b')') && word.len() <= count - closed => {
                    closed += word.len();
                    self.take();
                }
                _ => return self.unexpected(") after the name of the file"),
            }
        }
        Ok(())
    }

    /// Takes a separator of statements or items: a comma, line ends, or line ends with one comma.
    fn separator(&mut self) -> bool {
        let start = self.at;
        self.skip_newlines();
        if self.peek() == &TokenKind::Comma {
            self.take();
        }
        self.at > start
    }

    fn skip_newlines(&mut self) {
        while self.peek() == &TokenKind::Newline {
            self.take();
        }
    }

    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn take(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.at += 1;
        kind
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, SyntaxError> {
        self.error(&format!("expected {expected}, found {}", self.peek().in_words()))
    }

    fn error<T>(&self, message: &str) -> Result<T, SyntaxError> {
        Err(SyntaxError { line: self.line(), message: message.to_owned() })
    }
}
