//! Guessing which word was meant.

/// The candidate with the fewest typing mistakes between it and `word`, if they are few for its length.
/// One mistake is a character too much, too little or wrong, or two neighbours swapped.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the word wrong still reads as that word; more is another word.
    let most = (word.chars().count() / 3).max(1);
    let near = candidates.into_iter().map(|candidate| (mistakes(word, candidate), candidate));
    near.filter(|(mistakes, _)| *mistakes <= most).min_by_key(|(mistakes, _)| *mistakes).map(|(_, candidate)| candidate)
}

/// The optimal string alignment distance: Levenshtein's, with swapped neighbours as one mistake.
fn mistakes(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let wrong = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = wrong.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                let swapped: usize = before_last[j - 2];
                row[j] = row[j].min(swapped + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_typing_mistakes() {
        let cases =
            [("", "abc", 3), ("queue", "queue", 0), ("queu", "queue", 1), ("queeu", "queue", 1), ("abc", "", 3)];
        for (a, b, expected) in cases {
            assert_eq!(mistakes(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn suggests_nothing_that_is_far() {
        assert_eq!(nearest("capcity", ["capacity", "queue"]), Some("capacity"));
        assert_eq!(nearest("colour", ["capacity", "queue"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
