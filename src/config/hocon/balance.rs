//! Brackets that do not pair up.
//!
//! The parser would report a missing one at the end of the file. So brackets are paired beforehand, which names the line
//! that opens them.

use super::lexer::{Token, TokenKind};
use super::syntax::SyntaxError;

/// Refuses a bracket that closes nothing or something else, and one that nothing closes.
pub(super) fn check(tokens: &[Token]) -> Result<(), SyntaxError> {
    let mut open = Vec::new();
    for token in tokens {
        let error = |message| Err(SyntaxError { line: token.line, message });
        let (opening, closing) = match token.kind {
            TokenKind::OpenBrace | TokenKind::OpenBracket => {
                open.push(token);
                continue;
            }
            TokenKind::CloseBrace => (TokenKind::OpenBrace, "}"),
            TokenKind::CloseBracket => (TokenKind::OpenBracket, "]"),
            _ => continue,
        };
        match open.pop() {
            None => return error(format!("surplus {closing}")),
            Some(opened) if opened.kind != opening => {
                return error(format!("{closing} cannot close the {} of line {}", opened.kind.in_words(), opened.line));
            }
            Some(_) => {}
        }
    }
    match open.last() {
        Some(opened) => {
            let message = format!("{} is never closed", opened.kind.in_words());
            Err(SyntaxError { line: opened.line, message })
        }
        None => Ok(()),
    }
}
