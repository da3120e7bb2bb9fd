//! Brackets that do not pair up.
//!
//! The parser stops at a `}` too much and drops the rest of the file without a word, and it reports a missing one at
//! the end of the file. So brackets are paired beforehand, by the parser's own tokens.

use hocon::{Token, TokenKind};

use super::layer::SyntaxError;

/// Refuses a bracket that closes nothing or something else, and one that nothing closes.
pub(super) fn check(tokens: &[Token]) -> Result<(), SyntaxError> {
    let mut open = Vec::new();
    for token in tokens {
        let error = |message| Err(SyntaxError { line: token.line, message });
        let (opening, closing) = match token.kind {
            TokenKind::LBrace | TokenKind::LBracket => {
                open.push(token);
                continue;
            }
            TokenKind::RBrace => (TokenKind::LBrace, "}"),
            TokenKind::RBracket => (TokenKind::LBracket, "]"),
            _ => continue,
        };
        match open.pop() {
            None => return error(format!("surplus {closing}")),
            Some(opened) if opened.kind != opening => {
                return error(format!("{closing} cannot close the {} of line {}", sign(opened), opened.line));
            }
            Some(_) => {}
        }
    }
    match open.last() {
        Some(opened) => Err(SyntaxError { line: opened.line, message: format!("{} is never closed", sign(opened)) }),
        None => Ok(()),
    }
}

fn sign(opened: &Token) -> &'static str {
    if opened.kind == TokenKind::LBrace { "{" } else { "[" }
}
